package config

import (
	"errors"
	"path/filepath"
	"regexp"
	"slices"
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
	free := map[string]bool{
		"app": true, "media": true, "otlp.headers": true, "app.*.env": true, "site.error_pages": true, "site.headers.set": true, "site.headers.add": true,
		"site.route.env": true, "site.route.interpreters": true, "site.route.headers.set": true, "site.route.headers.add": true,
	}
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
	c, err := parseTOML("x.toml", []byte(text), dir, environ())
	if c != nil {
		return nil
	}
	var errs Errors
	if !errors.As(err, &errs) {
		t.Fatalf("error is %T: %v", err, err)
	}
	for _, e := range errs {
		if e.Pos.File == "x.toml" && e.Pos.Line == line && (found == nil || strings.Contains(e.Problem, strconv.Quote(word))) {
			found = e
		}
	}
	return found
}

// Each key of the good files is misspelt in every way that a finger slips, and refused at its place.
func TestMisspeltKeys(t *testing.T) {
	seen, tried := make(map[string]bool), 0
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
				tried++
				changed := text[:at] + wrong + text[at+len(key.key):]
				switch found := faultAt(t, changed, filepath.Dir(path), key.pos.Line, wrong); {
				case found == nil && key.path == "site":
					// What follows makes the other tables of sites a fault of syntax, which is found first.
					if _, err := parseTOML("x.toml", []byte(changed), filepath.Dir(path), environ()); err == nil {
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
	t.Logf("%d misspellings of %d keys", tried, len(seen))
	if len(seen) < 150 || tried < 4000 {
		t.Errorf("only %d misspellings of %d keys are tried: %v", tried, len(seen), seen)
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
	if parent := key.path[:max(0, strings.LastIndexByte(key.path, '.'))]; parent != "" {
		text = headerOf(strings.ReplaceAll(parent, "*", "x")) + text
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

// headerOf returns the header of a table by its path, with those of the tables that it lies in.
func headerOf(path string) (all string) {
	for i := range path + "." {
		if i < len(path) && path[i] != '.' {
			continue
		}
		switch above := path[:i]; above {
		case "listen", "site", "site.rewrite", "site.route":
			all += "[[" + above + "]]\n"
		default:
			all += "[" + above + "]\n"
		}
	}
	return all
}

// everyTable returns the paths of all tables that have keys of their own, each with a dot at its end; "" is the whole.
func everyTable() []string {
	all := []string{"", "listen.", "timeouts.", "limits.", "log.", "log.rotate.", "admin.", "metrics.", "recorder.", "otlp.", "app.*.", "site.", "site.rewrite.", "site.route."}
	for _, of := range []string{"site.", "site.route."} {
		for _, policy := range []string{"headers.", "cors.", "auth.", "rate.", "compress.", "maintenance."} {
			all = append(all, of+policy)
		}
	}
	return all
}

// everyKey returns the paths of all keys that there are.
func everyKey(t *testing.T) (all []string) {
	t.Helper()
	for _, parent := range everyTable() {
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

// endOfValue returns where the value at an offset ends.
func endOfValue(text string, at int) int {
	s := scanner{text: text, offset: at}
	for depth := 0; ; {
		switch s.space(); {
		case s.skip("[") || s.skip("{"):
			depth++
		case s.skip("]") || s.skip("}"):
			depth--
		case s.at("#"):
			s.comment()
		case s.newline() || s.skip(",") || s.skip("="):
		default:
			s.scalar()
		}
		if depth == 0 {
			return s.offset
		}
	}
}

// Each value of the good files is given another type, and refused in its line.
func TestMistypedValues(t *testing.T) {
	tried := 0
	each(t, "testdata/good/*.toml", func(t *testing.T, path string) {
		text := string(read(t, path))
		root, _ := document("x.toml", []byte(text))
		for _, key := range keysOf(root, "") {
			at := begin(text, key.value.pos) + key.value.pos.Column - 1
			inPlace := strings.IndexByte(text[at:], '[') == 0 || strings.IndexByte(text[at:], '{') == 0
			if written := key.value.kind == unstable.Array || key.value.kind == unstable.Table; written && !inPlace {
				continue // it has a header
			}
			end := endOfValue(text, at)
			for kind, other := range map[unstable.Kind]string{unstable.Bool: "true", unstable.Integer: "7", unstable.String: `"q q"`, unstable.Table: "{ q = 1 }"} {
				if kind == key.value.kind || takes(key, kind) {
					continue
				}
				tried++
				if faultAt(t, text[:at]+other+text[end:], filepath.Dir(path), key.pos.Line, other) == nil {
					t.Errorf("%s = %s, %v, is not refused in its line", key.path, other, key.value.pos)
				}
			}
		}
	})
	t.Logf("%d mistyped values", tried)
	if tried < 500 {
		t.Errorf("only %d values are tried", tried)
	}
}

// takes reports whether values of a kind are right for a key, beside the one that a good file has.
func takes(key named, kind unstable.Kind) bool {
	var keys string
	switch kind {
	case unstable.Bool: // switches that may be tables
		keys = " cors compress maintenance "
	case unstable.Integer: // sizes, and seconds to cache
		keys = " line head fields body cache upload_limit max_memory max_body min_size size "
		if strings.HasPrefix(key.path, "timeouts.") {
			return false
		}
	case unstable.String: // any text at all
		keys = " respond index "
	}
	return strings.Contains(keys, " "+key.key+" ")
}

// A key in a table that does not know it is refused at its place, too.
func TestMisplacedKeys(t *testing.T) {
	tried, keys := 0, make(map[string]bool)
	for _, path := range everyKey(t) {
		keys[path[strings.LastIndexByte(path, '.')+1:]] = true
	}
	header := regexp.MustCompile(`(?m)^ *\[+([a-z_.-]+)\]+ *(#.*)?$`)
	each(t, "testdata/good/*.toml", func(t *testing.T, path string) {
		text := string(read(t, path))
		done := make(map[string]bool)
		for _, at := range append([][]int{{0, 0, 0, 0}}, header.FindAllStringSubmatchIndex(text, -1)...) {
			table := regexp.MustCompile(`^app\.[^.]+`).ReplaceAllString(text[at[2]:at[3]], "app.*")
			if !slices.Contains(everyTable(), strings.TrimPrefix(table+".", ".")) || done[table] {
				continue
			}
			done[table] = true
			known := knownBeside(named{path: table + ".x"})
			line := strings.Count(text[:at[1]], "\n") + min(at[1], 1) + 1
			for key := range keys {
				wrong := key + " = 1"
				if at[1] > 0 {
					wrong = "\n" + wrong
				} else {
					wrong += "\n"
				}
				if slices.Contains(known, key) {
					continue
				}
				tried++
				if faultAt(t, text[:at[1]]+wrong+text[at[1]:], filepath.Dir(path), line, key) == nil {
					t.Errorf("%q below [%s] is not refused there, in line %d", key, table, line)
				}
			}
		}
	})
	t.Logf("%d misplaced keys", tried)
	if tried < 1000 {
		t.Errorf("only %d misplaced keys are tried", tried)
	}
}
