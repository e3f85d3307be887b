package highball_test

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"highball"
	"highball/internal/servertest"
)

// bubble runs f with a server in memory, in time that passes only while everybody waits.
func bubble(t *testing.T, srv *highball.Server, f func(t *testing.T, s *servertest.Server)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		f(t, servertest.New(t, servertest.Goroutine, srv))
	})
}

// patient returns a client that outwaits the server.
func patient(t *testing.T, s *servertest.Server) *servertest.Client {
	c := s.Dial(t)
	c.Patience = 24 * time.Hour
	return c
}

// took fails the test unless the time since began is want, within a second.
func took(t *testing.T, began time.Time, want time.Duration) {
	t.Helper()
	if d := time.Since(began); d < want || d > want+time.Second {
		t.Errorf("after %v, want %v", d, want)
	}
}

func TestHeadDeadline(t *testing.T) {
	for _, tt := range []struct {
		name, raw string
		answered  bool
	}{
		{"nothing was sent", "", false},
		{"part of a head", "GET / HT", true},
		{"part of a second head", get("/", "") + "GET / HT", true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			bubble(t, &highball.Server{Handler: text("")}, func(t *testing.T, s *servertest.Server) {
				c := patient(t, s)
				began := time.Now()
				c.Send(tt.raw)
				if strings.HasPrefix(tt.raw, "GET / HTTP/1.1") {
					c.Receive("GET")
				}
				if tt.answered {
					if got := c.Receive("GET"); got.Status != 408 || !got.Closing() {
						t.Errorf("got %+v", got)
					}
				}
				c.WantClosed()
				took(t, began, 10*time.Second)
			})
		})
	}
}

// Bytes that trickle do not move the deadline of a head.
func TestHeadDeadlineIsAbsolute(t *testing.T) {
	bubble(t, &highball.Server{Handler: text("")}, func(t *testing.T, s *servertest.Server) {
		c := patient(t, s)
		began := time.Now()
		go func() {
			for range 11 {
				c.Send("GET / HTTP/1.1\r\nA: b\r\n"[:1])
				time.Sleep(time.Second)
			}
		}()
		if got := c.Receive("GET"); got.Status != 408 {
			t.Errorf("got %+v", got)
		}
		took(t, began, 10*time.Second)
		time.Sleep(5 * time.Second) // the writer ends
	})
}

func TestIdleDeadlineClosesWithoutAnAnswer(t *testing.T) {
	bubble(t, &highball.Server{Handler: text("")}, func(t *testing.T, s *servertest.Server) {
		c := patient(t, s)
		c.Get("/")
		began := time.Now()
		c.WantClosed()
		took(t, began, 75*time.Second)
	})
}

// A handler that misses its deadline is answered for; it learns of it, and its own answer goes nowhere.
func TestHandlerDeadline(t *testing.T) {
	var failures chan error // of the bubble
	srv := &highball.Server{Handler: highball.HandlerFunc(func(w *highball.Response, r *highball.Request) error {
		<-r.Context().Done()
		failures <- context.Cause(r.Context())
		_, err := w.WriteString(repeated(100 << 10))
		failures <- err
		return err
	})}
	bubble(t, srv, func(t *testing.T, s *servertest.Server) {
		failures = make(chan error, 2)
		c := patient(t, s)
		began := time.Now()
		got := c.Get("/slow")
		if got.Status != 504 || !got.Closing() || strings.Contains(got.Body, "0123") {
			t.Errorf("got %+v", got)
		}
		took(t, began, 30*time.Second)
		c.WantClosed()
		for range 2 {
			if err := <-failures; !errors.Is(err, highball.ErrHandlerDeadline) {
				t.Errorf("the handler got %v", err)
			}
		}
		synctest.Wait()
		if n := strings.Count(s.Log.String(), "level=ERROR"); n != 1 || !strings.Contains(s.Log.String(), "/slow") {
			t.Errorf("the log has %d records: %s", n, s.Log)
		}
	})
}

// Handler and deadline may come to an end in the same instant: one of them has the last word, and one line tells of it.
func TestHandlerThatReturnsAtItsDeadline(t *testing.T) {
	lines := new(servertest.Log)
	srv := &highball.Server{AccessLog: lines, Handler: highball.HandlerFunc(func(w *highball.Response, _ *highball.Request) error {
		time.Sleep(30 * time.Second)
		_, err := w.WriteString("in time")
		return err
	})}
	const times = 200
	bubble(t, srv, func(t *testing.T, s *servertest.Server) {
		for range times {
			c := patient(t, s)
			c.Send(get("/", "Connection: close\r\n"))
			got, err := c.TryReceive("GET") // or it was cut, having begun
			if err == nil && got.Status != 504 && got.Body != "in time" {
				t.Errorf("got %+v", got)
			}
			c.WantClosed()
			c.Close()
		}
	})
	if n := strings.Count(lines.String(), "\n"); n != times {
		t.Errorf("%d lines for %d requests", n, times)
	}
}

