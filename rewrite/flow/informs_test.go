package flow

import (
	"strings"
	"testing"
)

func TestInforms(t *testing.T) {
	for _, tc := range []struct {
		command         string
		informs, checks bool
	}{
		{"uv --version", true, false},
		{"pip --version", true, false},
		{"python3 -V", true, false},
		{"node -v", true, false},
		{"npm --version", true, false},
		{"npm version", true, false},
		{"java -version", true, false},
		{"go version", true, false},
		{"terraform version -json", true, false},
		{"shop --help", true, false},
		{"terraform fmt -check", false, true},
		{"nginx -t", false, true},
		{"nginx -q -t -c /etc/nginx.conf", false, true},
		{"apachectl configtest", false, true},
		{"php -l index.php", false, true},

		{"./shop.sh --version", false, false},
		{"shop -v", false, false},
		{"npm version minor", false, false},
		{"rake -v", false, false},
		{"yarn version", false, false},
		{"mvn -V package", false, false},
		{"python3 -v app.py", false, false},
		{"npm --version 1.0", false, false},
		{"terraform apply", false, false},
		{"nginx", false, false},
		{"php index.php", false, false},
	} {
		args := strings.Fields(tc.command)
		if got := informs(args[0], args[1:]); got != tc.informs {
			t.Errorf("%s: informs %v", tc.command, got)
		}
		if got := checks(args[0], args[1:]); got != tc.checks {
			t.Errorf("%s: checks %v", tc.command, got)
		}
	}
}
