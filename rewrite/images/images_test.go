package images_test

import (
	"reflect"
	"testing"

	"github.com/unbake-dev/unbake/rewrite/images"
)

// TestName reads references as Docker does, and takes nothing else for Docker Hub.
func TestName(t *testing.T) {
	for ref, want := range map[string][2]string{
		"postgres":                              {"postgres", "latest"},
		"postgres:16-alpine":                    {"postgres", "16-alpine"},
		"library/postgres:16":                   {"postgres", "16"},
		"docker.io/postgres:16":                 {"postgres", "16"},
		"docker.io/library/postgres:16":         {"postgres", "16"},
		"index.docker.io/library/postgres":      {"postgres", "latest"},
		"public.ecr.aws/docker/library/node:22": {"node", "22"},
		"mirror.gcr.io/library/node:22":         {"node", "22"},
		"mirror.gcr.io/grafana/grafana":         {"grafana/grafana", "latest"},
		"docker.io/grafana/grafana:11":          {"grafana/grafana", "11"},
		"postgres:16@sha256:0123":               {"postgres", "16"},
		"postgres@sha256:0123":                  {"postgres", ""},
		"postgres:${TAG}":                       {"postgres", ""},
		"postgres:${TAG:-16}":                   {"postgres", ""},
		"postgres:16-$VARIANT":                  {"postgres", ""},
		"localhost:5000/postgres":               {"localhost:5000/postgres", "latest"},
		"localhost/postgres":                    {"localhost/postgres", "latest"},
		"registry.example.com/postgres:16":      {"registry.example.com/postgres", "16"},
		"mirror.gcr.io/postgres":                {"mirror.gcr.io/postgres", "latest"},
		"public.ecr.aws/bitnami/postgresql":     {"public.ecr.aws/bitnami/postgresql", "latest"},
		"quay.io/library/postgres":              {"quay.io/library/postgres", "latest"},
		"mypostgres":                            {"mypostgres", "latest"},
		"${IMAGE}":                              {"", ""},
		"${IMAGE:-postgres:16}":                 {"", ""},
		"${REGISTRY:-docker.io}/postgres:16":    {"", ""},
		"$REGISTRY/postgres":                    {"", ""},
		"Postgres":                              {"", ""},
		"":                                      {"", ""},
	} {
		if repo, tag := images.Name(ref); repo != want[0] || tag != want[1] {
			t.Errorf("Name(%q) = %q, %q; want %q, %q", ref, repo, tag, want[0], want[1])
		}
	}
}

// TestFileForm has one reference that takes a variable from a file, per row, and what that variable is called.
func TestFileForm(t *testing.T) {
	for _, c := range []struct{ image, variable, name string }{
		{"postgres", "POSTGRES_PASSWORD", "POSTGRES_PASSWORD_FILE"},
		{"postgres:16-alpine", "POSTGRES_USER", "POSTGRES_USER_FILE"},
		{"public.ecr.aws/docker/library/postgres:9.6", "POSTGRES_DB", "POSTGRES_DB_FILE"},
		{"postgres:9", "POSTGRES_DB", "POSTGRES_DB_FILE"},
		{"postgres:alpine", "POSTGRES_INITDB_ARGS", "POSTGRES_INITDB_ARGS_FILE"},
		{"mysql:5.7", "MYSQL_ROOT_PASSWORD", "MYSQL_ROOT_PASSWORD_FILE"},
		{"mysql:8", "MYSQL_PASSWORD", "MYSQL_PASSWORD_FILE"},
		{"mysql:8.0.33-debian", "MYSQL_PASSWORD", "MYSQL_PASSWORD_FILE"},
		{"mariadb:10.6", "MYSQL_ROOT_PASSWORD", "MYSQL_ROOT_PASSWORD_FILE"},
		{"mariadb:lts", "MARIADB_PASSWORD", "MARIADB_PASSWORD_FILE"},
		{"mariadb:11.4.2-noble", "MARIADB_ROOT_PASSWORD_HASH", "MARIADB_ROOT_PASSWORD_HASH_FILE"},
		{"mariadb:11", "MARIADB_REPLICATION_PASSWORD", "MARIADB_REPLICATION_PASSWORD_FILE"},
		{"mongo:7", "MONGO_INITDB_ROOT_PASSWORD", "MONGO_INITDB_ROOT_PASSWORD_FILE"},
		{"wordpress:6-php8.3-fpm-alpine", "WORDPRESS_DB_PASSWORD", "WORDPRESS_DB_PASSWORD_FILE"},
		{"rabbitmq:3.8-management", "RABBITMQ_DEFAULT_PASS", "RABBITMQ_DEFAULT_PASS_FILE"},
	} {
		f, ok := images.FileForm(c.image, c.variable)
		if !ok || f.Name != c.name || f.Source == "" {
			t.Errorf("FileForm(%q, %q) = %+v, %v; want %s", c.image, c.variable, f, ok, c.name)
		}
	}
}

