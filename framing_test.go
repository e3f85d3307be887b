package highball_test

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"highball"
	"highball/internal/servertest"
)

// How the end of a body is marked is chosen from what is known when its head leaves, and from the client's version.
func TestFramingIsChosenAtRunTime(t *testing.T) {
	small, large := "small", repeated(50<<10)
	write := func(s string) func(*highball.Response) error {
		return func(w *highball.Response) error {
			_, err := w.WriteString(s)
			return err
		}
	}
	flushed := func(w *highball.Response) error {
		return errors.Join(write("one ")(w), w.Flush(), write("two")(w))
	}
	tests := []struct {
		name    string
		request string
		handler func(*highball.Response) error
		length  string // Content-Length
		coding  string // Transfer-Encoding
		closing bool
		body    string
	}{
		{"small: length", get("/", ""), write(small), "5", "", false, small},
		{"empty: length 0", get("/", ""), write(""), "0", "", false, ""},
		{"large: chunks", get("/", ""), write(large), "", "chunked", false, large},
		{"flushed: chunks", get("/", ""), flushed, "", "chunked", false, "one two"},
		{"large on 1.0: close", "GET / HTTP/1.0\r\n\r\n", write(large), "", "", true, large},
		{"large on 1.0, to be kept: close all the same", "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", write(large), "", "", true, large},
		{"small on 1.0: length", "GET / HTTP/1.0\r\n\r\n", write(small), "5", "", true, small},
		{"HEAD: what GET would say", "HEAD / HTTP/1.1\r\nHost: test\r\n\r\n", write(small), "5", "", false, ""},
		{"HEAD of a stream", "HEAD / HTTP/1.1\r\nHost: test\r\n\r\n", flushed, "", "", false, ""},
		{"declared by method", get("/", ""), func(w *highball.Response) error {
			w.SetContentLength(int64(len(large)))
			return write(large)(w)
		}, "51200", "", false, large},
		{"declared by field", get("/", ""), func(w *highball.Response) error {
			w.Header().Set("Content-Length", "51200")
			return write(large)(w)
		}, "51200", "", false, large},
		{"204 has no body", get("/", ""), func(w *highball.Response) error {
			w.SetStatus(204)
			if err := write(small)(w); !errors.Is(err, highball.ErrBodyNotAllowed) {
				return errors.New("ErrBodyNotAllowed was not returned")
			}
			return nil
		}, "", "", false, ""},
		{"304 has no body", get("/", ""), func(w *highball.Response) error {
			w.SetStatus(304)
			w.Header().Set("Content-Length", "7")
			return nil
		}, "", "", false, ""},
		{"the handler cannot frame", get("/", ""), func(w *highball.Response) error {
			w.Header().Set("Transfer-Encoding", "gzip")
			w.Header().Set("Trailer", "X")
			w.Header().Set("Keep-Alive", "timeout=1")
			return write(small)(w)
		}, "5", "", false, small},
		{"the handler closes by field", get("/", ""), func(w *highball.Response) error {
			w.Header().Set("Connection", "x, Close")
			return write(small)(w)
		}, "5", "", true, small},
		{"the handler closes by method", get("/", ""), func(w *highball.Response) error {
			w.CloseAfter()
			return write(small)(w)
		}, "5", "", true, small},
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
				c.Send(tt.request)
				r := c.Receive(tt.request[:strings.IndexByte(tt.request, ' ')])
				if r.Body != tt.body || r.Value("Content-Length") != tt.length || r.Value("Transfer-Encoding") != tt.coding || r.Closing() != tt.closing {
					t.Errorf("got %d bytes, length %q, coding %q, closing %v", len(r.Body),
						r.Value("Content-Length"), r.Value("Transfer-Encoding"), r.Closing())
				}
				for _, name := range []string{"Trailer", "Keep-Alive"} {
					if r.Value(name) != "" {
						t.Errorf("the field %s of a handler was sent", name)
					}
				}
				if tt.closing {
					c.WantClosed()
				} else {
					c.WantOpen("/next")
				}
			})
		}
	})
}

