package detect

import (
	"strings"
	"testing"
)

func TestFile(t *testing.T) {
	for _, tt := range []struct {
		path, id string // id "": no secret file
		flags    string // sure, run
	}{
		{".npmrc", "npmrc", "sure"},
		{"app/.npmrc", "npmrc", "sure"},
		{"./.NPMRC", "npmrc", "sure"},
		{"ci.npmrc", "ci_npmrc", ""},
		{".yarnrc", "yarnrc", ""},
		{".yarnrc.yml", "yarnrc_yml", ""},
		{".netrc", "netrc", "sure"},
		{".pypirc", "pypirc", "sure"},
		{"pip.conf", "pip_conf", ""},
		{"settings.xml", "settings_xml", ""},
		{"ci-settings.xml", "ci-settings_xml", ""},
		{"NuGet.Config", "nuget_config", ""},
		{"auth.json", "auth_json", ""},
		{"gradle.properties", "gradle_properties", ""},
		{".cargo/credentials.toml", "cargo_credentials", "sure"},
		{".git-credentials", "git-credentials", "sure"},
		{"id_rsa", "id_rsa", "sure"},
		{"keys/id_ed25519", "id_ed25519", "sure"},
		{"id_rsa_github", "id_rsa_github", "sure"},
		{"github_deploy_key", "github_deploy_key", "sure"},
		{"ssh_host_rsa_key", "ssh_host_rsa_key", "sure run"},
		{".aws/credentials", "aws_credentials", "sure"},
		{"root/.aws/credentials", "aws_credentials", "sure"},
		{".kube/config", "kubeconfig", "run"},
		{"kubeconfig", "kubeconfig", "run"},
		{".docker/config.json", "docker_config_json", ""},
		{"credentials.json", "credentials_json", "run"},
		{"service-account.json", "service-account_json", "sure run"},
		{"my-app-firebase-adminsdk-x1.json", "my-app-firebase-adminsdk-x1_json", "sure run"},
		{".env", "env", "sure run"},
		{".env.production", "env_production", "sure run"},
		{".env.local", "env_local", "sure run"},
		{".env.docker", "env_docker", "run"},
		{"config.env", "config_env", "run"},
		{"config/master.key", "master_key", "sure run"},
		{"config/credentials/production.key", "production_key", "sure run"},
		{"server.key", "server_key", "sure run"},
		{"ssl/example.com.key", "example_com_key", "run"},
		{"privkey.pem", "privkey_pem", "sure run"},
		{"tls/server-key.pem", "server-key_pem", "sure run"},
		{"server.pem", "server_pem", "run"},
		{"*.pem", "__pem", "run"},
		{"client.p12", "client_p12", "sure run"},
		{"release.jks", "release_jks", "sure run"},
		{".pgpass", "pgpass", "sure run"},
		{".vault_pass.txt", "vault_pass_txt", "sure"},

		{path: ".env.example"}, {path: ".env.sample"}, {path: ".env.template"}, {path: ".env.dist"}, {path: ".env.production.example"},
		{path: "example.env"}, {path: "id_rsa.pub"}, {path: "public_key.pem"}, {path: "public.pem"}, {path: "server.crt"},
		{path: ".ssh/known_hosts"}, {path: ".ssh/authorized_keys"}, {path: "/etc/passwd"}, {path: "/etc/ssl/certs/ca-certificates.crt"},
		{path: "ca-certificates/x.pem"}, {path: "fullchain.pem"}, {path: "chain.pem"}, {path: "cacert.pem"}, {path: "ca.pem"}, {path: "cert.pem"},
		{path: "server-cert.pem"}, {path: "dhparam.pem"}, {path: "truststore.jks"}, {path: "cacerts"}, {path: "nodesource.gpg.key"},
		{path: "nginx_signing.key"}, {path: "Release.key"}, {path: "my.cnf"}, {path: "package.json"}, {path: "settings.py"}, {path: "config"},
		{path: ".ssh"}, {path: ".ssh/"}, {path: ".aws/"}, {path: ".env/"}, {path: "."}, {path: ".."}, {path: ""}, {path: "/"}, {path: "credentials"},
		{path: "docker-credential-ecr-login"}, {path: "keys.txt"}, {path: "environment.yml"}, {path: "monkey"}, {path: "credentials.yml.enc"},
		{path: "secret-service"}, {path: "x\xff"}, {path: "["},
	} {
		kind, ok := File(tt.path)
		flags := []string{}
		if kind.Sure {
			flags = append(flags, "sure")
		}
		if kind.Run {
			flags = append(flags, "run")
		}
		if ok != (tt.id != "") || kind.ID != tt.id || strings.Join(flags, " ") != tt.flags {
			t.Errorf("File(%q) = %q %v %v, want %q %s", tt.path, kind.ID, flags, ok, tt.id, tt.flags)
		}
		if ok && kind.Title == "" {
			t.Errorf("File(%q): no title", tt.path)
		}
	}
}

