package highball_test

import (
	"bufio"
	"context"
	"io"
	"log"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"highball"
)

// endpoint is a server under comparison.
type endpoint struct {
	name string
	addr string
}

// patience is when a wait in a test has failed.
const patience = 20 * time.Second

// servedByUs serves h over event loops, where there are any, and with a goroutine per connection.
func servedByUs(t *testing.T, h highball.Handler) []endpoint {
	t.Helper()
	return []endpoint{
		{"loops", serveOn(t, h, func(l net.Listener) net.Listener { return l })},
		{"goroutines", serveOn(t, h, func(l net.Listener) net.Listener { return plainListener{l} })},
	}
}

// plainListener is a listener that event loops cannot take over.
type plainListener struct{ net.Listener }

func serveOn(t *testing.T, h highball.Handler, dress func(net.Listener) net.Listener) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	srv := &highball.Server{Handler: h, Loops: 2, Logger: slog.New(slog.DiscardHandler)}
	done := make(chan error, 1)
	go func() { done <- srv.Serve(dress(l)) }()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := srv.Shutdown(ctx); err != nil {
			t.Errorf("Shutdown: %v", err)
		}
		if err := <-done; err != highball.ErrServerClosed {
			t.Errorf("Serve: %v", err)
		}
	})
	return l.Addr().String()
}

// servedByHTTP serves h by net/http's server.
func servedByHTTP(t *testing.T, h http.Handler) endpoint {
	t.Helper()
	srv := httptest.NewUnstartedServer(h)
	srv.Config.ErrorLog = log.New(io.Discard, "", 0)
	srv.Start()
	t.Cleanup(srv.Close)
	return endpoint{"net/http", srv.Listener.Addr().String()}
}

// allServers serves h by net/http's server and by ours.
func allServers(t *testing.T, h http.Handler) []endpoint {
	t.Helper()
	return append([]endpoint{servedByHTTP(t, h)}, servedByUs(t, highball.FromHTTP(h))...)
}

// reply is what a client has seen of the answer to one request.
type reply struct {
	Interim []string // status and fields of each 1xx
	Status  int
	Header  http.Header
	Length  int64
	Chunked bool
	Close   bool
	Body    string
	Trailer http.Header
	Err     string // that ended the reading
}

// client is a connection to a server under comparison.
type client struct {
	net.Conn
	in *bufio.Reader
}

func dial(t *testing.T, e endpoint) *client {
	t.Helper()
	nc, err := net.Dial("tcp", e.addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = nc.Close() }) // often closed already
	if err := nc.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	return &client{nc, bufio.NewReader(nc)}
}

func (c *client) send(t *testing.T, raw string) {
	t.Helper()
	if _, err := io.WriteString(c, raw); err != nil {
		t.Fatal(err)
	}
}

// receive reads the answer to a request with the method.
func (c *client) receive(method string) reply {
	var r reply
	for {
		res, err := http.ReadResponse(c.in, &http.Request{Method: method})
		if err != nil {
			r.Err = class(err)
			return r
		}
		res.Header.Del("Date")
		res.Header.Del("Server")
		if res.StatusCode < 200 && res.StatusCode != 101 {
			r.Interim = append(r.Interim, res.Status+" "+res.Header.Get("Link"))
			continue
		}
		r.Status, r.Length, r.Close = res.StatusCode, res.ContentLength, res.Close
		r.Chunked = len(res.TransferEncoding) > 0
		r.Header = res.Header
		r.Header.Del("Connection") // see Close
		if res.StatusCode == 101 {
			return r
		}
		body, err := io.ReadAll(res.Body)
		r.Body, r.Trailer = string(body), res.Trailer
		if err != nil {
			r.Err = class(err)
		}
		return r
	}
}

// class makes errors comparable: a cut may be seen as an end or as a reset.
func class(err error) string {
	if ne, ok := err.(net.Error); ok && ne.Timeout() {
		return "timeout"
	}
	return "cut"
}

// ask sends a request by itself and returns its answer.
func ask(t *testing.T, e endpoint, raw string) reply {
	t.Helper()
	c := dial(t, e)
	c.send(t, raw)
	method, _, _ := strings.Cut(raw, " ")
	r := c.receive(method)
	_ = c.Close() // it was read to the end
	return r
}

// sameEverywhere asks every endpoint and compares the others' answers with the first one's, which it returns.
func sameEverywhere(t *testing.T, raw string, endpoints []endpoint) reply {
	t.Helper()
	want := ask(t, endpoints[0], raw)
	sameAs(t, want, raw, endpoints)
	return want
}

// sameAs compares what all endpoints but the first answer with what that has answered.
func sameAs(t *testing.T, want reply, raw string, endpoints []endpoint) {
	t.Helper()
	for _, e := range endpoints[1:] {
		if diff := cmp.Diff(want, ask(t, e, raw)); diff != "" {
			t.Errorf("%s to %s answers other than %s (-):\n%s", e.name, firstLine(raw), endpoints[0].name, diff)
		}
	}
}

func firstLine(raw string) string {
	line, _, _ := strings.Cut(raw, "\r\n")
	return line
}
