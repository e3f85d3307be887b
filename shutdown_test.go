package highball_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"testing"
	"time"

	"highball"
	"highball/internal/servertest"
)

// gate is a handler that lets "/wait" wait for its release.
type gate struct {
	entered, release chan struct{}
}

func newGate() gate { return gate{make(chan struct{}, 16), make(chan struct{})} }

func (g gate) Serve(w *highball.Response, r *highball.Request) error {
	if r.Path() == "/wait" {
		g.entered <- struct{}{}
		<-g.release
	}
	_, err := w.WriteString(r.Path())
	return err
}

// Shutdown lets what is in flight finish, says so to its clients, and closes what is idle.
func TestShutdownDrains(t *testing.T) {
	servertest.Each(t, func(t *testing.T, d servertest.Driver) {
		g := newGate()
		s := servertest.New(t, d, &highball.Server{Handler: g})
		idle := s.Dial(t)
		idle.Get("/")
		busy := s.Dial(t)
		busy.Send(get("/wait", "") + get("/behind", ""))
		<-g.entered
		partial := s.Dial(t)
		partial.Get("/")
		partial.Send("GET /partial HTTP/1.1\r\n")
		servertest.Eventually(t, "three connections", func() bool { return s.Highball.InFlight() == 3 })

		done := make(chan error, 1)
		go func() { done <- s.Highball.Shutdown(context.Background()) }()
		idle.WantClosed()
		if conn, err := s.Connect(); err == nil {
			if _, err := conn.Read(make([]byte, 1)); err == nil {
				t.Error("a new connection is served")
			}
			_ = conn.Close()
		}
		if d == servertest.Loop { // in memory there is no telling when the bytes were read
			partial.Send("Host: test\r\n\r\n")
			if got := partial.Receive("GET"); got.Body != "/partial" || !got.Closing() {
				t.Errorf("a request that had begun: %+v", got)
			}
		}
		partial.Close()
		close(g.release)
		if got := busy.Receive("GET"); got.Body != "/wait" || !got.Closing() {
			t.Errorf("the request in flight: %+v", got)
		}
		busy.WantClosed()
		busy.Close()
		if err := <-done; err != nil {
			t.Errorf("Shutdown: %v", err)
		}
		if err := s.Wait(); !errors.Is(err, highball.ErrServerClosed) {
			t.Errorf("Run: %v", err)
		}
	})
}

// Shutdown gives up when its context ends, and cuts what remains.
func TestShutdownIsBounded(t *testing.T) {
	servertest.Each(t, func(t *testing.T, d servertest.Driver) {
		g := newGate()
		defer close(g.release)
		s := servertest.New(t, d, &highball.Server{Handler: g})
		c := s.Dial(t)
		c.Send(get("/wait", ""))
		<-g.entered
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Millisecond)
		defer cancel()
		if err := s.Highball.Shutdown(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Shutdown: %v", err)
		}
		c.WantClosed()
	})
}

// Close cuts every connection, also while a Shutdown waits.
func TestCloseCuts(t *testing.T) {
	servertest.Each(t, func(t *testing.T, d servertest.Driver) {
		g := newGate()
		defer close(g.release)
		s := servertest.New(t, d, &highball.Server{Handler: g})
		c := s.Dial(t)
		c.Send(get("/wait", ""))
		<-g.entered
		done := make(chan error, 1)
		go func() { done <- s.Highball.Shutdown(context.Background()) }()
		if err := s.Highball.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
		c.WantClosed()
		<-done
	})
}

// Connections that wait in the listener's queue were promised to their clients: they are served, not reset.
func TestShutdownServesTheQueue(t *testing.T) {
	srv := &highball.Server{Handler: text("queued"), Loops: 1, Logger: slog.New(slog.DiscardHandler)}
	addr, err := srv.Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &servertest.Server{Addr: addr}
	var clients []*servertest.Client
	for range 100 {
		c := s.Dial(t)
		c.Send(get("/", ""))
		clients = append(clients, c)
	}
	done := make(chan error, 1)
	go func() { done <- srv.Run() }()
	clients[0].Receive("GET") // it runs
	if err := srv.Shutdown(context.Background()); err != nil {
		t.Errorf("Shutdown: %v", err)
	}
	for i, c := range clients[1:] {
		if got, err := c.TryReceive("GET"); err != nil || got.Body != "queued" {
			t.Fatalf("client %d: %v", i, err)
		}
	}
	if err := <-done; !errors.Is(err, highball.ErrServerClosed) {
		t.Errorf("Run: %v", err)
	}
}

