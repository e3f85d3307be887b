package loop

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// after returns the error of reading c to its end, and what was read until then.
func after(c net.Conn) (string, error) {
	b, err := io.ReadAll(c)
	return string(b), err
}

func TestLingerDeliversTheLastAnswer(t *testing.T) {
	ways := map[string]func(s *echo){
		"on the loop": func(s *echo) {
			s.onInput = func([]byte) {
				s.c.Send([]byte("bye"))
				s.c.Linger()
			}
		},
		"on a goroutine": func(s *echo) {
			s.onInput = func([]byte) { s.detach() }
			s.onServe = func() {
				s.writeAll([]byte("bye"), nil)
				s.c.Linger()
			}
		},
	}
	for name, way := range ways {
		t.Run(name, func(t *testing.T) {
			g, addr := startTCP(t, &hub{prepare: way})
			c := dial(t, addr)
			for range 8 { // more than was read before the answer
				send(t, c, strings.Repeat("x", 100_000))
			}
			if got, err := after(c); got != "bye" || err != nil {
				t.Errorf("got %q, %v", got, err)
			}
			if err := c.Close(); err != nil {
				t.Fatal(err)
			}
			awaitOpen(t, g, 0)
		})
		t.Run(name+", also while the group drains", func(t *testing.T) {
			drain := func(s *echo) {
				way(s)
				s.onDrain = func() {
					t.Error("Drain is called")
					s.c.Close()
				}
			}
			g, addr := startTCP(t, &hub{prepare: drain})
			c := dial(t, addr)
			send(t, c, "x")
			expect(t, c, "bye")
			expectEnd(t, c)
			for handedBack := false; !handedBack; {
				onLoop(t, g, func(l *Loop) {
					for _, lc := range l.table {
						handedBack = handedBack || lc != nil && lc.looped()
					}
				})
			}
			g.Drain()
			send(t, c, strings.Repeat("x", 100_000))
			turns(t, g)
			send(t, c, "y") // which a reset would fail
		})
		t.Run(name+", bounded by bytes", func(t *testing.T) {
			g, addr := startTCP(t, &hub{prepare: way})
			c := dial(t, addr)
			var err error
			for n := 0; err == nil && n < 64*lingerBytes; n += 100_000 {
				_, err = c.Write(make([]byte, 100_000))
			}
			if !errors.Is(err, syscall.ECONNRESET) && !errors.Is(err, syscall.EPIPE) {
				t.Errorf("sending for ever ends with %v", err)
			}
			awaitOpen(t, g, 0)
		})
		t.Run(name+", bounded by time", func(t *testing.T) {
			var clock fakeClock
			fd, addr := listenTCP(t)
			g := start(t, Config{Sockets: []int{fd}, Clock: clock.read}, &hub{prepare: way})
			c := dial(t, addr)
			send(t, c, "x")
			expect(t, c, "bye")
			expectEnd(t, c)
			clock.advance(t, g, lingerTime-time.Duration(tickLength))
			if g.Open() != 1 {
				t.Error("closed too early")
			}
			clock.advance(t, g, 3*time.Duration(tickLength))
			awaitOpen(t, g, 0)
		})
	}
}

func TestIntervene(t *testing.T) {
	blocked := map[string]func(c *Conn) error{
		"reading": func(c *Conn) error {
			_, _, err := c.Read(make([]byte, 10), 0)
			return err
		},
		"writing": func(c *Conn) (err error) {
			for err == nil {
				_, _, err = c.Write(make([]byte, 100_000), nil, 0)
			}
			return err
		},
	}
	for name, block := range blocked {
		t.Run(name+", with a reset", func(t *testing.T) {
			s, g, c, failed := interveneWhile(t, block)
			onLoop(t, g, func(*Loop) { s.c.Intervene(nil) })
			if err := within(t, failed, "the owner's error"); err != ErrClosed {
				t.Errorf("the owner gets %v", err)
			}
			if _, err := after(c); !errors.Is(err, syscall.ECONNRESET) {
				t.Errorf("the client sees %v", err)
			}
		})
	}
	t.Run("with a farewell", func(t *testing.T) {
		s, g, c, failed := interveneWhile(t, blocked["reading"])
		onLoop(t, g, func(*Loop) { s.c.Intervene([]byte("too late")) })
		if err := within(t, failed, "the owner's error"); err != ErrClosed {
			t.Errorf("the owner gets %v", err)
		}
		if got, err := after(c); got != "too late" || err != nil {
			t.Errorf("the client gets %q, %v", got, err)
		}
		awaitOpen(t, g, 0)
		onLoop(t, g, func(*Loop) { s.c.Intervene(nil) }) // of a closed one
	})
}

