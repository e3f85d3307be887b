package loop

import (
	"bytes"
	"io"
	"log/slog"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// This file is what the other tests stand on: a group on the loopback interface, and a session for it.

// echo answers each line with itself: one that begins with "d" on a goroutine, others on the loop, with "p" in parts, and with "g" with what is gathered
// behind it, too. The functions, where there are any, replace what it does.
type echo struct {
	c    *Conn
	hub  *hub
	line []byte // the beginning of one
	room []byte // for what is gathered

	closedOnce atomic.Int32

	onInput   func(b []byte)
	onEOF     func()
	onServe   func()
	onExpired func()
	onDrain   func()

	onFileSent func(moved int64, took time.Duration)
}

// hub is what the sessions of a group have in common.
type hub struct {
	owners  sync.WaitGroup // goroutines of detached connections
	opened  chan *echo
	left    atomic.Int64
	flushed atomic.Int64
	prepare func(s *echo) // for a session that is made
	timeout time.Duration // set for each message
}

func (s *echo) Open() {
	s.line = s.line[:0]
	s.closedOnce.Store(0)
	if s.hub.opened != nil {
		s.hub.opened <- s
	}
}

func (s *echo) Gathered(behind []byte) {
	room := s.room
	s.room = nil
	s.line = append(s.line, behind...)
	if s.c.Send(room); s.c.Looped() && s.c.Pending() == 0 {
		s.Input(nil)
	}
}

func (s *echo) Input(b []byte) {
	if s.onInput != nil {
		s.onInput(b)
		return
	}
	if s.hub.timeout > 0 {
		s.c.SetTimeout(s.hub.timeout)
	}
	if len(s.line) == 0 && bytes.IndexByte(b, 'd') < 0 && !bytes.HasPrefix(b, []byte("p")) && !bytes.HasPrefix(b, []byte("g")) && bytes.HasSuffix(b, []byte("\n")) {
		s.c.Send(b) // without a copy
		return
	}
	s.line = append(s.line, b...)
	for {
		end := bytes.IndexByte(s.line, '\n') + 1
		if end == 0 {
			return
		}
		if s.line[0] == 'd' {
			if s.c.Pending() > 0 {
				return // Flushed comes back to it
			}
			s.detach()
			return
		}
		if s.line[0] == 'p' {
			s.c.SendParts(s.line[:1], s.line[1:end-1], s.line[end-1:end])
		} else {
			s.c.Send(s.line[:end])
		}
		if !s.c.Looped() {
			return
		}
		gather := s.line[0] == 'g'
		s.line = s.line[:copy(s.line, s.line[end:])]
		if gather {
			s.room = make([]byte, gatherSize)
			n := copy(s.room, s.line)
			s.line = s.line[:copy(s.line, s.line[n:])]
			s.c.Gather(s.room[n:])
			return
		}
	}
}

// gatherSize is how much is gathered behind a line that begins with "g". It is more than a loop reads at once.
const gatherSize = 40_000

func (s *echo) detach() {
	s.c.Detach()
	s.hub.owners.Go(func() {
		if s.onServe != nil {
			s.onServe()
			return
		}
		s.serve()
	})
}

// serve answers whole lines until nothing more has arrived.
func (s *echo) serve() {
	var p [300]byte
	for {
		for {
			end := bytes.IndexByte(s.line, '\n') + 1
			if end == 0 {
				break
			}
			if !s.writeAll(s.line[:1], s.line[1:end]) {
				s.c.Close()
				return
			}
			s.line = s.line[:copy(s.line, s.line[end:])]
		}
		if s.c.Attach() {
			return
		}
		n, _, err := s.c.Read(p[:], patience)
		if n == 0 || err != nil {
			s.c.Close()
			return
		}
		s.line = append(s.line, p[:n]...)
	}
}

func (s *echo) writeAll(a, b []byte) bool {
	for len(a)+len(b) > 0 {
		n, _, err := s.c.Write(a, b, patience)
		if err != nil {
			return false
		}
		first := min(n, len(a))
		a, b = a[first:], b[n-first:]
	}
	return true
}

func (s *echo) EOF() {
	if s.onEOF != nil {
		s.onEOF()
	}
	s.c.Close()
}

func (s *echo) FileSent(moved int64, took time.Duration) { s.onFileSent(moved, took) }

func (s *echo) Flushed() {
	s.hub.flushed.Add(1)
	if s.room == nil {
		s.Input(nil)
	}
}

func (s *echo) Expired() {
	if s.onExpired != nil {
		s.onExpired()
	}
}

func (s *echo) Drain() {
	if s.onDrain != nil {
		s.onDrain()
	}
}

func (s *echo) Left()   { s.hub.left.Add(1) }
func (s *echo) Closed() { s.closedOnce.Add(1) }

// listenTCP returns a listening, non-blocking descriptor and its address.
func listenTCP(t *testing.T) (int, string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return takeDescriptor(t, l.(*net.TCPListener)), l.Addr().String()
}

func takeDescriptor(t *testing.T, l interface {
	File() (*os.File, error)
	Close() error
}) int {
	t.Helper()
	f, err := l.File()
	if err != nil {
		t.Fatal(err)
	}
	fd, err := unix.FcntlInt(f.Fd(), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.SetNonblock(fd, true); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	return fd
}

// start runs a group of echoing sessions until the end of the test.
func start(t *testing.T, cfg Config, h *hub) *Group {
	t.Helper()
	if cfg.Loops == 0 {
		cfg.Loops = len(cfg.Sockets)
	}
	cfg.Logger = slog.New(slog.DiscardHandler)
	cfg.New = func(_ int, c *Conn) Session {
		s := &echo{c: c, hub: h}
		if h.prepare != nil {
			h.prepare(s)
		}
		return s
	}
	g, err := Start(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		g.StopListening()
		g.AbortAll()
		g.Stop()
		done := make(chan struct{})
		go func() {
			h.owners.Wait()
			close(done)
		}()
		within(t, done, "the end of the goroutines that own connections")
		if n := g.Open(); n != 0 {
			t.Errorf("%d connections are open after the end", n)
		}
	})
	return g
}

// startTCP is start with one loop on one TCP socket.
func startTCP(t *testing.T, h *hub) (*Group, string) {
	t.Helper()
	fd, addr := listenTCP(t)
	return start(t, Config{Sockets: []int{fd}}, h), addr
}

func dial(t *testing.T, addr string) *net.TCPConn {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() }) // most tests have closed it
	if err := c.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	return c.(*net.TCPConn)
}

