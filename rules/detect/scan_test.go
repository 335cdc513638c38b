package detect

import (
	"bytes"
	"regexp"
	"regexp/syntax"
	"strings"
	"testing"
	"testing/quick"
)

// find gives what Scan finds, as "kind=text" joined by commas.
func find(text string) string {
	var got []string
	for _, m := range Scan([]byte(text)) {
		got = append(got, m.Kind+"="+text[m.Start:m.End])
	}
	return strings.Join(got, ", ")
}

func TestScan(t *testing.T) {
	for _, tt := range []struct{ text, want string }{
		{"", ""},
		{"RUN npm ci", ""},

		// tokens, where they may begin and end
		{"ENV T=" + ghp, "GitHub token=" + ghp},
		{`ENV T="` + ghp + `"`, "GitHub token=" + ghp},
		{ghp + "\r\n", "GitHub token=" + ghp},
		{`curl -H "Authorization: Bearer ` + ghp + `" https://example.com`, "GitHub token=" + ghp},
		{`printf 'a\n` + ghp + `\n'`, "GitHub token=" + ghp},
		{"a=1%3D" + ghp, "GitHub token=" + ghp},
		{"x" + ghp, ""},
		{ghp + " " + ghp, "GitHub token=" + ghp + ", GitHub token=" + ghp},
		{"//npm.example.com/:_authToken=npm_c4n4ryEXAMPLE0123456789abcdef", "npm token=npm_c4n4ryEXAMPLE0123456789abcdef"},
		{"//npm.example.com/:_authToken=3f2504e0-4f89-11d3-c4n4ry", "npm token=3f2504e0-4f89-11d3-c4n4ry"},
		{"glpat-c4n4ryEXAMPLE_01-23", "GitLab token=glpat-c4n4ryEXAMPLE_01-23"},
		{"AKIAC4N4RYEXAMPLE234", "AWS access key=AKIAC4N4RYEXAMPLE234"},
		{"AKIAC4N4RYEXAMPLE2345", ""}, // a digit too long
		{"AKIAC4N4RYEXAMPLE234x", ""},
		{"T=" + jwt + ";", "JSON web token=" + jwt},
		{"https://hooks.slack.com/services/T0c4n4ry/B0EXAMPLE/c4n4ryEXAMPLE", "Slack webhook=T0c4n4ry/B0EXAMPLE/c4n4ryEXAMPLE"},
		{"DefaultEndpointsProtocol=https;AccountName=x;AccountKey=c4n4ryEXAMPLEc4n4ryEXAMPLEc4n4ryEXAMPLEc4n4ry==;", "Azure storage key=c4n4ryEXAMPLEc4n4ryEXAMPLEc4n4ryEXAMPLEc4n4ry=="},
		{"Authorization: Bearer c4n4ryEXAMPLE0a1B2c3D4e5F6", "bearer token=c4n4ryEXAMPLE0a1B2c3D4e5F6"},
		{"Authorization: Bearer your-very-own-token-here", ""},
		{"Bearer authentication-is-described-below", ""},
		{"cache-key-d41d8cd98f00b204e9800998ecf8427e", ""},
		{"always_auth=something_long", ""},
		{"LISTMONK_db__password=c4n4ryEXAMPLE", ""}, // a variable: its name and value are for Variable
		{"//npm.example.com/:_password=postgres", ""},
		{"pk_live_c4n4ryEXAMPLE0123456789", ""},
		{"ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABAQC4n4ryEXAMPLE x@example.com", ""},

		// placeholders and variables in a token's place
		{"ghp_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx", ""},
		{"ghp_${TOKEN}", ""},
		{"ghp_$TOKEN", ""},
		{"ghp_<token>", ""},
		{"npm_{{ token }}", ""},
		{"ghp_aaaaaaaaaaaaaaaaaaaaaaaa", ""},
		{"sk_live_your_key_here", ""},
		{"AKIAIOSFODNN7EXAMPLE", ""},
		{"//npm.example.com/:_authToken=${NPM_TOKEN}", ""},
		{"//npm.example.com/:_authToken=$NPM_TOKEN", ""},

		// passwords in URLs
		{"postgres://app:S3cr3tPassw0rd@db/app", "URL password=S3cr3tPassw0rd"},
		{"redis://:c4n4ryEXAMPLE@r:6379", "URL password=c4n4ryEXAMPLE"},
		{"git clone 'https://u:c4n4ry@EXAMPLE@git.example.com/x'", "URL password=c4n4ry@EXAMPLE"},
		{"mongodb://u:c4n4ry/EXAMPLE@m1,m2/x", "URL password=c4n4ry/EXAMPLE"},
		{"amqp://u:c4n4ry#EXAMPLE?@m1/x", "URL password=c4n4ry#EXAMPLE?"},
		{"https://oauth2:glpat-c4n4ryEXAMPLE0123@git.example.com/x", "GitLab token=glpat-c4n4ryEXAMPLE0123"},
		{"https://" + ghp + ":x-oauth-basic@git.example.com/x", "GitHub token=" + ghp},
		{"https://" + ghp + "@git.example.com/x", "GitHub token=" + ghp},
		{"https://" + random + "@git.example.com/x", "URL token=" + random},
		{"https://" + random + ":@git.example.com/x", "URL token=" + random},
		{"https://9f86d081884c7d659f86d081884c7d65@o1.ingest.sentry.io/2", ""},
		{"https://" + ghp + ":c4n4ryEXAMPLE@h", "GitHub token=" + ghp + ", URL password=c4n4ryEXAMPLE"},
		{"It is glpat-c4n4ryEXAMPLE0123. Then", "GitLab token=glpat-c4n4ryEXAMPLE0123"},
		{"ghp_c4n4ry0123456789abcdefghijklmnopqrst", "GitHub token=ghp_c4n4ry0123456789abcdefghijklmnopqrst"},
		{"ghp_0123456789abcdefghijklmnopqrstuvwxyz", ""},
		{"https://u:$TOKEN@git.example.com", ""},
		{"https://u:${TOKEN}@git.example.com", ""},
		{"https://u:${TOKEN:-a/b}@git.example.com", ""},
		{"https://$U:$T@git.example.com", ""},
		{"https://u:<password>@git.example.com", ""},
		{"https://u:{password}@git.example.com", ""},
		{"https://u:%s@git.example.com", ""},
		{"https://u:changeme@git.example.com", ""},
		{"https://u:xxxxxxxxxx@git.example.com", ""},
		{"postgres://postgres:postgres@db", ""},
		{"postgres://postgres:password@db", ""},
		{"https://git@github.example.com/x", ""},
		{"http://localhost:8080/a@b", ""},
		{"http://localhost:8080?mail=me@example.com", ""},
		{"http://[::1]:8080/a@b", ""},
		{"https://u:p%24c4n4ryEXAMPLE@h", "URL password=p%24c4n4ryEXAMPLE"},
		{"https://u:pa$$c4n4ry1@h", ""}, // a shell would put its number there

		// private keys
		{pem, "private key=" + pem},
		{"x " + pem + "\ny", "private key=" + pem},
		{pem + "\n" + pem, "private key=" + pem + ", private key=" + pem},
		{strings.ReplaceAll(pem, "\n", "\r\n"), "private key=" + strings.ReplaceAll(pem, "\n", "\r\n")},
		{`"` + strings.ReplaceAll(pem, "\n", `\n`) + `"`, "private key=" + strings.ReplaceAll(pem, "\n", `\n`)},
		{strings.ReplaceAll(pem, "RSA ", "OPENSSH "), "private key=" + strings.ReplaceAll(pem, "RSA ", "OPENSSH ")},
		{strings.ReplaceAll(pem, "RSA PRIVATE KEY", "PGP PRIVATE KEY BLOCK"), "private key=" + strings.ReplaceAll(pem, "RSA PRIVATE KEY", "PGP PRIVATE KEY BLOCK")},
		{"-----BEGIN PRIVATE KEY-----\nMIIEc4n4ryEXAMPLE\n\"", "private key=-----BEGIN PRIVATE KEY-----\nMIIEc4n4ryEXAMPLE"},
		{"-----BEGIN PRIVATE KEY-----\n$KEY\n-----END PRIVATE KEY-----", ""},
		{"-----BEGIN PRIVATE KEY-----\n...\n-----END PRIVATE KEY-----", ""},
		{"-----BEGIN PRIVATE KEY-----\n<your key>\n-----END PRIVATE KEY-----", ""},
		{"sed -n '/-----BEGIN PRIVATE KEY-----/,/-----END PRIVATE KEY-----/p'", ""},
		{"grep -- '-----BEGIN RSA PRIVATE KEY-----' f", ""},
		{"-----BEGIN CERTIFICATE-----\nMIIEc4n4ryEXAMPLE\n-----END CERTIFICATE-----", ""},
		{"-----BEGIN PRIVATE KEY-----\n$X\n" + pem, "private key=" + pem},
	} {
		if got := find(tt.text); got != tt.want {
			t.Errorf("Scan(%q)\n got %s\nwant %s", tt.text, got, tt.want)
		}
	}
}

