package app

import (
	"bufio"
	"compress/gzip"
	"io"
	"net"
	"strings"
	"testing"

	"highball/internal/config"
)

// asks is a request and what its answer must be like.
type asks struct {
	request string // method and URL, the host in front where it matters
	fields  string // lines of the head, each with its end
	status  int
	want    string // body, or field and value
}

func checkAnswers(t *testing.T, c *client, all []asks) {
	t.Helper()
	for _, test := range all {
		method, at, _ := strings.Cut(test.request, " ")
		host, path, _ := strings.Cut(at, "/")
		if host == "" {
			host = "h"
		}
		c.send(method + " /" + path + " HTTP/1.1\r\nHost: " + host + "\r\n" + test.fields + "\r\n")
		res, body := c.answer(method)
		if res.StatusCode != test.status {
			t.Errorf("%s %q: %s, want %d", test.request, test.fields, res.Status, test.status)
		}
		if name, value, isField := strings.Cut(test.want, ": "); isField {
			if got := res.Header.Get(name); got != value {
				t.Errorf("%s %q: %s is %q, want %q", test.request, test.fields, name, got, value)
			}
		} else if test.want != "" && body != test.want {
			t.Errorf("%s %q: %q, want %q", test.request, test.fields, body, test.want)
		}
	}
}

// What a site says holds for all of its routes, its root and what nobody answers for, and a route may say otherwise.
func TestPolicies(t *testing.T) {
	folder(t, "public/", "public/open/")
	write(t, "public/index.html", "index")
	write(t, "public/open/a.txt", "open")
	write(t, "users", "ann:{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=\n") // password
	write(t, "down.html", "back soon")
	c := serveTOML(t, `
[[site]]
root = "public"
headers = { set = { X-Frame-Options = "DENY" }, remove = ["Server"] }
auth = { users = "users", realm = "house" }
cache_control = "no-store"

  [[site.route]]
  path = "/open/"
  root = "public/open"
  auth = false
  headers = { add = { X-More = "yes" } }
  cors = { origins = ["https://app.example"] }
  cache_control = "off"
  [[site.route]]
  path = "/far/"
  respond = "far"
  auth = false
  deny = ["127.0.0.0/8"]
  [[site.route]]
  path = "/once"
  respond = "once"
  auth = false
  rate = { requests = 1, per = "1h", burst = 0 }
  [[site.route]]
  path = "/down/"
  respond = "down"
  auth = false
  maintenance = { page = "down.html", retry_after = "10m" }
  [[site.route]]
  path = "/api/v1/"
  root = "public/open"
  auth = false
  strip_prefix = "/api"

[[site]]
hosts = ["bare.example"]
headers = { set = { X-Site = "bare" } }
  [[site.route]]
  path = "/there"
  respond = "there"
`).dial(t)
	const ann = "Authorization: Basic YW5uOnBhc3N3b3Jk\r\n"
	checkAnswers(t, c, []asks{
		{"GET /", "", 401, `WWW-Authenticate: Basic realm="house", charset="UTF-8"`},
		{"GET /", "", 401, "X-Frame-Options: DENY"},
		{"GET /", ann, 200, "index"},
		{"GET /", ann, 200, "Cache-Control: no-store"},
		{"GET /", ann, 200, "X-Frame-Options: DENY"},
		{"GET /", ann, 200, "Server: "},
		{"GET /missing", "", 401, ""},
		{"GET /missing", ann, 404, "X-Frame-Options: DENY"},
		{"GET /open/a.txt", "", 200, "open"},
		{"GET /open/a.txt", "", 200, "X-More: yes"},
		{"GET /open/a.txt", "", 200, "X-Frame-Options: DENY"},
		{"GET /open/a.txt", "", 200, "Cache-Control: "},
		{"GET /open/a.txt", "Origin: https://app.example\r\n", 200, "Access-Control-Allow-Origin: https://app.example"},
		{"GET /open/a.txt", "Origin: https://evil.example\r\n", 200, "Access-Control-Allow-Origin: "},
		{"GET /far/", "", 403, "X-Frame-Options: DENY"},
		{"GET /once", "", 200, "once"},
		{"GET /once", "", 429, "Retry-After: 3600"},
		{"GET /down/", "", 503, "back soon"},
		{"GET /down/", "", 503, "Retry-After: 600"},
		{"GET /api/v1/a.txt", "", 200, "open"},
		{"GET bare.example/anything", "", 404, "X-Site: bare"},
	})
}