func TestFileTable(t *testing.T) {
	forms := " npmrc netrc pgpass xml nuget php json config env token key store scan "
	seen := map[string]bool{}
	sets := map[string]bool{"-": true}
	for row := range rows(fileTable) {
		pattern := strings.TrimPrefix(row[0], "!")
		if strings.ContainsAny(pattern, "?[\\") || strings.ToLower(pattern) != pattern || seen[row[0]] {
			t.Errorf("files.tsv: %q: a wildcard other than *, upper case, or twice", row[0])
		}
		seen[row[0]] = true
		switch {
		case row[0][0] == '@':
			sets[row[0]] = true
			if len(row) != 2 {
				t.Errorf("files.tsv: %q: a set has two columns", row)
			}
		case row[0][0] == '!':
			if len(row) != 1 {
				t.Errorf("files.tsv: %q: one column", row)
			}
		case len(row) != 7:
			t.Errorf("files.tsv: %q: seven columns", row)
		case row[3] != "yes" && row[3] != "no", row[4] != "yes" && row[4] != "no", !strings.Contains(forms, " "+row[5]+" "):
			t.Errorf("files.tsv: %q: sure and run are yes or no, the form is one of%s", row, forms)
		case row[6][0] == '@' && !sets[row[6]], strings.Contains(row[6], "*"):
			t.Errorf("files.tsv: %q: unknown set of programs", row)
		case row[1] != "-" && row[1] != Identifier(row[1]):
			t.Errorf("files.tsv: %q: the id is none", row)
		}
	}
}

func TestIdentifier(t *testing.T) {
	for _, tt := range [][2]string{
		{".npmrc", "npmrc"}, {"id_rsa", "id_rsa"}, {"credentials.json", "credentials_json"}, {".env.production", "env_production"},
		{"a b+c", "a_b_c"}, {"clé.pem", "cl__pem"}, {"..x", "x"}, {"", "_"}, {"...", "_"}, {"\xff", "_"}, {"a/b", "a_b"}, {"my-key", "my-key"},
	} {
		if got := Identifier(tt[0]); got != tt[1] {
			t.Errorf("Identifier(%q) = %q, want %q", tt[0], got, tt[1])
		}
	}
}

