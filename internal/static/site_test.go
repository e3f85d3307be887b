package static

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestPaths(t *testing.T) {
	root := folderWith(t, map[string]string{
		"index.html":            "home",
		"page.html":             "page",
		"docs/index.htm":        "docs",
		"docs/index.html/":      "",
		"empty/":                "",
		"with space & é/a#b?c%": "odd",
		"bytes\xff\xfe.txt":     "bytes",
		".secret":               "secret",
		".git/config":           "config",
		"docs/.hidden/x":        "x",
		".well-known/x.txt":     "known",
		".well-known/.y":        "y",
		".well-knownx/z":        "z",
		"\\evil.com/index.html": "backslash",
	})
	c := serveConfig(t, Config{Root: root})
	long := "/" + strings.Repeat("x", 300)
	tests := []struct {
		target   string
		status   int
		body     string
		location string
	}{
		{target: "/", status: 200, body: "home"},
		{target: "/index.html", status: 200, body: "home"},
		{target: "/page.html", status: 200, body: "page"},
		{target: "/page.html?v=1", status: 200, body: "page"},
		{target: "/%70age.html", status: 200, body: "page"},
		{target: "/docs//index.htm", status: 200, body: "docs"},
		{target: "/docs/../page.html", status: 200, body: "page"},
		{target: "/docs/", status: 200, body: "docs"},
		{target: "/docs", status: 301, location: "/docs/"},
		{target: "/docs?a=b&c=%3Cd%3E", status: 301, location: "/docs/?a=b&c=%3Cd%3E"},
		{target: "/docs/index.html", status: 301, location: "/docs/index.html/"},
		{target: "/with%20space%20&%20%C3%A9", status: 301, location: "/with%20space%20%26%20%C3%A9/"},
		{target: "/%5Cevil.com", status: 301, location: "/%5Cevil.com/"},
		{target: "/with%20space%20&%20%C3%A9/a%23b%3Fc%25", status: 200, body: "odd"},
		{target: "/bytes%ff%fe.txt", status: 200, body: "bytes"},
		{target: "/empty/", status: 403},
		{target: "/page.html/", status: 404},
		{target: "/page.html/x", status: 404},
		{target: "/none", status: 404},
		{target: "/none/", status: 404},
		{target: long, status: 404},
		{target: long + "/", status: 404},
		{target: "/.secret", status: 404},
		{target: "/.git/config", status: 404},
		{target: "/.git", status: 404},
		{target: "/docs/.hidden/x", status: 404},
		{target: "/.well-known/x.txt", status: 200, body: "known"},
		{target: "/.well-known", status: 301, location: "/.well-known/"},
		{target: "/.well-known/.y", status: 404},
		{target: "/.well-knownx/z", status: 404},
		{target: "/..", status: 400},
		{target: "/%2e%2e/etc/passwd", status: 400},
		{target: "/%00", status: 400},
	}
	for _, test := range tests {
		for _, pass := range []string{"first", "again"} { // the second may come from memory
			a := c.get(t, test.target)
			if a.status != test.status || test.body != "" && a.body != test.body || a.header.Get("Location") != test.location {
				t.Errorf("%s %s: got %d %q, Location %q", test.target, pass, a.status, a.body, a.header.Get("Location"))
			}
			if a.status >= 400 && strings.Contains(a.body, root) {
				t.Errorf("%s: the page tells of %s", test.target, root)
			}
		}
	}

	hidden := serveConfig(t, Config{Root: root, Hidden: true})
	for target, body := range map[string]string{"/.secret": "secret", "/.git/config": "config", "/docs/.hidden/x": "x"} {
		if a := hidden.get(t, target); a.status != 200 || a.body != body {
			t.Errorf("Hidden, %s: got %d %q", target, a.status, a.body)
		}
	}
}

