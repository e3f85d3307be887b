package app

import (
	"strings"
	"testing"

	"highball/internal/config"
)

// serveTOML runs a server of a configuration whose folders lie in the current one.
func serveTOML(t *testing.T, text string) *live {
	t.Helper()
	c, err := config.ParseTOML("highball.toml", []byte(text), ".")
	if err != nil {
		t.Fatal(err)
	}
	return run(t, c)
}

func TestRoutes(t *testing.T) {
	folder(t, "public/", "public/a/", "other/")
	write(t, "public/index.html", "index")
	write(t, "public/a/x.txt", "x of the root")
	write(t, "other/x.txt", "x of the route")
	write(t, "other/start.html", "start")
	c := serveTOML(t, `
[[site]]
root = "public"
cache = 5

  [[site.route]]
  path = "/a/b/"
  respond = "below b"
  [[site.route]]
  path = "/a/"
  root = "other"
  index = ["start.html"]
  cache = "off"
  [[site.route]]
  path = "/a/b"
  respond = "exactly b"
  type = "text/html"
  status = 201
  [[site.route]]
  path = "/form/"
  methods = ["POST"]
  respond = "posted"
  [[site.route]]
  path = "/form/"
  methods = ["GET", "PUT"]
  respond = "got"
  [[site.route]]
  path = "/mixed"
  methods = ["DELETE"]
  status = 403
  [[site.route]]
  path = "/mixed"
  respond = "mixed"
  [[site.route]]
  path = "/old/"
  redirect = "/new/"
  [[site.route]]
  path = "/top/"
  redirect = "/"
  status = 308
  [[site.route]]
  path = "/one"
  redirect = "https://example.org/?a=b"
  status = 301
  [[site.route]]
  path = "/gone/"
  status = 410
  [[site.route]]
  path = "/"
  methods = ["DELETE"]
  status = 501

[[site]]
hosts = ["alone.example", "*.alone.example"]

  [[site.route]]
  path = "/only/"
  respond = "only"
`).dial(t)
	for _, test := range []struct {
		request string // method and URL, the host in front where it matters
		status  int
		want    string // body, or field and value
	}{
		{"GET /", 200, "index"},
		{"GET /", 200, "Cache-Control: max-age=5"},
		{"DELETE /", 501, ""},
		{"DELETE /anything", 501, ""},
		{"GET /a/", 200, "start"},
		{"GET /a/", 200, "Cache-Control: "},
		{"GET /a/x.txt", 200, "x of the route"},
		{"GET /a/b", 201, "exactly b"},
		{"GET /a/b", 201, "Content-Type: text/html"},
		{"HEAD /a/b", 201, "Content-Length: 9"},
		{"GET /a/b/", 200, "below b"},
		{"GET /a/b/c/d", 200, "below b"},
		{"GET /a/b/", 200, "Content-Type: text/plain; charset=utf-8"},
		{"POST /form/", 200, "posted"},
		{"POST /form", 200, "posted"},
		{"PUT /form/x", 200, "got"},
		{"HEAD /form/x", 200, "Content-Length: 3"},
		{"DELETE /form/", 405, "Allow: GET, HEAD, POST, PUT"},
		{"GET /mixed", 200, "mixed"},
		{"POST /mixed", 200, "mixed"},
		{"DELETE /mixed", 403, ""},
		{"GET /old", 307, "Location: /new/"},
		{"GET /old/", 307, "Location: /new/"},
		{"GET /old/a/b?c=d", 307, "Location: /new/a/b?c=d"},
		{"GET /old/a%20b/%C3%BC", 307, "Location: /new/a%20b/%C3%BC"},
		{"GET /old/a:b", 307, "Location: /new/a:b"},
		{"GET /top//evil.example/x", 308, "Location: /evil.example/x"},
		{"GET /top/%5Cevil.example", 308, "Location: /%5Cevil.example"},
		{"GET /top/%2Fevil.example", 308, "Location: /evil.example"},
		{"GET /top/%0d%0ax", 308, "Location: /%0D%0Ax"},
		{"GET /one", 301, "Location: https://example.org/?a=b"},
		{"GET /one/more", 404, ""},
		{"GET /gone/x", 410, ""},
		{"GET alone.example/only/x", 200, "only"},
		{"GET alone.example/only", 200, "only"},
		{"GET a.alone.example/only", 200, "only"},
		{"GET alone.example/", 404, ""}, // the default site answers for other hosts only
		{"GET a.alone.example/a/x.txt", 404, ""},
	} {
		method, at, _ := strings.Cut(test.request, " ")
		host, path, _ := strings.Cut(at, "/")
		if host == "" {
			host = "h"
		}
		c.send(method + " /" + path + " HTTP/1.1\r\nHost: " + host + "\r\nContent-Length: 0\r\n\r\n")
		res, body := c.answer(method)
		if res.StatusCode != test.status {
			t.Errorf("%s: %s, want %d", test.request, res.Status, test.status)
		}
		if name, value, isField := strings.Cut(test.want, ": "); isField {
			if got := res.Header.Get(name); got != value {
				t.Errorf("%s: %s is %q, want %q", test.request, name, got, value)
			}
		} else if test.want != "" && body != test.want {
			t.Errorf("%s: %q, want %q", test.request, body, test.want)
		}
	}
}

func TestMountOfApplications(t *testing.T) {
	site := config.DefaultSite("")
	site.Routes = []config.Route{{Path: "/", App: "shp", Pos: config.Pos{File: "x.toml", Line: 3, Column: 1}}}
	_, err := openSites(&config.Config{Sites: []config.Site{site}}, nil, Env{}, nil)
	if err == nil || Message(err) != `x.toml:3:1: route "/": there is no application "shp"` {
		t.Errorf("error %v", err)
	}
}

// All that is wrong is said at once, in the order of the file, whichever part finds it.
func TestFaultsTogether(t *testing.T) {
	at := func(line int) config.Errors {
		return config.Errors{{Pos: config.Pos{File: "f", Line: line}, Problem: "wrong"}}
	}
	err := together(at(3), nil, at(1), &UsageError{Problem: "elsewhere"})
	if got, want := Message(err), "highball: elsewhere\nf:1: wrong\nf:3: wrong"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if err := together(nil, nil); err != nil {
		t.Errorf("error %v of none", err)
	}
}
