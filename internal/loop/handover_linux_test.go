package loop

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestEchoOnLoopAndGoroutine(t *testing.T) {
	_, addr := startTCP(t, &hub{})
	c := dial(t, addr)
	for _, line := range []string{"inline\n", "d on a goroutine\n", "inline again\n", "d1\nd2\ninline\nd3\n", "d\n"} {
		send(t, c, line)
		expect(t, c, line)
	}
	if err := c.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	expectEnd(t, c)
}

// Bytes arrive at every possible moment of hand-overs; whoever is not answered runs into the client's deadline.
func TestHandOverUnderStress(t *testing.T) {
	const clients = 24
	var exchanges atomic.Int64
	fd, addr := listenTCP(t)
	g := start(t, Config{Sockets: []int{fd}, Loops: 2}, &hub{timeout: time.Minute})
	end := time.Now().Add(2 * time.Second)
	var wg sync.WaitGroup
	for i := range clients {
		seed := rand.Uint64()
		wg.Go(func() {
			if err := chatter(addr, end, rand.New(rand.NewPCG(seed, uint64(i))), &exchanges); err != nil {
				t.Errorf("client %d, seed %d: %v", i, seed, err)
			}
		})
	}
	wg.Wait()
	awaitOpen(t, g, 0)
	if n := exchanges.Load(); n < 2000 {
		t.Errorf("only %d exchanges", n)
	}
}

// chatter sends random lines in random pieces until end, on one connection after the other.
func chatter(addr string, end time.Time, random *rand.Rand, exchanges *atomic.Int64) error {
	for time.Now().Before(end) {
		c, err := net.Dial("tcp", addr)
		if err != nil {
			return err
		}
		for range 1 + random.IntN(200) {
			if err := c.SetDeadline(time.Now().Add(patience)); err != nil {
				return err
			}
			text := randomLines(random)
			for rest := text; len(rest) > 0; {
				n := 1 + random.IntN(len(rest))
				if _, err := c.Write(rest[:n]); err != nil {
					return err
				}
				rest = rest[n:]
				for range random.IntN(4) {
					runtime.Gosched()
				}
			}
			got := make([]byte, len(text))
			if n, err := io.ReadFull(c, got); err != nil || !bytes.Equal(got, text) {
				return fmt.Errorf("sent %q, got %q: %w", text, got[:n], err)
			}
			exchanges.Add(1)
		}
		switch random.IntN(3) {
		case 0:
			_ = c.(*net.TCPConn).SetLinger(0) // the close below resets
		case 1:
			_, _ = c.Write([]byte("d an answer that nobody waits for\n"))
		}
		if err := c.Close(); err != nil {
			return err
		}
	}
	return nil
}

func randomLines(random *rand.Rand) []byte {
	var text []byte
	for range 1 + random.IntN(3) {
		text = append(text, "di"[random.IntN(2)])
		text = append(text, strings.Repeat("x", random.IntN(400))...)
		text = append(text, '\n')
	}
	return text
}

// The sockets' buffers are small, so that both sides meet real EAGAINs.
func TestMoreThanTheSocketTakes(t *testing.T) {
	for _, style := range []string{"i", "d"} {
		t.Run(style, func(t *testing.T) {
			fd, addr := listenTCP(t)
			if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_SNDBUF, 16<<10); err != nil {
				t.Fatal(err)
			}
			h := &hub{}
			start(t, Config{Sockets: []int{fd}}, h)
			c := dial(t, addr)
			text := style + strings.Repeat("0123456789", 100_000) + "\n"
			sent := make(chan error, 1)
			go func() {
				_, err := io.WriteString(c, text+text)
				sent <- err
			}()
			expect(t, c, text+text)
			if err := within(t, sent, "sending"); err != nil {
				t.Fatal(err)
			}
			if style == "i" && h.flushed.Load() == 0 {
				t.Error("nothing was ever pending: the test does not test")
			}
			send(t, c, "after it\n")
			expect(t, c, "after it\n")
		})
	}
}

func TestSeveralLoops(t *testing.T) {
	serve := func(t *testing.T, network, addr string, cfg Config) {
		start(t, cfg, &hub{})
		var wg sync.WaitGroup
		for range 40 {
			wg.Go(func() {
				c, err := net.Dial(network, addr)
				if err != nil {
					t.Error(err)
					return
				}
				defer func() { _ = c.Close() }() // read to the last
				_ = c.SetDeadline(time.Now().Add(patience))
				for _, line := range []string{"inline\n", "detached\n"} {
					got := make([]byte, len(line))
					_, _ = io.WriteString(c, line) // the read would fail
					if _, err := io.ReadFull(c, got); err != nil || string(got) != line {
						t.Errorf("got %q, %v; want %q", got, err, line)
					}
				}
			})
		}
		wg.Wait()
	}
	t.Run("one TCP socket shared by three loops", func(t *testing.T) {
		fd, addr := listenTCP(t)
		serve(t, "tcp", addr, Config{Sockets: []int{fd}, Loops: 3})
	})
	t.Run("two TCP sockets that share a port", func(t *testing.T) {
		first, addr := reusing(t, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}})
		second, _ := reusing(t, addr)
		serve(t, "tcp", addrPort(addr).String(), Config{Sockets: []int{first, second}})
	})
	t.Run("unix socket shared by two loops", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "s")
		l, err := net.Listen("unix", path)
		if err != nil {
			t.Fatal(err)
		}
		l.(*net.UnixListener).SetUnlinkOnClose(false)
		fd := takeDescriptor(t, l.(*net.UnixListener))
		serve(t, "unix", path, Config{Sockets: []int{fd}, Loops: 2})
	})
}