func TestMethods(t *testing.T) {
	root := folderWith(t, map[string]string{"a.txt": "content"})
	c := serveConfig(t, Config{Root: root})
	const allow = "GET, HEAD, OPTIONS"
	tests := []struct {
		method, target string
		status         int
		allow, body    string
	}{
		{"GET", "/a.txt", 200, "", "content"},
		{"HEAD", "/a.txt", 200, "", ""},
		{"HEAD", "/none", 404, "", ""},
		{"OPTIONS", "/a.txt", 204, allow, ""},
		{"OPTIONS", "/none", 204, allow, ""},
		{"OPTIONS", "*", 204, allow, ""},
		{"POST", "/a.txt", 405, allow, "-"},
		{"PUT", "/a.txt", 405, allow, "-"},
		{"DELETE", "/a.txt", 405, allow, "-"},
		{"PATCH", "/none", 405, allow, "-"},
		{"TRACE", "/a.txt", 405, allow, "-"},
		{"BREW", "/a.txt", 501, "", "-"},
		{"get", "/a.txt", 501, "", "-"},
	}
	for _, test := range tests {
		a := c.do(t, test.method, test.target, "")
		if a.status != test.status || a.header.Get("Allow") != test.allow || test.body != "-" && a.body != test.body {
			t.Errorf("%s %s: got %d %q, Allow %q", test.method, test.target, a.status, a.body, a.header.Get("Allow"))
		}
	}
	if a := c.do(t, "HEAD", "/a.txt", ""); a.header.Get("Content-Length") != "7" {
		t.Errorf("HEAD: Content-Length %q", a.header.Get("Content-Length"))
	}
	if a := c.do(t, "GET", "/a.txt", "a body that nobody reads"); a.status != 200 || a.body != "content" {
		t.Errorf("GET with a body: %d %q", a.status, a.body)
	}
}

func TestFields(t *testing.T) {
	root := folderWith(t, map[string]string{"a.css": "a{}", "a.css.br": "br"})
	hour, zero := time.Hour, time.Duration(0)
	tests := []struct {
		name   string
		cfg    Config
		fields []string
		want   map[string]string
	}{
		{"plain", Config{}, nil, map[string]string{
			"Content-Type": "text/css; charset=utf-8", "Content-Length": "3", "Last-Modified": "Thu, 29 Feb 2024 12:30:15 GMT",
			"X-Content-Type-Options": "nosniff", "Accept-Ranges": "bytes", "Vary": "Accept-Encoding", "Cache-Control": "",
			"Content-Encoding": "",
		}},
		{"coded", Config{}, []string{"Accept-Encoding: gzip, br"}, map[string]string{
			"Content-Type": "text/css; charset=utf-8", "Content-Length": "2", "Content-Encoding": "br", "Vary": "Accept-Encoding",
		}},
		{"no precompressed", Config{NoPrecompressed: true}, []string{"Accept-Encoding: br"}, map[string]string{
			"Content-Length": "3", "Content-Encoding": "", "Vary": "",
		}},
		{"cache", Config{Cache: &hour}, nil, map[string]string{"Cache-Control": "max-age=3600"}},
		{"cache of no age", Config{Cache: &zero}, nil, map[string]string{"Cache-Control": "no-cache"}},
	}
	for _, test := range tests {
		test.cfg.Root, test.cfg.Now = root, later
		c := serveConfig(t, test.cfg)
		for range 2 {
			a := c.get(t, "/a.css", test.fields...)
			for name, want := range test.want {
				if got := a.header.Get(name); got != want {
					t.Errorf("%s: %s is %q, want %q", test.name, name, got, want)
				}
			}
		}
	}
}

