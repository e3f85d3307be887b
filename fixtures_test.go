package highball_test

import (
	"context"
	"io"
	"strings"
	"testing"

	"highball"
	"highball/internal/servertest"
)

// inlineFunc is an InlineHandler of two functions. Without the second one it never needs a goroutine.
type inlineFunc struct {
	inline func(w *highball.Response, r *highball.Request) bool
	serve  func(w *highball.Response, r *highball.Request) error
}

func (h inlineFunc) ServeInline(w *highball.Response, r *highball.Request) bool {
	return h.inline(w, r)
}

func (h inlineFunc) Serve(w *highball.Response, r *highball.Request) error {
	if h.serve == nil {
		h.inline(w, r)
		return nil
	}
	return h.serve(w, r)
}

// text answers with the text, inline.
func text(s string) highball.Handler {
	return inlineFunc{inline: func(w *highball.Response, _ *highball.Request) bool {
		_, err := w.WriteString(s)
		return err == nil
	}}
}

// echo answers with the request's body.
func echo(w *highball.Response, r *highball.Request) error {
	b, err := io.ReadAll(r.Body())
	if err != nil {
		return err
	}
	_, err = w.Write(b)
	return err
}

// newMux returns a Mux with the handlers by pattern.
func newMux(t testing.TB, handlers map[string]highball.Handler) *highball.Mux {
	t.Helper()
	m := highball.NewMux()
	for pattern, h := range handlers {
		if err := m.Handle(pattern, h); err != nil {
			t.Fatal(err)
		}
	}
	return m
}

// start serves the function over the driver.
func start(t testing.TB, d servertest.Driver, f func(w *highball.Response, r *highball.Request) error) *servertest.Server {
	t.Helper()
	return servertest.New(t, d, &highball.Server{Handler: highball.HandlerFunc(f)})
}

// drain has the server drain, waits until it listens no more, and returns the channel that gets Shutdown's error.
func drain(t testing.TB, s *servertest.Server) <-chan error {
	t.Helper()
	done := make(chan error, 1)
	go func() { done <- s.Highball.Shutdown(context.Background()) }()
	servertest.Eventually(t, "the server listens no more", func() bool {
		conn, err := s.Connect()
		if err == nil {
			_ = conn.Close()
		}
		return err != nil
	})
	return done
}

// get is a GET request for the target with further field lines.
func get(target, fields string) string {
	return "GET " + target + " HTTP/1.1\r\nHost: test\r\n" + fields + "\r\n"
}

// post is a POST request with further field lines, which frame the body.
func post(target, fields, body string) string {
	return "POST " + target + " HTTP/1.1\r\nHost: test\r\n" + fields + "\r\n" + body
}

// repeated returns n bytes in which a lost or doubled part would show.
func repeated(n int) string {
	const digits = "0123456789abcdefghijklmnopqrstuvwxyz\n"
	return strings.Repeat(digits, n/len(digits)+1)[:n]
}
