package flow

import (
	"fmt"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/unbake-dev/unbake/rewrite/dockerfile"
	"github.com/unbake-dev/unbake/rules/detect"
)

// literalsOf returns the literals of a Dockerfile: name, the variable where it is another
// one, the value, and what stands in the way.
func literalsOf(t *testing.T, src string) string {
	t.Helper()
	f, err := dockerfile.Parse("Dockerfile", []byte(src))
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, s := range Analyze(f, NewProject(fstest.MapFS{}, func() []string { return nil })) {
		if s.Origins[0].Kind != Literal {
			continue
		}
		line := s.Name
		if as := s.Origins[0].As; as != s.Name && as != "" {
			line += "(" + as + ")"
		}
		line += "=" + s.Value.Reveal()
		if len(s.Origins) > 1 {
			line += fmt.Sprintf("×%d", len(s.Origins))
		}
		if s.Verdict != detect.Exposed {
			line += " weak"
		}
		for _, o := range s.Origins {
			if at := string(f.Src[o.At.Start:o.At.End]); at != o.Value.Reveal() && len(s.Doubts) == 0 {
				t.Errorf("%s: it stands at %q", s.Name, at)
			}
		}
		for _, w := range s.Writes {
			line += " write[" + w.What + "]"
		}
		for _, d := range s.Doubts {
			line += " doubt[" + d.Why + "]"
		}
		out = append(out, line)
	}
	return strings.Join(out, "; ")
}

func TestLiterals(t *testing.T) {
	const v = "c4n4ry-EX-7Qm2x"
	for _, tc := range []struct{ run, want string }{
		// flags
		{`x --password ` + v, `X_PASSWORD=` + v + ` write[x is given it and may keep it]`},
		{`/opt/x.sh --password=` + v, `X_PASSWORD=` + v + ` write[x.sh is given it and may keep it]`},
		{`$HOME/bin/x --api-key ` + v, `X_API_KEY=` + v + ` write[x is given it and may keep it]`},
		{`sudo -u shop curl --pass '` + v + `' h`, `CURL_PASS=` + v},
		{`x --password "$P" --password-file ` + v + ` --no-password ` + v, ``},
		{`mysql -uroot -p ` + v, ``},
		{`mysql -uroot -p` + v, `MYSQL_PASSWORD=` + v},
		{`mysql --password ` + v, ``},
		{`openssl req -key x.pem -keyout k -passout pass:` + v, `OPENSSL_PASSWORD=` + v},
		{`mkdir -p ` + v + ` && ls -u a:` + v, ``},
		{`curl -u u:` + v + ` -p`, `CURL_PASSWORD=` + v},
		{`curl -uu:` + v + ` https://h.example.com:8443/x`, `H_EXAMPLE_COM_PASSWORD=` + v},
		{`curl -u $U:` + v + ` h`, `CURL_PASSWORD=` + v},
		{`curl -u u:$P -u "u:${P}" -u "u:$(cat p)" h`, ``},
		// headers
		{`curl -H "Authorization: Bearer ` + v + `" h`, `API_TOKEN=` + v},
		{`curl -H "Authorization: Bearer $T" -H 'Accept: ` + v + `' h`, ``},
		{`curl -H 'Authorization: Basic dTpjNG40cnktRVgtN1FtMng=' h`, `API_CREDENTIALS=dTpjNG40cnktRVgtN1FtMng=`},
		{`curl -H 'Authorization: Basic YWRtaW46YWRtaW4=' h`, ``},
		{`echo "X-Token: ` + v + `"`, ``},
		// assignments
		{`A_TOKEN=` + v + ` ./x`, `A_TOKEN=` + v + ` write[./x is given it and may keep it]`},
		{`export A_TOKEN="` + v + `"; ./x`, `A_TOKEN=` + v},
		{`env A_TOKEN=` + v + ` npm ci`, `A_TOKEN=` + v},
		{`A_TOKEN=` + v + ` npm ci && ./x`, `A_TOKEN(BUILD_A_TOKEN)=` + v},
		{`A_TOKEN=other; A_TOKEN=` + v + `; curl -d "$A_TOKEN"`, `A_TOKEN(BUILD_A_TOKEN)=` + v},
		{`if x; then A_TOKEN=` + v + `; fi; curl -d "$A_TOKEN"`, `A_TOKEN(BUILD_A_TOKEN)=` + v},
		{`A_TOKEN=` + v + `; echo "$A_TOKEN" > /etc/a`, `A_TOKEN=` + v + ` write[writes it to /etc/a]`},
		{`A_TOKEN=dummy ./x; A_TOKEN=$B ./x; A_TOKEN= ./x; A_TOKEN=/run/token ./x; A_TOKEN=not-so-secret-just-for-the-build ./x`, ``},
		{`A_TOKEN=$(cat x) AUTHOR=` + v + ` ./x`, ``},
		{`make A_TOKEN=` + v, `A_TOKEN(BUILD_A_TOKEN)=` + v + ` write[make is given it and may keep it]`},
		{`apt-get install -y passwd=` + v + ` && echo A_TOKEN=` + v, ``},
		// forms
		{`wget https://u:` + v + `@h.example.com/f`, `H_EXAMPLE_COM_PASSWORD=` + v},
		{`wget https://u:$P@h.example.com/f https://h.example.com/@` + v, ``},
		{`wget "https://u:${P:-` + v + `}@h.example.com/f"`, ``},
		{`curl -d ghp_c4n4ry0123456789abcdefghij0123456789 h && ./x`, `GITHUB_TOKEN(BUILD_GITHUB_TOKEN)=ghp_c4n4ry0123456789abcdefghij0123456789`},
		{`curl h # ghp_c4n4ry0123456789abcdefghij0123456789`, ``},
		// accounts
		{`echo "u:` + v + `" | chpasswd`, `U_PASSWORD=` + v + ` write[chpasswd keeps a hash of it in the image]`},
		{`echo "u:` + v + `" | sudo chpasswd`, `U_PASSWORD=` + v + ` write[chpasswd keeps a hash of it in the image]`},
		{`echo u:u | chpasswd`, `U_PASSWORD=u weak write[chpasswd keeps a hash of it in the image]`},
		{`echo "root:Docker!" | chpasswd; echo "u:$P" | chpasswd; echo "u:$P" | chpasswd -e`, ``},
		{`echo "u:` + v + `" | chpasswd -e`, `U_PASSWORD=` + v + ` write[chpasswd -e writes it into /etc/shadow as it is (it takes a hash, and makes none)]`},
		{`echo 'u:$y$j9T$salt$` + v + `' | chpasswd -c NONE`, `U_PASSWORD=$y$j9T$salt$` + v + ` weak write[chpasswd -c NONE writes it into /etc/shadow as it is (it takes a hash, and makes none)]`},
		{`echo 'u:$y$j9T$salt$` + v + `' | chpasswd; echo 'u:!' | chpasswd -e; echo 'u:docker' | chpasswd -e`, ``},
		{`chpasswd <<< 'u:` + v + `'`, `U_PASSWORD=` + v + ` write[chpasswd keeps a hash of it in the image]`},
		{`printf '` + v + `\n` + v + `\n' | passwd u`, `USER_PASSWORD=` + v + `×2 write[passwd keeps a hash of it in the image]`},
		{`useradd -p '$6$salt$` + v + `' u`, `USER_PASSWORD=$6$salt$` + v + ` weak write[useradd -p writes it into /etc/shadow as it is (it takes a hash, and makes none)]`},
		{`useradd -mrp c4n4ryEX7Qm2x u`, `USER_PASSWORD=c4n4ryEX7Qm2x weak write[useradd -p writes it into /etc/shadow as it is (it takes a hash, and makes none)]`},
		{`useradd --pass=` + v + ` u`, `USER_PASSWORD=` + v + ` write[useradd --password writes it into /etc/shadow as it is (it takes a hash, and makes none)]`},
		{`groupadd -rp` + v + ` g`, `GROUP_PASSWORD=` + v + ` write[groupadd -p writes it into /etc/gshadow as it is (it takes a hash, and makes none)]`},
		{`useradd -p '!' u; useradd -p '*' v; usermod -p x w; useradd -c p -p docker docker; useradd -dp ` + v + ` z; useradd -p "$H" y`, ``},
		// the same value elsewhere
		{`curl -u u:` + v + ` -d ` + v + ` h`, `CURL_PASSWORD=` + v + `×2`},
		// quotes within
		{`curl -u u:c4n4ry"-EX-7Qm2x" h`, `CURL_PASSWORD=` + v + ` doubt[it is written with quotes or escapes in it, which a variable would not have]`},
		{`curl -u "u:c4n4ry\$EX-7Qm2x" h`, `CURL_PASSWORD=c4n4ry$EX-7Qm2x doubt[it is written with quotes or escapes in it, which a variable would not have]`},
		{`curl -u 'u:c4n4ry$EX-7Qm2x' h`, `CURL_PASSWORD=c4n4ry$EX-7Qm2x`},
	} {
		if got := literalsOf(t, "FROM a\nRUN "+tc.run+"\n"); got != tc.want {
			t.Errorf("%s\n got %s\nwant %s", tc.run, got, tc.want)
		}
	}
}

