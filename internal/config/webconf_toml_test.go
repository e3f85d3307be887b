package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// checkImport checks that a web.conf and what is made of it are read alike, but for what the old format has of its own.
func checkImport(t *testing.T, text, dir string) string {
	t.Helper()
	old, err := ParseWebConf("web.conf", []byte(text), dir)
	made, failed := FromWebConf("web.conf", []byte(text), dir)
	if err != nil {
		if failed == nil || failed.Error() != err.Error() {
			t.Fatalf("error is %v, want %v", failed, err)
		}
		return ""
	}
	if failed != nil {
		t.Fatal(failed)
	}
	now, err := ParseTOML("highball.toml", made, dir)
	if err != nil {
		t.Fatalf("%v in\n%s", err, made)
	}
	for extension := range old.Media {
		if _, ok := now.Media[extension]; !ok && strings.Contains(string(made), "cannot be said here") {
			delete(old.Media, extension)
		}
	}
	old.DefaultMedia = ""
	if diff := cmp.Diff(old, now, cmpopts.IgnoreTypes(Pos{}), cmpopts.EquateEmpty(), cmpopts.IgnoreFields(Config{}, "Files")); diff != "" {
		t.Errorf("(-web.conf +highball.toml):\n%s\n%s", diff, made)
	}
	if formatted, err := Format(made); err != nil || string(formatted) != string(made) {
		t.Errorf("not as it is formatted (%v):\n%s", err, cmp.Diff(string(formatted), string(made)))
	}
	return string(made)
}

func TestFromWebConf(t *testing.T) {
	text := `# The web server of the house.
host default public
host WWW.Example.org:80 other
host [2001:DB8::1] public and more
host www.example.org public

media html text/html; charset=utf-8
media WebManifest application/manifest+json
media .x text/plain
media c++ text/x-c
media y text
parameter timeout 7
parameter timeout 2.5
parameter color red
media html
hots a b
`
	want := `# From web.conf.
# Files with an extension that nobody knows were text/plain there; here they are application/octet-stream.
# The web server of the house.
# Line 3 has no effect: host WWW.Example.org:80 other
# Line 12 has no effect: parameter timeout 7
# Line 14 has no effect: parameter color red
# Line 15 has no effect: media html
# Line 16 has no effect: hots a b

[timeouts]
idle = "2.5s"

[media]
html = "text/html;"
webmanifest = "application/manifest+json"
# Line 9 cannot be said here: media .x text/plain
"c++" = "text/x-c"
# Line 11 cannot be said here: media y text

[[site]]
root = "public"

[[site]]
hosts = ["www.example.org"]
root = "public"

[[site]]
hosts = ["[2001:db8::1]"]
root = "public"
`
	if diff := cmp.Diff(want, checkImport(t, text, "testdata/fixture")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestFromWebConfOfStrangeFiles(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{`a"b\c`, "${HOME}", "$x", "é", "#"} {
		if err := os.Mkdir(filepath.Join(dir, name), 0o755); err != nil {
			t.Skip(err)
		}
		checkImport(t, "\ufeffhost default "+name+"\r\nhost a.example ./"+name+"\r\n", dir)
	}
	for _, text := range []string{
		"", "host default .", "host default .\nparameter timeout 0.0015", "host default .\nparameter timeout 1e9", "host default .\n\x01 \xff\n# \x02\nmedia \xff text/plain\nmedia a\x7f text/html",
		"host default nowhere", "host a/b .", "host default .\nmedia \"a\\ text/html", "host a.example .\n\u2028x\n",
	} {
		checkImport(t, text, dir)
	}
}

func FuzzFromWebConf(f *testing.F) {
	for _, s := range []string{"# a\nhost default .\nhost www.example.org:80 bad\nmedia html text/html\nparameter timeout 1\nhost default good\n", "host a\u0085b", "host default .\nmedia \xff \xff"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) { checkImport(t, text, "testdata") })
}