func TestPatterns(t *testing.T) {
	folder(t, "public/", "public/img/")
	write(t, "public/img/a.txt", "a file")
	c := serveTOML(t, `
[[site]]
root = "public"

  [[site.route]]
  path = "/img/*.png"
  respond = "a picture"
  [[site.route]]
  path = "/img/*.tmp"
  methods = ["DELETE"]
  respond = "deleted"
  [[site.route]]
  path = "/img/exact.png"
  respond = "exact"
  [[site.route]]
  path = "/img/deep/"
  respond = "deep"
  [[site.route]]
  path = "/users/*/avatar"
  respond = "avatar"
  [[site.route]]
  path = "/docs/**.pdf"
  respond = "a document"
  [[site.route]]
  path = "/docs/"
  respond = "docs"
  [[site.route]]
  path = "/shops/*/"
  respond = "a shop"
  [[site.route]]
  path = "/shops/*/till"
  respond = "till"
`).dial(t)
	checkAnswers(t, c, []asks{
		{"GET /img/a.png", "", 200, "a picture"},
		{"GET /img/%61.png", "", 200, "a picture"},
		{"GET /img/exact.png", "", 200, "exact"},
		{"GET /img/deep/a.png", "", 200, "deep"},
		{"GET /img/other/a.png", "", 404, ""},
		{"GET /img/a.txt", "", 200, "a file"},
		{"DELETE /img/a.tmp", "", 200, "deleted"},
		{"GET /img/a.tmp", "", 405, "Allow: DELETE"},
		{"GET /img", "", 301, "Location: /img/"},
		{"GET /users/7/avatar", "", 200, "avatar"},
		{"GET /users//avatar", "", 404, ""},
		{"GET /users/7/8/avatar", "", 404, ""},
		{"GET /docs/a/b.pdf", "", 200, "a document"},
		{"GET /docs/a/b.pdf/", "", 200, "docs"},
		{"GET /docs/b.pdf%0a", "", 200, "docs"},
		{"GET /shops/7", "", 200, "a shop"},
		{"GET /shops/7/a/b", "", 200, "a shop"},
		{"GET /shops/7/till", "", 200, "till"},
	})
}

func TestRewritesAndProxies(t *testing.T) {
	folder(t, "public/")
	write(t, "public/index.html", "index")
	c := serveTOML(t, `
trusted_proxies = ["127.0.0.1"]

[[site]]
root = "public"
  [[site.rewrite]]
  match = "^/blog/([0-9]+)$"
  to = "/post/$1"
  [[site.rewrite]]
  match = "^/go/(.*)$"
  to = "/there/$1"
  status = 301
  [[site.route]]
  path = "/post/7"
  respond = "post 7"
  [[site.route]]
  path = "/near/"
  respond = "near"
  allow = ["203.0.113.0/24"]

[[site]]
hosts = ["other.example"]
  [[site.route]]
  path = "/blog/7"
  respond = "not rewritten"
`).dial(t)
	checkAnswers(t, c, []asks{
		{"GET /blog/7", "", 200, "post 7"},
		{"GET /go/a%20b?c=d", "", 301, "Location: /there/a%20b?c=d"},
		{"GET other.example/blog/7", "", 200, "not rewritten"},
		{"GET /near/", "", 403, ""},
		{"GET /near/", "X-Forwarded-For: 203.0.113.9\r\n", 200, "near"},
		{"GET /near/", "X-Forwarded-For: 203.0.113.9, 198.51.100.1\r\n", 403, ""},
		{"GET /blog/7", "X-Forwarded-For: 203.0.113.9\r\nX-Forwarded-Host: other.example\r\n", 200, "not rewritten"},
	})
}