// interveneWhile returns a connection whose owner is blocked, and a channel for the error that unblocks it; the owner
// then finds that nothing works any more, and closes.
func interveneWhile(t *testing.T, block func(c *Conn) error) (*echo, *Group, net.Conn, <-chan error) {
	blocking, failed := make(chan *echo, 1), make(chan error, 1)
	h := &hub{prepare: func(s *echo) {
		s.onServe = func() {
			blocking <- s
			failed <- block(s.c)
			_, _, readErr := s.c.Read(make([]byte, 1), 0)
			_, _, writeErr := s.c.Write([]byte("x"), nil, 0)
			_, _, moreErr := s.c.WriteMore([]byte("x"), 0)
			if readErr != ErrClosed || writeErr != ErrClosed || moreErr != ErrClosed || s.c.Attach() {
				t.Errorf("after all: read: %v, write: %v, %v", readErr, writeErr, moreErr)
			}
			s.c.Close()
			s.c.Close() // once more does nothing
			s.c.Abort()
			s.c.Linger()
		}
	}}
	g, addr := startTCP(t, h)
	c := dial(t, addr)
	send(t, c, "d\n")
	s := within(t, blocking, "the goroutine")
	for deadline := time.Now().Add(patience); s.c.waiting.Load() == 0; turns(t, g) {
		if time.Now().After(deadline) {
			t.Fatal("the owner does not wait")
		}
	}
	return s, g, c, failed
}

// More owners sleep than one turn of the loop has room for events, and the loop ends at once.
func TestAbortAllWakesEverySleeper(t *testing.T) {
	const clients = eventsAtOnce + 50
	h := &hub{opened: make(chan *echo, clients)}
	fd, addr := listenTCP(t)
	g, err := Start(Config{Sockets: []int{fd}, Loops: 1, New: func(_ int, c *Conn) Session {
		return &echo{c: c, hub: h, onServe: func() {
			if _, _, err := c.Read(make([]byte, 1), 0); err != ErrClosed {
				t.Errorf("the owner gets %v", err)
			}
			c.Close()
		}}
	}})
	if err != nil {
		t.Fatal(err)
	}
	for range clients {
		c := dial(t, addr)
		send(t, c, "d\n")
	}
	for range clients {
		s := within(t, h.opened, "a connection")
		for deadline := time.Now().Add(patience); s.c.waiting.Load() == 0; turns(t, g) {
			if time.Now().After(deadline) {
				t.Fatal("an owner does not wait")
			}
		}
	}
	g.AbortAll()
	g.Stop()
	ended := make(chan struct{})
	go func() {
		h.owners.Wait()
		close(ended)
	}()
	within(t, ended, "the owners' end")
	if n := g.Open(); n != 0 {
		t.Errorf("%d connections are open", n)
	}
	within(t, g.WaitEmpty(), "the signal of emptiness")
}

func TestAbortAllResetsWhatTheLoopOwns(t *testing.T) {
	g, addr := startTCP(t, &hub{})
	c := dial(t, addr)
	send(t, c, "hello\n")
	expect(t, c, "hello\n")
	g.AbortAll()
	if _, err := after(c); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("the client sees %v", err)
	}
}

func TestAfterStopNothingHangs(t *testing.T) {
	fd, _ := listenTCP(t)
	g, err := Start(Config{Sockets: []int{fd}, Loops: 1})
	if err != nil {
		t.Fatal(err)
	}
	g.Stop()
	done := make(chan struct{})
	go func() {
		g.Drain()
		g.StopListening()
		g.AbortAll()
		g.Stop()
		close(done)
	}()
	within(t, done, "the end of a stopped group's methods")
}

