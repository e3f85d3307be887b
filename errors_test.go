package highball_test

import (
	"errors"
	"fmt"
	"net/http"
	"runtime"
	"strings"
	"testing"

	"highball"
	"highball/internal/servertest"
)

// What a handler's failure looks like to the client and in the log, before anything was sent.
func TestErrorBeforeTheHead(t *testing.T) {
	secret := errors.New("secret cause")
	tests := []struct {
		name    string
		handler func(w *highball.Response) error
		status  int
		logged  string // part of a record, or "" for none
		field   string // that the answer has
	}{
		{"plain error", func(*highball.Response) error { return secret }, 500, "secret cause", ""},
		{"panic", func(*highball.Response) error { panic("secret cause") }, 500, "secret cause", ""},
		{"panic with an error", func(*highball.Response) error { panic(secret) }, 500, "secret cause", ""},
		{"client's error", func(*highball.Response) error { return &highball.Error{Status: 404, Err: secret} }, 404, "", ""},
		{"wrapped", func(*highball.Response) error {
			return fmt.Errorf("handler: %w", &highball.Error{Status: 410, Err: secret})
		}, 410, "", ""},
		{"server's error", func(*highball.Response) error { return &highball.Error{Status: 503, Err: secret} }, 503, "secret cause", ""},
		{"no error's status", func(*highball.Response) error { return &highball.Error{Status: 200, Err: secret} }, 500, "secret cause", ""},
		{"after a buffered write", func(w *highball.Response) error {
			_, err := w.WriteString("half an answer")
			return errors.Join(err, secret)
		}, 500, "secret cause", ""},
		{"LF in a value", func(w *highball.Response) error {
			w.Header().Set("X", "a\nSet-Cookie: b")
			return nil
		}, 500, "invalid field", ""},
		{"CR in a value", func(w *highball.Response) error {
			w.Header().Set("X", "a\rb")
			return nil
		}, 500, "invalid field", ""},
		{"NUL in a value", func(w *highball.Response) error {
			w.Header().Set("X", "a\x00b")
			return nil
		}, 500, "invalid field", ""},
		{"a colon in a name", func(w *highball.Response) error {
			w.Header().Set("X: a", "b")
			return nil
		}, 500, "invalid field", ""},
		{"interim status as the final one", func(w *highball.Response) error {
			w.SetStatus(103)
			return nil
		}, 500, "status 103", ""},
		{"no status at all", func(w *highball.Response) error {
			w.SetStatus(20)
			return nil
		}, 500, "status 20", ""},
		{"Content-Length that is none", func(w *highball.Response) error {
			w.Header().Set("Content-Length", "-1")
			_, err := w.WriteString("x")
			return err
		}, 500, "no length", ""},
		{"401 keeps its challenge", func(w *highball.Response) error {
			w.Header().Set("WWW-Authenticate", "Basic")
			return &highball.Error{Status: 401}
		}, 401, "", "WWW-Authenticate"},
		{"405 keeps its list", func(w *highball.Response) error {
			w.Header().Set("Allow", "GET")
			return &highball.Error{Status: 405}
		}, 405, "", "Allow"},
		{"503 keeps its time", func(w *highball.Response) error {
			w.Header().Set("Retry-After", "3")
			w.Header().Set("Set-Cookie", "secret cause")
			return &highball.Error{Status: 503}
		}, 503, "503", "Retry-After"},
	}
	servertest.Each(t, func(t *testing.T, d servertest.Driver) {
		for _, tt := range tests {
			t.Run(tt.name, func(t *testing.T) {
				s := start(t, d, func(w *highball.Response, r *highball.Request) error {
					if r.Path() == "/next" {
						return nil
					}
					return tt.handler(w)
				})
				c := s.Dial(t)
				got := c.Get("/")
				if got.Status != tt.status || !strings.Contains(got.Body, fmt.Sprint(tt.status)) {
					t.Errorf("got %d %q", got.Status, got.Body)
				}
				if all := fmt.Sprint(got); strings.Contains(all, "secret") || strings.Contains(all, "half") {
					t.Errorf("the client was told %s", all)
				}
				if tt.field != "" && got.Value(tt.field) == "" {
					t.Errorf("the field %s is missing", tt.field)
				}
				if failed := strings.Contains(s.Log.String(), "handler failed"); failed != (tt.logged != "") || !strings.Contains(s.Log.String(), tt.logged) {
					t.Errorf("the log says %s", s.Log)
				}
				c.WantOpen("/next")
			})
		}
	})
}

