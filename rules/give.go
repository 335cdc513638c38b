package rules

import (
	"github.com/unbake-dev/unbake/compose"
	"github.com/unbake-dev/unbake/rewrite"
	"github.com/unbake-dev/unbake/rewrite/flow"
	"github.com/unbake-dev/unbake/rewrite/service"
)

// need is one service that must get a value when it runs.
type need struct {
	service *compose.Service

	// variable is what its program reads. give decides how it gets it: by the image's own
	// file form where that is certain, else in the environment. "" where the mounted file
	// is all that is asked for (a shim reads it, or the program reads the file itself).
	variable string

	grant compose.Grant // of the mounted file: Target, UID, GID and Mode; Source is filled in

	// unset is set where the fix takes the variable out of the image too: else an ENV of
	// the image forbids the file form, which no image allows beside the plain variable.
	unset bool
}

// giving is a value that the containers of one compose project get from outside.
type giving struct {
	name   string          // the secret's: its id, and its variable in .env, unless something else has that name
	value  flow.Value      // the literal; unknown where from has it
	from   string          // the variable of the environment that has the value already
	files  []*compose.File // the project: all files that are merged with each other
	needs  []need          // containers that get it and have no literal of their own
	places []service.Place // literals of the compose files that go
}

// form is how a service gets a value.
type form uint8

const (
	byEnvironment form = iota // NAME: ${NAME:?}, the value in .env
	byImageFile               // the image's own NAME_FILE: /run/secrets/NAME
	byMount                   // the file alone
)

// gift is the compose part of a fix, and the place of the value. changes come first in
// the fix; the parts go into its composition, so that each compose file is edited once.
type gift struct {
	id      string                    // what compose and .env call it
	file    string                    // secrets/<id>, relative to the root; "" if the value stands in .env alone
	dotenv  string                    // the .env that has it, relative to the root; "" if none
	forms   map[*compose.Service]form // of every service of needs and places
	changes []rewrite.Change          // ignore files, then the value's place
	needs   []string                  // what a person must check or do
	safety  rewrite.Safety            // Safe where no container starts in another way
}

// give works out how the services of one compose project get a value from now on. What
// it asks of the compose files is added to c. reason says why it cannot be done; c is as
// it was then.
func give(p *rewrite.Pass, g giving, c *composition) (*gift, string) {
	return nil, "not written yet"
}