// TestLiteralsJSON maps scripts in the exec form to the bytes of the file.
func TestLiteralsJSON(t *testing.T) {
	for _, tc := range []struct{ script, want string }{
		{`curl -u u:c4n4ry-EX-7Qm2x h`, `c4n4ry-EX-7Qm2x`},
		{`echo \"\\\\\" \u00e9 \ud83d\ude00; curl -u u:c4n4ry-EX-7Qm2x h`, ``},
		{`echo \"\\\\\" \u00e9; curl -u \"u:c4n4ry-EX-7Qm2x\" h`, `c4n4ry-EX-7Qm2x`},
		{`curl -u \"u:c4n4ry-\u0045X-7Qm2x\" h`, ``},
	} {
		src := "FROM a\nRUN [\"sh\", \"-c\", \"" + tc.script + "\"]\n"
		f, err := dockerfile.Parse("Dockerfile", []byte(src))
		if err != nil {
			t.Fatal(err)
		}
		secrets := Analyze(f, NewProject(fstest.MapFS{}, func() []string { return nil }))
		if len(secrets) != 1 {
			t.Fatalf("%s: %d secrets", tc.script, len(secrets))
		}
		o := secrets[0].Origins[0]
		got := ""
		if start, end, ok := o.Run.Source(o.Span.Start, o.Span.End); ok {
			got = src[start:end]
		}
		if got != tc.want || string(f.Src[o.At.Start:o.At.End]) != tc.want {
			t.Errorf("%s: got %q and %q, want %q", tc.script, got, f.Src[o.At.Start:o.At.End], tc.want)
		}
	}
}
