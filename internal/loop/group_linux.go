package loop

import (
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// Session is what lives on a connection. Its methods are called on the loop's goroutine and must not block. Sessions
// are reused: after Closed, Open begins another connection.
type Session interface {
	// Open begins a connection.
	Open()
	// Input takes bytes, which are valid during the call only. It is called while the loop owns the connection and
	// no output is pending.
	Input(b []byte)
	// Gathered tells that the room of Conn.Gather is full. behind is what has arrived behind it, valid as Input's bytes are.
	Gathered(behind []byte)
	// EOF tells that the peer has ended its sending, while the loop owns the connection; within what Conn.Gather reads also that it has reset the connection.
	EOF()
	// Flushed tells that output which Send had to keep has been written.
	Flushed()
	// FileSent tells that what SendFileLater was to send is sent, or that the rest is for a goroutine, since it may block or has failed: how
	// many bytes are sent, and how long it took, without waiting for the client.
	FileSent(moved int64, took time.Duration)
	// Expired tells that the deadline has passed. The connection may be detached: only Intervene may then be used.
	Expired()
	// Left tells that the peer has closed or reset a connection that is detached or held.
	Left()
	// Drain asks to come to an end: no further message is wanted. It is called by Group.Drain, and again if the
	// connection was detached at first and is the loop's now.
	Drain()
	// Closed tells that the connection is gone. The goroutine that closed a detached connection calls it itself.
	Closed()
}

// Config is what a Group is made of.
type Config struct {
	// Sockets are listening, non-blocking descriptors, which the group takes over: one per loop; or fewer, which
	// loops then share.
	Sockets []int
	Loops   int
	// New makes the session for a new slot of a loop's table.
	New func(loop int, c *Conn) Session
	// SendOff has sessions send what they have put off in Input and Flushed, if they do that. It is called at the end of a turn's events, and before
	// anything else is told to any session that may have done so; at TurnEnd they must see to it by themselves. Nil is nothing.
	SendOff func(loop int)
	// TurnEnd is called when a loop has done what there was to do, before it looks for more; nil is nothing.
	TurnEnd func(loop int)
	// Most is the number of connections from which on clients are refused as if descriptors had run out; 0 is none.
	Most int
	// Refusal is written to a client for whose connection there is no descriptor.
	Refusal []byte
	Logger  *slog.Logger

	// Clock tells the time in nanoseconds since some moment before; nil counts from Start.
	Clock func() int64

	system system // nil is the kernel
}

// Group is a set of event loops.
type Group struct {
	loops []*Loop
	clock func() int64 // nanoseconds
	done  sync.WaitGroup
	open  atomic.Int64
	empty chan struct{} // signalled when open falls to zero
}

// Start makes the loops and starts their goroutines.
func Start(cfg Config) (*Group, error) {
	if len(cfg.Sockets) == 0 || cfg.Loops < len(cfg.Sockets) {
		return nil, fmt.Errorf("loop: %d loops cannot serve %d sockets", cfg.Loops, len(cfg.Sockets))
	}
	if cfg.system == nil {
		cfg.system = kernel{}
	}
	g := &Group{clock: cfg.Clock, empty: make(chan struct{}, 1)}
	if g.clock == nil {
		base := time.Now()
		g.clock = func() int64 { return int64(time.Since(base)) }
	}
	for i := range cfg.Loops {
		l, err := newLoop(g, i, &cfg)
		if err != nil {
			for _, l := range g.loops {
				l.release()
			}
			for i := len(g.loops) + 1; i < len(cfg.Sockets); i++ { // newLoop has closed the one that failed
				err = errors.Join(err, unix.Close(cfg.Sockets[i]))
			}
			return nil, err
		}
		g.loops = append(g.loops, l)
	}
	for _, l := range g.loops {
		g.done.Go(l.run)
	}
	return g, nil
}

// Open returns the number of open connections.
func (g *Group) Open() int { return int(g.open.Load()) }

// Visit has f called with the session of each open connection, whoever owns it, on the goroutine of its loop: loops work side by side. It does not
// wait; done is called when all are through, on one of them or by the caller.
func (g *Group) Visit(f func(s Session), done func()) {
	var left atomic.Int64
	left.Store(int64(len(g.loops)))
	through := func() {
		if left.Add(-1) == 0 {
			done()
		}
	}
	for _, l := range g.loops {
		if !l.post(func() { l.visit(f); through() }) {
			through()
		}
	}
}

func (l *Loop) visit(f func(s Session)) {
	for _, c := range l.table {
		if c != nil && c.state.Load()&closed == 0 {
			f(c.session)
		}
	}
}

// Settle returns when each loop has ended the turn that it was in.
func (g *Group) Settle() { g.onEveryLoop(func(*Loop) {}) }

// Sockets returns copies of the listening descriptors, of which the group was given n; fewer where some are closed.
func (g *Group) Sockets(n int) ([]int, error) {
	var mu sync.Mutex
	var fds []int
	var errs []error
	g.onEveryLoop(func(l *Loop) {
		mu.Lock()
		defer mu.Unlock()
		if l.index >= n || l.socket < 0 {
			return
		}
		fd, err := unix.FcntlInt(uintptr(l.socket), unix.F_DUPFD_CLOEXEC, 0)
		if err != nil {
			errs = append(errs, err)
			return
		}
		fds = append(fds, fd)
	})
	if err := errors.Join(errs...); err != nil {
		for _, fd := range fds {
			_ = unix.Close(fd) // a copy
		}
		return nil, err
	}
	return fds, nil
}

// StopListening takes what is queued on the listeners and closes them.
func (g *Group) StopListening() {
	g.onEveryLoop((*Loop).stopListening)
}

// Drain stops listening and asks every session to come to an end.
func (g *Group) Drain() {
	g.onEveryLoop(func(l *Loop) {
		l.stopListening()
		for _, c := range l.table {
			if c != nil {
				c.drain()
			}
		}
	})
}

// WaitEmpty returns a channel that gets a value when the last connection has closed.
func (g *Group) WaitEmpty() <-chan struct{} { return g.empty }

// AbortAll resets every connection. Those detached are closed by their owners, who find their operations failing.
func (g *Group) AbortAll() {
	g.onEveryLoop(func(l *Loop) {
		for _, c := range l.table {
			if c == nil {
				continue
			}
			switch s := c.state.Load(); {
			case s&closed != 0:
			case s&detached != 0:
				c.Intervene(nil)
				c.session.Left()
				if c.looped() { // handed back just before
					c.Abort()
				}
			default:
				c.Abort()
			}
		}
	})
}

// Stop ends the loops and waits for them. Every connection must be closed or detached and aborted.
func (g *Group) Stop() {
	for _, l := range g.loops {
		l.post(func() { l.stopped = true })
	}
	g.done.Wait()
	for _, l := range g.loops {
		l.release()
	}
}

// onEveryLoop runs f on every loop's goroutine and waits.
func (g *Group) onEveryLoop(f func(l *Loop)) {
	var wg sync.WaitGroup
	for _, l := range g.loops {
		wg.Add(1)
		if !l.post(func() { defer wg.Done(); f(l) }) {
			wg.Done()
		}
	}
	wg.Wait()
}

// addrPort returns a socket address, which is not valid for anything but IP.
func addrPort(sa unix.Sockaddr) netip.AddrPort {
	switch sa := sa.(type) {
	case *unix.SockaddrInet4:
		return netip.AddrPortFrom(netip.AddrFrom4(sa.Addr), uint16(sa.Port))
	case *unix.SockaddrInet6:
		return netip.AddrPortFrom(netip.AddrFrom16(sa.Addr).Unmap(), uint16(sa.Port))
	}
	return netip.AddrPort{}
}
