package flow

import (
	"strings"
	"testing"
)

func TestOperands(t *testing.T) {
	for _, c := range []struct{ command, want string }{
		{"chmod 600 f", "f"},
		{"chmod -v 600 f", "f"},
		{"chmod -R -c u=r,go= f g", "f g"},
		{"chmod -- 600 f", "f"},
		{"chmod -x f", "f"},
		{"chmod -rwx,u+r f", "f"},
		{"chmod --reference=g f", "f"},
		{"chmod --reference g f", "f"},
		{"chmod 600 -- -f", "-f"},
		{"chown --from=root app:app f", "f"},
		{"chown -h --from root app f", "f"},
		{"chgrp -v app f", "f"},
		{"touch f", "f"},
		{"touch -r g f", "f"},
		{"touch -cr g f", "f"},
		{"touch -rg f", "f"},
		{"touch --date yesterday f", "f"},
		{"chattr +i f", "f"},
		{"chattr -i f", "f"},
		{"chattr -R -v 3 +i f", "f"},
		{"rm -rf -- -f g", "-f g"},
		{"rm -r --preserve-root f", "f"},
		{"install -m 600 -o root f g", "f g"},
		{"install -Dm600 f g", "f g"},
		{"cp -t dir f g", ""},
		{"mv --target-directory=dir f", ""},
		{"cp --suffix .old f g", "f g"},
		{"truncate -s 0 f", "f"},
	} {
		args := strings.Fields(c.command)
		var got []string
		for _, i := range operands(args[0], args[1:]) {
			got = append(got, args[1+i])
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%s: %q, want %q", c.command, got, c.want)
		}
	}
}

func TestWorkOn(t *testing.T) {
	for _, c := range []struct {
		command string // the file is the word with an f in it
		want    work
	}{
		{"chmod 600 /f", tends}, {"chgrp root /f", tends}, {"chattr +i /f", tends}, {"touch /f", tends},
		{"chmod --reference=/f g", lends}, {"touch -r /f g", lends}, {"chown --reference /f g", lends},
		{"rm -- /f", removes}, {"unlink /f", removes},
		{"install -m 600 /f g", copies}, {"mv /f g", copies},
		{"sed -i s/a/b/ /f", alters}, {"dos2unix /f", alters}, {"setfacl -m u:a:r /f", alters}, {"truncate -s 0 /f", alters}, {"ln g /f", alters},
		{"perl -pi -e s/a/b/ /f", alters}, {"perl -ne print /f", looks}, {"perl -Mint -e 1 /f", looks},
		{"dd if=/f", looks}, {"dd of=/f", alters},
		{"ssh-keygen -p -N x -f /f", alters}, {"ssh-keygen -f /f", alters}, {"ssh-keygen -y -f /f", looks}, {"ssh-keygen -lf /f", looks},
		{"openssl rsa -in /f -out g", looks}, {"openssl rsa -in g -out /f", alters},
		{"curl -o /f x", alters}, {"curl --key /f x", looks}, {"curl -o g --key /f x", looks},
		{"wget -O/f x", alters}, {"sort -o g /f", looks}, {"gpg --import /f", looks}, {"gpg -d --output /f x", alters},
		{"keytool -list -keystore /f", looks}, {"keytool -import -keystore /f", alters}, {"keytool -importkeystore -srckeystore /f -destkeystore g", looks},
		{"ansible-vault view /f", looks}, {"ansible-vault decrypt /f", alters}, {"ansible-vault decrypt --vault-password-file /f g", looks},
		{"tar czf g /f", archives}, {"zip g /f", archives}, {"rsync -a /f g", alters}, {"rsync -a /f host:g", looks},
		{"git rm /f", alters}, {"echo /f", says}, {"cat /f", looks}, {"./deploy /f", looks},
	} {
		args := strings.Fields(c.command)
		i := 0
		for i < len(args)-1 && !strings.Contains(args[1+i], "/f") {
			i++
		}
		if got := workOn(command{program: args[0], args: args[1:]}, i); got != c.want {
			t.Errorf("%s: %d, want %d", c.command, got, c.want)
		}
	}
}
