// Package service finds the secrets that compose services hold as literals: in their environment, command, entrypoint, health check and
// labels, and as the credentials of URLs; the same value in several places of a project is one secret. It leans on compose for the texts and
// on detect for what is a secret. It changes nothing, and decides nothing about how a container is to get the value.
package service

import (
	"github.com/unbake-dev/unbake/compose"
	"github.com/unbake-dev/unbake/rewrite/flow"
	"github.com/unbake-dev/unbake/rules/detect"
)

// Secret is one value that services of a compose project hold as a literal.
type Secret struct {
	Name    string // a variable's where one has it, else made of what it is for (DATABASE_PASSWORD, REDIS_PASSWORD)
	Value   flow.Value
	Verdict detect.Verdict // Exposed, or Dummy for a weak one; a placeholder is a Dummy with Placeholder set
	// Placeholder is set where the value only stands for one: <token>, changeme.
	Placeholder bool
	Places      []Place // in the order of the files, at least one
}

// Place is one literal: a part of a text of a service.
type Place struct {
	Service *compose.Service
	Text    compose.Text
	Kind    Kind
	// Start and End span the literal in Text.Value, as it is written there ($$ for $).
	Start, End int
	// Default is the variable of "${NAME:-literal}", which the literal is the default of; "" otherwise.
	Default string
}

// Kind says what part of a text a literal is.
type Kind uint8

const (
	Whole      Kind = iota // all of a variable's value, or of a label's
	Credential             // of a URL or a connection string
	Word                   // a word of a command, or a part of one
)
