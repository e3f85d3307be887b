package loop

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// saboteur is a kernel that fails once, at a chosen call, and watches for the use of closed descriptors.
type saboteur struct {
	kernel
	fault fault
	at    int // the call that it befalls, counted from 1

	mu     sync.Mutex // guards the following fields
	calls  int
	open   map[int]bool // accepted descriptors
	stamps map[int]uint32
	stamp  uint32
	epoll  int
	misuse []string
}

type fault string

const (
	shortMove  fault = "one byte instead of all" // of reads and writes
	notReady   fault = "EAGAIN"                  // and an event after it
	failure    fault = "EIO"
	noResource fault = "EMFILE" // of accept
	lostConn   fault = "ECONNABORTED"
)

// strike counts a call, and reports whether the fault befalls it.
func (k *saboteur) strike(fd int, op string) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	if op != "accept" && !k.open[fd] {
		k.misuse = append(k.misuse, fmt.Sprintf("%s of descriptor %d, which is closed", op, fd))
	}
	k.calls++
	return k.calls == k.at
}

// rearm has the poller tell once more what the socket is ready for, as new bytes or new room would.
func (k *saboteur) rearm(fd int) {
	k.mu.Lock()
	defer k.mu.Unlock()
	ev := unix.EpollEvent{
		Events: unix.EPOLLIN | unix.EPOLLOUT | unix.EPOLLRDHUP | unix.EPOLLET&0xffffffff,
		Fd:     int32(fd), Pad: int32(k.stamps[fd]),
	}
	// A connection that is not watched yet is told of it when it is.
	if err := unix.EpollCtl(k.epoll, unix.EPOLL_CTL_MOD, fd, &ev); err != nil && err != unix.ENOENT {
		k.misuse = append(k.misuse, err.Error())
	}
}

// move does one read or write of p, or lets the fault befall it.
func (k *saboteur) move(fd int, op string, p []byte, do func(fd int, p []byte) (int, error)) (int, error) {
	if !k.strike(fd, op) {
		return do(fd, p)
	}
	switch k.fault {
	case shortMove:
		n, err := do(fd, p[:min(1, len(p))])
		if op == "read" {
			k.rearm(fd) // while a writer has to try again by itself
		}
		return n, err
	case notReady:
		k.rearm(fd)
		return -1, unix.EAGAIN
	case failure:
		return -1, unix.EIO
	}
	return do(fd, p)
}

func (k *saboteur) read(fd int, p []byte) (int, error) { return k.move(fd, "read", p, k.kernel.read) }
func (k *saboteur) write(fd int, p []byte) (int, error) {
	return k.move(fd, "write", p, k.kernel.write)
}

func (k *saboteur) readv(fd int, a, b []byte) (int, error) {
	return k.move(fd, "read", a, func(fd int, p []byte) (int, error) {
		if len(p) < len(a) {
			return k.kernel.read(fd, p)
		}
		return k.kernel.readv(fd, a, b)
	})
}

func (k *saboteur) writev(fd int, a, b, c []byte) (int, error) {
	return k.move(fd, "writev", a, func(fd int, p []byte) (int, error) {
		if len(p) < len(a) {
			return k.kernel.write(fd, p)
		}
		return k.kernel.writev(fd, a, b, c)
	})
}

func (k *saboteur) accept(fd int) (int, netip.AddrPort, error) {
	if k.strike(fd, "accept") {
		switch k.fault {
		case failure:
			return -1, netip.AddrPort{}, unix.EIO
		case noResource:
			return -1, netip.AddrPort{}, unix.EMFILE
		case lostConn:
			return -1, netip.AddrPort{}, unix.ECONNABORTED
		}
	}
	nfd, sa, err := k.kernel.accept(fd)
	if err == nil {
		k.mu.Lock()
		defer k.mu.Unlock()
		k.stamp++
		k.open[nfd], k.stamps[nfd] = true, k.stamp
	}
	return nfd, sa, err
}

func (k *saboteur) close(fd int) error {
	k.mu.Lock()
	delete(k.open, fd)
	k.mu.Unlock()
	return k.kernel.close(fd)
}

