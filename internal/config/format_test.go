package config

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/pelletier/go-toml/v2/unstable"
	"pgregory.net/rapid"
)

// sameMeaning reports whether two tables say the same, wherever it stands.
func (t *table) sameMeaning(other *table) bool {
	if t == nil || other == nil || len(t.entries) != len(other.entries) {
		return t == other
	}
	for i, e := range t.entries {
		if e.key != other.entries[i].key || !e.value.sameMeaning(other.entries[i].value) {
			return false
		}
	}
	return true
}

func (v value) sameMeaning(other value) bool {
	if v.kind != other.kind || v.text != other.text || len(v.items) != len(other.items) {
		return false
	}
	for i := range v.items {
		if !v.items[i].sameMeaning(other.items[i]) {
			return false
		}
	}
	return v.kind != unstable.Table || v.table.sameMeaning(other.table)
}

// checkFormat checks that a text means the same when it is formatted, and that there is nothing to be done twice.
func checkFormat(t interface{ Fatalf(string, ...any) }, text string) string {
	before, syntax := document("", []byte(text))
	formatted, err := Format([]byte(text))
	if syntax != nil {
		var errs Errors
		if !errors.As(err, &errs) || len(errs) != 1 || *errs[0] != *syntax {
			t.Fatalf("%q: error is %v, want %v", text, err, syntax)
		}
		return ""
	}
	if err != nil {
		t.Fatalf("%q: %v", text, err)
	}
	after, syntax := document("", formatted)
	if syntax != nil || !before.sameMeaning(after) {
		t.Fatalf("this means something else when it is formatted (%v):\n%s\n--- formatted:\n%s", syntax, text, formatted)
	}
	if diff := cmp.Diff(comments(text), comments(string(formatted))); diff != "" {
		t.Fatalf("comments are lost:\n%s\n--- formatted:\n%s\n%s", text, formatted, diff)
	}
	again, err := Format(formatted)
	if err != nil || string(again) != string(formatted) {
		t.Fatalf("formatted twice (%v):\n%s\n--- once:\n%s\n--- twice:\n%s", err, text, formatted, again)
	}
	return string(formatted)
}

// comments returns the comments of a text, in their order.
func comments(text string) (all []string) {
	s := scanner{text: text}
	for !s.end() {
		switch {
		case s.at("#"):
			all = append(all, s.comment())
		case s.at(`"`) || s.at(`'`):
			s.quoted()
		default:
			s.offset++
		}
	}
	return all
}

func TestFormatGoldenFiles(t *testing.T) {
	for _, pattern := range []string{"testdata/good/*.toml", "testdata/bad/*.toml", "testdata/*/part/*.toml"} {
		each(t, pattern, func(t *testing.T, path string) { checkFormat(t, string(read(t, path))) })
	}
}

// Each file of testdata/format has the text that is to be had from it beside it.
func TestFormat(t *testing.T) {
	each(t, "testdata/format/*.toml", func(t *testing.T, path string) {
		golden(t, path, checkFormat(t, string(read(t, path))))
	})
}

func TestFormatOneLine(t *testing.T) {
	for text, want := range map[string]string{
		"":                                  "",
		"\n\n# alone\n\n":                   "# alone\n",
		"a=1\r\n\r\n\r\nb=2\r\n":            "a = 1\n\nb = 2\n",
		"  a . \"b c\" .'d'=\t1  # x  ":     "a.\"b c\".'d' = 1      # x\n",
		"a=[1,2 ,]":                         "a = [1, 2]\n",
		"a=[ ]\nb={  }":                     "a = []\nb = {}\n",
		"a={b=1,c={d=[1,{e='}'}]}}":         "a = { b = 1, c = { d = [1, { e = '}' }] } }\n",
		"a=[1,\n2 # two\n,3]":               "a = [\n  1,\n  2, # two\n  3,\n]\n",
		"a=[\n]":                            "a = []\n",
		"a=[ # first\n\n# own\n[1,\n2]]#x":  "a = [ # first\n  # own\n  [\n    1,\n    2,\n  ],\n]  #x\n",
		"a=1979-05-27 07:32:00Z":            "a = 1979-05-27 07:32:00Z\n",
		"a=1979-05-27 # day":                "a = 1979-05-27 # day\n",
		"a=\"\"\"x\r\n  ]#\\\"\"\"\"\"":     "a = \"\"\"x\r\n  ]#\\\"\"\"\"\"\n",
		"a='''\n'''''\nb=\"#\"":             "a = '''\n'''''\nb = \"#\"\n",
		"[ a ]\n\nb=1\n[ a . c ]\nd=1":      "[a]\nb = 1\n\n  [a.c]\n  d = 1\n",
		"[[a]]\n[[a.b]]\nc=1\n[a.b.d]\n[e]": "[[a]]\n\n  [[a.b]]\n  c = 1\n\n    [a.b.d]\n\n[e]\n",
		"a=1\n# of b\n[b]\n# last":          "a = 1\n\n# of b\n[b]\n# last\n",
		"a=1\n# of a\n\n[b]":                "a = 1\n# of a\n\n[b]\n",
		"# one\n\n\n# two\n\n[b]\n\n#c":     "# one\n\n# two\n\n[b]\n#c\n",
	} {
		if got := checkFormat(t, text); got != want {
			t.Errorf("%q: %s", text, cmp.Diff(want, got))
		}
	}
}

