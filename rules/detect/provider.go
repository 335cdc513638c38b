package detect

import (
	_ "embed"
	"strings"
	"sync"
)

//go:embed provider_variables.tsv
var providerVariableTable string

var providerVariables = sync.OnceValue(func() map[string]string {
	t := map[string]string{}
	for row := range rows(providerVariableTable) {
		t[row[0]] = row[1]
	}
	return t
})

// ProviderVariable returns the name of the variable that a secret of a kind goes by, as Scan names kinds: what the
// provider's own tools read ("Hugging Face token" is HF_TOKEN), or the kind itself as a name.
func ProviderVariable(kind string) string {
	table := providerVariables()
	for title := kind; title != ""; {
		if name, ok := table[title]; ok {
			return name
		}
		title = title[:max(0, strings.LastIndexByte(title, ' '))]
	}
	return strings.Map(func(r rune) rune {
		if r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' {
			return r
		}
		return '_'
	}, strings.ToUpper(kind))
}