// Every provider's pattern compiles, begins with its literal, and finds a token made up for it.
func TestProviders(t *testing.T) {
	for row := range rows(providerTable) {
		if len(row) != 4 || len(row[1]) < 2 {
			t.Errorf("providers.tsv: %q: four columns, and a literal of two characters or more", row)
			continue
		}
		re, err := regexp.Compile("^(?:" + row[3] + ")")
		if err != nil {
			t.Errorf("providers.tsv: %s: %v", row[0], err)
			continue
		}
		if literal, _ := re.LiteralPrefix(); !strings.HasPrefix(row[1], literal) && !strings.HasPrefix(literal, row[1]) {
			t.Errorf("providers.tsv: %s: the pattern begins with %q, the literal is %q", row[0], literal, row[1])
		}
		if n := re.NumSubexp(); n > 1 {
			t.Errorf("providers.tsv: %s: %d groups", row[0], n)
		}
		for _, flag := range strings.Split(row[2], ",") {
			if flag != "private" && flag != "random" && flag != "public" && flag != "-" {
				t.Errorf("providers.tsv: %s: unknown flag %q", row[0], flag)
			}
		}
		token := sample(t, row[3])
		want := row[0]
		if row[2] == "public" {
			want = ""
		}
		got := ""
		if m := Scan([]byte("x " + token + " y")); len(m) > 0 {
			got = m[0].Kind
		}
		if got != want {
			t.Errorf("providers.tsv: %s: Scan(%q) finds %q, want %q", row[0], token, got, want)
		}
	}
}