func TestCompressedAnswers(t *testing.T) {
	text := strings.Repeat("more of the same ", 1000)
	folder(t, "public/")
	write(t, "public/a.txt", text)
	c := serveTOML(t, `
[[site]]
root = "public"
compress = { encodings = ["gzip"] }
  [[site.route]]
  path = "/as-it-is/"
  root = "public"
  compress = false
`).dial(t)
	c.send("GET /a.txt HTTP/1.1\r\nHost: h\r\nAccept-Encoding: gzip\r\n\r\n")
	res, body := c.answer("GET")
	r, err := gzip.NewReader(strings.NewReader(body))
	if err != nil {
		t.Fatalf("%v: %v", res.Header, err)
	}
	if plain, err := io.ReadAll(r); string(plain) != text || err != nil {
		t.Errorf("%d bytes, %v", len(plain), err)
	}
	checkAnswers(t, c, []asks{
		{"GET /a.txt", "", 200, text},
		{"GET /a.txt", "", 200, "Vary: Accept-Encoding"},
		{"GET /as-it-is/a.txt", "Accept-Encoding: gzip\r\n", 200, text},
	})
}

// A site that names a listener answers there, and goes before one of the same host that names none.
func TestSitesOfListeners(t *testing.T) {
	folder(t)
	text := `
listen = ["127.0.0.1:0", "unix:first.sock", "unix:second.sock"]
[[site]]
  [[site.route]]
  path = "/"
  respond = "everywhere"
[[site]]
listen = ["unix:second.sock"]
  [[site.route]]
  path = "/"
  respond = "second"
[[site]]
hosts = ["named.example"]
listen = ["unix:first.sock"]
  [[site.route]]
  path = "/"
  respond = "named"
`
	c, err := config.ParseTOML("highball.toml", []byte(text), ".")
	if err != nil {
		t.Fatal(err)
	}
	l := run(t, c)
	for _, test := range []struct{ network, address, host, want string }{
		{"tcp", l.addr, "h", "everywhere"},
		{"unix", "first.sock", "h", "everywhere"},
		{"unix", "second.sock", "h", "second"},
		{"tcp", l.addr, "named.example", "everywhere"},
		{"unix", "first.sock", "named.example", "named"},
		{"unix", "second.sock", "named.example", "second"},
	} {
		conn, err := net.Dial(test.network, test.address)
		if err != nil {
			t.Fatal(err)
		}
		c := &client{t, conn, bufio.NewReader(conn)}
		checkAnswers(t, c, []asks{{"GET " + test.host + "/", "", 200, test.want}})
		_ = conn.Close()
	}
}

// A site's answers say where their time has gone if it wants that, and a route may say otherwise. What a policy refuses is timed like the rest.
func TestServerTiming(t *testing.T) {
	folder(t, "public/")
	write(t, "public/index.html", "index")
	c := serveTOML(t, `
[[site]]
root = "public"
server_timing = true

  [[site.route]]
  path = "/plain"
  respond = "plain"
  server_timing = false
  [[site.route]]
  path = "/shut"
  respond = "shut"
  deny = ["127.0.0.0/8"]
`).dial(t)
	for path, want := range map[string]bool{"/": true, "/missing": true, "/shut": true, "/plain": false} {
		c.send("GET " + path + " HTTP/1.1\r\nHost: h\r\n\r\n")
		res, _ := c.answer("GET")
		if got := res.Header.Get("Server-Timing"); strings.HasPrefix(got, "head;dur=") != want {
			t.Errorf("%s: Server-Timing %q", path, got)
		}
	}
}