// An abort is an answer to nobody, and no failure.
func TestAbortCutsSilently(t *testing.T) {
	servertest.Each(t, func(t *testing.T, d servertest.Driver) {
		for name, abort := range map[string]func() error{
			"returned":          func() error { return fmt.Errorf("done: %w", highball.ErrAbort) },
			"panic":             func() error { panic(highball.ErrAbort) },
			"panic of net/http": func() error { panic(http.ErrAbortHandler) },
			"Goexit": func() error {
				runtime.Goexit()
				return nil
			},
		} {
			t.Run(name, func(t *testing.T) {
				s := start(t, d, func(*highball.Response, *highball.Request) error { return abort() })
				c := s.Dial(t)
				c.Send(get("/", ""))
				c.WantClosed()
				if strings.Contains(s.Log.String(), "level=ERROR") {
					t.Errorf("the log says %s", s.Log)
				}
			})
		}
	})
}

// Once the head has left, the only way to tell the client of a failure is to cut.
func TestErrorAfterTheHeadCuts(t *testing.T) {
	servertest.Each(t, func(t *testing.T, d servertest.Driver) {
		for name, fail := range map[string]func() error{
			"error": func() error { return errors.New("cause") },
			"panic": func() error { panic("cause") },
		} {
			t.Run(name, func(t *testing.T) {
				s := start(t, d, func(w *highball.Response, _ *highball.Request) error {
					if err := w.Flush(); err != nil {
						return err
					}
					return fail()
				})
				c := s.Dial(t)
				c.Send(get("/", "") + get("/", ""))
				got, err := c.TryReceive("GET")
				if err == nil {
					t.Errorf("the answer has an end: %+v", got)
				}
				servertest.Eventually(t, "a record of the failure", func() bool {
					return strings.Contains(s.Log.String(), "cause")
				})
			})
		}
	})
}

// Answers that were given before a request that is cut are not lost with it.
func TestAbortKeepsEarlierAnswers(t *testing.T) {
	servertest.Each(t, func(t *testing.T, d servertest.Driver) {
		s := servertest.New(t, d, &highball.Server{Handler: newMux(t, map[string]highball.Handler{
			"/inline": text("inline"),
			"/late": highball.HandlerFunc(func(_ *highball.Response, r *highball.Request) error {
				<-r.Context().Done()
				return highball.ErrAbort
			}),
		})})
		c := s.Dial(t)
		c.Send(get("/inline", "") + get("/late", ""))
		if got := c.Receive("GET"); got.Body != "inline" {
			t.Errorf("got %+v", got)
		}
		c.CloseWrite() // which ends the other one
		c.WantClosed()
	})
}

// ServeInline runs on a loop, which must survive it.
func TestInlineFailures(t *testing.T) {
	servertest.Each(t, func(t *testing.T, d servertest.Driver) {
		s := servertest.New(t, d, &highball.Server{Loops: 1, Handler: inlineFunc{inline: func(w *highball.Response, r *highball.Request) bool {
			switch r.Path() {
			case "/panic":
				w.Header().Set("X-Half", "1")
				_, _ = w.WriteString("half an answer") // into memory
				panic("cause")
			case "/field":
				w.Header().Set("X", "a\r\nb")
			case "/abort":
				panic(highball.ErrAbort)
			case "/flushed":
				_ = w.Flush() // into memory
				w.SetContentLength(1)
				panic("cause")
			case "/body":
				if n, err := r.Body().Read(make([]byte, 1)); n != 0 || err == nil || r.ContentLength() != 0 {
					panic("a body where there is none")
				}
			}
			return true
		}}})
		c := s.Dial(t)
		c.Send(post("/", "Content-Length: 3\r\n", "abc"))
		c.Receive("POST")
		for _, target := range []string{"/panic", "/field"} {
			got := c.Get(target)
			if got.Status != 500 || got.Value("X-Half") != "" || strings.Contains(got.Body, "half") {
				t.Errorf("%s: %+v", target, got)
			}
		}
		if got := c.Get("/body"); got.Status != 200 {
			t.Errorf("reading no body: %d, log %s", got.Status, s.Log)
		}
		if !strings.Contains(s.Log.String(), "cause") || !strings.Contains(s.Log.String(), "invalid field") {
			t.Errorf("the log says %s", s.Log)
		}
		c.Send(get("/", "") + get("/abort", "") + get("/", ""))
		c.Receive("GET")
		c.WantClosed()
		if strings.Contains(s.Log.String(), "aborted by the handler") {
			t.Errorf("the log has a record of an abort: %s", s.Log)
		}
	})
}
