package dockerfile

import (
	"testing"

	"github.com/unbake-dev/unbake/rewrite/edit"
)

func TestChanges(t *testing.T) {
	deleteFirst := func(name string) func(*File) []edit.Edit {
		return func(f *File) []edit.Edit {
			for _, in := range f.Instructions {
				pairs := in.Pairs()
				for _, p := range pairs {
					if p.Name != name {
						continue
					}
					if len(pairs) == 1 {
						return f.Delete(in)
					}
					return in.DeleteWords([]Word{p.Word}, pairWords(pairs))
				}
			}
			return nil
		}
	}
	flag := func(f *File) []edit.Edit {
		for _, in := range f.Instructions {
			if in.Name == "run" {
				return []edit.Edit{in.AddFlags("--mount=type=secret,id=T")}
			}
		}
		return nil
	}
	insert := func(f *File) []edit.Edit {
		in := f.Instructions[1]
		return []edit.Edit{in.InsertBefore("USER a"), in.InsertAfter("USER b")}
	}
	for _, tc := range []struct {
		name      string
		change    func(*File) []edit.Edit
		old, want string
	}{
		{"before and after", insert, "FROM a\r\n# why\r\nRUN x \\\r\n  y\r\nCMD z\r\n", "FROM a\r\n# why\r\nUSER a\r\nRUN x \\\r\n  y\r\nUSER b\r\nCMD z\r\n"},
		{"after a here-document", insert, "FROM a\nRUN <<E\nx\nE\nCMD z\n", "FROM a\nUSER a\nRUN <<E\nx\nE\nUSER b\nCMD z\n"},
		{"after the last line", insert, "FROM a\nRUN x", "FROM a\nUSER a\nRUN x\nUSER b"},
		{"would become a flag", deleteFirst("T"), "FROM a\nARG T --\n", "FROM a\nARG T --\n"},
		{"flag", flag, "FROM a\nRUN x\n", "FROM a\nRUN --mount=type=secret,id=T x\n"},
		{"flag, lower case, tab", flag, "from a\nrun\tx\n", "from a\nrun --mount=type=secret,id=T\tx\n"},
		{"flag, onbuild", flag, "FROM a\nONBUILD  RUN x\n", "FROM a\nONBUILD  RUN --mount=type=secret,id=T x\n"},
		{"flag, continuation first", flag, "FROM a\nRUN \\\n  x\n", "FROM a\nRUN --mount=type=secret,id=T \\\n  x\n"},
		{"flag beside a flag", flag, "FROM a\nRUN --network=none x\n", "FROM a\nRUN --network=none --mount=type=secret,id=T x\n"},
		{"flag on its own line", flag, "FROM a\nRUN --network=none \\\r\n    # why\r\n    x\r\n", "FROM a\nRUN --network=none \\\r\n    --mount=type=secret,id=T \\\r\n    # why\r\n    x\r\n"},
		{"flag, heredoc", flag, "FROM a\nRUN <<E\nx\nE\n", "FROM a\nRUN --mount=type=secret,id=T <<E\nx\nE\n"},
		{"whole", deleteFirst("T"), "FROM a\nARG T\nRUN x\n", "FROM a\nRUN x\n"},
		{"whole, last line without newline", deleteFirst("T"), "FROM a\nARG T", "FROM a"},
		{"whole, blank lines", deleteFirst("T"), "FROM a\n\nARG T\n\nRUN x\n", "FROM a\n\nRUN x\n"},
		{"comment that names it", deleteFirst("T"), "FROM a\n# T is for npm\nARG T\nARG U\n", "FROM a\nARG U\n"},
		{"comment of a group stays", deleteFirst("T"), "FROM a\n# arguments\nARG T\nARG U\n", "FROM a\n# arguments\nARG U\n"},
		{"comment that stands alone with it", deleteFirst("T"), "FROM a\n\n# token\nARG T\n\nRUN x\n", "FROM a\n\nRUN x\n"},
		{"directive is no comment", deleteFirst("T"), "# escape=`\nARG T\nFROM a\n", "# escape=`\nFROM a\n"},
		{"lint comment", deleteFirst("T"), "FROM a\n# hadolint ignore=DL3064\nARG T\nRUN x\n", "FROM a\nRUN x\n"},
		{"first key", deleteFirst("T"), "FROM a\nENV T=1 B=2\n", "FROM a\nENV B=2\n"},
		{"middle key", deleteFirst("T"), "FROM a\nENV A=1 T=1 B=2\n", "FROM a\nENV A=1 B=2\n"},
		{"last key", deleteFirst("T"), "FROM a\nENV A=1 T=1\n", "FROM a\nENV A=1\n"},
		{"first key on its line", deleteFirst("T"), "FROM a\nENV T=1 \\\n    B=2\n", "FROM a\nENV \\\n    B=2\n"},
		{"middle key on its line", deleteFirst("T"), "FROM a\nENV A=1 \\\n    # why\n    T=1 \\\n    B=2\n", "FROM a\nENV A=1 \\\n    # why\n    B=2\n"},
		{"middle key, comment names it", deleteFirst("T"), "FROM a\nENV A=1 \\\n    # T\n    T=1 \\\n    B=2\n", "FROM a\nENV A=1 \\\n    B=2\n"},
		{"last key on its line", deleteFirst("T"), "FROM a\nENV A=1 \\\n    T=1\nRUN x\n", "FROM a\nENV A=1\nRUN x\n"},
		{"last key, CRLF", deleteFirst("T"), "FROM a\r\nENV A=1 \\\r\n    T=1\r\nRUN x\r\n", "FROM a\r\nENV A=1\r\nRUN x\r\n"},
		{"last key, comment stays", deleteFirst("T"), "FROM a\nENV A=1 \\\n    # more\n    T=1\nRUN x\n", "FROM a\nENV A=1\n    # more\nRUN x\n"},
		{"last key, comment names it", deleteFirst("T"), "FROM a\nENV A=1 \\\n    # T\n    T=1\nRUN x\n", "FROM a\nENV A=1\nRUN x\n"},
		{"two on a line, second goes", deleteFirst("T"), "FROM a\nENV A=1 T=1 \\\n    B=2\n", "FROM a\nENV A=1 \\\n    B=2\n"},
		{"arg among args", deleteFirst("T"), "FROM a\nARG A T B\n", "FROM a\nARG A B\n"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			f, err := Parse("Dockerfile", []byte(tc.old))
			if err != nil {
				t.Fatal(err)
			}
			if got := string(reparse(t, f, tc.change(f)...).Src); got != tc.want {
				t.Errorf("\n got %q\nwant %q", got, tc.want)
			}
		})
	}
}
