package compress

import (
	"bufio"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"pgregory.net/rapid"

	"highball"
	"highball/internal/servertest"
)

// Each part can be decoded before the next one is written.
func TestStreams(t *testing.T) {
	servertest.Each(t, func(t *testing.T, d servertest.Driver) {
		for _, token := range tokens {
			t.Run(token, func(t *testing.T) {
				next := make(chan struct{}, 1)
				part := func(i int) string { return fmt.Sprintf("data: part %d %s\n\n", i, strings.Repeat("x", i*i*100)) }
				const parts = 12
				h := New(Config{}, highball.HandlerFunc(func(w *highball.Response, r *highball.Request) error {
					w.Header().Set("Content-Type", "text/event-stream")
					for i := range parts {
						if _, err := w.WriteString(part(i)); err != nil {
							return err
						}
						if err := w.Flush(); err != nil {
							return err
						}
						select {
						case <-next:
						case <-r.Context().Done():
							return r.Context().Err()
						}
					}
					return nil
				}))
				c := servertest.New(t, d, &highball.Server{Handler: h}).Dial(t)
				c.Send("GET / HTTP/1.1\r\nHost: test\r\nAccept-Encoding: " + token + "\r\n\r\n")
				res, err := http.ReadResponse(bufio.NewReader(c.Conn), nil)
				if err != nil {
					t.Fatal(err)
				}
				body := decoder(t, res.Header.Get("Content-Encoding"), res.Body)
				for i := range parts {
					got := make([]byte, len(part(i)))
					if _, err := io.ReadFull(body, got); err != nil || string(got) != part(i) {
						t.Fatalf("part %d: got %q %v", i, got, err)
					}
					next <- struct{}{}
				}
				if rest, err := io.ReadAll(body); err != nil || len(rest) > 0 {
					t.Errorf("after the last part: %q %v", rest, err)
				}
				expectUnused(t, h)
			})
		}
	})
}

// plan is what a handler does.
type plan struct {
	writes   []string // "" is a flush
	declares bool     // the length
}

func (p *plan) body() string { return strings.Join(p.writes, "") }

func (p *plan) Serve(w *highball.Response, _ *highball.Request) error {
	w.Header().Set("Content-Type", "text/plain")
	if p.declares {
		w.SetContentLength(int64(len(p.body())))
	}
	for _, s := range p.writes {
		var err error
		if s == "" {
			err = w.Flush()
		} else {
			_, err = w.WriteString(s)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// drawPlan draws parts of all sizes, some of them noise.
func drawPlan(r *rapid.T) *plan {
	noise := rand.New(rand.NewPCG(rapid.Uint64().Draw(r, "seed"), 0))
	part := rapid.Custom(func(r *rapid.T) string {
		size := rapid.OneOf(rapid.IntRange(0, 40), rapid.IntRange(0, 10000), rapid.IntRange(100000, 300000)).Draw(r, "size")
		if rapid.Bool().Draw(r, "repeats") {
			return strings.Repeat(page, size/len(page)+1)[:size]
		}
		b := make([]byte, size)
		for i := range b {
			b[i] = byte(noise.Uint32())
		}
		return string(b)
	})
	return &plan{rapid.SliceOfN(rapid.OneOf(part, rapid.Just("")), 0, 8).Draw(r, "writes"), rapid.Bool().Draw(r, "declares")}
}

// Whatever is written and flushed in whatever portions, and however its end is marked, the client decodes it to the same.
func TestDecodesToTheSame(t *testing.T) {
	var current atomic.Pointer[plan]
	h := New(Config{MinSize: -1}, highball.HandlerFunc(func(w *highball.Response, r *highball.Request) error {
		return current.Load().Serve(w, r)
	}))
	servertest.Each(t, func(t *testing.T, d servertest.Driver) {
		s := servertest.New(t, d, &highball.Server{Handler: h})
		rapid.Check(t, func(r *rapid.T) {
			p := drawPlan(r)
			current.Store(p)
			token := rapid.SampledFrom(tokens[:]).Draw(r, "coding")
			version := rapid.SampledFrom([]string{"1.0", "1.1"}).Draw(r, "version")
			c := s.Dial(t)
			defer c.Close()
			c.Send("GET / HTTP/" + version + "\r\nHost: test\r\nAccept-Encoding: " + token + "\r\n\r\n")
			res := c.Receive("GET")
			if res.Value("Content-Encoding") != token && p.body() != "" {
				r.Fatalf("not encoded: %q", res.Fields)
			}
			if got := decoded(t, res.Value("Content-Encoding"), res.Body); got != p.body() {
				r.Fatalf("%d bytes decode to %d, want %d", len(res.Body), len(got), len(p.body()))
			}
		})
	})
	expectUnused(t, h)
}

// A client that leaves in the midst of its answer, a handler that fails, and one that writes too little, leave no encoder behind.
func TestReleasesAlways(t *testing.T) {
	noise := func() []byte { // long enough to be sent before the end, since nothing makes it shorter
		b := make([]byte, 100<<10)
		for i := range b {
			b[i] = byte(rand.Uint32())
		}
		return b
	}
	forever := highball.HandlerFunc(func(w *highball.Response, r *highball.Request) error {
		w.Header().Set("Content-Type", "text/plain")
		for {
			if _, err := w.Write(noise()); err != nil {
				return err
			}
		}
	})
	after := func(end func(w *highball.Response) error) highball.Handler {
		return highball.HandlerFunc(func(w *highball.Response, r *highball.Request) error {
			w.Header().Set("Content-Type", "text/plain")
			if r.Path() == "/declared" {
				w.SetContentLength(1e6)
			}
			if _, err := w.Write(noise()); err != nil {
				return err
			}
			return end(w)
		})
	}
	handlers := map[string]highball.Handler{
		"leaves":      forever,
		"fails":       after(func(*highball.Response) error { return io.ErrUnexpectedEOF }),
		"aborts":      after(func(*highball.Response) error { return highball.ErrAbort }),
		"panics":      after(func(*highball.Response) error { panic("on purpose") }),
		"has no more": after(func(*highball.Response) error { return nil }),
	}
	servertest.Each(t, func(t *testing.T, d servertest.Driver) {
		for name, next := range handlers {
			h := New(Config{}, next)
			s := servertest.New(t, d, &highball.Server{Handler: h})
			for _, token := range tokens {
				for _, version := range []string{"1.0", "1.1"} {
					c := s.Dial(t)
					c.Send("GET /declared HTTP/" + version + "\r\nHost: test\r\nAccept-Encoding: " + token + "\r\n\r\n")
					if name == "leaves" {
						if _, err := io.ReadFull(c.Conn, make([]byte, 3000)); err != nil {
							t.Fatal(err)
						}
						c.Reset()
						continue
					}
					if _, err := c.TryReceive("GET"); err == nil {
						t.Errorf("%s, %s, HTTP/%s: the client takes a cut answer for a whole one", name, token, version)
					}
					c.Close()
				}
			}
			expectUnused(t, h)
		}
	})
}

// An encoder that was used before costs a short body nothing but its encoding.
func BenchmarkPage(b *testing.B) {
	for c := range codings {
		b.Run(tokens[c], func(b *testing.B) {
			p := &pool{coding: c}
			body := []byte(longPage[:4096])
			b.SetBytes(int64(len(body)))
			b.ReportAllocs()
			for b.Loop() {
				e := p.take(io.Discard)
				if _, err := e.Write(body); err != nil {
					b.Fatal(err)
				}
				if err := e.Close(); err != nil {
					b.Fatal(err)
				}
				e.Release()
			}
		})
	}
}
