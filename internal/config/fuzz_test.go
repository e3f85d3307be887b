package config

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// checkParse checks what holds for every text: either a configuration that can be served, or errors
// that stand inside the text.
func checkParse(t *testing.T, name string, text []byte, c *Config, err error) {
	var errs Errors
	switch {
	case err == nil && (len(c.Listen) == 0 || len(c.Sites) == 0):
		t.Errorf("accepted without a listener or a site: %q", text)
	case err == nil:
		for _, s := range c.Sites {
			if !filepath.IsAbs(s.Root) && (s.Root != "" || len(s.Routes) == 0) || s.Pos.Line == 0 {
				t.Errorf("site with nothing to serve, or without a position: %+v", s)
			}
		}
	case !errors.As(err, &errs):
		t.Errorf("error is %T, want Errors", err)
	default:
		// Those of included files stand in texts that are not at hand.
		own := slices.DeleteFunc(slices.Clone(errs), func(e *Error) bool { return e.Pos.File != name })
		if len(own) > 0 || len(errs) == 0 {
			checkPositions(t, name, text, own)
		}
	}
}

// testdata returns the texts of the files that a pattern is for.
func testdata(t testing.TB, pattern string) (texts []string) {
	t.Helper()
	paths, err := filepath.Glob(pattern)
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		texts = append(texts, string(text))
	}
	return texts
}

func FuzzParseTOML(f *testing.F) {
	for _, pattern := range []string{"testdata/good/*.toml", "testdata/bad/*.toml"} {
		for _, text := range testdata(f, pattern) {
			f.Add([]byte(text))
		}
	}
	for _, s := range []string{"a = [{b.c = 1}]\n[[x]]\n[x.y]\n[[x.z]]\n", "\ufeffa = 1", "[a]\nb.c=1\n[a.d]\n", "site.a = 1", "site = {}\n", "listen=\"\"\"\n\n\"\"\"", "a=inf\nb=+nan\nc=1e5"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		c, err := ParseTOML("x.toml", text, "testdata/good")
		checkParse(t, "x.toml", text, c, err)
	})
}

func FuzzParseWebConf(f *testing.F) {
	for _, s := range []string{
		"host default .\nhost www.example.org:80 bad\nmedia html text/html\nparameter timeout 1\n",
		"\ufeffhost default .", "host a\u0085b", "host \xff \xff", "parameter timeout 1e300", "host [ .\nhost : .\nhost ]: .\n",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		c, err := ParseWebConf("web.conf", text, "testdata")
		checkParse(t, "web.conf", text, c, err)
	})
}
