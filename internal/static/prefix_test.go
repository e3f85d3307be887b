package static

import "testing"

// Below a prefix a folder is what it is without one; the paths that clients see have the prefix.
func TestPrefix(t *testing.T) {
	root := folderWith(t, map[string]string{
		"index.html": "home", "app.js": "script", "img/a.txt": "a", ".secret": "secret", "static/x": "inner", "void/": "",
	})
	c := serveConfig(t, Config{Root: root, Prefix: "/static", Upload: true})
	for _, test := range []struct {
		target   string
		status   int
		body     string
		location string
	}{
		{target: "/static/", status: 200, body: "home"},
		{target: "/static", status: 301, location: "/static/"},
		{target: "/static?v=1", status: 301, location: "/static/?v=1"},
		{target: "/static/app.js", status: 200, body: "script"},
		{target: "/static/static/x", status: 200, body: "inner"},
		{target: "/static/static", status: 301, location: "/static/static/"},
		{target: "/static/img", status: 301, location: "/static/img/"},
		{target: "/static/img/a.txt", status: 200, body: "a"},
		{target: "/static/void/", status: 403},
		{target: "/static/none", status: 404},
		{target: "/static/.secret", status: 404},
	} {
		for _, pass := range []string{"first", "again"} { // the second may come from memory
			a := c.get(t, test.target)
			if a.status != test.status || test.body != "" && a.body != test.body || a.header.Get("Location") != test.location {
				t.Errorf("%s %s: got %d %q, Location %q", test.target, pass, a.status, a.body, a.header.Get("Location"))
			}
		}
	}
	tag := c.get(t, "/static/app.js").header.Get("ETag")
	if a := c.get(t, "/static/app.js", "If-None-Match: "+tag); a.status != 304 {
		t.Errorf("with If-None-Match: %d", a.status)
	}

	if a := c.do(t, "PUT", "/static/img/new.txt", "new"); a.status != 201 || a.header.Get("Location") != "/static/img/new.txt" {
		t.Errorf("PUT: %d, Location %q", a.status, a.header.Get("Location"))
	}
	if got := content(root, "img/new.txt"); got != "new" {
		t.Errorf("stored %q", got)
	}
	if a := c.get(t, "/static/img/new.txt"); a.body != "new" {
		t.Errorf("after PUT: %d %q", a.status, a.body)
	}
	for _, target := range []string{"/static", "/static/"} {
		if a := c.do(t, "PUT", target, "new"); a.status != 409 {
			t.Errorf("PUT %s: %d", target, a.status)
		}
	}
}

func TestPrefixOfSinglePage(t *testing.T) {
	root := folderWith(t, map[string]string{"index.html": "home"})
	c := serveConfig(t, Config{Root: root, Prefix: "/app", SPA: true})
	if a := c.get(t, "/app/some/page"); a.status != 200 || a.body != "home" {
		t.Errorf("%d %q", a.status, a.body)
	}
}

func TestPrefixRefused(t *testing.T) {
	for _, prefix := range []string{"/", "static", "/static/"} {
		if s, err := New(Config{Root: t.TempDir(), Prefix: prefix}); err == nil {
			t.Errorf("%q is taken", prefix)
			_ = s.Close()
		}
	}
}