// A body longer than declared is cut with an error for the handler; a shorter one ends the connection unfinished.
func TestDeclaredLengthIsKept(t *testing.T) {
	servertest.Each(t, func(t *testing.T, d servertest.Driver) {
		failures := make(chan error, 1)
		s := start(t, d, func(w *highball.Response, r *highball.Request) error {
			w.SetContentLength(20 << 10)
			n := 20 << 10
			switch r.Path() {
			case "/more":
				n++
			case "/less":
				n--
			}
			_, err := w.WriteString(repeated(n))
			if r.Path() == "/more" {
				failures <- err
			}
			return nil
		})
		c := s.Dial(t)
		if got := c.Get("/more"); got.Body != repeated(20<<10) {
			t.Errorf("the excess was not cut: %d bytes", len(got.Body))
		}
		if err := <-failures; !errors.Is(err, highball.ErrContentLength) {
			t.Errorf("the handler got %v", err)
		}
		c.WantOpen("/exact")
		c.Send(get("/less", ""))
		if got, err := c.TryReceive("GET"); err == nil {
			t.Errorf("a short body was ended as if it were whole: %d bytes", len(got.Body))
		}
	})
}

func TestTrailersAreSentAfterChunks(t *testing.T) {
	servertest.Each(t, func(t *testing.T, d servertest.Driver) {
		s := start(t, d, func(w *highball.Response, r *highball.Request) error {
			if r.Path() == "/next" {
				return w.Flush()
			}
			_, err := w.WriteString("body")
			w.Trailer().Set("Digest", "abc")
			w.Trailer().Set("Content-Length", "3")
			return errors.Join(err, w.Flush())
		})
		c := s.Dial(t)
		if got := c.Get("/"); len(got.Trailer) != 1 || got.Trailer[0] != (servertest.Field{Name: "Digest", Value: "abc"}) {
			t.Errorf("trailer %q", got.Trailer)
		}
		if got := c.Get("/next"); len(got.Trailer) != 0 {
			t.Errorf("the next answer has the trailer %q", got.Trailer)
		}
	})
}

// The same must hold where the answers of one loop share an exchange.
func TestInlineTrailerIsOfItsAnswerAlone(t *testing.T) {
	h := inlineFunc{inline: func(w *highball.Response, r *highball.Request) bool {
		if r.Path() == "/" {
			w.Trailer().Set("Secret", "of one client")
		}
		return w.Flush() == nil
	}}
	s := servertest.New(t, servertest.Loop, &highball.Server{Handler: h, Loops: 1})
	if got := s.Dial(t).Get("/"); len(got.Trailer) != 1 {
		t.Errorf("trailer %q", got.Trailer)
	}
	if got := s.Dial(t).Get("/next"); len(got.Trailer) != 0 {
		t.Errorf("another client's answer has the trailer %q", got.Trailer)
	}
}

func TestInformationalGoesAhead(t *testing.T) {
	servertest.Each(t, func(t *testing.T, d servertest.Driver) {
		s := start(t, d, func(w *highball.Response, _ *highball.Request) error {
			var h highball.Header
			h.Add("Link", "</a.css>; rel=preload")
			return errors.Join(w.Informational(103, &h), w.Informational(102, new(highball.Header)))
		})
		c := s.Dial(t)
		got := c.Get("/")
		if len(got.Interim) != 2 || got.Interim[0].Status != 103 || got.Interim[0].Value("Link") == "" || got.Status != 200 {
			t.Errorf("got %+v", got)
		}
		c.Send("GET / HTTP/1.0\r\n\r\n")
		if got := c.Receive("GET"); len(got.Interim) != 0 {
			t.Errorf("an HTTP/1.0 client got %+v", got.Interim)
		}
	})
}

// Flush reaches the client while the handler goes on.
func TestFlushReachesTheClient(t *testing.T) {
	servertest.Each(t, func(t *testing.T, d servertest.Driver) {
		seen := make(chan struct{})
		s := start(t, d, func(w *highball.Response, _ *highball.Request) error {
			_, err := w.WriteString("early")
			err = errors.Join(err, w.Flush())
			<-seen
			return err
		})
		c := s.Dial(t)
		c.Send(get("/", ""))
		early := make([]byte, 4096)
		for got := ""; !strings.Contains(got, "early"); {
			n, err := c.Read(early)
			if err != nil {
				t.Fatal(err)
			}
			got += string(early[:n])
		}
		close(seen)
		if rest := "0\r\n\r\n"; !strings.HasSuffix(readN(t, c, len(rest)), rest) {
			t.Error("the end is missing")
		}
	})
}

