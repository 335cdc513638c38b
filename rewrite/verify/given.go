package verify

import (
	"encoding/csv"
	"fmt"
	"os"
	"strings"
)

// ParseSecret reads a --secret as docker has it: id=ID, with src=FILE or env=VARIABLE. With neither it is the variable of
// that name, or the file, or (a nil value) what the fix has put away under this name.
func ParseSecret(flag string) (id string, value []byte, err error) {
	fields, err := csv.NewReader(strings.NewReader(flag)).Read()
	if err != nil {
		return "", nil, fmt.Errorf("--secret: not a list of key=value, write id=ID,src=FILE or id=ID,env=VARIABLE")
	}
	var kind, file, variable string
	for _, f := range fields {
		key, v, ok := strings.Cut(f, "=")
		switch key = strings.ToLower(key); {
		case !ok:
			return "", nil, fmt.Errorf("--secret: %d fields, one without =: write id=ID,src=FILE or id=ID,env=VARIABLE", len(fields))
		case key == "type":
			kind = v
		case key == "id":
			id = v
		case key == "src" || key == "source":
			file = v
		case key == "env":
			variable = v
		default:
			return "", nil, fmt.Errorf("--secret: there is no key %s, write id=ID,src=FILE or id=ID,env=VARIABLE", key)
		}
	}
	switch {
	case id == "":
		return "", nil, fmt.Errorf("--secret: has no id, write id=ID,src=FILE or id=ID,env=VARIABLE")
	case kind != "" && kind != "file" && kind != "env":
		return "", nil, fmt.Errorf("--secret id=%s: type is file or env", id)
	case kind == "env" && variable == "":
		if variable, file = file, ""; variable == "" {
			variable = id
		}
	}
	if variable != "" {
		v, ok := os.LookupEnv(variable)
		if !ok {
			return "", nil, fmt.Errorf("--secret id=%s: there is no variable %s, export it", id, variable)
		}
		return id, []byte(v), nil
	}
	if file != "" {
		if value, err = os.ReadFile(file); err != nil {
			return "", nil, fmt.Errorf("--secret id=%s: %s: %w", id, file, plainError(err))
		}
		return id, append([]byte{}, value...), nil
	}
	if v, ok := os.LookupEnv(id); ok {
		return id, []byte(v), nil
	}
	if value, err = os.ReadFile(id); err == nil {
		return id, append([]byte{}, value...), nil
	}
	return id, nil, nil
}
