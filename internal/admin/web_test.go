package admin_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"

	"highball"
	"highball/internal/admin"
)

const token = "0123456789abcdef0123456789abcdef"

// page is a dashboard of one line.
func page(w *highball.Response, _ *highball.Request) error {
	_, err := w.WriteString("<p>page")
	return err
}

// serveWeb serves the interface of a backend at a TCP address, which it returns, with what is logged.
func serveWeb(t *testing.T, b admin.Backend) (addr string, logged func() string) {
	t.Helper()
	var log bytes.Buffer
	b.Dashboard = highball.HandlerFunc(page)
	h, err := admin.NewWeb(b, token, slog.New(slog.NewTextHandler(&log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	srv := &highball.Server{Handler: h, Loops: 1}
	at, err := srv.Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- srv.Run() }()
	end := func() {
		if err := srv.Close(); err != nil {
			t.Error(err)
		}
		<-served
		served <- nil
	}
	t.Cleanup(end)
	return at.String(), func() string { end(); return log.String() }
}

// exchange sends a head to an address and returns the answer.
func exchange(t *testing.T, addr, head string) (*http.Response, string) {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	fmt.Fprintf(c, "%s\r\nConnection: close\r\n\r\n", head)
	res, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatalf("%q: %v", head, err)
	}
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatalf("%q: %v", head, err)
	}
	return res, string(text)
}

// security.md, 26: a page on another origin, a forged Host and a missing token get nothing, and have nothing done.
func TestWebLetsNobodyIn(t *testing.T) {
	var asked []string
	addr, _ := serveWeb(t, backend(&asked))
	_, port, _ := net.SplitHostPort(addr)
	const right = "\r\nAuthorization: Bearer " + token
	host := "\r\nHost: " + addr
	for name, test := range map[string]struct {
		head string
		want int
	}{
		"no token":                          {"GET /status HTTP/1.1" + host, 401},
		"an empty token":                    {"GET /status HTTP/1.1" + host + "\r\nAuthorization: Bearer ", 401},
		"a wrong token":                     {"GET /status HTTP/1.1" + host + "\r\nAuthorization: Bearer " + token[1:] + "0", 401},
		"the beginning of the token":        {"GET /status HTTP/1.1" + host + "\r\nAuthorization: Bearer " + token[1:], 401},
		"another scheme":                    {"GET /status HTTP/1.1" + host + "\r\nAuthorization: Basic " + token, 401},
		"no scheme":                         {"GET /status HTTP/1.1" + host + "\r\nAuthorization: " + token, 401},
		"the token in the query":            {"GET /status?token=" + token + " HTTP/1.1" + host, 401},
		"the token in a cookie":             {"GET /status HTTP/1.1" + host + "\r\nCookie: token=" + token, 401},
		"the events without a token":        {"GET /events HTTP/1.1" + host, 401},
		"a path by way of the page":         {"GET /assets/../status HTTP/1.1" + host, 401},
		"the same, escaped":                 {"GET /assets/%2e%2e/status HTTP/1.1" + host, 401},
		"an unknown path":                   {"GET /nothing HTTP/1.1" + host, 401},
		"an order":                          {"POST /stop HTTP/1.1" + host + "\r\nContent-Length: 0", 401},
		"another host":                      {"GET /status HTTP/1.1\r\nHost: evil.example" + right, 421},
		"another host with the port":        {"GET /status HTTP/1.1\r\nHost: evil.example:" + port + right, 421},
		"a host that begins well":           {"GET /status HTTP/1.1\r\nHost: localhost.evil.example:" + port + right, 421},
		"a host that begins like the IP":    {"GET /status HTTP/1.1\r\nHost: " + "127.0.0.1.evil.example" + right, 421},
		"the address at another port":       {"GET /status HTTP/1.1\r\nHost: 127.0.0.1:1" + right, 421},
		"the address without the port":      {"GET /status HTTP/1.1\r\nHost: 127.0.0.1" + right, 421},
		"no host":                           {"GET /status HTTP/1.0" + right, 421},
		"another host for the page":         {"GET / HTTP/1.1\r\nHost: evil.example", 421},
		"another origin":                    {"GET /status HTTP/1.1" + host + right + "\r\nOrigin: http://evil.example", 403},
		"another origin on this machine":    {"GET /status HTTP/1.1" + host + right + "\r\nOrigin: http://127.0.0.1:1", 403},
		"the other name of this origin":     {"GET /status HTTP/1.1" + host + right + "\r\nOrigin: http://localhost:" + port, 403},
		"this origin, and another":          {"GET /status HTTP/1.1" + host + right + "\r\nOrigin: http://" + addr + "\r\nOrigin: http://evil.example", 403},
		"an origin that is kept back":       {"GET /status HTTP/1.1" + host + right + "\r\nOrigin: null", 403},
		"a question for leave":              {"OPTIONS /stop HTTP/1.1" + host + "\r\nOrigin: http://evil.example\r\nAccess-Control-Request-Headers: authorization", 403},
		"a question for leave, same origin": {"OPTIONS /stop HTTP/1.1" + host + "\r\nOrigin: http://" + addr, 401},
	} {
		res, text := exchange(t, addr, test.head)
		if res.StatusCode != test.want || strings.Contains(text, "pid") || strings.Contains(text, "<p>") {
			t.Errorf("%s: %s, %s; want %d", name, res.Status, text, test.want)
		}
		for field := range res.Header {
			if strings.HasPrefix(field, "Access-Control-") {
				t.Errorf("%s: %s is sent", name, field)
			}
		}
	}
	if len(asked) > 0 {
		t.Errorf("asked %q", asked)
	}
}