// A connection that stands in the listener's queue when listening ends is served.
func TestQueuedConnectionsAreServed(t *testing.T) {
	g, addr := startTCP(t, &hub{})
	release := heldLoop(t, g)
	var clients []net.Conn
	for range 20 {
		c := dial(t, addr)
		send(t, c, "hello\n")
		clients = append(clients, c)
	}
	drained := make(chan struct{})
	go func() {
		g.Drain()
		close(drained)
	}()
	release()
	within(t, drained, "the drain")
	for _, c := range clients {
		expect(t, c, "hello\n")
	}
	if c, err := net.Dial("tcp", addr); err == nil {
		_ = c.Close() // it should not be there
		t.Error("the listener still accepts")
	}
}

func TestDrainIsTold(t *testing.T) {
	told := make(chan *echo, 10)
	h := &hub{prepare: func(s *echo) {
		s.onDrain = func() {
			told <- s
			s.c.Close()
		}
	}}
	g, addr := startTCP(t, h)
	c := dial(t, addr)
	send(t, c, "hello\n")
	expect(t, c, "hello\n")
	g.Drain()
	within(t, told, "the drain")
	expectEnd(t, c)
	within(t, g.WaitEmpty(), "the signal of emptiness")
	if len(told) > 0 {
		t.Error("Drain was called twice")
	}
}

// A connection that is handed back just while it is recalled would otherwise idle on and keep the server from ending.
func TestDrainOfAConnectionThatIsJustHandedBack(t *testing.T) {
	detached, attach, attached := make(chan struct{}), make(chan struct{}), make(chan bool, 1)
	calls := 0
	h := &hub{prepare: func(s *echo) {
		s.onServe = func() {
			close(detached)
			<-attach
			attached <- s.c.Attach()
		}
		s.onDrain = func() {
			if calls++; calls == 1 {
				if s.c.Looped() {
					t.Error("the connection is not detached")
				}
				close(attach)
				<-attached
				s.c.Recall()
				return
			}
			s.c.Close()
		}
	}}
	g, addr := startTCP(t, h)
	c := dial(t, addr)
	send(t, c, "d\n")
	within(t, detached, "the goroutine")
	g.Drain()
	if _, err := after(c); err != nil {
		t.Error(err)
	}
	awaitOpen(t, g, 0)
}

func TestRecallMakesAttachFail(t *testing.T) {
	detached, recalled := make(chan *echo, 1), make(chan struct{})
	h := &hub{prepare: func(s *echo) {
		s.onServe = func() {
			detached <- s
			<-recalled
			if s.c.Attach() {
				t.Error("Attach succeeds")
				return
			}
			s.serve()
		}
	}}
	g, addr := startTCP(t, h)
	c := dial(t, addr)
	send(t, c, "d\n")
	s := within(t, detached, "the goroutine")
	onLoop(t, g, func(*Loop) { s.c.Recall() })
	close(recalled)
	expect(t, c, "d\n")
}

// A listener that another process shares must not wake a loop that has closed it.
func TestNoWatchIsLeftOfASharedListener(t *testing.T) {
	fd, _ := listenTCP(t)
	other, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = unix.Close(other) }() // nothing depends on it
	g := start(t, Config{Sockets: []int{fd}}, &hub{})
	g.StopListening()
	info, err := os.ReadFile(filepath.Join("/proc/self/fdinfo", strconv.Itoa(g.loops[0].epoll)))
	if err != nil {
		t.Fatal(err)
	}
	if n := bytes.Count(info, []byte("tfd:")); n != 1 {
		t.Errorf("%d descriptors are watched, want only the wake-up's:\n%s", n, info)
	}
}

func TestRelease(t *testing.T) {
	released := make(chan net.Conn, 1)
	h := &hub{prepare: func(s *echo) {
		s.onServe = func() {
			conn, ahead, err := s.c.Release()
			if err != nil || len(ahead) > 0 {
				t.Errorf("Release returns %q, %v", ahead, err)
			}
			released <- conn
		}
	}}
	g, addr := startTCP(t, h)
	c := dial(t, addr)
	send(t, c, "d\n")
	conn := within(t, released, "the connection")
	defer func() { _ = conn.Close() }() // the client has seen all
	awaitOpen(t, g, 0)
	send(t, conn, "from elsewhere")
	expect(t, c, "from elsewhere")
	send(t, c, "to elsewhere")
	expect(t, conn, "to elsewhere")
}