// A handler that never returns holds a goroutine and nothing else: its client is answered, after those before it.
func TestHandlerDeadlineAnswersInOrder(t *testing.T) {
	release := make(chan struct{})
	h := newMux(t, map[string]highball.Handler{
		"/inline": text("inline"),
		"/stuck": highball.HandlerFunc(func(*highball.Response, *highball.Request) error {
			<-release
			return nil
		}),
	})
	servertest.Each(t, func(t *testing.T, d servertest.Driver) {
		s := servertest.New(t, d, &highball.Server{Handler: h, Deadlines: highball.Deadlines{Handler: 50 * time.Millisecond}})
		c := s.Dial(t)
		c.Send(get("/inline", "") + get("/stuck", "") + get("/inline", ""))
		if got := c.Receive("GET"); got.Body != "inline" {
			t.Errorf("first %+v", got)
		}
		if got := c.Receive("GET"); got.Status != 504 || !got.Closing() {
			t.Errorf("then %+v", got)
		}
		c.WantClosed()
	})
	close(release)
}

// Once it has begun to answer, a late handler's connection is cut.
func TestHandlerDeadlineCutsWhatHasBegun(t *testing.T) {
	servertest.Each(t, func(t *testing.T, d servertest.Driver) {
		failures := make(chan error, 1)
		s := servertest.New(t, d, &highball.Server{
			Deadlines: highball.Deadlines{Handler: 50 * time.Millisecond},
			Handler: highball.HandlerFunc(func(w *highball.Response, r *highball.Request) error {
				if err := w.Flush(); err != nil {
					return err
				}
				<-r.Context().Done()
				_, err := w.WriteString("late")
				err = errors.Join(err, w.Flush())
				failures <- err
				return nil
			}),
		})
		c := s.Dial(t)
		c.Send(get("/", ""))
		if got, err := c.TryReceive("GET"); err == nil || got.Status != 200 {
			t.Errorf("got %+v, %v", got, err)
		}
		if err := <-failures; !errors.Is(err, highball.ErrHandlerDeadline) {
			t.Errorf("the handler got %v", err)
		}
	})
}

// The deadline is the handler's: time that its client takes to read is not counted.
func TestHandlerDeadlinePausesForTheClient(t *testing.T) {
	const size = 1 << 20
	srv := &highball.Server{Handler: highball.HandlerFunc(func(w *highball.Response, _ *highball.Request) error {
		_, err := w.WriteString(repeated(size))
		return err
	})}
	bubble(t, srv, func(t *testing.T, s *servertest.Server) {
		c := patient(t, s)
		c.Send(get("/", ""))
		got, chunk := 0, make([]byte, 16<<10)
		for got < size { // for over a minute
			n, err := io.ReadFull(c, chunk)
			if err != nil {
				t.Fatalf("cut after %d bytes: %v", got, err)
			}
			got += n
			time.Sleep(time.Second)
		}
	})
}

func TestExtendDeadline(t *testing.T) {
	srv := &highball.Server{Handler: highball.HandlerFunc(func(w *highball.Response, r *highball.Request) error {
		switch r.Path() {
		case "/longer":
			r.ExtendDeadline(time.Hour)
		case "/never":
			r.ExtendDeadline(-1)
		case "/shorter":
			r.ExtendDeadline(time.Second)
		}
		time.Sleep(50 * time.Minute)
		return nil
	})}
	bubble(t, srv, func(t *testing.T, s *servertest.Server) {
		for target, want := range map[string]int{"/longer": 200, "/never": 200, "/shorter": 504, "/": 504} {
			c := patient(t, s)
			if got := c.Get(target); got.Status != want {
				t.Errorf("%s: status %d, want %d", target, got.Status, want)
			}
		}
		time.Sleep(time.Hour) // the handlers end
	})
}

// A body may take its grace, and as long as it keeps its rate.
func TestBodyPace(t *testing.T) {
	srv := &highball.Server{
		Handler:   highball.HandlerFunc(echo),
		Limits:    highball.Limits{MinRate: 100},
		Deadlines: highball.Deadlines{Handler: time.Second}, // which waiting for the body does not touch
	}
	bubble(t, srv, func(t *testing.T, s *servertest.Server) {
		c := patient(t, s)
		c.Send(post("/", "Content-Length: 20000\r\n", ""))
		for range 100 { // 200 bytes a second
			c.Send(repeated(200))
			time.Sleep(time.Second)
		}
		if got := c.Receive("POST"); got.Status != 200 {
			t.Errorf("a steady client got %d", got.Status)
		}
		c = patient(t, s)
		began := time.Now()
		c.Send(post("/", "Content-Length: 20000\r\n", "x"))
		if got := c.Receive("POST"); got.Status != 408 || !got.Closing() {
			t.Errorf("a silent client got %+v", got)
		}
		took(t, began, 30*time.Second)
		c.WantClosed()
	})
}