// With a fault at the first call, the second, and so on through a whole conversation, the client sees right answers, up
// to a cut at the worst; nothing is used after it was closed, and nothing is left open.
func TestFaultsAtEveryCall(t *testing.T) {
	for _, f := range []fault{shortMove, notReady, failure, noResource, lostConn} {
		t.Run(string(f), func(t *testing.T) {
			at := 1
			for ; ; at++ {
				calls, cut := converse(t, f, at)
				if t.Failed() {
					t.Fatalf("at call %d", at)
				}
				if cut != nil && f != failure && f != noResource {
					t.Fatalf("call %d: the client sees %v", at, cut)
				}
				if calls < at {
					break
				}
			}
			if at < 10 {
				t.Errorf("only %d calls", at)
			}
		})
	}
}

// converse has a client exchange some lines with a sabotaged group, and returns the number of calls made until then.
func converse(t *testing.T, f fault, at int) (calls int, cut error) {
	before := descriptors()
	k := &saboteur{fault: f, at: at, open: map[int]bool{}, stamps: map[int]uint32{}}
	h := &hub{}
	fd, addr := listenTCP(t)
	g := start(t, Config{Sockets: []int{fd}, system: k}, h)
	k.mu.Lock()
	k.epoll = g.loops[0].epoll
	k.mu.Unlock()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	cut, wrong := talk(c)
	if wrong != nil {
		t.Error(wrong)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	g.StopListening()
	awaitOpen(t, g, 0)
	g.Stop()
	h.owners.Wait()
	if after := descriptors(); after != before {
		t.Errorf("%d descriptors before, %d after", before, after)
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, m := range k.misuse {
		t.Error(m)
	}
	return k.calls, cut
}

// talk tells how the peer has ended the conversation early, or what else was wrong with it.
func talk(c net.Conn) (cut, wrong error) {
	big := strings.Repeat("big", 50_000)
	gathered := "g\n" + big[:gatherSize]
	for _, line := range []string{"inline\n", "detached\n", "d1\nd2\ninline\n", big + "\n", "d" + big + "\n", "parts\n", "p" + big + "\n", "p1\np2\n", gathered, gathered + "inline\n" + gathered + "d1\n", "inline\n"} {
		if err := c.SetDeadline(time.Now().Add(patience)); err != nil {
			return nil, err
		}
		if _, err := io.WriteString(c, line); err != nil {
			return err, nil
		}
		got := make([]byte, len(line))
		n, err := io.ReadFull(c, got)
		if timeout := net.Error(nil); errors.As(err, &timeout) && timeout.Timeout() {
			return nil, fmt.Errorf("%d of %d bytes in answer to %.20q: %w", n, len(line), line, err)
		}
		if !strings.HasPrefix(line, string(got[:n])) {
			return nil, fmt.Errorf("wrong answer to %.20q", line)
		}
		if err != nil {
			return err, nil
		}
	}
	return nil, nil
}

// exhausted is a kernel without descriptors to spare: accept succeeds only while the reserve is given up.
type exhausted struct {
	kernel
	mu      sync.Mutex // guards the following fields
	lacking bool
	spare   bool
	accepts int
}

func (k *exhausted) accept(fd int) (int, netip.AddrPort, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.accepts++
	if k.lacking && !k.spare {
		return -1, netip.AddrPort{}, unix.EMFILE
	}
	k.spare = false
	return k.kernel.accept(fd)
}

func (k *exhausted) close(fd int) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.spare = true
	return k.kernel.close(fd)
}

func (k *exhausted) set(lacking bool) (accepts int) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.lacking, k.spare = lacking, false
	return k.accepts
}

// awaitSuspension waits until the group's first loop has ceased to listen.
func awaitSuspension(t *testing.T, g *Group) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for suspended := false; !suspended; {
		if time.Now().After(deadline) {
			t.Fatal("listening is not suspended")
		}
		onLoop(t, g, func(l *Loop) { suspended = l.resumeAt != 0 })
	}
}

