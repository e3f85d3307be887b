//go:build linux

package gateway_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"highball/internal/servertest"
)

// mirrored is what testdata/apps/environ/mirror.py answers.
type mirrored struct {
	Environ map[string]any
	Body    string // octets as code points
}

// latin1 returns the octets of s as code points, as WSGI has them.
func latin1(s string) string {
	r := make([]rune, len(s))
	for i := range len(s) {
		r[i] = rune(s[i])
	}
	return string(r)
}

// mirror serves the environ application without a virtual environment: it needs nothing but Python.
func mirror(t *testing.T, mount string) *servertest.Server {
	t.Helper()
	p := project{folder: "environ", target: "mirror:application"}
	return host(t, p, "", "testdata/apps/environ", mount)
}

// ask sends a request and returns what the application was handed.
func ask(t *testing.T, c *servertest.Client, raw string) mirrored {
	t.Helper()
	c.Send(raw)
	method, _, _ := strings.Cut(raw, " ")
	r := c.Receive(method)
	if r.Status != 200 {
		t.Fatalf("%q: %d %q", raw, r.Status, r.Body)
	}
	var m mirrored
	if err := json.Unmarshal([]byte(r.Body), &m); err != nil {
		t.Fatalf("%q: %v", r.Body, err)
	}
	return m
}

// absent stands for a key that must not be there.
type absent struct{}

func (m mirrored) want(t *testing.T, key string, value any) {
	t.Helper()
	got, ok := m.Environ[key]
	switch {
	case value == absent{}:
		if ok {
			t.Errorf("%s is %#v, and should not be there", key, got)
		}
	case !ok || fmt.Sprint(got) != fmt.Sprint(value):
		t.Errorf("%s is %#v instead of %#v", key, got, value)
	}
}

// TestEnvironOverHTTP holds the environ to PEP 3333. wsgiref.validate, which stands between, checks the types and much else.
func TestEnvironOverHTTP(t *testing.T) {
	s := mirror(t, "")
	for _, test := range []struct {
		name, raw string
		want      map[string]any
	}{
		{"a plain request", "GET / HTTP/1.1\r\nHost: shop.example:8080\r\n\r\n", map[string]any{
			"REQUEST_METHOD": "GET", "SCRIPT_NAME": "", "PATH_INFO": "/", "QUERY_STRING": "", "SERVER_PROTOCOL": "HTTP/1.1",
			"RAW_URI": "/", "HTTP_HOST": "shop.example:8080", "REMOTE_ADDR": "127.0.0.1",
			"wsgi.url_scheme": "http", "wsgi.multithread": false, "wsgi.multiprocess": false, "wsgi.run_once": false,
			"wsgi.input_terminated": true, "wsgi.version": "[1 0]", "SERVER_SOFTWARE": "highball/test",
			"CONTENT_TYPE": absent{}, "HTTP_CONTENT_TYPE": absent{}, "HTTP_CONTENT_LENGTH": absent{}, "GATEWAY_INTERFACE": absent{},
		}},
		{"HTTP/1.0", "GET /old HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", map[string]any{
			"SERVER_PROTOCOL": "HTTP/1.0", "PATH_INFO": "/old", "HTTP_HOST": absent{},
		}},
		{"octets of a path are code points", "GET /caf%C3%A9%FF/%e4%b8%96?q=%C3%A9+x%2F HTTP/1.1\r\nHost: a\r\n\r\n", map[string]any{
			"PATH_INFO": latin1("/caf\u00e9\xff/世"), "QUERY_STRING": "q=%C3%A9+x%2F",
			"RAW_URI": "/caf%C3%A9%FF/%e4%b8%96?q=%C3%A9+x%2F",
		}},
		{"what a path encodes stays one path", "GET /a%2Fb%3Fc%23d%25e%20f;g=h/ HTTP/1.1\r\nHost: a\r\n\r\n", map[string]any{
			"PATH_INFO": "/a/b?c#d%e f;g=h/", "QUERY_STRING": "", "RAW_URI": "/a%2Fb%3Fc%23d%25e%20f;g=h/",
		}},
		{"a path is normal, the target as it was sent", "GET /a/./b/%2E%2e/c?d HTTP/1.1\r\nHost: a\r\n\r\n", map[string]any{
			"PATH_INFO": "/a/c", "RAW_URI": "/a/./b/%2E%2e/c?d",
		}},
		{"a plus sign is itself", "GET /a+b?c+d HTTP/1.1\r\nHost: a\r\n\r\n", map[string]any{"PATH_INFO": "/a+b", "QUERY_STRING": "c+d"}},
		{"a query of question marks", "GET /?? HTTP/1.1\r\nHost: a\r\n\r\n", map[string]any{"PATH_INFO": "/", "QUERY_STRING": "?", "RAW_URI": "/??"}},
		{"absolute form", "GET http://b.example/x?y HTTP/1.1\r\nHost: b.example\r\n\r\n", map[string]any{
			"PATH_INFO": "/x", "QUERY_STRING": "y", "HTTP_HOST": "b.example",
		}},
		{"names with an underscore could be taken for others", "GET / HTTP/1.1\r\nHost: a\r\nX_User: eve\r\nX-User: ada\r\nX_Other: eve\r\n\r\n", map[string]any{
			"HTTP_X_USER": "ada", "HTTP_X_OTHER": absent{},
		}},
		{"repeated fields are joined", "GET / HTTP/1.1\r\nHost: a\r\nX-A: 1\r\nCookie: c=1\r\nx-a: 2\r\nX-A:\r\nCookie: d=2\r\n\r\n", map[string]any{
			"HTTP_X_A": "1,2,", "HTTP_COOKIE": "c=1; d=2",
		}},
		{"values are octets as code points", "GET / HTTP/1.1\r\nHost: a\r\nX-Name: \tZo\xc3\xab \xff \r\nX-Empty:\r\n\r\n", map[string]any{
			"HTTP_X_NAME": latin1("Zo\xc3\xab \xff"), "HTTP_X_EMPTY": "",
		}},
		{"Proxy would set a variable that programs trust", "GET / HTTP/1.1\r\nHost: a\r\nProxy: evil\r\n\r\n", map[string]any{"HTTP_PROXY": absent{}}},
		{"an unusual method", "M-SEARCH /x HTTP/1.1\r\nHost: a\r\n\r\n", map[string]any{"REQUEST_METHOD": "M-SEARCH"}},
		{"the body's fields have their CGI names alone", "POST / HTTP/1.1\r\nHost: a\r\nContent-Type: text/x\r\nContent-Length: 2\r\n\r\nab", map[string]any{
			"CONTENT_TYPE": "text/x", "CONTENT_LENGTH": "2", "HTTP_CONTENT_TYPE": absent{}, "HTTP_CONTENT_LENGTH": absent{},
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := s.Dial(t)
			m := ask(t, c, test.raw)
			for key, value := range test.want {
				m.want(t, key, value)
			}
			local, peer := c.LocalAddr().(*net.TCPAddr), c.RemoteAddr().(*net.TCPAddr)
			m.want(t, "REMOTE_PORT", local.Port)
			if name, port := m.Environ["SERVER_NAME"], m.Environ["SERVER_PORT"]; name == "" || port != fmt.Sprint(peer.Port) {
				t.Errorf("SERVER_NAME %q, SERVER_PORT %q; the server listens on %v", name, port, peer)
			}
		})
	}
}