// A client that takes nothing is cut after the grace, whatever the handler's deadline; until then it blocks the handler.
func TestWritePace(t *testing.T) {
	var failures chan error // of the bubble
	srv := &highball.Server{Handler: highball.HandlerFunc(func(w *highball.Response, _ *highball.Request) error {
		part := []byte(repeated(1 << 20))
		for range 100 {
			if _, err := w.Write(part); err != nil {
				failures <- err
				return err
			}
		}
		return nil
	})}
	bubble(t, srv, func(t *testing.T, s *servertest.Server) {
		failures = make(chan error, 1)
		c := patient(t, s)
		began := time.Now()
		c.Send(get("/", ""))
		if err := <-failures; !errors.Is(err, highball.ErrSlowClient) {
			t.Errorf("the handler got %v", err)
		}
		if d := time.Since(began); d < 30*time.Second || d > 10*time.Minute {
			t.Errorf("cut after %v", d)
		}
		if got, err := c.TryReceive("GET"); err == nil {
			t.Errorf("the answer is whole: %d bytes", len(got.Body))
		}
	})
}

// The same deadlines on event loops, in real time: no more than their effect can be tested.
func TestDeadlinesOnLoops(t *testing.T) {
	const short = 100 * time.Millisecond
	h := newMux(t, map[string]highball.Handler{
		"/inline": text("inline"),
		"/echo":   highball.HandlerFunc(echo),
		"/large": highball.HandlerFunc(func(w *highball.Response, _ *highball.Request) error {
			_, err := w.WriteString(repeated(32 << 20))
			return err
		}),
		"/large/inline": text(repeated(32 << 20)),
	})
	for _, tt := range []struct {
		name, raw string
		deadlines highball.Deadlines
		status    int // of an answer, or 0
	}{
		{"head", "GET /inline HT", highball.Deadlines{Head: short}, 408},
		{"no head", "", highball.Deadlines{Head: short}, 0},
		{"body", post("/echo", "Content-Length: 5\r\n", "x"), highball.Deadlines{Body: short}, 408},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := servertest.New(t, servertest.Loop, &highball.Server{Handler: h, Deadlines: tt.deadlines})
			c := s.Dial(t)
			c.Send(tt.raw)
			if tt.status != 0 {
				if got := c.Receive("POST"); got.Status != tt.status || !got.Closing() {
					t.Errorf("got %+v", got)
				}
			}
			c.WantClosed()
		})
	}
	t.Run("head behind a large answer", func(t *testing.T) {
		s := servertest.New(t, servertest.Loop, &highball.Server{Handler: h, Deadlines: highball.Deadlines{Head: short}})
		c := s.Dial(t)
		c.Send(get("/large/inline", "") + "GET /inline HT")
		c.Receive("GET")
		if got := c.Receive("GET"); got.Status != 408 {
			t.Errorf("got %+v", got)
		}
	})
	t.Run("idle", func(t *testing.T) {
		s := servertest.New(t, servertest.Loop, &highball.Server{Handler: h, Deadlines: highball.Deadlines{Idle: short}})
		for _, raw := range []string{get("/inline", ""), post("/echo", "Content-Length: 1\r\n", "x")} {
			c := s.Dial(t)
			c.Send(raw)
			c.Receive("POST")
			c.WantClosed()
		}
	})
	for _, target := range []string{"/large", "/large/inline"} {
		t.Run("write"+target, func(t *testing.T) {
			s := servertest.New(t, servertest.Loop, &highball.Server{
				Handler: h, Deadlines: highball.Deadlines{Write: short}, Limits: highball.Limits{MinRate: 1 << 40},
			})
			c := s.Dial(t)
			c.Send(get(target, ""))
			readN(t, c, 100)
			servertest.Eventually(t, "the connection is cut", func() bool { return s.Highball.InFlight() == 0 })
			if n, err := io.Copy(io.Discard, c); err == nil || n >= 32<<20 {
				t.Errorf("%d bytes came, then %v", n, err)
			}
		})
	}
}

// The context of a handler ends when its client leaves.
func TestContextEndsWhenTheClientLeaves(t *testing.T) {
	servertest.Each(t, func(t *testing.T, d servertest.Driver) {
		causes, begun := make(chan error, 1), make(chan struct{}, 1)
		s := start(t, d, func(_ *highball.Response, r *highball.Request) error {
			begun <- struct{}{}
			<-r.Context().Done()
			causes <- context.Cause(r.Context())
			return highball.ErrAbort
		})
		for name, leave := range map[string]func(*servertest.Client){
			"closes":              func(c *servertest.Client) { <-begun; _ = c.Close() },
			"resets":              func(c *servertest.Client) { <-begun; c.Reset() },
			"ends its sending":    func(c *servertest.Client) { <-begun; c.CloseWrite() },
			"closes at once":      func(c *servertest.Client) { _ = c.Close(); <-begun },
			"ends its part early": func(c *servertest.Client) { c.CloseWrite(); <-begun },
		} {
			c := s.Dial(t)
			c.Send(get("/", ""))
			leave(c)
			if err := <-causes; !errors.Is(err, highball.ErrClientLeft) {
				t.Errorf("%s: the context's cause is %v", name, err)
			}
		}
	})
}
