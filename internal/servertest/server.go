package servertest

import (
	"bytes"
	"errors"
	"log/slog"
	"net"
	"runtime"
	"sync"
	"testing"
	"time"

	"highball"
)

// Driver is a way in which a server serves connections.
type Driver uint8

// The drivers.
const (
	Loop      Driver = iota // event loops on a loopback socket, where the platform has them
	Goroutine               // a goroutine per connection, in memory
)

// String returns the driver's name, for subtests.
func (d Driver) String() string {
	if d == Loop {
		return "loop"
	}
	return "goroutine"
}

// Each runs f over every driver.
func Each(t *testing.T, f func(t *testing.T, d Driver)) {
	for _, d := range []Driver{Loop, Goroutine} {
		t.Run(d.String(), func(t *testing.T) { f(t, d) })
	}
}

// Server is a running server.
type Server struct {
	// Highball is the server under test.
	Highball *highball.Server
	// Log has what the server has logged, unless it was given a logger.
	Log *Log
	// Addr is where the loop driver listens, and nil otherwise.
	Addr net.Addr

	memory *memoryListener
	done   chan struct{}
	err    error // of Run or Serve, valid when done is closed
}

// New runs srv, whose Handler and options the caller has set, until the test ends. Without Loops it gets two, so that
// connections land on different ones.
func New(t testing.TB, d Driver, srv *highball.Server) *Server {
	t.Helper()
	s := &Server{Highball: srv, Log: new(Log), done: make(chan struct{})}
	if srv.Logger == nil {
		srv.Logger = slog.New(slog.NewTextHandler(s.Log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	}
	if srv.Loops == 0 {
		srv.Loops = 2
	}
	run := srv.Run
	if d == Loop {
		addr, err := srv.Listen("127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		s.Addr = addr
	} else {
		s.memory = listenInMemory()
		run = func() error { return srv.Serve(s.memory) }
	}
	go func() {
		defer close(s.done)
		s.err = run()
	}()
	t.Cleanup(func() {
		if err := srv.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
		if err := s.Wait(); !errors.Is(err, highball.ErrServerClosed) {
			t.Errorf("the server ended with %v, not with ErrServerClosed", err)
		}
	})
	return s
}

// Wait waits for the server to end, and returns the error of its Run.
func (s *Server) Wait() error {
	<-s.done
	return s.err
}

// Connect opens a connection; its error is that of a client whom the server does not listen to.
func (s *Server) Connect() (net.Conn, error) {
	if s.memory != nil {
		return s.memory.dial()
	}
	return net.Dial(s.Addr.Network(), s.Addr.String())
}

// Dial opens a connection, which is closed with the test.
func (s *Server) Dial(t testing.TB) *Client {
	t.Helper()
	conn, err := s.Connect()
	if err != nil {
		t.Fatal(err)
	}
	c := NewClient(t, conn)
	t.Cleanup(func() { _ = conn.Close() }) // the test may have closed it
	return c
}

// Do sends raw on a connection of its own and returns all that comes back until the server closes. A request that does
// not end the connection makes it fail.
func (s *Server) Do(t testing.TB, raw string) string {
	t.Helper()
	c := s.Dial(t)
	defer c.Close()
	c.Send(raw)
	return c.Rest()
}

// Log is a place for log records, for any number of goroutines.
type Log struct {
	mu  sync.Mutex // guards buf
	buf bytes.Buffer
}

// Write implements io.Writer.
func (l *Log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

// String returns what was written.
func (l *Log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

// Eventually fails the test unless ok becomes true within some seconds. It is for what another goroutine does and
// nobody else is told of.
func Eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(clientPatience); !ok(); {
		if time.Now().After(end) {
			t.Fatalf("did not happen: %s", what)
		}
		runtime.Gosched()
		time.Sleep(time.Millisecond)
	}
}
