package app

import (
	"testing"

	"highball/internal/config"
)

// Folders beside each other: the longest prefix has a path, whatever the order, and below it nobody else is asked.
func TestFoldersOfRoutes(t *testing.T) {
	folder(t, "root/", "assets/", "deep/")
	write(t, "root/index.html", "root")
	write(t, "root/only.txt", "root's")
	write(t, "assets/a.css", "assets'")
	write(t, "deep/a.css", "deep's")
	site := config.DefaultSite("root")
	site.Routes = []config.Route{{Path: "/static/", Root: "assets"}, {Path: "/static/deep/", Root: "deep"}}
	c := config.Default()
	c.Sites = []config.Site{site}
	conn := run(t, &c).dial(t)
	for _, test := range []struct {
		path     string
		status   int
		body     string
		location string
	}{
		{path: "/", status: 200, body: "root"},
		{path: "/only.txt", status: 200, body: "root's"},
		{path: "/static", status: 301, location: "/static/"},
		{path: "/static/a.css", status: 200, body: "assets'"},
		{path: "/static/deep/a.css", status: 200, body: "deep's"},
		{path: "/static/deep", status: 301, location: "/static/deep/"},
		{path: "/static/only.txt", status: 404},
		{path: "/static/deep/only.txt", status: 404},
		{path: "/statics", status: 404},
	} {
		conn.send("GET " + test.path + " HTTP/1.1\r\nHost: h\r\n\r\n")
		res, body := conn.answer("GET")
		if res.StatusCode != test.status || test.status == 200 && body != test.body || res.Header.Get("Location") != test.location {
			t.Errorf("%s: %s %q, Location %q", test.path, res.Status, body, res.Header.Get("Location"))
		}
		if tag := res.Header.Get("ETag"); test.status == 200 {
			conn.send("GET " + test.path + " HTTP/1.1\r\nHost: h\r\nIf-None-Match: " + tag + "\r\n\r\n")
			if res, _ := conn.answer("GET"); res.StatusCode != 304 {
				t.Errorf("%s with If-None-Match: %s", test.path, res.Status)
			}
		}
	}
}