func TestMountPoint(t *testing.T) {
	c := mirror(t, "/shop").Dial(t)
	for _, test := range []struct{ target, script, path string }{
		{"/shop", "/shop", ""},
		{"/shop/", "/shop", "/"},
		{"/shop/a%20b/?c", "/shop", "/a b/"},
		{"/shop/shop", "/shop", "/shop"},
	} {
		m := ask(t, c, "GET "+test.target+" HTTP/1.1\r\nHost: a\r\n\r\n")
		m.want(t, "SCRIPT_NAME", test.script)
		m.want(t, "PATH_INFO", test.path)
		m.want(t, "RAW_URI", test.target)
	}
}

func TestBodiesOverHTTP(t *testing.T) {
	c := mirror(t, "").Dial(t)
	const head = "POST /in HTTP/1.1\r\nHost: a\r\n"
	chunked := func(parts ...string) string {
		var b strings.Builder
		for _, p := range append(parts, "") {
			_, _ = fmt.Fprintf(&b, "%x\r\n%s\r\n", len(p), p) // it is in memory
		}
		return head + "Transfer-Encoding: chunked\r\n\r\n" + b.String()
	}
	large := blocks(300 << 10)
	for _, test := range []struct{ name, raw, body string }{
		{"sized", head + "Content-Length: 3\r\n\r\n\x00\xff\n", "\x00\xff\n"},
		{"sized and empty", head + "Content-Length: 0\r\n\r\n", ""},
		{"in chunks", chunked("ab", "c"), "abc"},
		{"in chunks and empty", chunked(), ""},
		{"sized and in a file", head + fmt.Sprintf("Content-Length: %d\r\n\r\n", len(large)) + large, large},
		{"in chunks and in a file", chunked(large[:1], large[1:70000], large[70000:]), large},
	} {
		t.Run(test.name, func(t *testing.T) {
			m := ask(t, c, test.raw)
			if m.Body != latin1(test.body) {
				t.Errorf("%d characters differ from the %d that were sent", len(m.Body), len(test.body))
			}
			m.want(t, "CONTENT_LENGTH", len(test.body))
			m.want(t, "HTTP_TRANSFER_ENCODING", absent{})
		})
	}
	t.Run("100 (Continue)", func(t *testing.T) {
		c.Send(head + "Content-Length: 4\r\nExpect: 100-continue\r\n\r\n")
		interim := make([]byte, len("HTTP/1.1 100 Continue\r\n\r\n"))
		if err := c.SetReadDeadline(time.Now().Add(c.Patience)); err != nil {
			t.Fatal(err)
		}
		if n, err := io.ReadFull(c.Conn, interim); err != nil || !strings.HasPrefix(string(interim), "HTTP/1.1 100 ") {
			t.Fatalf("%q, %v", interim[:n], err)
		}
		c.Send("body")
		r := c.Receive("POST")
		if r.Status != 200 || !strings.Contains(r.Body, `"body": "body"`) {
			t.Errorf("%d %q", r.Status, r.Body)
		}
	})
}

func TestWrittenAndIterated(t *testing.T) {
	c := mirror(t, "").Dial(t)
	r := c.Get("/parts")
	if r.Status != 200 || r.Body != "written first, then iterated" {
		t.Errorf("%d %q", r.Status, r.Body)
	}
	var twice []string
	for _, f := range r.Fields {
		if f.Name == "X-Twice" {
			twice = append(twice, f.Value)
		}
	}
	if strings.Join(twice, " ") != "a b" {
		t.Errorf("X-Twice: %q", twice)
	}
	c.Send("HEAD /parts HTTP/1.1\r\nHost: a\r\n\r\n")
	if r := c.Receive("HEAD"); r.Status != 200 {
		t.Errorf("HEAD: %d", r.Status)
	}
	c.WantOpen("/")
}