// TestNoFileForm has what looks like an image, a version or a variable with a file form and is none.
func TestNoFileForm(t *testing.T) {
	for _, c := range [][2]string{
		{"mypostgres", "POSTGRES_PASSWORD"},
		{"postgres-exporter", "POSTGRES_PASSWORD"},
		{"registry.example.com/postgres", "POSTGRES_PASSWORD"},
		{"someone/postgres", "POSTGRES_PASSWORD"},
		{"bitnami/postgres", "POSTGRES_PASSWORD"},
		{"bitnami/postgresql:11", "POSTGRESQL_PASSWORD"},
		{"${IMAGE}", "POSTGRES_PASSWORD"},
		{"${IMAGE:-postgres}", "POSTGRES_PASSWORD"},
		{"postgres:${TAG}", "POSTGRES_PASSWORD"},
		{"postgres@sha256:0123", "POSTGRES_PASSWORD"},
		{"postgres:9.6.1", "POSTGRES_PASSWORD"},
		{"postgres:9.1", "POSTGRES_PASSWORD"},
		{"postgres:jessie", "POSTGRES_PASSWORD"},
		{"postgres", "POSTGRES_PASSWORD_FILE"},
		{"postgres", "POSTGRES_HOST_AUTH_METHOD"},
		{"postgres", "PGPASSWORD"},
		{"postgres", "MY_POSTGRES_PASSWORD"},
		{"mysql:5.6.34", "MYSQL_ROOT_PASSWORD"},
		{"mysql:8", "MARIADB_PASSWORD"},
		{"mariadb:10.1", "MARIADB_PASSWORD"},
		{"mongo:3.2.11", "MONGO_INITDB_ROOT_PASSWORD"},
		{"mongo:windowsservercore", "MONGO_INITDB_ROOT_PASSWORD"},
		{"wordpress:cli", "WORDPRESS_DB_PASSWORD"},
		{"rabbitmq:3.9-management", "RABBITMQ_DEFAULT_PASS"},
		{"rabbitmq", "RABBITMQ_DEFAULT_PASS"},
		{"redis:7", "REDIS_PASSWORD"},
		{"grafana/grafana:5.1.0", "GF_SECURITY_ADMIN_PASSWORD"},
		{"grafana/grafana", "GF_SECURITY_ADMIN_PASSWORD__FILE"},
		{"grafana/grafana", "GF_AWS_default_SECRET_ACCESS_KEY"},
		{"grafana/loki", "GF_SECURITY_ADMIN_PASSWORD"},
		{"gitea/gitea:1.19", "GITEA__database__PASSWD"},
		{"gitea/act_runner", "GITEA__database__PASSWD"},
		{"nextcloud:22.2.3", "MYSQL_PASSWORD"},
		{"linuxserver/mariadb:10.5.8", "MYSQL_ROOT_PASSWORD"},
		{"linuxserver/mariadb", "FILE__MYSQL_ROOT_PASSWORD"},
		{"percona:psmdb-7.0", "MYSQL_ROOT_PASSWORD"},
		{"influxdb:1.8", "DOCKER_INFLUXDB_INIT_PASSWORD"},
		{"influxdb:2.1", "DOCKER_INFLUXDB_INIT_PASSWORD"},
		{"influxdb:3-core", "DOCKER_INFLUXDB_INIT_PASSWORD"},
		{"minio/minio:RELEASE.2019-10-12T01-39-57Z", "MINIO_SECRET_KEY"},
		{"traefik:v2.11", "AWS_SECRET_ACCESS_KEY"},
		{"n8nio/n8n", "N8N_ENCRYPTION_KEY"},
		{"ghcr.io/goauthentik/server:2024.2", "AUTHENTIK_BOOTSTRAP_PASSWORD"},
		{"ghcr.io/immich-app/immich-server:v1.90.2", "DB_PASSWORD"},
	} {
		if f, ok := images.FileForm(c[0], c[1]); ok {
			t.Errorf("FileForm(%q, %q) = %+v; want none", c[0], c[1], f)
		}
	}
}

