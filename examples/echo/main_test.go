package main

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"highball"
)

// start runs the server of the example on a free port and returns its address.
func start(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &highball.Server{Handler: highball.HandlerFunc(echo), Limits: highball.Limits{Body: maxBody}}
	served := make(chan error, 1)
	go func() { served <- s.Serve(l) }()
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		if err := <-served; !errors.Is(err, highball.ErrServerClosed) {
			t.Error(err)
		}
	})
	return l.Addr().String()
}

func TestEcho(t *testing.T) {
	addr := start(t)
	tests := map[string]struct {
		request string
		status  int
		allow   string
		body    string
	}{
		"a body": {
			request: "POST /a/b?c=d HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello",
			status:  200,
			body:    "POST /a/b?c=d\nHost: h\nContent-Length: 5\nConnection: close\n\nhello",
		},
		"a body in chunks": {
			request: "PUT / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n",
			status:  200,
			body:    "PUT /\nHost: h\nTransfer-Encoding: chunked\nConnection: close\n\nhello",
		},
		"a method of one's own": {
			request: "BREW /pot HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n",
			status:  200,
			body:    "BREW /pot\nHost: h\nConnection: close\n\n",
		},
		"OPTIONS of everything": {
			request: "OPTIONS * HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n",
			status:  200,
			allow:   "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS",
			body:    "OPTIONS *\nHost: h\nConnection: close\n\n",
		},
		"a malformed chunk": {
			request: "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
			status:  400,
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			c, err := net.Dial("tcp", addr)
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			if _, err := io.WriteString(c, test.request); err != nil {
				t.Fatal(err)
			}
			method, _, _ := strings.Cut(test.request, " ")
			res, err := http.ReadResponse(bufio.NewReader(c), &http.Request{Method: method})
			if err != nil {
				t.Fatal(err)
			}
			body, err := io.ReadAll(res.Body)
			if err != nil {
				t.Fatal(err)
			}
			if res.StatusCode != test.status {
				t.Errorf("status %d, want %d", res.StatusCode, test.status)
			}
			if got := res.Header.Get("Allow"); got != test.allow {
				t.Errorf("Allow: %q, want %q", got, test.allow)
			}
			if test.status == 200 && string(body) != test.body {
				t.Errorf("body %q, want %q", body, test.body)
			}
		})
	}
}
