package flow

import (
	"strings"
	"testing"
)

func TestToCommand(t *testing.T) {
	for _, tc := range []struct{ command, want string }{
		{"pip install x", "pip install x"},
		{"pip3.11 install x", "pip3 install x"},
		{"pip-3.6 install x", "pip3 install x"},
		{"pip2.7 install x", "pip install x"},
		{"/env/bin/pip install x", "pip install x"},
		{"$VENV/bin/pip install x", "pip install x"},
		{`"${VENV}/bin/pip" install x`, "pip install x"},
		{"$PIP install x", " install x"},
		{"$VENV/bin/$X install x", " install x"},
		{"python3 -m pip install x", "pip install x"},
		{"python3.11 -I -m pip install x", "pip install x"},
		{"$VENV/bin/python3.11 -Im pip install x", "pip install x"},
		{"python -m build .", "pyproject-build ."},
		{"python -m venv /env", "venv /env"},
		{"python -m shop", "python -m shop"},
		{"python app.py -m pip", "python app.py -m pip"},
		{"python -c x -m pip", "python -c x -m pip"},
		{"python -W ignore -m pip list", "python -W ignore -m pip list"},
		{"node -m pip", "node -m pip"},
	} {
		c := toCommand(commandOf(t, tc.command))
		if got := c.program + " " + strings.Join(c.args, " "); got != tc.want {
			t.Errorf("%s: %q, want %q", tc.command, got, tc.want)
		}
	}
}
