package detect

import (
	"strings"
	"testing"
)

const (
	ghp    = "ghp_c4n4ryEXAMPLE0123456789abcdefABCDEF"
	jwt    = "eyJhbGciOiJIUzI1NiJ9.eyJjNG40cnkiOiJFWEFNUExFIn0.c4n4ryEXAMPLEsignature"
	random = "Zx81kQpLm29WwC4n4ryT7vB"
	pem    = "-----BEGIN RSA PRIVATE KEY-----\nMIIEc4n4ryEXAMPLEc4n4ryEXAMPLEc4n4ryEXAMPLE\nc4n4ry==\n-----END RSA PRIVATE KEY-----"
	fpr    = "0D96DF4D4110E5C43FBFB17F2D347EA6AA65421D"
)

func TestValue(t *testing.T) {
	for _, tt := range []struct {
		name, value string
		want        ValueClass
	}{
		{"T", "", Empty},
		{"TOKEN", "  ", Empty},

		// booleans, numbers, versions
		{"FOO", "true", Harmless},
		{"DOLI_AUTH", "on", Harmless},
		{"AUTH", "false", Harmless},
		{"NPM_TOKEN", "false", Placeholder},
		{"COMPOSER_AUTH", "false", Harmless},
		{"NEO4J_AUTH", "none", Harmless},
		{"NPM_TOKEN", "none", Placeholder},
		{"TOKEN", "N/A", Placeholder},
		{"SECRET_PORT_KEY", "8080", Harmless},
		{"VNC_PASSWORD", "1234", Weak},
		{"VNC_PASSWORD", "84712930417", Weak},
		{"API_TOKEN", "30s", Harmless},
		{"SECRET_KEY", "1.2.3-rc1", Harmless},
		{"FOO", "2024-01-31", Harmless},
		{"FOO", "-1.5", Harmless},

		// where something is
		{"SSL_KEY", "/etc/ssl/server.key", Harmless},
		{"SECRETS", "/secrets", Harmless},
		{"API_KEY", `C:\keys\k.pem`, Harmless},
		{"API_KEY", "certs/server.pem", Harmless},
		{"GOOGLE_CREDENTIALS", "credentials.json", Harmless},
		{"SSH_KEY", "id_rsa", Harmless},
		{"DEPLOY_KEY", "id_ed25519_shop", Harmless},
		{"SSH_PRIVATE_KEY", "keys/deploy", Harmless},
		{"NETRC_SECRET", ".netrc", Harmless},
		{"TOKEN", "https://example.com/token?x=1", Harmless},
		{"TOKEN", "http://example.com:8080/a@b", Harmless},
		{"SECRET_STORE_TOKEN", "localhost:8200", Harmless},
		{"FOO_AUTH", "db:5432", Harmless},
		{"API_KEY", "smtp.example.com", Harmless},
		{"PASSWORD", "10.0.0.1", Harmless},
		{"JENKINS_REPO_KEY", "http://pkg.example.com/redhat/x.key", Harmless},

		// made to be seen
		{"GPG_KEY", fpr, Harmless},
		{"GPG_KEYS", fpr + " " + fpr, Harmless},
		{"TINI_GPG_KEY", "0x" + fpr, Harmless},
		{"FOO_SHA256", strings.Repeat("0d96df4d", 8), Harmless},
		{"PROVIDER_KEY", "B735:1140:206F:225D:3E2B:D822:D7FD:691E:A1C3:3CC8", Harmless},
		{"STRIPE_KEY", "pk_live_c4n4ryEXAMPLE0123456789", Harmless},
		{"STRIPE_KEY", "pk_test_c4n4ryEXAMPLE0123456789", Harmless},
		{"DEPLOY_KEY", "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABAQC4n4ry x@example.com", Harmless},
		{"KEY_PEM", "-----BEGIN CERTIFICATE-----\nMIIEc4n4ryc4n4ry\n-----END CERTIFICATE-----", Harmless},
		{"KEY_PEM", "-----BEGIN PUBLIC KEY-----\nMIIEc4n4ryc4n4ry\n-----END PUBLIC KEY-----", Harmless},
		{"SSH_PASSWD", "root:Docker!", Harmless},

		// filled in by something else
		{"TOKEN", "{{ token }}", Harmless},
		{"TOKEN", "@TOKEN@", Harmless},
		{"TOKEN", "%TOKEN%", Harmless},
		{"TOKEN", "<%= token %>", Harmless},

		// placeholders
		{"DB_PASSWORD", "changeme", Placeholder},
		{"DB_PASSWORD", "**ChangeMe**", Placeholder},
		{"DB_PASSWORD", "change_me_in_production", Placeholder},
		{"DB_PASSWORD", "changeme123", Placeholder},
		{"API_KEY", "<token>", Placeholder},
		{"API_KEY", "<your token>", Placeholder},
		{"API_KEY", "[your-key]", Placeholder},
		{"API_KEY", "your-api-key-here", Placeholder},
		{"API_KEY", "YOUR_API_KEY", Placeholder},
		{"API_KEY", "xxx", Placeholder},
		{"API_KEY", "XXXXXXXXXXXXXXXXXXXX", Placeholder},
		{"API_KEY", "sk-xxxx", Placeholder},
		{"API_KEY", "TODO", Placeholder},
		{"API_KEY", "dummy", Placeholder},
		{"SECRET_KEY_BASE", "dummy-for-assets-precompile", Placeholder},
		{"API_KEY", "example", Placeholder},
		{"API_KEY", "my-example-key", Placeholder},
		{"API_KEY", "build-time-placeholder", Placeholder},
		{"API_KEY", "****", Placeholder},
		{"API_KEY", "replace_me", Placeholder},
		{"API_KEY", "REQUIRED", Placeholder},
		{"API_KEY", "__API_KEY__", Placeholder},
		{"API_KEY", "ghp_...", Placeholder},
		{"SHOPIFY_SECRET", "SHOPIFY_SECRET", Placeholder},
		{"GITHUB_API_TOKEN", "github-token", Placeholder},
		{"AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE", Placeholder},
		{"AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", Placeholder},
		{"GITHUB_TOKEN", "ghp_" + strings.Repeat("x", 36), Placeholder},
		{"REPO_SECRET", "PRIV_REPO_PASSWORD", Placeholder},
		{"TOKEN", "00000000-0000-0000-0000-000000000000", Placeholder},
		{"DATABASE_URL", "postgres://user:<password>@db/app", Placeholder},
		{"DATABASE_URL", "postgres://user:changeme@db/app", Placeholder},

		{"DJANGO_SECRET_KEY", "notneededforbuilds", Placeholder},
		{"SECRET_KEY", "not-needed", Placeholder},
		{"JWT_SECRET", "not-used", Placeholder},
		{"AUTH_SECRET", "build-secret-not-used", Placeholder},
		{"SECRET_KEY_BASE", "precompile_placeholder", Placeholder},
		{"SECRET_KEY_BASE", "for_precompilation", Placeholder},
		{"SECRET_KEY_BASE", "$(openssl rand -base64 32)", Placeholder},
		{"DB_PASSWORD", "PASSWORDCHANGEME", Placeholder},
		{"DB_PASSWORD", "Chang3M3R1ghtN0w", Placeholder},
		{"DB_PASSWORD", "FILLMEIN", Placeholder},
		{"DB_PASSWORD", "set_this_when_running_docker", Placeholder},
		{"DB_PASSWORD", "thisisnotarealpassword", Placeholder},
		{"DB_PASSWORD", "dummypassword", Placeholder},
		{"DB_PASSWORD", "ENCRYPTEDPASSWORD", Placeholder},
		{"API_TOKEN", "ignored", Placeholder},
		{"API_TOKEN", "yourtokenhere", Placeholder},
		{"DB_PASSWORD", "thisisasecretreplaceit", Placeholder},

		// weak
		{"PASSWORD", "anonymous", Weak},
		{"SECRET_KEY", "build_time_only", Weak},
		{"NOVA_PASS", "novapass", Weak},
		{"SMB_PASSWORD", "smbpassword", Weak},
		{"JWT_SECRET", "myjwtsecret123", Weak},
		{"DB_PASSWORD", "weakPassword", Weak},
		{"DB_PASSWORD", "emailpassword", Weak},
		{"SECRET", "metadatasecret", Weak},
		{"ROBOT_TOKEN", strings.Repeat("f0", 16), Weak},
		{"PASSWORD", "beepbeep", Weak},
		{"PASSWORD", "root", Weak},
		{"PASSWORD", "Admin", Weak},
		{"PASSWORD", "password", Weak},
		{"PASSWORD", "P@ssw0rd", Weak},
		{"PASSWORD", "Passw0rd!", Weak},
		{"PASSWORD", "Password1!", Weak},
		{"PASSWORD", "admin@123", Weak},
		{"PASSWORD", "hunter2", Weak},
		{"PASSWORD", "qwerty123", Weak},
		{"PASSWORD", "short1!", Weak},
		{"PASSWORD", "pässwör", Weak}, // seven characters, nine bytes
		{"MYSQL_PASSWORD", "mysql", Weak},
		{"POSTGRES_PASSWORD", "postgres", Weak},
		{"POSTGRES_PASSWORD", "mysecretpassword", Weak},
		{"MYSQL_ROOT_PASSWORD", "mysql-root-password", Placeholder}, // its own name
		{"PASSWORD", "mysql-root-password", Weak},
		{"FRESPOO_DB_PASSWORD", "frespoo", Weak},
		{"MONGO_PASS", "unifi_password", Weak},
		{"ROOT_PASSWORD", "rootroot", Weak},
		{"PASSWORD", "aaaaaaaaaa", Weak},
		{"PASSWORD", "abcdefghij", Weak},
		{"SECRET_KEY", "0123456789abcdef0123456789abcdef", Weak},
		{"DATABASE_URL", "postgres://postgres:postgres@db:5432/app", Weak},
		{"DATABASE_URL", "mysql://root:root@db/app", Weak},
		{"AMQP_URL", "amqp://guest:guest@rabbit", Weak},
		{"DB", "host=db user=app password=postgres", Weak},

		// ordinary
		{"DB_PASSWORD", "hunter2long", Ordinary},
		{"DB_PASSWORD", "S3cr3tPassw0rd", Ordinary},
		{"DB_PASSWORD", "correct-horse-battery-staple", Ordinary},
		{"DB_PASSWORD", "OrclAPEX1999!", Ordinary},
		{"DB_PASSWORD", "c4n4ry-EXAMPLE", Ordinary},
		{"DB_PASSWORD", "pa ss wo rd c4n4ry", Ordinary},
		{"SECRET", "someRealyLongStringToMakeHackersSad", Ordinary},
		{"COMMIT", fpr, Ordinary},
		{"DB_PASSWORD", "germanium", Ordinary},
		{"DB_PASSWORD", "keys/deploy", Ordinary},
		{"API_TOKEN", "Keys/deploy", Ordinary},
		{"DB_PASSWORD", "lk32lk32", Ordinary},
		{"DB_PASSWORD", "notnecessary2", Ordinary},
		{"DB_PASSWORD", "Passw0rdForShop", Ordinary},
		{"TINI_KEY", fpr, Harmless},
		{"FOO", random, Ordinary}, // random, but nothing says that it is a secret
		{"", random, Ordinary},
		{"CLIENT_AUTH_ID", "f3c9cb27-746f-4e41-acf2-820bd3002676", Ordinary},

		// live
		{"FOO", ghp, Live},
		{"", ghp, Live},
		{"BUNDLE_GITHUB__COM", ghp + ":x-oauth-basic", Live},
		{"FOO", jwt, Live},
		{"FOO", pem, Live},
		{"FOO", strings.ReplaceAll(pem, "\n", `\n`), Live},
		{"AWS_ACCESS_KEY_ID", "AKIAC4N4RYEXAMPLE234", Live},
		{"DATABASE_URL", "postgres://app:S3cr3tPassw0rd@db/app", Live},
		{"PIP_INDEX_URL", "https://__token__:c4n4ryEXAMPLE99@pypi.example.com/simple", Live},
		{"FOO", "https://" + random + "@git.example.com/x", Live},
		{"DB", "Server=db;Port=5432;User Id=app;Password=sTr0NGp4ssw0rd;Database=app", Live},
		{"DB", "host=db user=app password=c4n4ryEXAMPLE99", Live},
		{"DB", "app:c4n4ryEXAMPLE99@tcp(db:3306)/app", Live},
		{"SECRET_KEY_BASE", strings.Repeat("9f86d081884c7d65", 4), Live},
		{"CACHE_KEY", random, Live},
		{"API_TOKEN", "notused-" + random, Live},
		{"API_TOKEN", random + "changeme", Live},
		{"API_TOKEN", "anonymous-" + random, Live},
		{"SSH_KEY", "id_rsa" + random, Live},
		{"API_TOKEN", strings.ToLower(fpr), Live},
		{"GITHUB_TOKEN", fpr, Live},
		{"API_KEY", "4f64aaa7771b441ef5d72e941c350542", Live},
		{"SECRET_KEY", "h1ZpilcYLYRdWp7Nk8X1M1kBPiUi8rdjz9oBfHyUKIk=", Live},
		{"SECRET_KEY", "/9j4AAQSkZJRgABAQEc4n4ryAYABgAAD+2wBDAAgG=", Live},
		{"SECRET", "3f2504e0-4f89-11d3-9a0c-0305e82c3301", Live},
		{"WEBHOOK", "https://hooks.slack.com/services/T0c4n4ry/B0EXAMPLE/c4n4ryEXAMPLEc4n4ry", Live},
	} {
		if got := Value(tt.name, tt.value); got != tt.want {
			t.Errorf("Value(%q, %q) = %v, want %v", tt.name, tt.value, got, tt.want)
		}
	}
}

