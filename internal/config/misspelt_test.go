package config

import (
	"errors"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/pelletier/go-toml/v2/unstable"
)

// named is a key of a good file, by its path: "site.route.path".
type named struct {
	path string
	*entry
}

// keysOf returns all keys of a table that have a fixed name, those of applications among them, and the values of the others.
func keysOf(t *table, path string) (all []named) {
	free := map[string]bool{"app": true, "media": true, "site.error_pages": true, "app.*.env": true, "site.route.env": true, "site.route.interpreters": true}
	for _, e := range t.entries {
		name := path + e.key
		if free[strings.TrimSuffix(path, ".")] {
			name = path + "*"
		} else {
			all = append(all, named{name, e})
		}
		inside := []value{e.value}
		if e.value.kind == unstable.Array {
			inside = e.value.items
		}
		for _, v := range inside {
			if v.table != nil {
				all = append(all, keysOf(v.table, name+".")...)
			}
		}
	}
	return all
}

// misspellings returns a word with a letter too many, one too few, and two in the wrong order.
func misspellings(word string) (all []string) {
	for i := range word {
		all = append(all, word[:i]+"q"+word[i:])
		if len(word) > 1 {
			all = append(all, word[:i]+word[i+1:])
		}
		if i > 0 && word[i] != word[i-1] {
			all = append(all, word[:i-1]+word[i:i+1]+word[i-1:i]+word[i+1:])
		}
	}
	return all
}

// begin returns the offset of the line of a position.
func begin(text string, at Pos) int {
	n := 0
	for range at.Line - 1 {
		n += strings.IndexByte(text[n:], '\n') + 1
	}
	return n
}

// faultAt returns the error in a line, of all that ParseTOML finds in a text: one about a word, or else the first.
func faultAt(t *testing.T, text, dir string, line int, word string) (found *Error) {
	t.Helper()
	c, err := ParseTOML("x.toml", []byte(text), dir)
	if c != nil {
		return nil
	}
	var errs Errors
	if !errors.As(err, &errs) {
		t.Fatalf("error is %T: %v", err, err)
	}
	for _, e := range errs {
		if e.Pos.Line == line && (found == nil || strings.Contains(e.Problem, strconv.Quote(word))) {
			found = e
		}
	}
	return found
}

// Each key of the good files is misspelt in every way that a finger slips, and refused at its place.
func TestMisspeltKeys(t *testing.T) {
	seen := make(map[string]bool)
	each(t, "testdata/good/*.toml", func(t *testing.T, path string) {
		text := string(read(t, path))
		root, _ := document("x.toml", []byte(text))
		for _, key := range keysOf(root, "") {
			seen[key.path] = true
			siblings := strings.Join(knownBeside(key), " ")
			at := begin(text, key.pos) + key.pos.Column - 1
			if !strings.HasPrefix(text[at:], key.key) {
				t.Fatalf("%s: %q is not at %v", path, key.path, key.pos)
			}
			for _, wrong := range misspellings(key.key) {
				if strings.Contains(" "+siblings+" ", " "+wrong+" ") {
					continue
				}
				changed := text[:at] + wrong + text[at+len(key.key):]
				switch found := faultAt(t, changed, filepath.Dir(path), key.pos.Line, wrong); {
				case found == nil && key.path == "site":
					// What follows makes the other tables of sites a fault of syntax, which is found first.
					if _, err := ParseTOML("x.toml", []byte(changed), filepath.Dir(path)); err == nil {
						t.Errorf("%q in place of %s is not refused", wrong, key.path)
					}
				case found == nil:
					t.Errorf("%q in place of %s, %v, is not refused there", wrong, key.path, key.pos)
				case found.Pos.Column != key.pos.Column:
					t.Errorf("%q in place of %s: %v, want column %d", wrong, key.path, found, key.pos.Column)
				}
			}
		}
	})
	if len(seen) < 70 {
		t.Errorf("only %d keys are tried: %v", len(seen), seen)
	}
	for _, key := range everyKey(t) {
		if !seen[key] {
			t.Errorf("no good file has the key %s", key)
		}
	}
}