func TestFormatRefusesWhatIsNotTOML(t *testing.T) {
	_, err := Format([]byte("a = 1\nb = [\n"))
	if err == nil || !strings.HasPrefix(err.Error(), "2:6: ") {
		t.Errorf("error is %v", err)
	}
}

// draft draws documents, in all the ways that they can be written.
type draft struct {
	*rapid.T
	names int
}

func (d *draft) one(label string, of ...string) string { return rapid.SampledFrom(of).Draw(d.T, label) }

func (d *draft) space() string { return d.one("space", "", "", " ", "\t ", "   ") }

func (d *draft) name() string {
	d.names++
	return fmt.Sprintf(d.one("name", "k%d", "k%d", "'k %d'", `"k#%d"`, "%d"), d.names)
}

// lines returns what may stand between two expressions.
func (d *draft) lines() string {
	var b strings.Builder
	for range rapid.IntRange(0, 3).Draw(d.T, "lines") {
		b.WriteString(d.space() + d.one("line", "", "", "# comment ", "#[x]") + d.one("end", "\n", "\r\n"))
	}
	return b.String()
}

func (d *draft) value(depth int, oneLine string) string {
	kind := rapid.IntRange(0, 5).Draw(d.T, "kind")
	if depth == 0 {
		kind = 0
	}
	var items []string
	switch kind {
	case 4:
		gap := d.space
		if oneLine == "" {
			gap = func() string { return d.one("gap", "", " ", "\n", " # c\n", "\r\n # ],\n\t") }
		}
		for range rapid.IntRange(0, 3).Draw(d.T, "items") {
			items = append(items, gap()+d.value(depth-1, oneLine)+gap())
		}
		end := ""
		if len(items) > 0 {
			end = d.one("comma", "", ",")
		}
		return "[" + strings.Join(items, ",") + end + gap() + "]"
	case 5:
		for range rapid.IntRange(0, 3).Draw(d.T, "entries") {
			items = append(items, d.space()+d.name()+d.space()+"="+d.space()+d.value(depth-1, "one line")+d.space())
		}
		return "{" + d.space() + strings.Join(items, ",") + "}"
	}
	return d.one("scalar", "1", "0x1F", "1_000.5e3", "inf", "true", `"a # \" ] }"`, `'a # \'`, "\"\"\"\r\n a \\\"\"\"\n # \"\"\"\"", "'''\n[x]\n'''", `""`, `''`,
		"1979-05-27", "1979-05-27 07:32:00Z", "1979-05-27T07:32:00.5-07:00", "07:32:00", `"${NAME}"`)
}

func (d *draft) document() string {
	var b strings.Builder
	var tables []string
	body := func() {
		for range rapid.IntRange(0, 3).Draw(d.T, "keys") {
			b.WriteString(d.lines() + d.space() + d.name())
			if rapid.Bool().Draw(d.T, "dotted") {
				b.WriteString(d.space() + "." + d.space() + d.name())
			}
			b.WriteString(d.space() + "=" + d.space() + d.value(3, "") + d.space() + d.one("behind", "", "# c", "#") + d.one("end", "\n", "\r\n"))
		}
	}
	body()
	for range rapid.IntRange(0, 4).Draw(d.T, "tables") {
		name := d.name()
		if len(tables) > 0 && rapid.Bool().Draw(d.T, "below") {
			name = d.one("above", tables...) + d.space() + "." + d.space() + name
		}
		tables = append(tables, name)
		open := d.one("brackets", "[", "[[")
		b.WriteString(d.lines() + d.space() + open + d.space() + name + d.space() + strings.Repeat("]", len(open)) + d.space() + d.one("behind", "", "# c") + "\n")
		body()
	}
	return b.String() + strings.TrimSuffix(d.lines(), "\n")
}

func TestFormatKeepsTheMeaning(t *testing.T) {
	sound := 0
	rapid.Check(t, func(t *rapid.T) {
		text := (&draft{T: t}).document()
		if _, syntax := document("", []byte(text)); syntax == nil {
			sound++
		}
		checkFormat(t, text)
	})
	if sound < 50 {
		t.Errorf("only %d documents were TOML", sound)
	}
}

func FuzzFormat(f *testing.F) {
	for _, text := range testdata(f, "testdata/*/*.toml") {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) { checkFormat(t, text) })
}
