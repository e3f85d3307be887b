package highball_test

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"highball"
	"highball/internal/servertest"
)

func TestRequestBodyIsRead(t *testing.T) {
	long := repeated(200 << 10)
	tests := []struct {
		name, fields, body, want, trailer string
		length                            int64
	}{
		{"none", "", "", "", "", 0},
		{"length 0", "Content-Length: 0\r\n", "", "", "", 0},
		{"length", "Content-Length: 5\r\n", "hello", "hello", "", 5},
		{"long", fmt.Sprintf("Content-Length: %d\r\n", len(long)), long, long, "", 200 << 10},
		{"chunks", "Transfer-Encoding: chunked\r\n", "5\r\nhello\r\n6;a=\"b\"\r\n world\r\n0\r\n\r\n", "hello world", "", -1},
		{"trailer", "Transfer-Encoding: chunked\r\n", "1\r\na\r\n0\r\nDigest: x\r\n\r\n", "a", "x", -1},
		{"long chunk", "Transfer-Encoding: chunked\r\n", fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", len(long), long), long, "", -1},
	}
	servertest.Each(t, func(t *testing.T, d servertest.Driver) {
		s := start(t, d, func(w *highball.Response, r *highball.Request) error {
			w.Header().Set("X-Length", fmt.Sprint(r.ContentLength()))
			if err := echo(w, r); err != nil {
				return err
			}
			if r.Header().Has("Digest") {
				return errors.New("a trailer was merged into the header")
			}
			w.Header().Set("X-Trailer", r.Trailer().Value("Digest"))
			return nil
		})
		c := s.Dial(t)
		for _, tt := range tests {
			c.Send(post("/", tt.fields, tt.body))
			got := c.Receive("POST")
			if got.Status != 200 || got.Body != tt.want || got.Value("X-Length") != fmt.Sprint(tt.length) {
				t.Errorf("%s: %d, %d bytes, length %s", tt.name, got.Status, len(got.Body), got.Value("X-Length"))
			}
			if len(tt.want) < 1000 && got.Value("X-Trailer") != tt.trailer {
				t.Errorf("%s: trailer %q", tt.name, got.Value("X-Trailer"))
			}
		}
	})
}

// A body beyond the limit is refused: at once if it is declared, else where it passes the limit.
func TestBodyLimit(t *testing.T) {
	servertest.Each(t, func(t *testing.T, d servertest.Driver) {
		s := servertest.New(t, d, &highball.Server{Handler: highball.HandlerFunc(echo), Limits: highball.Limits{Body: 10}})
		for _, tt := range []struct {
			name, raw string
			status    int
		}{
			{"exact", post("/", "Content-Length: 10\r\nConnection: close\r\n", "0123456789"), 200},
			{"declared", post("/", "Content-Length: 11\r\n", "0123456789a"), 413},
			{"declared, expecting 100", post("/", "Content-Length: 11\r\nExpect: 100-continue\r\n", ""), 413},
			{"exact in chunks", post("/", "Transfer-Encoding: chunked\r\nConnection: close\r\n", "a\r\n0123456789\r\n0\r\n\r\n"), 200},
			{"in chunks", post("/", "Transfer-Encoding: chunked\r\n", "5\r\n01234\r\n6\r\n567890\r\n0\r\n\r\n"), 413},
		} {
			c := s.Dial(t)
			c.Send(tt.raw)
			if got := c.Receive("POST"); got.Status != tt.status || !got.Closing() || len(got.Interim) > 0 {
				t.Errorf("%s: %+v", tt.name, got)
			}
			c.WantClosed()
		}
	})
}

// What a handler leaves unread is dropped up to a bound, and the next request follows; beyond it the connection closes.
func TestUnreadBodyIsDroppedOrTheConnectionClosed(t *testing.T) {
	servertest.Each(t, func(t *testing.T, d servertest.Driver) {
		s := servertest.New(t, d, &highball.Server{
			Limits: highball.Limits{Drain: 1000},
			Handler: highball.HandlerFunc(func(w *highball.Response, r *highball.Request) error {
				_, err := w.WriteString(r.Path())
				return err
			}),
		})
		chunked := func(n int) string { return fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", n, repeated(n)) }
		for _, tt := range []struct {
			name, fields, body string
			kept               bool
		}{
			{"little", "Content-Length: 1000\r\n", repeated(1000), true},
			{"much", "Content-Length: 1001\r\n", repeated(1001), false},
			{"little in chunks", "Transfer-Encoding: chunked\r\n", chunked(1000), true},
			{"much in chunks", "Transfer-Encoding: chunked\r\n", chunked(1001), false},
			{"malformed chunks", "Transfer-Encoding: chunked\r\n", "x\r\n", false},
		} {
			c := s.Dial(t)
			c.Send(post("/first", tt.fields, tt.body) + get("/second", ""))
			if got := c.Receive("POST"); got.Body != "/first" {
				t.Errorf("%s: %+v", tt.name, got)
			}
			if !tt.kept {
				c.WantClosed()
			} else if got := c.Receive("GET"); got.Body != "/second" {
				t.Errorf("%s: then %+v", tt.name, got)
			}
		}
	})
}

// A handler that takes no notice of a broken body does not make it whole.
func TestBrokenBodyCloses(t *testing.T) {
	servertest.Each(t, func(t *testing.T, d servertest.Driver) {
		s := start(t, d, func(_ *highball.Response, r *highball.Request) error {
			if _, err := io.ReadAll(r.Body()); err == nil {
				return errors.New("the body was read")
			}
			return nil
		})
		c := s.Dial(t)
		c.Send(post("/", "Transfer-Encoding: chunked\r\n", "5\r\nhelloworld\r\n0\r\n\r\n") + get("/", ""))
		if got := c.Receive("POST"); got.Status != 200 || !got.Closing() {
			t.Errorf("got %+v", got)
		}
		c.WantClosed()
	})
}

// A client that leaves within its body is an error for the handler, and nobody is answered.
func TestClientThatLeavesWithinItsBody(t *testing.T) {
	servertest.Each(t, func(t *testing.T, d servertest.Driver) {
		begun, failures := make(chan struct{}, 1), make(chan error, 1)
		s := start(t, d, func(_ *highball.Response, r *highball.Request) error {
			begun <- struct{}{}
			_, err := io.ReadAll(r.Body())
			failures <- err
			return err
		})
		for _, tt := range []struct {
			name, raw string
		}{
			{"length", post("/", "Content-Length: 10\r\n", "12345")},
			{"chunk", post("/", "Transfer-Encoding: chunked\r\n", "a\r\n12345")},
			{"between chunks", post("/", "Transfer-Encoding: chunked\r\n", "1\r\n1\r\n")},
		} {
			c := s.Dial(t)
			c.Send(tt.raw)
			<-begun
			c.CloseWrite()
			if err := <-failures; !errors.Is(err, io.ErrUnexpectedEOF) {
				t.Errorf("%s: the handler got %v", tt.name, err)
			}
			c.WantClosed()
			c = s.Dial(t)
			c.Send(tt.raw)
			<-begun
			c.Reset()
			if err := <-failures; err == nil {
				t.Errorf("%s: the handler got no error of a reset", tt.name)
			}
		}
		if strings.Contains(s.Log.String(), "handler failed") {
			t.Errorf("the log blames the handler: %s", s.Log)
		}
	})
}

// An error of the same kind that is not the client's has its page and its record.
func TestUnexpectedEndElsewhereIsNotTheClients(t *testing.T) {
	servertest.Each(t, func(t *testing.T, d servertest.Driver) {
		s := start(t, d, func(*highball.Response, *highball.Request) error {
			return fmt.Errorf("reading a template: %w", io.ErrUnexpectedEOF)
		})
		c := s.Dial(t)
		c.Send(post("/", "Content-Length: 1\r\n", "x"))
		if got := c.Receive("POST"); got.Status != 500 || !strings.Contains(s.Log.String(), "reading a template") {
			t.Errorf("got %d, log %s", got.Status, s.Log)
		}
	})
}

func TestExpectContinue(t *testing.T) {
	const fields = "Content-Length: 5\r\nExpect: 100-continue\r\n"
	servertest.Each(t, func(t *testing.T, d servertest.Driver) {
		s := start(t, d, func(w *highball.Response, r *highball.Request) error {
			switch r.Path() {
			case "/refuse":
				return &highball.Error{Status: 403}
			case "/ignore":
				return nil
			}
			return echo(w, r)
		})
		t.Run("the first read sends 100 Continue", func(t *testing.T) {
			c := s.Dial(t)
			for range 2 {
				c.Send(post("/read", fields, ""))
				const interim = "HTTP/1.1 100 Continue\r\n\r\n"
				if got := readN(t, c, len(interim)); got != interim {
					t.Fatalf("got %q", got)
				}
				c.Send("hello")
				if got := c.Receive("POST"); got.Status != 200 || got.Body != "hello" {
					t.Errorf("got %+v", got)
				}
			}
		})
		for _, target := range []string{"/refuse", "/ignore"} {
			t.Run("an answer without 100 closes"+target, func(t *testing.T) {
				c := s.Dial(t)
				c.Send(post(target, fields, ""))
				if got := c.Receive("POST"); !got.Closing() || len(got.Interim) > 0 {
					t.Errorf("got %+v", got)
				}
				// Whatever the client does now, no byte of it is a request.
				c.Send(get("/read", ""))
				c.WantClosed()
			})
		}
		t.Run("a client that does not wait", func(t *testing.T) {
			c := s.Dial(t)
			c.Send(post("/read", fields, "hello"))
			if got := c.Receive("POST"); got.Body != "hello" {
				t.Errorf("got %+v", got)
			}
			c.WantOpen("/ignore")
			c.Send(post("/ignore", fields, "hello"))
			if got := c.Receive("POST"); got.Closing() {
				t.Errorf("the body is there, and yet %+v", got)
			}
			c.WantOpen("/ignore")
		})
		t.Run("HTTP/1.0 has no expectations", func(t *testing.T) {
			c := s.Dial(t)
			c.Send("POST /read HTTP/1.0\r\n" + fields + "\r\nhello")
			if got := c.Receive("POST"); got.Body != "hello" || len(got.Interim) > 0 {
				t.Errorf("got %+v", got)
			}
		})
		t.Run("without a body there is nothing to wait for", func(t *testing.T) {
			c := s.Dial(t)
			c.Send(post("/read", "Content-Length: 0\r\nExpect: 100-continue\r\n", ""))
			if got := c.Receive("POST"); got.Status != 200 || len(got.Interim) > 0 || got.Closing() {
				t.Errorf("got %+v", got)
			}
		})
		t.Run("another expectation", func(t *testing.T) {
			c := s.Dial(t)
			c.Send(post("/read", "Content-Length: 5\r\nExpect: more\r\n", "hello"))
			if got := c.Receive("POST"); got.Status != 417 || !got.Closing() {
				t.Errorf("got %+v", got)
			}
			c.WantClosed()
		})
	})
}

// The requests before one for a goroutine are answered before it, and 100 Continue is its own.
func TestContinueComesAfterEarlierAnswers(t *testing.T) {
	servertest.Each(t, func(t *testing.T, d servertest.Driver) {
		s := servertest.New(t, d, &highball.Server{Handler: newMux(t, map[string]highball.Handler{
			"/inline": text("inline"), "/echo": highball.HandlerFunc(echo),
		})})
		c := s.Dial(t)
		c.Send(get("/inline", "") + post("/echo", "Content-Length: 5\r\nExpect: 100-continue\r\n", ""))
		if got := c.Receive("GET"); got.Body != "inline" || len(got.Interim) > 0 {
			t.Fatalf("got %+v", got)
		}
		c.Send("hello")
		if got := c.Receive("POST"); got.Body != "hello" || len(got.Interim) != 1 {
			t.Errorf("got %+v", got)
		}
	})
}