// knownBeside returns the keys that are known where a key stands, as the error about an unknown one lists them.
func knownBeside(key named) []string {
	text := "zzzzzzzz = 1\n"
	parent := key.path[:max(0, strings.LastIndexByte(key.path, '.'))]
	switch parent = strings.ReplaceAll(parent, "*", "x"); parent {
	case "":
	case "site":
		text = "[[site]]\n" + text
	case "site.route":
		text = "[[site]]\n[[site.route]]\n" + text
	default:
		text = "[" + parent + "]\n" + text
	}
	_, err := ParseTOML("x.toml", []byte(text), "testdata")
	var errs Errors
	errors.As(err, &errs)
	for _, e := range errs {
		if list, ok := strings.CutPrefix(e.Remedy, "known here: "); ok {
			return strings.Split(list, ", ")
		}
	}
	return nil
}

// everyKey returns the paths of all keys that there are.
func everyKey(t *testing.T) (all []string) {
	t.Helper()
	for _, parent := range []string{"", "timeouts.", "limits.", "log.", "app.*.", "site.", "site.route."} {
		keys := knownBeside(named{path: parent + "x"})
		if len(keys) == 0 {
			t.Fatalf("no keys are known in %q", parent)
		}
		for _, key := range keys {
			all = append(all, parent+key)
		}
	}
	return all
}

// Each value of the good files is given another type, and refused in its line.
func TestMistypedValues(t *testing.T) {
	each(t, "testdata/good/*.toml", func(t *testing.T, path string) {
		text := string(read(t, path))
		root, _ := document("x.toml", []byte(text))
		for _, key := range keysOf(root, "") {
			written := map[unstable.Kind]string{unstable.Bool: "true", unstable.Integer: "7", unstable.String: `"q q"`}
			at := begin(text, key.value.pos) + key.value.pos.Column - 1
			var end int
			switch key.value.kind {
			case unstable.Bool, unstable.Integer:
				end = at + len(key.value.text)
			case unstable.String:
				if end = at + strings.IndexByte(text[at+1:], text[at]) + 2; strings.HasPrefix(text[at:], `"""`) {
					continue
				}
			default:
				continue
			}
			for kind, other := range written {
				if kind == key.value.kind || kind == unstable.Integer && takesNumbers(key) || kind == unstable.String && takesText(key) {
					continue
				}
				if faultAt(t, text[:at]+other+text[end:], filepath.Dir(path), key.pos.Line, other) == nil {
					t.Errorf("%s = %s, %v, is not refused in its line", key.path, other, key.value.pos)
				}
			}
		}
	})
}

// takesNumbers reports whether the value of a key, though it is text, may be a number: a size, or seconds to cache.
func takesNumbers(key named) bool {
	return strings.HasPrefix(key.path, "limits.") || key.key == "cache" || key.key == "upload_limit" || key.key == "max_memory" || key.key == "max_body"
}

// takesText reports whether any text at all is a value of a key.
func takesText(key named) bool { return key.key == "respond" }

// A key in the wrong table is refused at its place, too.
func TestMisplacedKeys(t *testing.T) {
	text := string(read(t, "testdata/good/routes.toml"))
	for _, table := range []string{"[app.shop]", "[[site]]", "  [[site.route]]"} {
		for _, key := range []string{"haed", "listen = 1", "hosts2", "timeouts.head = 1", "site"} {
			if !strings.Contains(key, "=") {
				key += " = 1"
			}
			i := strings.Index(text, table+"\n") + len(table) + 1
			line := strings.Count(text[:i], "\n") + 1
			if faultAt(t, text[:i]+key+"\n"+text[i:], "testdata/good", line, key) == nil {
				t.Errorf("%q below %s is not refused there", key, table)
			}
		}
	}
}
