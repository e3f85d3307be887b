package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Programs that could be read as files are told of: whoever keeps all in one folder hardly means that.
func TestExposedPrograms(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"public", "cgi-bin", "lib/handlers", ".hidden"} {
		if err := os.MkdirAll(filepath.Join(dir, name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for route, want := range map[string]string{
		`path = "/cgi-bin/"` + "\n" + `cgi = "cgi-bin"`:                         "", // the scripts are what answers there
		`path = "/scripts/"` + "\n" + `cgi = "cgi-bin"`:                         "/cgi-bin/",
		`path = "/lib/handlers/x/"` + "\n" + `classes = "lib/handlers"`:         "/lib/handlers/",
		`path = "/lib/"` + "\n" + `classes = "lib/handlers"`:                    "",
		`path = "/**.sh"` + "\n" + `cgi = "cgi-bin"`:                            "", // the scripts among the files
		`path = "/run/*.sh"` + "\n" + `cgi = "cgi-bin"`:                         "/cgi-bin/",
		`path = "/x/"` + "\n" + `cgi = ".hidden"`:                               "",
		`path = "/shop/"` + "\n" + `wsgi = "shop:app"`:                          "/",
		`path = "/lib/"` + "\nmethods = ['GET']\n" + `classes = "lib/handlers"`: "/lib/handlers/",
	} {
		for root, want := range map[string]string{".": want, "public": ""} {
			c, err := ParseTOML("x.toml", []byte("[[site]]\nroot = \""+root+"\"\n[[site.route]]\n"+route+"\n"), dir)
			if err != nil {
				t.Fatal(err)
			}
			got := ""
			for _, n := range c.Notices {
				got += n.Error()
			}
			if want == "" && got != "" || !strings.Contains(got, "at "+want+", since") && want != "" || want != "" && !strings.HasPrefix(got, "x.toml:3:8: ") {
				t.Errorf("root %s, %s: %q, want %q", root, route, got, want)
			}
		}
	}
}