func send(t *testing.T, c net.Conn, text string) {
	t.Helper()
	if _, err := io.WriteString(c, text); err != nil {
		t.Fatal(err)
	}
}

func expect(t *testing.T, c net.Conn, text string) {
	t.Helper()
	got := make([]byte, len(text))
	n, err := io.ReadFull(c, got)
	if string(got[:n]) != text || err != nil {
		t.Fatalf("got %.60q (%d bytes), %v; want %.60q (%d bytes)", got[:n], n, err, text, len(text))
	}
}

func expectEnd(t *testing.T, c net.Conn) {
	t.Helper()
	if n, err := c.Read(make([]byte, 1)); n != 0 || err != io.EOF {
		t.Fatalf("read %d bytes, %v; want the end of the stream", n, err)
	}
}

// onLoop runs f on the goroutine of the group's first loop, and waits.
func onLoop(t *testing.T, g *Group, f func(l *Loop)) {
	t.Helper()
	l := g.loops[0]
	done := make(chan struct{})
	if !l.post(func() {
		f(l)
		close(done)
	}) {
		t.Fatal("the loop has ended")
	}
	within(t, done, "a turn of the loop")
}

// turns lets the group's first loop take a few turns, so that it has seen every event of before.
func turns(t *testing.T, g *Group) {
	t.Helper()
	for range 3 {
		onLoop(t, g, func(*Loop) {})
	}
}

// awaitOpen waits until the group has n connections.
func awaitOpen(t *testing.T, g *Group, n int) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for g.Open() != n {
		if time.Now().After(deadline) {
			t.Fatalf("%d connections are open, want %d", g.Open(), n)
		}
		turns(t, g)
	}
}

// heldLoop keeps the group's first loop from turning until the function it returns is called.
func heldLoop(t *testing.T, g *Group) (release func()) {
	t.Helper()
	held, freed := make(chan struct{}), make(chan struct{})
	g.loops[0].post(func() {
		close(held)
		<-freed
	})
	within(t, held, "the loop's turn")
	return sync.OnceFunc(func() { close(freed) })
}

// fakeClock is a group's clock that the test moves.
type fakeClock struct{ now atomic.Int64 }

func (f *fakeClock) read() int64 { return f.now.Load() }

// advance moves the clock by one tick at a time, and has the loop see each.
func (f *fakeClock) advance(t *testing.T, g *Group, d time.Duration) {
	t.Helper()
	for ; d > 0; d -= time.Duration(tickLength) {
		f.now.Add(min(int64(d), tickLength))
		turns(t, g)
	}
}