func TestSendFile(t *testing.T) {
	text := strings.Repeat("0123456789", 200_000)
	name := filepath.Join(t.TempDir(), "f")
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	h := &hub{prepare: func(s *echo) {
		s.onServe = func() {
			defer s.c.Close()
			f, err := os.Open(name)
			if err != nil {
				t.Error(err)
				return
			}
			if _, _, err := s.c.WriteMore([]byte("head:"), patience); err != nil {
				t.Error(err)
			}
			for offset := int64(5); offset < int64(len(text)); {
				n, _, err := s.c.SendFile(f, offset, int64(len(text))-offset, patience)
				if err != nil {
					t.Error(err)
					return
				}
				offset += n
			}
			if _, _, err := s.c.SendFile(f, int64(len(text)), 1, patience); err != io.ErrUnexpectedEOF {
				t.Errorf("behind the end: %v", err)
			}
			if err := f.Close(); err != nil {
				t.Error(err)
			}
			if _, _, err := s.c.SendFile(f, 0, 1, patience); err == nil {
				t.Error("a closed file is sent")
			}
		}
	}}
	_, addr := startTCP(t, h)
	c := dial(t, addr)
	send(t, c, "d\n")
	if got, err := after(c); got != "head:"+text[5:] || err != nil {
		t.Errorf("got %d bytes, %v", len(got), err)
	}
}

// The socket takes more than Backlog for a client that reads fast, but not for one whose system only takes what there is room for.
func TestBacklog(t *testing.T) {
	bound := func(c *Conn) int {
		n, err := unix.GetsockoptInt(c.fd, unix.IPPROTO_TCP, unix.TCP_NOTSENT_LOWAT)
		if err != nil {
			t.Error(err)
		}
		return n
	}
	block := make([]byte, 1<<20)
	h := &hub{prepare: func(s *echo) {
		s.onServe = func() {
			defer s.c.Close()
			if got := bound(s.c); got != Backlog {
				t.Errorf("a connection begins with %d", got)
			}
			if got, err := unix.GetsockoptInt(s.c.fd, unix.IPPROTO_TCP, unix.TCP_NODELAY); got != 1 {
				t.Errorf("TCP_NODELAY is %d, %v", got, err)
			}
			for until := time.Now().Add(patience); !s.c.unbounded && time.Now().Before(until); {
				if _, _, err := s.c.Write(block, nil, patience); err != nil {
					t.Error(err)
					return
				}
			}
			if got := bound(s.c); got != 0 {
				t.Errorf("%d for a client that reads fast", got)
			}
			s.c.madeRoom(fallsBackAfter)
			if got := bound(s.c); got != 0 {
				t.Errorf("%d for a client that is slow once, but not very", got)
			}
			s.c.madeRoom(fallsBackAfter + 1)
			if got := bound(s.c); got != Backlog {
				t.Errorf("%d for a client that has become slow", got)
			}
			s.c.madeRoom(keepsUpWithin)
			for range keepsUpTimes - 1 {
				s.c.madeRoom(0)
			}
			s.c.madeRoom(keepsUpWithin)
			for range keepsUpTimes - 1 {
				s.c.madeRoom(0)
			}
			if got := bound(s.c); got != Backlog {
				t.Errorf("%d for a client that is fast now and then", got)
			}
			s.c.madeRoom(0)
			if got := bound(s.c); got != 0 {
				t.Errorf("%d for a client that has become fast again", got)
			}
		}
	}}
	slow := make(chan *Conn)
	other := &hub{prepare: func(s *echo) {
		s.onServe = func() {
			defer s.c.Close()
			for {
				if _, waited, err := s.c.Write(block, nil, 200*time.Millisecond); err != nil {
					if err != ErrPatience || waited == 0 || s.c.unbounded {
						t.Errorf("%v after %v, %t", err, waited, s.c.unbounded)
					}
					slow <- s.c
					return
				}
			}
		}
	}}
	_, slowly := startTCP(t, other)
	c := dial(t, slowly)
	if err := c.SetReadBuffer(1 << 20); err != nil {
		t.Fatal(err)
	}
	send(t, c, "d\n")
	within(t, slow, "the server to lose its patience")

	fd, addr := listenTCP(t)
	if err := TuneListener(fd); err != nil { // for a system without Multipath TCP
		t.Fatal(err)
	}
	start(t, Config{Sockets: []int{fd}}, h)
	for range 2 { // the second one begins anew, with the first one's Conn
		c := dial(t, addr)
		send(t, c, "d\n")
		if _, err := io.Copy(io.Discard, c); err != nil {
			t.Error(err)
		}
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
	}
}