// reusing returns a listening descriptor that shares its port, and its address.
func reusing(t *testing.T, addr unix.Sockaddr) (int, unix.Sockaddr) {
	t.Helper()
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEPORT, 1); err != nil {
		t.Fatal(err)
	}
	if err := unix.Bind(fd, addr); err != nil {
		t.Fatal(err)
	}
	if err := unix.Listen(fd, 100); err != nil {
		t.Fatal(err)
	}
	bound, err := unix.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	return fd, bound
}

func TestAddressesOfAConnection(t *testing.T) {
	h := &hub{opened: make(chan *echo, 1)}
	g, addr := startTCP(t, h)
	c := dial(t, addr)
	s := within(t, h.opened, "the connection")
	onLoop(t, g, func(*Loop) {
		if got, want := s.c.RemoteAddr().String(), c.LocalAddr().String(); got != want {
			t.Errorf("RemoteAddr is %s, want %s", got, want)
		}
		if got, want := s.c.LocalAddr().String(), addr; got != want {
			t.Errorf("LocalAddr is %s, want %s", got, want)
		}
		if age := time.Duration(s.c.loop.group.clock() - s.c.Now()); age < 0 || age > patience {
			t.Errorf("Now is %v ago", age)
		}
	})
}

// A session that answers a little of its input per turn must not be given more and more to keep.
func TestNothingIsReadWhileASessionYields(t *testing.T) {
	const size = 40_000
	var kept, most int
	h := &hub{prepare: func(s *echo) {
		s.onInput = func(b []byte) {
			kept += len(b)
			most = max(most, kept)
			take := min(kept, 1000)
			kept -= take
			s.c.Send(bytes.Repeat([]byte("x"), take))
			if kept > 0 {
				s.c.Yield()
			}
		}
	}}
	g, addr := startTCP(t, h)
	c := dial(t, addr)
	for range 20 {
		go func() { _, _ = c.Write(make([]byte, size)) }() // the read below would fail
	}
	expect(t, c, strings.Repeat("x", 20*size))
	onLoop(t, g, func(l *Loop) {
		if most > readSize {
			t.Errorf("the session was given %d bytes to keep, want at most one read of %d", most, readSize)
		}
	})
}

// The end of the client's sending that stands behind a request is known to the goroutine that answers it.
func TestEndBehindTheRequestThatDetaches(t *testing.T) {
	knew := make(chan bool, 1)
	h := &hub{prepare: func(s *echo) {
		s.onServe = func() {
			knew <- s.c.PeerLeft()
			s.serve()
		}
	}}
	g, addr := startTCP(t, h)
	c := dial(t, addr)
	awaitOpen(t, g, 1)
	release := heldLoop(t, g)
	send(t, c, "d\n")
	if err := c.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	release()
	expect(t, c, "d\n")
	expectEnd(t, c)
	if !within(t, knew, "the goroutine") {
		t.Error("PeerLeft is false")
	}
}

func TestLeftIsToldOfADetachedConnection(t *testing.T) {
	detached, release := make(chan struct{}), make(chan struct{})
	h := &hub{prepare: func(s *echo) {
		s.onServe = func() {
			close(detached)
			<-release
			if !s.c.PeerLeft() {
				t.Error("PeerLeft is false")
			}
			s.serve()
		}
	}}
	g, addr := startTCP(t, h)
	c := dial(t, addr)
	send(t, c, "d\n")
	within(t, detached, "the goroutine")
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(patience); h.left.Load() == 0; {
		if time.Now().After(deadline) {
			t.Fatal("Left was not called")
		}
		turns(t, g)
	}
	close(release)
	awaitOpen(t, g, 0)
}

func TestNoAllocationPerMessage(t *testing.T) {
	const rounds = 10_000
	_, addr := startTCP(t, &hub{timeout: time.Minute})
	c := dial(t, addr)
	line, got := []byte("hello\n"), make([]byte, 6)
	exchange := func(times int) {
		for range times {
			if _, err := c.Write(line); err != nil {
				t.Fatal(err)
			}
			if _, err := io.ReadFull(c, got); err != nil {
				t.Fatal(err)
			}
		}
	}
	exchange(100)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	exchange(rounds)
	runtime.ReadMemStats(&after)
	if n := after.Mallocs - before.Mallocs; n > rounds/50 {
		t.Errorf("%d allocations in %d exchanges", n, rounds)
	}
}