func TestContent(t *testing.T) {
	for _, tt := range []struct {
		path, data string
		want       bool
	}{
		{".npmrc", "registry=https://npm.example.com/\n", false},
		{".npmrc", "//npm.example.com/:_authToken=${NPM_TOKEN}\n", false},
		{".npmrc", "//npm.example.com/:_authToken=$NPM_TOKEN\n", false},
		{".npmrc", "//npm.example.com/:_authToken=<token>\n", false},
		{".npmrc", "always-auth=true\nstrict-ssl=false\n; _auth=${AUTH}\n# _auth=x\n", false},
		{".npmrc", "; _auth=c4n4ryEXAMPLE\n", true}, // a comment tells it too
		{".npmrc", "//npm.example.com/:_authToken=c4n4ry\r\n", true},
		{".npmrc", "\xef\xbb\xbf_auth=YzRuNHJ5", true},
		{".npmrc", "//npm.example.com/:_password=\"YzRuNHJ5RVhBTVBMRQ==\"", true},
		{".yarnrc.yml", "npmRegistryServer: https://npm.example.com\nnpmAuthToken: \"${NPM_TOKEN}\"\n", false},
		{".yarnrc.yml", "npmScopes:\n  acme:\n    npmAuthToken: c4n4ryEXAMPLE\n", true},
		{".yarnrc", "registry \"https://npm.example.com\"\n", false},
		{".yarnrc", "\"//npm.example.com/:_authToken\" \"c4n4ryEXAMPLE\"\n", true},

		{".netrc", "machine git.example.com login u password c4n4ry", true},
		{".netrc", "machine git.example.com\n  login u\n  password c4n4ryEXAMPLE\n", true},
		{".netrc", "machine git.example.com login u password ${TOKEN}", false},
		{".netrc", "# password c4n4ry\nmachine git.example.com login u", false},
		{".pgpass", "db:5432:*:app:c4n4ryEXAMPLE\n", true},
		{".pgpass", "# host:port:database:user:password\n", false},

		{"pip.conf", "[global]\nindex-url = https://pypi.example.com/simple\n", false},
		{"pip.conf", "[global]\nindex-url = https://u:c4n4ryEXAMPLE@pypi.example.com/simple\n", true},
		{"pip.conf", "[global]\nindex-url = https://u:${PIP_PASSWORD}@pypi.example.com/simple\n", false},
		{".pypirc", "[pypi]\nusername = __token__\npassword = c4n4ryEXAMPLE\n", true},
		{".pypirc", "[pypi]\nusername = u\n", false},
		{"settings.xml", "<settings><servers><server><username>u</username><password>${env.MVN_PASSWORD}</password></server></servers></settings>", false},
		{"settings.xml", "<settings><!-- <password>repopwd</password> --></settings>", false},
		{"settings.xml", "<settings><server><password>c4n4ry</password></server></settings>", true},
		{"nuget.config", `<add key="ClearTextPassword" value="%NUGET_TOKEN%" />`, false},
		{"nuget.config", `<add key="nuget.org" value="https://api.nuget.example.com/v3/index.json" />`, false},
		{"nuget.config", `<add key="ClearTextPassword" value="c4n4ryEXAMPLE" />`, true},
		{"nuget.config", "\xff\xfe" + utf16(`<add key="ClearTextPassword" value="c4n4ryEXAMPLE" />`), true},
		{"auth.json", `{"github-oauth": {"github.example.com": "c4n4ryEXAMPLE"}}`, true},
		{"auth.json", `{"http-basic": {"repo.example.com": {"username": "u", "password": "c4n4ryEXAMPLE"}}}`, true},
		{"auth.json", `{"http-basic": {"repo.example.com": {"username": "u", "password": ""}}}`, false},
		{"auth.json", `{"github-oauth": {}}`, false},
		{".docker/config.json", `{"auths": {"registry.example.com": {"auth": "YzRuNHJ5OkVYQU1QTEU="}}}`, true},
		{".docker/config.json", `{"auths": {"registry.example.com": {}}, "credsStore": "ecr-login"}`, false},
		{"gradle.properties", "org.gradle.jvmargs=-Xmx2g\nversion=1.0\n", false},
		{"gradle.properties", "nexusPassword=c4n4ryEXAMPLE\n", true},
		{".bundle/config", "---\nBUNDLE_PATH: \"vendor\"\n", false},
		{".bundle/config", "---\nBUNDLE_GEMS__EXAMPLE__COM: \"u:c4n4ryEXAMPLE\"\n", true},

		{"id_rsa", pem, true},
		{"id_rsa", "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABAQC4n4ryEXAMPLE x@example.com", false},
		{"server.pem", "-----BEGIN CERTIFICATE-----\nMIIEc4n4ryEXAMPLE\n-----END CERTIFICATE-----\n", false},
		{"server.pem", "-----BEGIN CERTIFICATE-----\nMIIEc4n4ryEXAMPLE\n-----END CERTIFICATE-----\n" + pem, true},
		{"server.pem", "-----BEGIN PUBLIC KEY-----\nMIIEc4n4ryEXAMPLE\n-----END PUBLIC KEY-----\n", false},
		{"server.key", "\x30\x82\x04\xa4\x02\x01\x00", true},
		{"store.p12", "\x30\x82\x00", true},
		{"store.p12", "", false},
		{"master.key", "9f86d081884c7d659f86d081884c7d65\n", true},

		{".env", "# DB\nDB_HOST=db\nDB_PASSWORD=changeme\nexport API_KEY=\"\"\nTOKEN=$OTHER\n", false},
		{".env", "DB_HOST=db\nexport DB_PASSWORD='c4n4ryEXAMPLE' # x\n", true},
		{".env", "DATABASE_URL=postgres://app:c4n4ryEXAMPLE@db/app\n", true},
		{".env", "NEXT_PUBLIC_KEY=c4n4ryEXAMPLE\n", false},
		{"config.env", "SECRET_KEY=c4n4ryEXAMPLE\n", true},
		{"secrets.yml", "production:\n  secret_key_base: c4n4ryEXAMPLEc4n4ry\n", true},
		{"secrets.yml", "production:\n  secret_key_base: <%= ENV[\"SECRET_KEY_BASE\"] %>\n", false},
		{".aws/credentials", "[default]\naws_access_key_id = AKIAIOSFODNN7EXAMPLE\naws_secret_access_key = wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY\n", false},
		{".aws/credentials", "[default]\naws_access_key_id = AKIAC4N4RYEXAMPLE234\naws_secret_access_key = c4n4ryEXAMPLEc4n4ryEXAMPLE\n", true},
		{"service-account.json", `{"type": "service_account", "private_key": "` + strings.ReplaceAll(pem, "\n", `\n`) + `"}`, true},
		{"credentials.json", `{"type": "authorized_user", "client_id": "x", "client_secret": "c4n4ryEXAMPLE"}`, true},
		{"credentials.json", `{"helper": "x", "token_uri": "https://example.com/token"}`, false},
		{"kubeconfig", "users:\n- name: x\n  user:\n    token: c4n4ryEXAMPLE\n", true},
		{"kubeconfig", "users:\n- name: x\n  user:\n    client-key-data: YzRuNHJ5RVhBTVBMRQ==\n", true},
		{"kubeconfig", "users:\n- name: x\n  user:\n    client-key: /etc/kubernetes/pki/x.key\n", false},
		{"wp-config.php", "<?php\ndefine( 'DB_PASSWORD', 'c4n4ryEXAMPLE' );\n", true},
		{"wp-config.php", "<?php\ndefine( 'DB_PASSWORD', getenv('X') );\ndefine('AUTH_KEY', 'put your unique phrase here');\n", false},

		{"config.json", `{"password": "c4n4ryEXAMPLE"}`, false}, // no form we know, and no token
		{"config.json", `{"x": "` + ghp + `"}`, true},
		{"README.md", "use `" + ghp + "`", true},
		{"README.md", "", false},
		{".env", strings.Repeat("# x\n", maxContent/4) + "DB_PASSWORD=c4n4ryEXAMPLE\n", false}, // beyond what is looked at
	} {
		if got := Content(tt.path, []byte(tt.data)); got != tt.want {
			t.Errorf("Content(%q, %.120q) = %v", tt.path, tt.data, got)
		}
	}
}

func utf16(s string) string {
	var b strings.Builder
	for _, c := range []byte(s) {
		b.WriteByte(c)
		b.WriteByte(0)
	}
	return b.String()
}
