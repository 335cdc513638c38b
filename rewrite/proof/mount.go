package proof

import (
	"errors"
	"fmt"
	"path"
	"strconv"
	"strings"
)

// Mount is a secret mount as the build graph has it.
type Mount struct {
	ID       string
	Env      string // the variable, "" for none
	Target   string // the file, "" for none; relative ones belong to the working folder
	UID, GID uint32
	Mode     uint32
	Required bool
}

// ParseMount reads a flag "--mount=type=secret,…" whose keys and values stand in no quotes
// and hold no variables. It is a second opinion on BuildKit's reading, and shares nothing
// with it.
func ParseMount(flag string) (Mount, error) {
	m := Mount{Mode: 0o400}
	list, ok := strings.CutPrefix(flag, "--mount=")
	if !ok || strings.ContainsAny(list, "\"'$\\ \t\r\n") {
		return m, errors.New("not a plain mount")
	}
	secret := false
	for field := range strings.SplitSeq(list, ",") {
		key, value, ok := strings.Cut(field, "=")
		var err error
		switch key = strings.ToLower(key); {
		case key == "required":
			m.Required = !ok || value == "true"
			if ok && !m.Required && value != "false" {
				err = errors.New("neither true nor false")
			}
		case !ok:
			err = errors.New("no value")
		case key == "type":
			secret = strings.EqualFold(value, "secret")
		case key == "id" || key == "src" || key == "source":
			m.ID = value
		case key == "env":
			m.Env = value
		case key == "target" || key == "dst" || key == "destination":
			m.Target = value
		case key == "uid":
			m.UID, err = number32(value, 10)
		case key == "gid":
			m.GID, err = number32(value, 10)
		case key == "mode":
			m.Mode, err = number32(value, 8)
		default:
			err = errors.New("unknown key")
		}
		if err != nil {
			return m, fmt.Errorf("%s: %w", key, err)
		}
	}
	switch {
	case !secret:
		return m, errors.New("not a secret mount")
	case m.ID == "" && m.Target == "":
		return m, errors.New("no id")
	case m.ID == "":
		m.ID = path.Base(m.Target)
	}
	if m.Env == "" && m.Target == "" {
		m.Target = "/run/secrets/" + path.Base(m.ID)
	}
	return m, nil
}

func number32(value string, base int) (uint32, error) {
	n, err := strconv.ParseUint(value, base, 32)
	return uint32(n), err
}
