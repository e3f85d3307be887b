package config

import (
	"encoding/json"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// golden compares got with the golden file beside path. The folder of the tests is written as DIR.
func golden(t *testing.T, path, got string) {
	t.Helper()
	dir, err := filepath.Abs(".")
	if err != nil {
		t.Fatal(err)
	}
	got = strings.ReplaceAll(got, dir, "DIR")
	file := strings.TrimSuffix(path, ".toml") + ".golden"
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", file, diff)
	}
}

func each(t *testing.T, pattern string, test func(t *testing.T, path string)) {
	paths, err := filepath.Glob(pattern)
	if err != nil || len(paths) == 0 {
		t.Fatalf("no files %s: %v", pattern, err)
	}
	for _, path := range paths {
		t.Run(filepath.Base(path), func(t *testing.T) { test(t, path) })
	}
}

// environ is the environment of the golden files.
func environ() []string {
	return []string{"PORT=8080", "APP=blog", "DATABASE=file:db.sqlite?a=${PORT}", "EMPTY=", "HOME=/root"}
}

func TestGoodTOML(t *testing.T) {
	each(t, "testdata/good/*.toml", func(t *testing.T, path string) {
		c, err := LoadWith(environ(), path)
		if err != nil {
			t.Fatal(err)
		}
		tree, err := json.MarshalIndent(c, "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		golden(t, path, string(tree)+"\n")
	})
}

func TestBadTOML(t *testing.T) {
	each(t, "testdata/bad/*.toml", func(t *testing.T, path string) {
		c, err := LoadWith(environ(), path)
		if c != nil {
			t.Error("a configuration came with the error")
		}
		var errs Errors
		if !errors.As(err, &errs) {
			t.Fatalf("error is %T, want Errors: %v", err, err)
		}
		checkPositions(t, path, read(t, path), errs)
		golden(t, path, errs.Error()+"\n")
	})
}

// An error of the library is passed on with its place, wherever the text ends.
func TestTruncatedTOML(t *testing.T) {
	whole := read(t, "testdata/good/everything.toml")
	for n := range whole {
		_, err := ParseTOML("x.toml", whole[:n], "testdata/good")
		var errs Errors
		if errors.As(err, &errs) {
			checkPositions(t, "x.toml", whole[:n], errs)
		} else if err != nil {
			t.Fatalf("%d bytes: error is %T, want Errors", n, err)
		}
	}
}

func TestPositionsPointAtKeysAndValues(t *testing.T) {
	text := strings.Join([]string{
		`listen = [ "x" ]`,
		`a.b.c = 1`,
		`"log" . 'access' =` + "\t" + `"loud"`,
		`[ limits ]`,
		`  line =  [ 1 ]`,
		`[[ site ]] # the site`,
		`hosts = [ # first`,
		`  "a:1", [ "b" ],`,
		`]`,
		`root = """`,
		`x"""`,
	}, "\r\n")
	_, err := ParseTOML("p", []byte(text), "testdata")
	var errs Errors
	if !errors.As(err, &errs) {
		t.Fatal(err)
	}
	var got []string
	for _, e := range errs {
		got = append(got, e.Pos.String())
	}
	want := []string{
		"p:1:12", // the address, not the array
		"p:2:1",  // an unknown key is named at its first part
		"p:3:20", // the format
		"p:5:11", // an array, at its bracket
		"p:7:9",  // an array in an array: the outer one
		"p:8:3",  // a host
		"p:10:8", // the root
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s\n%v", diff, err)
	}
}

func TestRelativePathsStartAtTheFile(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"sub", "sub/www"} {
		if err := os.Mkdir(filepath.Join(dir, name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	write(t, filepath.Join(dir, "sub/highball.toml"), "listen = 'unix:x.sock'\nlog.access_file = 'a.log'\n[[site]]\nroot = 'www/../www/'\n")
	t.Chdir(dir)
	c, err := Load("sub/highball.toml")
	if err != nil {
		t.Fatal(err)
	}
	got := []string{c.Listen[0].Address, c.Log.AccessFile, c.Sites[0].Root}
	for i, name := range []string{"x.sock", "a.log", "www"} {
		want := filepath.Join(dir, "sub", name)
		if got[i] != want {
			t.Errorf("path is %q, want %q", got[i], want)
		}
	}
	if at := c.Sites[0].Pos.String(); at != "sub/highball.toml:3:3" {
		t.Errorf("the site is at %s", at)
	}
}

func TestLoad(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "web.conf"), "host default .\n")
	write(t, filepath.Join(dir, "H.TOML"), "[[site]]\nroot = '.'\n")
	write(t, filepath.Join(dir, "web.yaml"), "host: .\n")
	for _, name := range []string{"web.conf", "H.TOML"} {
		c, err := Load(filepath.Join(dir, name))
		if err != nil {
			t.Errorf("%s: %v", name, err)
		} else if c.Sites[0].Root != dir {
			t.Errorf("%s: root is %s, want %s", name, c.Sites[0].Root, dir)
		}
	}
	for _, name := range []string{"none.conf", "none.toml"} {
		if _, err := Load(filepath.Join(dir, name)); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s: error is %v, want one of a file that does not exist", name, err)
		}
	}
	_, err := Load("web.yaml")
	want := "web.yaml: the name does not tell what kind of configuration this is; use a name that ends in .toml (highball.toml) or in .conf (the old web.conf)"
	if err == nil || err.Error() != want {
		t.Errorf("error is %v, want %s", err, want)
	}
}

func TestErrorsUnwrap(t *testing.T) {
	_, err := ParseTOML("x.toml", nil, ".")
	var first *Error
	if !errors.As(err, &first) || first.Pos != (Pos{"x.toml", 1, 1}) {
		t.Errorf("errors.As finds %v in %v", first, err)
	}
}

// An unusable working folder is an error, where relative paths need it.
func TestNoWorkingFolder(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "gone")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Chdir(dir)
	if err := os.Remove(dir); err != nil {
		t.Skip("the system keeps the working folder")
	}
	t.Setenv("PWD", "")
	if _, err := ParseTOML("x.toml", nil, ""); err == nil {
		t.Error("no error of ParseTOML")
	}
	if _, err := ParseWebConf("web.conf", nil, ""); err == nil {
		t.Error("no error of ParseWebConf")
	}
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// checkPositions checks that errors are sorted, say something, and stand inside the text, or in that of a file it includes.
func checkPositions(t *testing.T, name string, text []byte, errs Errors) {
	t.Helper()
	last := Pos{Line: 1, Column: 1}
	if len(errs) == 0 {
		t.Error("no error in an Errors")
	}
	for _, e := range errs {
		p := e.Pos
		if p.File != last.File {
			last = Pos{p.File, 1, 1}
		}
		content := text
		if p.File != name {
			content = read(t, p.File)
		}
		lines := strings.Split(string(content), "\n")
		if p.Line < 1 || p.Line > len(lines) || p.Column < 1 || p.Column > len(lines[p.Line-1])+1 {
			t.Errorf("position %v is not inside the text: %v", p, e)
		}
		if p.Line < last.Line || p.Line == last.Line && p.Column < last.Column {
			t.Errorf("position %v after %v", p, last)
		}
		if e.Problem == "" || strings.Contains(e.Error(), "\n") {
			t.Errorf("error is not one line: %q", e.Error())
		}
		last = p
	}
}
