package detect

import (
	"strings"
	"testing"
)

func TestName(t *testing.T) {
	for _, tt := range []struct {
		want  NameClass
		names string
	}{
		{Secret, `
			PASSWORD MYSQL_PASSWORD MYSQL_ROOT_PASSWORD DB_PASSWORD ADMIN_PASSWORD AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY
			POSTGRES_PASSWORD SECRET_KEY_BASE SECRET_KEY SMTP_PASSWORD SSH_PASSWD PASSWD API_KEY ROOT_PASSWORD NPM_TOKEN SECRET
			TOKEN password GITHUB_TOKEN MARIADB_ROOT_PASSWORD MYSQL_CLIENT_CREATE_DATABASE_PASSWORD DATABASE_PASSWORD
			SONARQUBE_JDBC_PASSWORD OPENVPN_PASSWORD DOLI_DB_PASSWORD VNC_PASSWORD REDIS_PASSWORD DOLI_DB_ROOT_PASSWORD
			NEW_RELIC_LICENSE_KEY RCON_PASSWORD CONSUL_TOKEN SS_PASSWORD BLACKFIRE_CLIENT_TOKEN SLACK_TOKEN DJANGO_SECRET_KEY
			REPLICATION_PASSWORD VAULT_TOKEN MAIL_PASSWORD
			DB_PASS PASS MYSQL_PASS FTP_PASS ADMIN_PASS ACCESSTOKEN PGPASSWORD ADMINPASSWORD ROOTPASSWORD DB_PWD BUILD_PSW
			PASSPHRASE GPG_PASSPHRASE NUGET_PAT GITHUB_PAT PAT secretKey clientSecret certPassword npm_token NPMTOKEN SECRETKEY
			APIKEY SSHPASS MYSQLPASS RCONPASS KEYSTONE_DBPASS BUNDLE_GITHUB__COM BUNDLE_GEMS__CONTRIBSYS__COM
			bundle_gems__contribsys__com BUNDLE_GEM__FURY__IO RAILS_MASTER_KEY COMPOSER_AUTH NPM_CONFIG__AUTH npm_config__auth
			npm_config__authToken SSH_PRIVATE_KEY GIT_SSH_KEY DEPLOY_KEY SSH_KEY_B64 SSH_KEY_BASE64 API_KEY_PROD API_KEY_2
			STRIPE_SECRET_KEY STRIPE_KEY TWITTER_CONSUMER_KEY TS_AUTHKEY ENCRYPTION_KEY JWT_SECRET NEXTAUTH_SECRET AUTH_SECRET
			HF_TOKEN HUGGING_FACE_HUB_TOKEN CARGO_REGISTRIES_ACME_TOKEN POETRY_HTTP_BASIC_ACME_PASSWORD POETRY_PYPI_TOKEN_ACME
			UV_INDEX_ACME_PASSWORD NuGetPackageSourceCredentials_acme TOKEN_GITHUB PASSWORD_ROOT PASSWORD_DB ProxyPassword
			GPG_PRIVATE_KEY SIGNING_KEY RABBITMQ_ERLANG_COOKIE OAUTH2_CLIENT_SECRET DATABASE_PASSWORD_1 P4PASSWD S3AccessKey
			CC_AWS_SECRET_ACCESS_KEY CC_AWS_ACCESS_KEY_ID LISTMONK_db__password sonar.jdbc.password my-api-key INPUT_GITHUB_TOKEN
			PUBLIC_PASSWORD APEX_PUBLIC_USER_PASSWORD ZS_DBPassword nSSH_USER_PASSWORD AUTH_TOKEN_KEY HIVE_SITE_CONF_javax_jdo_option_ConnectionPassword
			DEVISE_PEPPER REDISCLI_AUTH DOCKER_AUTH_CONFIG AZURE_STORAGE_CONNECTION_STRING VAULT_DEV_ROOT_TOKEN_ID TF_TOKEN_app_terraform_io`},
		{Maybe, `
			KEY key AUTH DOLI_AUTH CACHE_KEY PRIMARY_KEY NGINX_CACHE_KEY DefaultProcess__Filters__0__Key SSL_KEY KEY_PEM KMS_KEY_ID
			SALT AUTH_SALT COOKIE JWT PROXY_AUTH_ADD OS_AUTH_URL PASSWORD_RESET_URL WEBHOOK_URL MYSQL_DSN DATABASE_DSN
			PIP_INDEX_URL PIP_EXTRA_INDEX_URL UV_INDEX_URL GOPROXY HTTP_PROXY https_proxy AUTH_GOOGLE_ID TOKEN_ID PASSWORD_HASH
			BUNDLE_MIRROR__HTTPS DB_CONNECTION_STRING`},
		{Public, `
			GPG_KEY GPG_KEYS TINI_GPG_KEY OPENSSL_PGP_KEY_IDS RABBITMQ_PGP_KEY_ID BITCOIN_PGP_KEY WORDPRESS_CLI_GPG_KEY
			SSH_AUTH_SOCK GOOGLE_APPLICATION_CREDENTIALS APT_KEY_DONT_WARN_ON_DANGEROUS_USAGE ANSIBLE_HOST_KEY_CHECKING
			NEXT_PUBLIC_SUPABASE_ANON_KEY NEXT_PUBLIC_API_TOKEN VITE_SECRET REACT_APP_API_KEY EXPO_PUBLIC_KEY GATSBY_TOKEN
			NUXT_PUBLIC_KEY PUBLIC_KEY PUBLIC_SUPABASE_TOKEN PUBLIC_URL VAPID_PUBLIC_KEY STRIPE_PUBLISHABLE_KEY SUPABASE_ANON_KEY RECAPTCHA_SITE_KEY SENTRY_DSN
			SSH_PUBLIC_KEY SSH_AUTHORIZED_KEYS SECRET_KEY_FILE POSTGRES_PASSWORD_FILE TOKENIZER_VERSION AUTH_MODULE_VERSION
			AWS_SHARED_CREDENTIALS_FILE HF_TOKEN_PATH NODE_VERSION PWD OLDPWD FILE__PASSWORD PYTHON_SHA256 INSTALL_SSHPASS`},
		{NotSecret, `
			AUTHOR AUTHORS KEYCLOAK KEYCLOAK_URL TOKENIZER TOKENIZERS_PARALLELISM MAX_TOKENS MONKEY COMPASS PASSENGER
			PASSENGER_APP_ENV BYPASS KEYBOARD TURKEY PASSTHROUGH DATABASE_URL REDIS_URL FOO NODE_ENV GITHUB_USER
			KEY_VAULT_NAME PASSWORD_MIN_LENGTH AUTH_ENABLED DISABLE_AUTH ALLOW_EMPTY_PASSWORD MYSQL_ALLOW_EMPTY_PASSWORD
			MYSQL_RANDOM_ROOT_PASSWORD POSTGRES_HOST_AUTH_METHOD AUTH_TOKEN_TRANSPORT AIRFLOW__API__AUTH_BACKEND RSA_KEY_SIZE TOKEN_TTL
			GLUU_SECRET_ADAPTER GLUU_SECRET_VAULT_SCHEME GLUU_SECRET_VAULT_HOST GLUU_SECRET_VAULT_PORT KMS_KEY_ALIAS_NAME
			BUNDLE_BUILD__NOKOGIRI BUNDLE_LOCAL__RACK BUNDLE_GEM__MIT BUNDLE_WITHOUT BUNDLE_JOBS SECRET_USER
			AUTH_USER TOKEN_EXPIRY COOKIE_NAME SESSION_COOKIE_SECURE NO_PASSWORD PASSWORD_RESET_DISABLED _ __ 1 É`},
	} {
		for name := range strings.FieldsSeq(tt.names) {
			if got := Name(name); got != tt.want {
				t.Errorf("Name(%q) = %v, want %v", name, got, tt.want)
			}
		}
	}
	if got := Name(""); got != NotSecret {
		t.Errorf(`Name("") = %v`, got)
	}
	long := strings.Repeat("A_", 5000)
	if got := Name(long + "PASSWORD"); got != Secret {
		t.Errorf("a very long name that ends in PASSWORD: %v", got)
	}
	if got := Name(strings.Repeat("a1", 5000)); got != NotSecret {
		t.Errorf("a name of 10,000 words: %v", got)
	}
}