func TestVariable(t *testing.T) {
	const none = "\x00" // no value at all
	for _, tt := range []struct {
		name, value string
		want        Verdict
	}{
		// the table "What a value is decides what is done"
		{"NPM_TOKEN", none, Declared},
		{"SSH_PRIVATE_KEY", none, Declared},
		{"GIT_SSH_KEY", none, Declared},
		{"DEPLOY_KEY", none, Declared},
		{"GITHUB_PAT", none, Declared},
		{"ACCESSTOKEN", none, Declared},
		{"BUNDLE_GITHUB__COM", none, Declared},
		{"COMPOSER_AUTH", none, Declared},
		{"NPM_CONFIG__AUTH", none, Declared},
		{"PIP_INDEX_URL", none, No},
		{"PIP_EXTRA_INDEX_URL", none, No},
		{"DATABASE_URL", none, No},
		{"CACHE_KEY", none, No},
		{"KEY", none, No},
		{"GITHUB_USER", none, No},
		{"VITE_SUPABASE_ANON_KEY", none, No},
		{"SENTRY_DSN", none, No},
		{"GPG_KEY", none, No},

		{"PASSWORD", "", Contract},
		{"REACT_APP_TOKEN", "", No},
		{"FOO", "", No},
		{"KEY", "", No},

		{"DB_PASSWORD", "changeme", Dummy},
		{"DB_PASSWORD", "root", Dummy},
		{"NPM_TOKEN", "none", Dummy},
		{"KEY", "changeme", No},

		{"DB_PASSWORD", "hunter2long", Exposed},
		{"DB_PASSWORD", "S3cr3tPassw0rd", Exposed},
		{"NPM_TOKEN", "npm_c4n4ryEXAMPLE0123456789abcdefABCDEF", Exposed},
		{"CACHE_KEY", random, Exposed},
		{"CACHE_KEY", "my-cache-key-v1", No},
		{"XDEBUG_IDE_KEY", "PHPSTORM", No},
		{"FOO", ghp, Exposed},
		{"FOO", random, No},
		{"FOO", "hunter2long", No},
		{"DATABASE_URL", "postgres://app:S3cr3tPassw0rd@db/app", Exposed},
		{"DATABASE_URL", "postgres://app:app@db/app", No},
		{"PIP_INDEX_URL", "https://pypi.example.com/simple", No},

		// public by design, unless what is in it is private by its form
		{"NEXT_PUBLIC_KEY", random, No},
		{"NEXT_PUBLIC_SUPABASE_ANON_KEY", jwt, No},
		{"VITE_FIREBASE_API_KEY", "AIzaC4n4ryEXAMPLEc4n4ryEXAMPLEc4n4ryEX", No},
		{"VITE_FIREBASE_API_KEY", "pk_live_c4n4ryEXAMPLE0123456789", No},
		{"NEXT_PUBLIC_STRIPE", "sk_live_c4n4ryEXAMPLE0123456789", Exposed},
		{"REACT_APP_TOKEN", ghp, Exposed},
		{"PUBLIC_KEY", pem, Exposed},
		{"GPG_KEY", fpr, No},
		{"POSTGRES_PASSWORD_FILE", "/run/secrets/x", No},

		// the false positives that were counted in real files
		{"SSH_PASSWD", "root:Docker!", No},
		{"APT_KEY_DONT_WARN_ON_DANGEROUS_USAGE", "DontWarn", No},
		{"ANSIBLE_HOST_KEY_CHECKING", "False", No},
		{"ALLOW_EMPTY_PASSWORD", "yes", No},
		{"SSH_AUTH_SOCK", "/tmp/agent.sock", No},
		{"GOOGLE_APPLICATION_CREDENTIALS", "/app/key.json", No},
		{"DOLI_AUTH", "dolibarr", No},
		{"AUTH", "off", No},
		{"GLUU_SECRET_ADAPTER", "vault", No},
		{"GLUU_SECRET_VAULT_SCHEME", "http", No},
		{"OS_AUTH_URL", "http://localhost:35357/v2.0", No},
		{"SSL_KEY", "/etc/nginx/server.key", No},
		{"COMPOSER_AUTH", "false", No},
		{"RSA_KEY_SIZE", "4096", No},
		{"NGINX_CACHE_KEY", "scheme-host-uri", No},
		{"PROXY_AUTH_ADD", "false", No},
		{"PROXY_AUTH_WHITELIST", "/api/*", No},
		{"POSTGRES_HOST_AUTH_METHOD", "trust", No},
		{"AIRFLOW__API__AUTH_BACKEND", "airflow.api.auth.backend.default", No},
		{"PASSWORD_RESET_URL", "https://example.com/reset", No},
		{"MAX_TOKENS", "4096", No},
		{"KEY_VAULT_NAME", "production-vault-01", No},
		{"PRIMARY_KEY", "user_id", No},
		{"DefaultProcess__Filters__0__Key", "ProcessName", No},
		{"AWS_ACCESS_KEY_ID", "AKIAC4N4RYEXAMPLE234", Exposed},
	} {
		value, has := tt.value, true
		if value == none {
			value, has = "", false
		}
		if got := Variable(tt.name, value, has); got != tt.want {
			t.Errorf("Variable(%q, %q, %v) = %v, want %v", tt.name, value, has, got, tt.want)
		}
	}
}

func TestValueOdd(t *testing.T) {
	for _, value := range []string{"\xff\xfe", "=", "://", "@", ":@", "x://:@", strings.Repeat("=;", 1000), strings.Repeat("Aa1", 50000), "\n\n", "$", "<", "%%"} {
		for _, name := range []string{"", "TOKEN", "\xff", "GPG_KEY"} {
			Value(name, value)
			Variable(name, value, true)
		}
	}
}

func BenchmarkVariable(b *testing.B) {
	vars := [][2]string{{"NODE_VERSION", "20.11.1"}, {"PATH", "/usr/local/bin:/usr/bin"}, {"DB_PASSWORD", "hunter2long"}, {"SECRET_KEY", random}, {"DEBIAN_FRONTEND", "noninteractive"}}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		v := vars[i%len(vars)]
		Variable(v[0], v[1], true)
	}
}