// TestOddForms has the forms that are not a suffix and nothing else.
func TestOddForms(t *testing.T) {
	for _, c := range []struct {
		image, variable string
		want            images.Form
	}{
		{"grafana/grafana:11.2.0", "GF_DATABASE_PASSWORD", images.Form{Name: "GF_DATABASE_PASSWORD__FILE"}},
		{"grafana/grafana-oss", "GF_SECURITY_ADMIN_PASSWORD", images.Form{Name: "GF_SECURITY_ADMIN_PASSWORD__FILE", First: true}},
		{"docker.gitea.com/gitea:1.24.0-rootless", "GITEA__database__PASSWD", images.Form{Name: "GITEA__database__PASSWD__FILE"}},
		{"lscr.io/linuxserver/bookstack", "DB_PASSWORD", images.Form{Name: "FILE__DB_PASSWORD"}},
		{"ghcr.io/goauthentik/server:2024.2.1", "AUTHENTIK_SECRET_KEY", images.Form{Name: "AUTHENTIK_SECRET_KEY", Prefix: "file://"}},
		{"docker.elastic.co/elasticsearch/elasticsearch:8.15.0", "ELASTIC_PASSWORD",
			images.Form{Name: "ELASTIC_PASSWORD_FILE", Mode: "0400", First: true, When: []string{"eswrapper"}}},
		{"nextcloud:30-apache", "MYSQL_PASSWORD", images.Form{Name: "MYSQL_PASSWORD_FILE", First: true, When: []string{"apache2*", "php-fpm"},
			Groups: []string{"MYSQL_DATABASE", "MYSQL_USER", "MYSQL_PASSWORD"}}},
		{"clickhouse/clickhouse-server:24.8", "CLICKHOUSE_PASSWORD", images.Form{Name: "CLICKHOUSE_PASSWORD_FILE", When: []string{"--*"},
			Reads: []string{"clickhouse-client", "clickhouse"}}},
		{"vaultwarden/server:${TAG}", "ADMIN_TOKEN", images.Form{Name: "ADMIN_TOKEN_FILE"}},
	} {
		got, ok := images.FileForm(c.image, c.variable)
		got.Source = ""
		if !ok || !reflect.DeepEqual(got, c.want) {
			t.Errorf("FileForm(%q, %q) = %+v, %v; want %+v", c.image, c.variable, got, ok, c.want)
		}
	}
}

func TestNever(t *testing.T) {
	for _, c := range []struct {
		image, variable string
		never           bool
	}{
		{"rabbitmq:3-management", "RABBITMQ_DEFAULT_PASS", true},
		{"rabbitmq:4.1-management-alpine", "RABBITMQ_DEFAULT_USER", true},
		{"rabbitmq", "RABBITMQ_DEFAULT_PASS", true},
		{"rabbitmq:3.8", "RABBITMQ_DEFAULT_PASS", false},
		{"quay.io/keycloak/keycloak:26.0", "KC_DB_PASSWORD", true},
		{"redis:${TAG}", "REDIS_PASSWORD", true},
		{"mcr.microsoft.com/mssql/server:2022-latest", "MSSQL_SA_PASSWORD", true},
		{"n8nio/n8n:1.88.0", "N8N_ENCRYPTION_KEY", true},
		{"myredis", "REDIS_PASSWORD", false},
		{"rabbitmq:${TAG}", "RABBITMQ_DEFAULT_PASS", false},
		{"postgres", "POSTGRES_PASSWORD", false},
	} {
		why, never := images.Never(c.image, c.variable)
		if never != c.never || never != (why != "") {
			t.Errorf("Never(%q, %q) = %q, %v", c.image, c.variable, why, never)
		}
	}
}

// TestReadBy says which commands the entrypoint reads the file for.
func TestReadBy(t *testing.T) {
	f, _ := images.FileForm("postgres:16", "POSTGRES_PASSWORD")
	for want, commands := range map[bool][][]string{
		true:  {nil, {"postgres", "-c", "fsync=off"}, {"-c", "fsync=off"}},
		false: {{"sh", "-c", "exec postgres"}, {"psql"}, {"/usr/lib/postgresql/16/bin/postgres"}},
	} {
		for _, c := range commands {
			if f.ReadBy(c) != want {
				t.Errorf("ReadBy(%q) = %v", c, !want)
			}
		}
	}
}