func readN(t *testing.T, r io.Reader, n int) string {
	t.Helper()
	b := make([]byte, n)
	if _, err := io.ReadFull(r, b); err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestPreparedIsSentWhole(t *testing.T) {
	var h highball.Header
	h.Set("Content-Type", "text/plain")
	p, err := highball.Prepare(200, &h, []byte(repeated(100<<10)))
	if err != nil {
		t.Fatal(err)
	}
	none, err := highball.Prepare(304, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	servertest.Each(t, func(t *testing.T, d servertest.Driver) {
		s := start(t, d, func(w *highball.Response, r *highball.Request) error {
			w.Header().Set("X-Dropped", "1")
			if r.Path() == "/304" {
				return w.Send(none)
			}
			return w.Send(p)
		})
		c := s.Dial(t)
		got := c.Get("/")
		if got.Body != repeated(100<<10) || got.Value("Content-Type") != "text/plain" || got.Value("Date") == "" || got.Value("X-Dropped") != "" {
			t.Errorf("got %d bytes, %q", len(got.Body), got.Fields)
		}
		c.Send("HEAD / HTTP/1.1\r\nHost: test\r\n\r\n")
		if got := c.Receive("HEAD"); got.Value("Content-Length") != "102400" {
			t.Errorf("HEAD: %q", got.Fields)
		}
		if got := c.Get("/304"); got.Status != 304 || got.Value("Content-Length") != "" {
			t.Errorf("304: %+v", got)
		}
	})
}

func TestPrepareRefuses(t *testing.T) {
	field := func(name, value string) *highball.Header {
		var h highball.Header
		h.Set(name, value)
		return &h
	}
	for _, tt := range []struct {
		name   string
		status int
		header *highball.Header
		body   string
	}{
		{"1xx", 103, nil, ""},
		{"600", 600, nil, ""},
		{"a body on 304", 304, nil, "x"},
		{"CR in a value", 200, field("A", "b\rc"), ""},
		{"a space in a name", 200, field("A b", "c"), ""},
		{"Connection", 200, field("Connection", "close"), ""},
		{"Date", 200, field("Date", "now"), ""},
		{"Transfer-Encoding", 200, field("Transfer-Encoding", "chunked"), ""},
		{"another length", 200, field("Content-Length", "2"), "x"},
	} {
		if _, err := highball.Prepare(tt.status, tt.header, []byte(tt.body)); err == nil {
			t.Errorf("%s was prepared", tt.name)
		}
	}
}

// A file that turns out shorter than announced must not be padded, nor end as if it were whole.
func TestShrunkFileCutsTheConnection(t *testing.T) {
	servertest.Each(t, func(t *testing.T, d servertest.Driver) {
		name := filepath.Join(t.TempDir(), "file")
		if err := os.WriteFile(name, []byte(repeated(1000)), 0o600); err != nil {
			t.Fatal(err)
		}
		failures := make(chan error, 2)
		s := start(t, d, func(w *highball.Response, r *highball.Request) error {
			f, err := os.Open(name)
			if err != nil {
				return err
			}
			defer f.Close()
			if r.Path() == "/declared" {
				w.SetContentLength(2000)
			}
			err = w.SendFile(f, 0, 2000)
			failures <- err
			return nil // the connection is cut all the same
		})
		for _, target := range []string{"/declared", "/chunked"} {
			c := s.Dial(t)
			c.Send(get(target, ""))
			got, err := c.TryReceive("GET")
			if err == nil || got.Status != 200 {
				t.Errorf("%s: status %d, %d bytes, %v", target, got.Status, len(got.Body), err)
			}
			if err := <-failures; !errors.Is(err, io.ErrUnexpectedEOF) {
				t.Errorf("%s: the handler got %v", target, err)
			}
		}
	})
}