func TestSplit(t *testing.T) {
	for _, tt := range [][2]string{
		{"NPM_TOKEN", "npm token"},
		{"clientSecret", "client secret"},
		{"myAPIKey2", "my api key 2"},
		{"GITHUBToken", "github token"},
		{"DefaultProcess__Filters__0__Key", "default process filters 0 key"},
		{"s3-secret.key", "s 3 secret key"},
		{"OAuth", "o auth"},
		{"__", ""},
		{"A", "a"},
		{"clé", "clé"},
	} {
		var w words
		w.split(tt[0])
		var got []string
		for i := range w.count {
			got = append(got, string(w.at(i)))
		}
		if s := strings.Join(got, " "); s != tt[1] {
			t.Errorf("split(%q) = %q, want %q", tt[0], s, tt[1])
		}
	}
}

// The tables are parsed when they are first needed, so a wrong line would show late, or never.
func TestTables(t *testing.T) {
	for row := range rows(wordTable) {
		kind := row[0]
		if len(row) != 2 || strings.ToLower(row[1]) != row[1] {
			t.Errorf("words.tsv: %q: two columns, lower case", row)
			continue
		}
		switch kind {
		case "pair", "maybepair":
			fields := strings.Fields(row[1])
			if len(fields) != 2 {
				t.Errorf("words.tsv: %q: a pair is two words", row)
			} else if nameTables().words[fields[1]] == 0 {
				t.Errorf("words.tsv: %q: the second word stands in no other line, so the pair is never looked up", row)
			}
		case "name", "maybename", "ending", "glued", "gluedpass":
		default:
			if _, ok := wordKinds[kind]; !ok {
				t.Errorf("words.tsv: %q: unknown kind", kind)
			}
		}
	}
	for row := range rows(publicTable) {
		if len(row) != 2 || !strings.Contains(" name prefix suffix ", " "+row[0]+" ") || strings.ToLower(row[1]) != row[1] {
			t.Errorf("public.tsv: %q", row)
		}
	}
	for row := range rows(placeholderTable) {
		if len(row) != 2 || !strings.Contains(" exact anywhere inside pair word noun filler same ", " "+row[0]+" ") || row[0] != "exact" && strings.ToLower(row[1]) != row[1] {
			t.Errorf("placeholders.txt: %q", row)
		}
	}
	for row := range rows(weakTable) {
		if len(row) != 1 || strings.ToLower(row[0]) != row[0] {
			t.Errorf("weak.txt: %q", row)
		}
	}
}

func BenchmarkName(b *testing.B) {
	names := []string{"NODE_VERSION", "DEBIAN_FRONTEND", "NPM_TOKEN", "MYSQL_CLIENT_CREATE_DATABASE_PASSWORD", "PATH", "clientSecret", "APP_HOME", "GPG_KEY"}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		Name(names[i%len(names)])
	}
}

func TestWhose(t *testing.T) {
	for name, want := range map[string]bool{
		"DB_USER": true, "PGUSER": true, "account_name": true, "MYSQL_DATABASE": true, "APP_DB_USERNAME": true, "user": true, "USER_1": true,
		"DB_PASSWORD": false, "account_password": false, "API_TOKEN": false, "PASSWORD_USER": false, "VERSION": false, "": false, "DB_URL": false,
	} {
		if got := Whose(name); got != want {
			t.Errorf("Whose(%q) = %v", name, got)
		}
	}
}