// sample makes a text that the pattern matches, with characters that look picked at random.
func sample(t *testing.T, expr string) string {
	re, err := syntax.Parse(expr, syntax.Perl)
	if err != nil {
		t.Fatal(err)
	}
	seed := uint32(7)
	var b strings.Builder
	var walk func(re *syntax.Regexp)
	walk = func(re *syntax.Regexp) {
		switch re.Op {
		case syntax.OpLiteral:
			b.WriteString(string(re.Rune))
		case syntax.OpCharClass:
			var chars []rune
			for i := 0; i < len(re.Rune); i += 2 {
				for r := re.Rune[i]; r <= re.Rune[i+1]; r++ {
					if alnum(byte(r)) {
						chars = append(chars, r)
					}
				}
			}
			seed = seed*1664525 + 1013904223
			b.WriteRune(chars[int(seed>>16)%len(chars)])
		case syntax.OpRepeat:
			for range re.Min {
				walk(re.Sub[0])
			}
		case syntax.OpPlus:
			walk(re.Sub[0])
		case syntax.OpConcat, syntax.OpCapture:
			for _, sub := range re.Sub {
				walk(sub)
			}
		case syntax.OpAlternate:
			walk(re.Sub[0])
		}
	}
	walk(re)
	return b.String()
}

func TestScanLarge(t *testing.T) {
	// Text that begins a secret again and again must cost no more than its length.
	for _, unit := range []string{"-----BEGIN PRIVATE KEY-----", "-----BEGIN PRIVATE KEY-----\n$x\n", "https://a:b?", "://", "eyJaaaaaaaaaa.", "ghp_", "sk-", "a", "-", "/"} {
		Scan(bytes.Repeat([]byte(unit), 1<<18/len(unit)))
	}
	long := "ghp_" + strings.Repeat("c4n4ry", 1<<14)
	if got := find(long + " x"); got != "GitHub token="+long {
		t.Errorf("a token longer than the window is cut: %d bytes of %d", len(got), len(long))
	}
}

