package config

import (
	"maps"
	"path/filepath"
	"reflect"
	"testing"

	"github.com/pelletier/go-toml/v2"
	"github.com/pelletier/go-toml/v2/unstable"
)

// meaning returns what a value stands for as the library decodes it. Of numbers and dates it is what is written.
func (v value) meaning() any {
	switch {
	case v.table != nil:
		return v.table.meaning()
	case v.kind == unstable.Array:
		all := []any{}
		for _, item := range v.items {
			all = append(all, item.meaning())
		}
		return all
	case v.kind == unstable.Bool:
		return v.text == "true"
	}
	return v.text
}

func (t *table) meaning() any {
	all := make(map[string]any)
	for _, e := range t.entries {
		all[e.key] = e.value.meaning()
	}
	return all
}

// sameButNumbers reports whether two meanings are one, but for numbers and dates, which are not compared.
func sameButNumbers(ours, library any) bool {
	switch b := library.(type) {
	case map[string]any:
		a, ok := ours.(map[string]any)
		if !ok || len(a) != len(b) {
			return false
		}
		for key := range maps.Keys(b) {
			if mine, ok := a[key]; !ok || !sameButNumbers(mine, b[key]) {
				return false
			}
		}
		return true
	case []any:
		a, ok := ours.([]any)
		if !ok || len(a) != len(b) {
			return false
		}
		for i := range b {
			if !sameButNumbers(a[i], b[i]) {
				return false
			}
		}
		return true
	case string, bool:
		return reflect.DeepEqual(ours, b)
	}
	return true
}

// checkDocument checks that a text is taken for TOML by us as it is by the library, and for the same.
func checkDocument(t *testing.T, text []byte) {
	var library map[string]any
	err := toml.Unmarshal(text, &library)
	r := newReader("x.toml", text)
	if r.read(); !r.doubtful && err != nil {
		t.Errorf("there is no doubt about %q, but %v", text, err)
	}
	if err == nil && !sameButNumbers(r.root.meaning(), library) {
		t.Errorf("%q is read as %v, want %v", text, r.root.meaning(), library)
	}
}

// documents are texts that a reader has to look at twice, and their like that it has not.
func documents() []string {
	return []string{
		"", "a", "a = ", "a = 1 b", "a = 1\na = 2", "a = 1\n\"a\" = 2", "a = true\n[a]", "a = []\n[[a]]", "a = [1]\n[[a]]", "a = [{b = 1}]\n[[a]]",
		"a = {b = 1}\n[a]", "a = {b = 1}\n[a.c]", "a = {b = 1, b = 2}", "a = {b.c = 1, b = 2}", "a = [{b = {c = 1}}]\n[a.b.d]",
		"[a]\n[a]", "[a.b]\n[a]", "[a.b]\n[a]\nb = 1", "[a]\nb.c = 1\n[a.b]", "[a]\n[[a]]", "[[a]]\n[a]", "[[a]]\n[a.b]\n[[a]]\n[a.b]", "[[a]]\n[a.b]\n[a.b]",
		"[[a]]\n[[a.b]]\n[a.b.c]\n[[a.b]]\n[a.b.c]\n[[a]]\nb = 1\n[[a.b]]", "[a.b]\n[[a]]", "a.b = 1\na.c = 2\n[a.d]", "a.b = 1\n[a]", "a.b = 1\na.b.c = 2",
		"[a]\nb.c = 1\n[a.b.d]\ne = 1", "[a.b]\nc = 1\n[d]\na.b.c = 1", "a = {b.c = 1, b.d = 2}", "a = {b.c = 1}\n[a.b.d]", "a.b = {c = 1}\na.b.d = 1", "[[a]]\nb.c = 1\n[[a.b]]", "a.b = []\na.b.c = 1",
		"a.b.c = 1\na.b.d = 1\n[a.e]\n[a.b]",
		"a = 9223372036854775807", "a = 9223372036854775808", "a = 0x7fff_ffff_ffff_ffff_f", "a = +1\nb = -0\nc = 1_000\nd = 0o17", "a = 1e400\nb = nan",
		"a = 1979-05-27", "a = 1979-15-27", "a = 07:32:00", "a = 25:00:00", "a = 1979-05-27 07:32:00Z",
		"a = \"x\\u0024{B}\"\nb = '''\nc'''\n'd e' = \"\"\"f\"\"\"\n\"g\\n\" = 'g'", "a = \"\\ud800\"", "a = \"\x00\"", "a = \"\xff\"", "\ufeffa = 1", "a = [[1, 2], [\"b\"], {c = [3]}]",
		"a = 1\r\nb = 2\r\n[c]\r\n", "a = 1\rb = 2",
	}
}

func TestDocument(t *testing.T) {
	for _, text := range documents() {
		checkDocument(t, []byte(text))
	}
}

// What is plainly right is read once. That is all but numbers that are no small whole ones, and [a] after [a.b].
func TestDocumentIsReadOnce(t *testing.T) {
	for _, path := range []string{"dotted", "minimal", "patterns", "policies", "routes", "server"} {
		path = filepath.Join("testdata/good", path+".toml")
		r := newReader(path, read(t, path))
		if r.read(); r.doubtful {
			t.Errorf("%s is read twice", path)
		}
	}
}

func FuzzDocument(f *testing.F) {
	for _, text := range documents() {
		f.Add([]byte(text))
	}
	for _, text := range testdata(f, "testdata/*/*.toml") {
		f.Add([]byte(text))
	}
	f.Fuzz(checkDocument)
}