func TestWebLetsIn(t *testing.T) {
	var asked []string
	addr, _ := serveWeb(t, backend(&asked))
	_, port, _ := net.SplitHostPort(addr)
	const right = "\r\nAuthorization: Bearer " + token
	for name, test := range map[string]struct{ head, want string }{
		"the address":          {"GET /status HTTP/1.1\r\nHost: " + addr + right, `"pid": 7`},
		"localhost":            {"GET /status HTTP/1.1\r\nHost: LOCALHOST:" + port + right, `"pid": 7`},
		"a tunnel":             {"GET /status HTTP/1.1\r\nHost: localhost:9999" + right, `"pid": 7`},
		"our own page":         {"GET /status HTTP/1.1\r\nHost: " + addr + right + "\r\nOrigin: http://" + addr, `"pid": 7`},
		"a scheme in small":    {"GET /status HTTP/1.1\r\nHost: " + addr + "\r\nAuthorization: bearer " + token, `"pid": 7`},
		"the page, to anybody": {"GET / HTTP/1.1\r\nHost: " + addr, "<p>page"},
		"its parts":            {"GET /assets/a.js HTTP/1.1\r\nHost: " + addr, "<p>page"},
	} {
		res, text := exchange(t, addr, test.head)
		if res.StatusCode != 200 || !strings.Contains(text, test.want) {
			t.Errorf("%s: %s, %s", name, res.Status, text)
		}
		for field, want := range map[string]string{
			"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "X-Frame-Options": "DENY", "Cache-Control": "no-store",
		} {
			if res.Header.Get(field) != want {
				t.Errorf("%s: %s: %q", name, field, res.Header.Get(field))
			}
		}
		if policy := res.Header.Get("Content-Security-Policy"); !strings.Contains(policy, "default-src 'self'") || !strings.Contains(policy, "frame-ancestors 'none'") {
			t.Errorf("%s: policy %q", name, policy)
		}
	}
}

// Whoever tries tokens is told of, and does not fill the log.
func TestStrangersAreToldOf(t *testing.T) {
	var asked []string
	addr, logged := serveWeb(t, backend(&asked))
	for range 20 {
		exchange(t, addr, "GET /status HTTP/1.1\r\nHost: "+addr+"\r\nAuthorization: Bearer secret-guess")
	}
	text := logged()
	if n := strings.Count(text, "without the token"); n != 1 {
		t.Errorf("told %d times:\n%s", n, text)
	}
	if strings.Contains(text, "secret-guess") {
		t.Errorf("the log has what was tried:\n%s", text)
	}
}
