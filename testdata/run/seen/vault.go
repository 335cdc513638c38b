package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
)

// vault is the client's kv get and kv put, for an engine of version 2. A value is a text, @FILE, or - for standard input.
func vault(args []string) {
	if len(args) < 2 || args[0] != "kv" {
		fail("vault: no " + strings.Join(args, " ") + " here")
	}
	address := os.Getenv("VAULT_ADDR") + "/v1/" + prefixed(args, "-mount=") + "/data/"
	var words []string
	for _, arg := range args[2:] {
		if !strings.HasPrefix(arg, "-") {
			words = append(words, arg)
		}
	}
	switch args[1] {
	case "get":
		var got struct {
			Data struct{ Data map[string]string }
		}
		ask(http.MethodGet, address+words[0], nil, &got)
		fmt.Print(got.Data.Data[prefixed(args, "-field=")])
	case "put":
		key, value, _ := strings.Cut(words[1], "=")
		if path, ok := strings.CutPrefix(value, "@"); ok || value == "-" {
			content, err := os.ReadFile(path)
			if !ok {
				content, err = io.ReadAll(os.Stdin)
			}
			if err != nil {
				fail(err)
			}
			value = string(content)
		}
		put := map[string]any{"data": map[string]string{key: value}}
		if prefixed(args, "-cas=") == "0" {
			put["options"] = map[string]int{"cas": 0}
		}
		ask(http.MethodPost, address+words[0], put, nil)
	default:
		fail("vault: no kv " + args[1] + " here")
	}
}

func ask(method, url string, what, into any) {
	body, err := json.Marshal(what)
	if err != nil {
		fail(err)
	}
	request, err := http.NewRequest(method, url, bytes.NewReader(body))
	if err != nil {
		fail(err)
	}
	request.Header.Set("X-Vault-Token", os.Getenv("VAULT_TOKEN"))
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		fail(err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		fail(response.Status)
	}
	if into != nil {
		if err := json.NewDecoder(response.Body).Decode(into); err != nil {
			fail(err)
		}
	}
}
