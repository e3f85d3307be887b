package highball_test

import (
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"highball"
	"highball/internal/servertest"
)

// Each of these requests ends its connection with the given status, and the request pipelined behind it never runs.
func TestBrokenRequestsEndTheConnection(t *testing.T) {
	host := "Host: test\r\n"
	long := strings.Repeat("a", 9000)
	tests := []struct {
		name, raw string
		status    int
	}{
		{"Content-Length with Transfer-Encoding", "POST / HTTP/1.1\r\n" + host + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400},
		{"Transfer-Encoding with Content-Length", "POST / HTTP/1.1\r\n" + host + "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n", 400},

		{"two lengths", "POST / HTTP/1.1\r\n" + host + "Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello", 400},
		{"the same length twice", "POST / HTTP/1.1\r\n" + host + "Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello", 400},
		{"a list of lengths", "POST / HTTP/1.1\r\n" + host + "Content-Length: 5, 5\r\n\r\nhello", 400},
		{"a signed length", "POST / HTTP/1.1\r\n" + host + "Content-Length: +5\r\n\r\nhello", 400},
		{"a negative length", "POST / HTTP/1.1\r\n" + host + "Content-Length: -5\r\n\r\nhello", 400},
		{"a hexadecimal length", "POST / HTTP/1.1\r\n" + host + "Content-Length: 0x5\r\n\r\nhello", 400},
		{"an underscored length", "POST / HTTP/1.1\r\n" + host + "Content-Length: 1_0\r\n\r\nhello", 400},
		{"an empty length", "POST / HTTP/1.1\r\n" + host + "Content-Length: \r\n\r\nhello", 400},
		{"an overflowing length", "POST / HTTP/1.1\r\n" + host + "Content-Length: 9223372036854775808\r\n\r\nhello", 400},

		{"an obfuscated coding", "POST / HTTP/1.1\r\n" + host + "Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n", 400},
		{"chunked twice", "POST / HTTP/1.1\r\n" + host + "Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n", 400},
		{"chunked in two fields", "POST / HTTP/1.1\r\n" + host + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400},
		{"chunked not last", "POST / HTTP/1.1\r\n" + host + "Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n", 400},
		{"chunked on 1.0", "POST / HTTP/1.0\r\n" + host + "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400},
		{"an unknown coding", "POST / HTTP/1.1\r\n" + host + "Transfer-Encoding: gzip\r\n\r\n", 501},

		{"a bare LF in a chunk line", "POST / HTTP/1.1\r\n" + host + "Transfer-Encoding: chunked\r\n\r\n5\nhello\r\n0\r\n\r\n", 400},
		{"a bare LF in a chunk extension", "POST / HTTP/1.1\r\n" + host + "Transfer-Encoding: chunked\r\n\r\n5;a\nhello\r\n0\r\n\r\n", 400},
		{"a bare CR in a chunk extension", "POST / HTTP/1.1\r\n" + host + "Transfer-Encoding: chunked\r\n\r\n5;a\rb\r\nhello\r\n0\r\n\r\n", 400},
		{"a bare LF in the trailer", "POST / HTTP/1.1\r\n" + host + "Transfer-Encoding: chunked\r\n\r\n0\r\nA: b\n\r\n", 400},
		{"a chunk longer than its size", "POST / HTTP/1.1\r\n" + host + "Transfer-Encoding: chunked\r\n\r\n4\r\nhello\r\n0\r\n\r\n", 400},
		{"framing in the trailer", "POST / HTTP/1.1\r\n" + host + "Transfer-Encoding: chunked\r\n\r\n0\r\nContent-Length: 5\r\n\r\n", 400},

		{"a bare LF in the head", "GET / HTTP/1.1\r\nHost: test\nA: b\r\n\r\n", 400},
		{"a folded line", "GET / HTTP/1.1\r\n" + host + "A: b\r\n c\r\n\r\n", 400},
		{"a space before the colon", "GET / HTTP/1.1\r\n" + host + "A : b\r\n\r\n", 400},
		{"a leading space", "GET / HTTP/1.1\r\n Host: test\r\n\r\n", 400},
		{"NUL in a value", "GET / HTTP/1.1\r\n" + host + "A: b\x00c\r\n\r\n", 400},
		{"a bare CR in a value", "GET / HTTP/1.1\r\n" + host + "A: b\rc\r\n\r\n", 400},
		{"a control in the target", "GET /\x01 HTTP/1.1\r\n" + host + "\r\n", 400},

		{"no Host", "GET / HTTP/1.1\r\n\r\n", 400},
		{"two Hosts", "GET / HTTP/1.1\r\n" + host + host + "\r\n", 400},
		{"an invalid Host", "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", 400},
		{"Host at odds with the target", "GET http://other/ HTTP/1.1\r\n" + host + "\r\n", 400},

		{"NUL in the path", "GET /a%00b HTTP/1.1\r\n" + host + "\r\n", 400},
		{"a truncated escape in the path", "GET /a%2 HTTP/1.1\r\n" + host + "\r\n", 400},

		{"a long target", "GET /" + long + " HTTP/1.1\r\n" + host + "\r\n", 414},
		{"a long field", "GET / HTTP/1.1\r\n" + host + "A: " + long + "\r\n\r\n", 431},
		{"many fields", "GET / HTTP/1.1\r\n" + host + strings.Repeat("A: b\r\n", 100) + "\r\n", 431},
		{"a large head", "GET / HTTP/1.1\r\n" + host + strings.Repeat("A: "+long[:1000]+"\r\n", 70) + "\r\n", 431},
		{"a long chunk extension", "POST / HTTP/1.1\r\n" + host + "Transfer-Encoding: chunked\r\n\r\n1;a=" + strings.Repeat("b", 17<<10) + "\r\n", 400},
		{"tiny chunks", "POST / HTTP/1.1\r\n" + host + "Transfer-Encoding: chunked\r\n\r\n" + strings.Repeat("1;abcdefghi\r\na\r\n", 3000), 400},

		{"an unknown version", "GET / HTTP/2.0\r\n" + host + "\r\n", 505},
		{"a lower-case method", "get / HTTP/1.1\r\n" + host + "\r\n", 501},
		{"CONNECT", "CONNECT test:443 HTTP/1.1\r\nHost: test:443\r\n\r\n", 501},
		{"an unknown expectation", "POST / HTTP/1.1\r\n" + host + "Expect: x\r\nContent-Length: 1\r\n\r\nx", 417},
		{"TLS", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400},
	}
	servertest.Each(t, func(t *testing.T, d servertest.Driver) {
		var smuggled atomic.Int64
		s := servertest.New(t, d, &highball.Server{Handler: inlineFunc{
			inline: func(w *highball.Response, r *highball.Request) bool {
				if r.Path() == "/smuggled" {
					smuggled.Add(1)
				}
				return r.Path() == "/inline"
			},
			serve: func(w *highball.Response, r *highball.Request) error {
				if r.Path() == "/smuggled" {
					smuggled.Add(1)
				}
				if r.Path() == "/blocking" {
					return nil
				}
				return echo(w, r)
			},
		}})
		for _, tt := range tests {
			// What came before it decides who tells the connection's story when it comes.
			for _, first := range []string{"", "/inline", "/blocking"} {
				c := s.Dial(t)
				raw := tt.raw + get("/smuggled", "")
				if first != "" {
					raw = get(first, "") + raw
				}
				go c.Send(raw) // it need not be taken whole
				if first != "" {
					if got, err := c.TryReceive("GET"); err != nil || got.Status != 200 || got.Closing() {
						t.Errorf("%s: the request before it: %d, %v", tt.name, got.Status, err)
						continue
					}
				}
				got, err := c.TryReceive("POST")
				if err != nil || got.Status != tt.status || !got.Closing() {
					t.Errorf("%s after %q: status %d, want %d; closing %v; %v", tt.name, first, got.Status, tt.status, got.Closing(), err)
				}
				c.WantClosed()
			}
		}
		if n := smuggled.Load(); n > 0 {
			t.Errorf("%d smuggled requests were run", n)
		}
	})
}

// A path is decoded once and has one canonical form, which is all that a handler is asked for.
func TestPathHasOneForm(t *testing.T) {
	servertest.Each(t, func(t *testing.T, d servertest.Driver) {
		s := start(t, d, func(w *highball.Response, r *highball.Request) error {
			_, err := w.WriteString(r.Path())
			return err
		})
		c := s.Dial(t)
		for target, want := range map[string]string{
			"/a/../b":            "/b",
			"/a/%2e%2e/b":        "/b",
			"/a%2f..%2fb":        "/b",
			"/%252e%252e/b":      "/%2e%2e/b",
			"//a///b":            "/a/b",
			"/a/./b/":            "/a/b/",
			"/a%20b?c=%2e":       "/a b",
			"http://test/a/../b": "/b",
			"/caf%C3%A9":         "/café",
		} {
			if got := c.Get(target); got.Body != want {
				t.Errorf("%s: path %q, want %q", target, got.Body, want)
			}
		}
		for _, target := range []string{"/../../etc/passwd", "/a%2f..%2f..%2fb", "/%2e%2e/"} {
			c := s.Dial(t)
			if got := c.Get(target); got.Status != 400 || !got.Closing() {
				t.Errorf("%s: status %d, path %q", target, got.Status, got.Body)
			}
			c.WantClosed()
		}
	})
}

// The inline and the blocking way see the same request.
func TestInlineAndBlockingSeeTheSame(t *testing.T) {
	describe := func(w *highball.Response, r *highball.Request) error {
		_, err := fmt.Fprintf(w, "%s %s %s %s %s %s %s %d %s", r.Method(), r.Target(), r.Path(), r.RawPath(), r.Query(),
			r.Host(), r.Hostname(), r.ProtoMinor(), r.Proto())
		for name, value := range r.Header().All() {
			_, more := fmt.Fprintf(w, "\n%s=%s", name, value)
			err = errors.Join(err, more)
		}
		return err
	}
	inline := inlineFunc{inline: func(w *highball.Response, r *highball.Request) bool { return describe(w, r) == nil }}
	servertest.Each(t, func(t *testing.T, d servertest.Driver) {
		one := servertest.New(t, d, &highball.Server{Handler: inline}).Dial(t)
		other := servertest.New(t, d, &highball.Server{Handler: highball.HandlerFunc(describe)}).Dial(t)
		for _, raw := range []string{
			"GET /a/%2e./b?c=d HTTP/1.1\r\nHost: ExAmple.:80\r\nA: b\r\na: \r\n\r\n",
			"PROPFIND / HTTP/1.1\r\nHost: [::1]:8000\r\n\r\n",
			"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n",
			"GET http://b/c HTTP/1.1\r\nHost: b\r\n\r\n",
			"GET /? HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
		} {
			one.Send(raw)
			other.Send(raw)
			if a, b := one.Receive("GET"), other.Receive("GET"); a.Body != b.Body || a.Status != 200 {
				t.Errorf("%q: inline %q, blocking %q", raw, a.Body, b.Body)
			}
		}
	})
}