func TestSPA(t *testing.T) {
	root := folderWith(t, map[string]string{"index.html": "app", "main.js": "js"})
	c := serveConfig(t, Config{Root: root, SPA: true})
	tests := []struct {
		method, target, accept string
		status                 int
		body                   string
	}{
		{"GET", "/users/7", "text/html,*/*;q=0.8", 200, "app"},
		{"GET", "/users/7", "*/*", 200, "app"},
		{"GET", "/users/7", "", 200, "app"},
		{"GET", "/users.d/7", "text/html", 200, "app"},
		{"HEAD", "/users/7", "text/html", 200, ""},
		{"GET", "/users/7", "application/json", 404, "-"},
		{"GET", "/users/7", "text/html;q=0, */*", 404, "-"},
		{"GET", "/missing.js", "*/*", 404, "-"},
		{"GET", "/main.js", "*/*", 200, "js"},
	}
	for _, test := range tests {
		var fields []string
		if test.accept != "" {
			fields = append(fields, "Accept: "+test.accept)
		}
		for range 2 {
			a := c.do(t, test.method, test.target, "", fields...)
			if a.status != test.status || test.body != "-" && a.body != test.body {
				t.Errorf("%s %s, Accept %q: got %d %q", test.method, test.target, test.accept, a.status, a.body)
			}
		}
	}
	if a := c.get(t, "/users/7"); a.header.Get("Vary") != "Accept" {
		t.Errorf("Vary is %q", a.header.Get("Vary"))
	}
	none := serveConfig(t, Config{Root: folderWith(t, nil), SPA: true})
	if a := none.get(t, "/users"); a.status != 404 {
		t.Errorf("without an index file: %d", a.status)
	}
}

func TestErrorPages(t *testing.T) {
	root := folderWith(t, map[string]string{"404.html": "<p>lost</p>", "a.txt": "x", "listed/": ""})
	elsewhere := filepath.Join(folderWith(t, map[string]string{"403.txt": "keep out"}), "403.txt")
	now := newClock()
	c := serveConfig(t, Config{Root: root, Now: now.time, ErrorPages: map[int]string{
		404: "404.html", 403: elsewhere, 405: "absent.html", 416: "404.html",
	}})
	tests := []struct {
		method, target string
		status         int
		mediaType      string
		body           string
	}{
		{"GET", "/none", 404, "text/html; charset=utf-8", "<p>lost</p>"},
		{"GET", "/none", 404, "text/html; charset=utf-8", "<p>lost</p>"},
		{"HEAD", "/none", 404, "text/html; charset=utf-8", ""},
		{"GET", "/listed/", 403, "text/plain; charset=utf-8", "keep out"},
		{"DELETE", "/none", 405, "text/html; charset=utf-8", "-"},
	}
	for _, test := range tests {
		a := c.do(t, test.method, test.target, "")
		if a.status != test.status || a.header.Get("Content-Type") != test.mediaType || test.body != "-" && a.body != test.body {
			t.Errorf("%s %s: got %d %q %q", test.method, test.target, a.status, a.header.Get("Content-Type"), a.body)
		}
		if a.header.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s %s: %v", test.method, test.target, a.header)
		}
	}
	if a := c.get(t, "/a.txt", "Range: bytes=5-"); a.status != 416 || a.body != "<p>lost</p>" || a.header.Get("Content-Range") != "bytes */1" {
		t.Errorf("416: %d %q %v", a.status, a.body, a.header)
	}
	if err := os.WriteFile(filepath.Join(root, "404.html"), []byte("moved"), 0o644); err != nil {
		t.Fatal(err)
	}
	if a := c.get(t, "/none"); a.body != "<p>lost</p>" {
		t.Errorf("within the second: %q", a.body)
	}
	now.advance(maxAge)
	if a := c.get(t, "/none"); a.body != "moved" {
		t.Errorf("after a second: %q", a.body)
	}
}

func TestConfigErrors(t *testing.T) {
	root := folderWith(t, map[string]string{"file": ""})
	for name, cfg := range map[string]Config{
		"no such folder":    {Root: filepath.Join(root, "none")},
		"not a folder":      {Root: filepath.Join(root, "file")},
		"index with a path": {Root: root, Index: []string{"a/b"}},
		"page of a success": {Root: root, ErrorPages: map[int]string{200: "x"}},
	} {
		if s, err := New(cfg); err == nil {
			s.Close()
			t.Errorf("%s: no error", name)
		}
	}
}
