package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"gopkg.in/yaml.v3"
)

// The schemas are those that Kubernetes and the External Secrets Operator publish, from their Go modules: nothing of them is compiled.
const (
	kubernetesModule = "k8s.io/kubernetes@v1.34.2"
	operatorModule   = "github.com/external-secrets/external-secrets@v1.3.2"
)

// schemas has a strict schema for each kind that is written: an unknown field is an error, as it is for a server that validates strictly.
var schemas = sync.OnceValues(func() (map[string]*jsonschema.Schema, error) {
	kubernetes, err := moduleFolder(kubernetesModule)
	if err != nil {
		return nil, errors.Join(errNoSchemas, err)
	}
	operator, err := moduleFolder(operatorModule)
	if err != nil {
		return nil, errors.Join(errNoSchemas, err)
	}
	out := map[string]*jsonschema.Schema{}
	compile := func(kind string, doc any, at string) error {
		c := jsonschema.NewCompiler()
		if err := c.AddResource("mem:///schema.json", strict(doc)); err != nil {
			return err
		}
		s, err := c.Compile("mem:///schema.json" + at)
		out[kind] = s
		return err
	}
	src, err := os.ReadFile(filepath.Join(kubernetes, "api/openapi-spec/v3/apis__apps__v1_openapi.json"))
	if err != nil {
		return nil, err
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(src))
	if err != nil {
		return nil, err
	}
	if err := compile("apps/v1 Deployment", doc, "#/components/schemas/io.k8s.api.apps.v1.Deployment"); err != nil {
		return nil, err
	}
	for kind, file := range map[string]string{"ExternalSecret": "externalsecrets", "SecretStore": "secretstores"} {
		src, err := os.ReadFile(filepath.Join(operator, "config/crds/bases/external-secrets.io_"+file+".yaml"))
		if err != nil {
			return nil, err
		}
		var crd struct {
			Spec struct {
				Versions []struct {
					Name   string
					Schema struct {
						OpenAPIV3Schema any `yaml:"openAPIV3Schema"`
					}
				}
			}
		}
		if err := yaml.Unmarshal(src, &crd); err != nil {
			return nil, err
		}
		for _, v := range crd.Spec.Versions {
			if err := compile("external-secrets.io/"+v.Name+" "+kind, plainJSON(v.Schema.OpenAPIV3Schema), ""); err != nil {
				return nil, err
			}
		}
	}
	return out, nil
})

var errNoSchemas = errors.New("no schemas to validate with")

// published returns the schemas; where they cannot be had the test is skipped, but not in CI.
func published(t *testing.T) map[string]*jsonschema.Schema {
	known, err := schemas()
	if errors.Is(err, errNoSchemas) && os.Getenv("CI") != "true" {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	return known
}

// moduleFolder downloads a module, once for this machine, and returns where it is.
func moduleFolder(module string) (string, error) {
	cmd := exec.Command("go", "mod", "download", "-json", module)
	cmd.Dir = os.TempDir()
	cmd.Env = append(os.Environ(), "GOWORK=off")
	out, err := cmd.Output()
	var m struct{ Dir, Error string }
	if json.Unmarshal(out, &m) != nil || m.Dir == "" {
		return "", errors.Join(err, errors.New(module+" cannot be had: "+m.Error))
	}
	return m.Dir, nil
}

func plainJSON(v any) any {
	text, err := json.Marshal(v)
	if err != nil {
		return nil
	}
	out, _ := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	return out
}

// strict forbids the fields that an object's schema does not name.
func strict(v any) any {
	switch v := v.(type) {
	case map[string]any:
		_, named := v["properties"].(map[string]any)
		_, more := v["additionalProperties"]
		if named && !more && v["type"] == "object" {
			v["additionalProperties"] = false
		}
		for _, x := range v {
			strict(x)
		}
	case []any:
		for _, x := range v {
			strict(x)
		}
	}
	return v
}

// readManifests validates the documents of a file of manifests.
func readManifests(t *testing.T, file, text string) {
	known := published(t)
	d := yaml.NewDecoder(strings.NewReader(text))
	for n := 0; ; n++ {
		var v map[string]any
		if err := d.Decode(&v); err == io.EOF {
			if n == 0 {
				t.Errorf("%s: nothing in it", file)
			}
			return
		} else if err != nil {
			t.Errorf("%s: %v", file, err)
			return
		}
		version, _ := v["apiVersion"].(string)
		kind, _ := v["kind"].(string)
		schema := known[version+" "+kind]
		if schema == nil {
			t.Errorf("%s: no schema for %s %s", file, version, kind)
			continue
		}
		if err := schema.Validate(plainJSON(v)); err != nil {
			t.Errorf("%s: %v", file, err)
		}
	}
}

// TestManifestsStrict shows that the schemas can refuse: an unknown field, a wrong type, a field that is missing.
func TestManifestsStrict(t *testing.T) {
	known := published(t)
	for _, text := range []string{
		"{apiVersion: apps/v1, kind: Deployment, spec: {selector: {}, template: {spec: {containers: [{name: web, enviroment: []}]}}}}",
		"{apiVersion: apps/v1, kind: Deployment, spec: {selector: {}, template: {spec: {containers: [{name: web, env: {A: b}}]}}}}",
		"{apiVersion: apps/v1, kind: Deployment, spec: {template: {spec: {containers: [{name: web}]}}}}",
		"{apiVersion: external-secrets.io/v1, kind: ExternalSecret, spec: {data: [{secretKey: a, remoteRef: {keys: b}}]}}",
		"{apiVersion: external-secrets.io/v1, kind: SecretStore, spec: {provider: {aws: {region: eu-central-1}}}}",
	} {
		var v map[string]any
		if err := yaml.Unmarshal([]byte(text), &v); err != nil {
			t.Fatal(err)
		}
		if known[v["apiVersion"].(string)+" "+v["kind"].(string)].Validate(plainJSON(v)) == nil {
			t.Errorf("valid: %s", text)
		}
	}
}
