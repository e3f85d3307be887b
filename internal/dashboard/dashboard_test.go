package dashboard

import (
	"io/fs"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"

	"highball"
	"highball/internal/servertest"
)

func TestContract(t *testing.T) {
	servertest.Contract(t, func(testing.TB) highball.Handler { return New() },
		servertest.Case{Name: "the page", Target: "/", Status: 200},
		servertest.Case{Name: "nothing", Target: "/assets/", Status: 404},
		servertest.Case{Name: "another method", Method: "POST", Target: "/", Body: "x", Status: 405},
	)
}

// The page names its assets by addresses that change with what they hold, and all of them are there.
func TestAssets(t *testing.T) {
	s := servertest.New(t, servertest.Loop, &highball.Server{Handler: New()})
	get := func(path, fields string) string {
		return s.Do(t, "GET "+path+" HTTP/1.1\r\nHost: h\r\nConnection: close\r\n"+fields+"\r\n")
	}
	page := get("/", "")
	for _, field := range []string{"Content-Type: text/html; charset=utf-8", "Cache-Control: no-cache", "Content-Security-Policy: default-src 'none'; script-src 'self'", "require-trusted-types-for 'script'\r\n", "X-Content-Type-Options: nosniff"} {
		if !strings.Contains(page, field) {
			t.Errorf("the page lacks %q", field)
		}
	}
	named := regexp.MustCompile(`(?:src|href)="(assets/[^"]+)"`).FindAllStringSubmatch(page, -1)
	if len(named) < 4 {
		t.Fatalf("the page names %q", named)
	}
	types := map[string]string{".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8", ".svg": "image/svg+xml"}
	for _, name := range named {
		answer := get("/"+name[1], "")
		kind := types[name[1][strings.LastIndexByte(name[1], '.'):]]
		if !strings.HasPrefix(answer, "HTTP/1.1 200") || !strings.Contains(answer, "Content-Type: "+kind+"\r\n") || !strings.Contains(answer, "immutable") {
			t.Errorf("%s: %.300s", name[1], answer)
		}
	}
	tag := regexp.MustCompile(`ETag: (.*)\r\n`).FindStringSubmatch(page)[1]
	for fields, want := range map[string]string{
		"If-None-Match: " + tag:                "304",
		"If-None-Match: \"other\", W/" + tag:   "304",
		"If-None-Match: *":                     "304",
		"If-None-Match: \"other\"":             "200",
		"If-Modified-Since: Thu, 1 Jan 1970":   "200",
		"If-None-Match: \"a\"\r\nX-Another: b": "200",
	} {
		if answer := get("/", fields+"\r\n"); !strings.HasPrefix(answer, "HTTP/1.1 "+want) {
			t.Errorf("%s: %.20s, want %s", fields, answer, want)
		}
	}
	if answer := get("/assets/another-version/main.js", ""); !strings.HasPrefix(answer, "HTTP/1.1 404") {
		t.Errorf("another version: %.100s", answer)
	}
}

func TestVersionFollowsContent(t *testing.T) {
	tree := fstest.MapFS{"assets/index.html": {Data: []byte(`<a href="assets/VERSION/a.js">`)}, "assets/a.js": {Data: []byte("1")}}
	before, err := build(tree)
	if err != nil {
		t.Fatal(err)
	}
	tree["assets/a.js"] = &fstest.MapFile{Data: []byte("2")}
	after, err := build(tree)
	if err != nil {
		t.Fatal(err)
	}
	if len(before.answers) != 2 || before.answers["/"].tag == after.answers["/"].tag {
		t.Errorf("%v and %v", before.answers, after.answers)
	}
	for name, tree := range map[string]fs.FS{
		"no page":         fstest.MapFS{"assets/a.js": {}},
		"an unknown type": fstest.MapFS{"assets/index.html": {}, "assets/a.wasm": {}},
	} {
		if _, err := build(tree); err == nil {
			t.Errorf("%s is accepted", name)
		}
	}
}

// Our own scripts never make markup of text, run text, or fetch from elsewhere.
func TestScriptsKeepToTheirRules(t *testing.T) {
	forbidden := regexp.MustCompile(`innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|https?://|@import`)
	err := fs.WalkDir(assets, "assets", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || strings.Contains(name, "uplot/") || strings.HasSuffix(name, ".svg") {
			return err
		}
		text, err := fs.ReadFile(assets, name)
		if found := forbidden.Find(text); found != nil {
			t.Errorf("%s has %q", name, found)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}