// A client that takes its time over an answer that was on its way does not outlast it.
func TestShutdownClosesAfterPendingOutput(t *testing.T) {
	const size = 32 << 20
	s := servertest.New(t, servertest.Loop, &highball.Server{Handler: text(repeated(size)), Loops: 1})
	c := s.Dial(t)
	c.Send(get("/", ""))
	readN(t, c, 10) // the answer was composed, without a word of closing
	done := drain(t, s)
	if n, err := io.Copy(io.Discard, c); err != nil || n < size {
		t.Errorf("%d bytes, then %v", n, err)
	}
	if err := <-done; err != nil {
		t.Errorf("Shutdown: %v", err)
	}
}

// Shutting down while clients are busy loses no connection between loop and goroutine, and no request of those who keep their connections busy:
// the last answer says that it is the last.
func TestShutdownUnderLoad(t *testing.T) {
	servertest.Each(t, func(t *testing.T, d servertest.Driver) {
		for range 10 {
			s := start(t, d, func(w *highball.Response, _ *highball.Request) error {
				_, err := w.WriteString("x")
				return err
			})
			ended := make(chan struct{}, 8)
			for range cap(ended) {
				c := s.Dial(t)
				go func() {
					defer func() { ended <- struct{}{} }()
					for {
						c.Send(get("/", ""))
						r, err := c.TryReceive("GET")
						if err != nil && d == servertest.Loop {
							t.Errorf("a request was lost: %v", err)
						}
						if err != nil || r.Closing() {
							return
						}
					}
				}()
			}
			servertest.Eventually(t, "all are connected", func() bool { return s.Highball.InFlight() == cap(ended) })
			ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
			if err := s.Highball.Shutdown(ctx); err != nil {
				t.Errorf("Shutdown: %v", err)
			}
			cancel()
			for range cap(ended) {
				<-ended
			}
		}
	})
}

func TestClosedServerServesNoMore(t *testing.T) {
	for name, end := range map[string]func(*highball.Server) error{
		"Shutdown": func(s *highball.Server) error { return s.Shutdown(context.Background()) },
		"Close":    (*highball.Server).Close,
	} {
		srv := &highball.Server{Addr: "127.0.0.1:0", Handler: text("")}
		if _, err := srv.Listen("127.0.0.1:0"); err != nil {
			t.Fatal(err)
		}
		if err := end(srv); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := srv.Listen("127.0.0.1:0"); !errors.Is(err, highball.ErrServerClosed) {
			t.Errorf("Listen after %s: %v", name, err)
		}
		if err := srv.Run(); !errors.Is(err, highball.ErrServerClosed) {
			t.Errorf("Run after %s: %v", name, err)
		}
		if err := srv.ListenAndServe(); !errors.Is(err, highball.ErrServerClosed) {
			t.Errorf("ListenAndServe after %s: %v", name, err)
		}
		if err := end(srv); err != nil {
			t.Errorf("%s again: %v", name, err)
		}
	}
}

// A server that never could begin ends without a hang.
func TestServerThatCannotBegin(t *testing.T) {
	srv := &highball.Server{AccessLog: io.Discard, AccessFormat: "nonsense"}
	if _, err := srv.Listen("127.0.0.1:0"); err == nil {
		t.Error("an unknown format was taken")
	}
	if err := srv.Shutdown(context.Background()); err != nil {
		t.Errorf("Shutdown: %v", err)
	}
	if err := new(highball.Server).Run(); err == nil {
		t.Error("a server without an address runs")
	}
}
