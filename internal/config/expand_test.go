package config

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestExpandText(t *testing.T) {
	d := newDecoder("/", []string{"A=1", "B=${A}", "EMPTY=", "TWICE=1", "TWICE=2", "X=a=b"})
	tests := []struct{ text, want string }{
		{"", ""},
		{"$A $$ }", "$A $$ }"},
		{"${A}${A}", "11"},
		{"<${B}>", "<${A}>"},
		{"${EMPTY}", ""},
		{"${EMPTY:-x}", "x"},
		{"${NONE:-x:-y}", "x:-y"},
		{"${NONE:-}", ""},
		{"${A:-x}", "1"},
		{"${TWICE}", "2"},
		{"${X}", "a=b"},
		{"$${A}", "${A}"},
		{"$$${A}", "$${A}"},
		{"$${${A}$${", "${1${"},
	}
	for _, test := range tests {
		got, err := d.expandText(test.text)
		if got != test.want || err != nil {
			t.Errorf("%q: %q, %v; want %q", test.text, got, err, test.want)
		}
	}
	for text, part := range map[string]string{
		"${NONE}": `the environment variable NONE is not set; set it, or write "${NONE:-default}"`, "a${b": "names no environment variable", "${}": "names no",
		"${1}": "names no", "${A B}": "names no", "${TWIC}": "did you mean ${TWICE}?",
	} {
		_, err := d.expandText(text)
		refused(t, text, err, part)
	}
}

// folderOf makes a folder of files, by their names, and returns its path.
func folderOf(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755); err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(dir, name), text)
	}
	return dir
}

// What a file of a secret says is taken as it is, but for the end of its last line, and is shown to nobody.
func TestSecrets(t *testing.T) {
	for content, want := range map[string]string{"s\n": "s", "s\r\n": "s", "s\n\n": "s\n", "": "", "${A} file:x": "${A} file:x", "s \n": "s "} {
		dir := folderOf(t, map[string]string{"secret": content})
		c, err := ParseTOML("x.toml", []byte("[[site]]\n[[site.route]]\npath = '/'\ncgi = '.'\nenv = { KEY = 'file:secret' }\n"), dir)
		if err != nil {
			t.Fatal(err)
		}
		if got := c.Sites[0].Routes[0].Env; !slices.Equal(got, []string{"KEY=" + want}) {
			t.Errorf("%q: %q", content, got)
		}
		if !slices.Equal(c.Files, []string{filepath.Join(dir, "secret")}) {
			t.Errorf("files %q", c.Files)
		}
	}
	dir := folderOf(t, map[string]string{"null": "hush\x00", "lines": "hush\nhush\n", "large": strings.Repeat("x", secretMost+1)})
	_, err := ParseTOML("x.toml", []byte(`[[site]]
root = "."
headers.set = { A = "file:lines" }
[[site.route]]
path = "/a/"
cgi = "."
env = { A = "file:null", B = "file:large", C = "file:none" }
`), dir)
	want := []string{"x.toml:3:21: the value of A has the character '\\n'", "x.toml:7:9: the value of A has a null", "x.toml:7:30: the file", "x.toml:7:48: the file"}
	if err == nil || strings.Contains(err.Error(), "hush") {
		t.Fatalf("error is %v", err)
	}
	for i, line := range strings.Split(err.Error(), "\n") {
		if i >= len(want) || !strings.HasPrefix(line, want[i]) {
			t.Errorf("error %s, want %v", line, want)
		}
	}
}

// A secret is named in the file: what a variable stands for is taken as it is, such as the address of a database.
func TestVariablesAreNoSecrets(t *testing.T) {
	dir := folderOf(t, map[string]string{
		"highball.toml": "[app.a]\nwsgi = 'a:b'\nenv = { URL = '${URL}', KEY = 'file:${NAME}' }\n[[site]]\n[[site.route]]\npath = '/'\napp = 'a'\n", "secret": "s",
	})
	c, err := LoadWith([]string{"URL=file:db.sqlite", "NAME=secret"}, filepath.Join(dir, "highball.toml"))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"URL=file:db.sqlite", "KEY=s"}, c.Apps[0].Env); diff != "" {
		t.Error(diff)
	}
}

// Paths of an included file start at its own folder, and a file is read once, whatever the folder is called.
func TestInclude(t *testing.T) {
	dir := folderOf(t, map[string]string{
		"[a]*/highball.toml": "include = ['*.toml', 'sites/b.toml', 'sites/*.toml', 'none/*', 'sites*']\n",
		"[a]*/sites/a.toml":  "[[site]]\nhosts = ['a.example']\nroot = '.'\nlisten = 'unix:x.sock'\n",
		"[a]*/sites/b.toml":  "[[site]]\nroot = '..'\n[[site.route]]\npath = '/b/'\nwsgi = 'b:app'\n",
		"[a]*/listen.toml":   "listen = 'unix:x.sock'\n",
	})
	path := filepath.Join(dir, "[a]*/highball.toml")
	if _, err := Load(path); err == nil || !strings.Contains(err.Error(), `listen.toml:1:1: "listen" cannot stand in an included file`) {
		t.Errorf("error is %v", err)
	}
	base := filepath.Dir(path)
	if err := os.Remove(filepath.Join(base, "listen.toml")); err != nil {
		t.Fatal(err)
	}
	write(t, path, "listen = 'unix:x.sock'\n"+string(read(t, path)))
	c, err := Load(path)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, s := range c.Sites {
		got = append(got, s.Root, s.Pos.String())
	}
	got = append(append(got, c.Apps[0].Dir), c.Files...)
	sites := filepath.Join(base, "sites")
	a, b := filepath.Join(sites, "a.toml"), filepath.Join(sites, "b.toml")
	if diff := cmp.Diff([]string{base, b + ":1:3", sites, a + ":1:3", sites, path, b, a}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if l := c.Sites[1].Listen; !slices.Equal(l, []string{c.Listen[0].String()}) {
		t.Errorf("the site answers at %q", l)
	}
}

// Where positions name the main file by a relative path, they do so with included ones.
func TestIncludedPositions(t *testing.T) {
	dir := folderOf(t, map[string]string{"conf/highball.toml": "include = ['../sites/*.toml', '" + "ABS" + "']\n", "sites/a.toml": "lisen = 1\n", "b.toml": "lisen = 1\n"})
	t.Chdir(dir)
	absolute := filepath.Join(dir, "b.toml")
	write(t, "conf/highball.toml", strings.Replace(string(read(t, "conf/highball.toml")), "ABS", absolute, 1))
	_, err := Load("conf/highball.toml")
	if err == nil || !strings.Contains(err.Error(), filepath.Join("sites", "a.toml")+":1:1: ") || !strings.Contains(err.Error(), absolute+":1:1: ") {
		t.Errorf("error is %v", err)
	}
}