func TestMask(t *testing.T) {
	for _, tt := range [][2]string{
		{"", "***"},
		{"hunter2long", "***"},
		{ghp, "ghp_***"},
		{"ghp_short", "***"},
		{"glpat-c4n4ryEXAMPLE0123", "glpat-***"},
		{"github_pat_c4n4ryEXAMPLE0123456789", "github_pat_***"},
		{"AKIAC4N4RYEXAMPLE234", "AKIA***"},
		{"sk_live_c4n4ryEXAMPLE0123456789", "sk_live_***"},
		{"xoxb-c4n4ry-EXAMPLE-0123", "xoxb-***"},
		{jwt, "eyJ***"},
		{pem, "***"},
		{"Bearer c4n4ryEXAMPLE0a1B2c3D4e5F6", "***"},
		{"_authToken=c4n4ryEXAMPLE", "***"},
		{"x " + ghp, "***"},
		{"postgres://app:S3cr3tPassw0rd@db/app", "***"},
	} {
		if got := Mask(tt[0]); got != tt[1] {
			t.Errorf("Mask(%q) = %q, want %q", tt[0], got, tt[1])
		}
	}
	// Whatever comes in, only a literal of the table goes out.
	known := map[string]bool{"***": true}
	for row := range rows(providerTable) {
		if !strings.Contains(row[3], "([") {
			known[row[1]+"***"] = true
		}
	}
	check := func(value string) bool { return known[Mask(value)] }
	if err := quick.Check(check, nil); err != nil {
		t.Error(err)
	}
	for row := range rows(providerTable) {
		for _, tail := range []string{"", "c4n4ry", "c4n4ryEXAMPLE0123456789abcdefABCDEF0123456789", strings.Repeat("a0", 300)} {
			if value := row[1] + tail; !check(value) {
				t.Errorf("Mask(%q) = %q shows more than a provider's prefix", value, Mask(value))
			}
		}
	}
}

const quietText = `# syntax=docker/dockerfile:1
FROM node:20-bookworm-slim AS build
ENV NODE_ENV=production PATH=/app/node_modules/.bin:$PATH
WORKDIR /app
RUN --mount=type=cache,target=/root/.npm npm ci --omit=dev && npm cache clean --force
RUN apt-get update && apt-get install -y --no-install-recommends ca-certificates curl gnupg && rm -rf /var/lib/apt/lists/*
RUN curl -fsSL https://example.com/releases/download/v1.2.3/tool-linux-amd64.tar.gz | tar -xz -C /usr/local/bin
COPY --from=build --chown=node:node /app/dist ./dist
HEALTHCHECK CMD curl -f http://localhost:8080/health || exit 1
ENTRYPOINT ["node", "dist/server.js"]
`

func BenchmarkScanQuiet(b *testing.B) {
	text := []byte(strings.Repeat(quietText, 3))[:2048]
	if len(Scan(text)) != 0 {
		b.Fatal("the text is not quiet")
	}
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		Scan(text)
	}
}

func BenchmarkScanFound(b *testing.B) {
	text := []byte(quietText + "ENV T=" + ghp + "\nRUN git clone https://u:c4n4ryEXAMPLE@git.example.com/x\n")
	if len(Scan(text)) != 2 {
		b.Fatal("the text holds two secrets")
	}
	b.ReportAllocs()
	for b.Loop() {
		Scan(text)
	}
}

func FuzzScan(f *testing.F) {
	for _, seed := range []string{"", quietText, ghp, jwt, pem, "https://u:c4n4ryEXAMPLE@h", "://@", "-----BEGIN PRIVATE KEY-----", "\xff\xfe--", "_authToken=\"c4n4ryEXAMPLE\"", "a%3Dghp_", `\nghp_`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		end := 0
		for _, m := range Scan(text) {
			if m.Start < end || m.End <= m.Start || m.End > len(text) || m.Kind == "" {
				t.Fatalf("match %+v after %d in %d bytes", m, end, len(text))
			}
			end = m.End
		}
		s := string(text)
		if mask := Mask(s); len(mask) > 3+len("discordapp.com/api/webhooks/") {
			t.Fatalf("mask %q", mask)
		}
		Variable(s, s, true)
		File(s)
		Content(s, text)
		Content(".npmrc", text)
		Content("auth.json", text)
		Content(".env", text)
		if id := Identifier(s); id == "" || strings.Trim(id, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") != "" {
			t.Fatalf("identifier %q", id)
		}
	})
}