func TestLackOfDescriptors(t *testing.T) {
	var clock fakeClock
	k := &exhausted{lacking: true}
	fd, addr := listenTCP(t)
	g := start(t, Config{Sockets: []int{fd}, Refusal: []byte("busy"), system: k, Clock: clock.read}, &hub{})

	first := dial(t, addr)
	expect(t, first, "busy")
	expectEnd(t, first)
	awaitSuspension(t, g)

	second := dial(t, addr)
	turns(t, g)
	if n := k.set(true); n > 5 {
		t.Errorf("accept was called %d times for one client", n)
	}
	before := k.set(true)
	turns(t, g)
	turns(t, g)
	if n := k.set(true) - before; n > 0 {
		t.Errorf("accept was called %d times while listening was suspended", n)
	}

	k.set(false)
	clock.advance(t, g, time.Duration(pause))
	send(t, second, "hello\n")
	expect(t, second, "hello\n")
}

func TestListeningResumesAfterAnUnknownError(t *testing.T) {
	var clock fakeClock
	k := &saboteur{fault: failure, at: 1, open: map[int]bool{}, stamps: map[int]uint32{}}
	fd, addr := listenTCP(t)
	g := start(t, Config{Sockets: []int{fd}, system: k, Clock: clock.read}, &hub{})
	c := dial(t, addr)
	send(t, c, "hello\n")
	awaitSuspension(t, g)
	clock.advance(t, g, time.Duration(pause))
	expect(t, c, "hello\n")
}

// A client that resets while output is pending has its descriptor closed by the flush that follows, and the number may
// at once be another connection's: it must not be read.
func TestResetWhileOutputIsPending(t *testing.T) {
	k := &saboteur{open: map[int]bool{}, stamps: map[int]uint32{}}
	h := &hub{opened: make(chan *echo, 1)}
	fd, addr := listenTCP(t)
	g := start(t, Config{Sockets: []int{fd}, system: k}, h)
	c := dial(t, addr)
	s := within(t, h.opened, "the connection")
	onLoop(t, g, func(*Loop) { s.c.Send(make([]byte, 16<<20)) })
	if err := c.SetLinger(0); err != nil {
		t.Fatal(err)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	awaitOpen(t, g, 0)
	turns(t, g)
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, m := range k.misuse {
		t.Error(m)
	}
	if n := s.closedOnce.Load(); n != 1 {
		t.Errorf("Closed was called %d times", n)
	}
}

// Parts are sent one behind another whatever the client takes, also behind what it has not taken yet.
func TestSendParts(t *testing.T) {
	h := &hub{opened: make(chan *echo, 1)}
	fd, addr := listenTCP(t)
	g := start(t, Config{Sockets: []int{fd}}, h)
	c := dial(t, addr)
	s := within(t, h.opened, "the connection")
	var want []byte
	onLoop(t, g, func(*Loop) {
		for n := range 300 {
			parts := [3][]byte{[]byte("head"), bytes.Repeat([]byte{byte(n)}, n*500), []byte("end")}
			parts[n%3] = nil
			for _, p := range parts {
				want = append(want, p...)
			}
			s.c.SendParts(parts[0], parts[1], parts[2])
		}
		if s.c.Pending() == 0 {
			t.Error("the client has taken all")
		}
	})
	got := make([]byte, len(want))
	if _, err := io.ReadFull(c, got); err != nil || !bytes.Equal(got, want) {
		t.Errorf("it was received otherwise than sent: %v", err)
	}
	onLoop(t, g, func(*Loop) {
		if _, sent := s.c.Moved(); sent != int64(len(want)) {
			t.Errorf("%d bytes were counted, of %d", sent, len(want))
		}
	})
}

func TestStartThatFailsClosesWhatItTookOver(t *testing.T) {
	before := descriptors()
	fd, _ := listenTCP(t)
	unpollable, err := unix.Open(t.TempDir(), unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	last, _ := listenTCP(t)
	_, err = Start(Config{Sockets: []int{fd, unpollable, last}, Loops: 3})
	if !errors.Is(err, unix.EPERM) || errors.Is(err, unix.EBADF) {
		t.Errorf("Start returns %v, want only EPERM", err)
	}
	if after := descriptors(); after != before {
		t.Errorf("%d descriptors before, %d after", before, after)
	}
	if _, err := Start(Config{Sockets: []int{1, 2}, Loops: 1}); err == nil {
		t.Error("two sockets for one loop are accepted")
	}
}
