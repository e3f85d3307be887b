package highball

import (
	"io"
	"os"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"highball/internal/loop"
)

const (
	peerInput  = 256 << 10 // as much as a socket's buffer holds
	peerGather = 16 << 10  // what is longer is written by itself
	peerKeep   = 1 << 20   // output buffers that have grown beyond it are not kept
)

// onPeer ties a Peer to an event loop.
type onPeer struct {
	home   *engine // nil with goroutines
	group  *loop.Group
	peers  *atomic.Int64 // of the group's driver
	fd     int
	dirty  bool // stands in a turn's list
	choked bool // waits for room to write

	near atomic.Pointer[engine] // home, for those who do not hold the lock
}

func (p *Peer) looped() bool { return p.home != nil }

// begin has the stream read. It is called once, on no loop's goroutine.
func (p *Peer) begin(drivers []driving) error {
	d := firstLoops(drivers)
	p.mu.Lock()
	if d == nil {
		p.beginAlone()
		p.mu.Unlock()
		return nil
	}
	// A copy, so that package os, and with it the runtime's poller, has nothing to do with it any more.
	fd, err := dupFile(p.file)
	if err == nil {
		err = unix.SetNonblock(fd, true)
	}
	if err != nil {
		p.mu.Unlock()
		p.endWith(nil, err)
		return err
	}
	_ = p.file.Close() // the copy is the stream now
	e := d.engines[int(p.srv.state.nextPeer.Add(1)-1)%len(d.engines)]
	p.file, p.home, p.group, p.fd = nil, e, d.group, fd
	p.peers = &d.peers
	p.peers.Add(1)
	p.near.Store(e)
	p.mu.Unlock() // a loop that sends must not wait for another that begins to watch
	err = d.group.Watch(e.index, fd, loop.Readable, watchedPeer{p})
	if err != nil {
		p.endWith(nil, err)
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.begun = true
	p.write()
	p.rewatch() // it may have been paused meanwhile
	return nil
}

func dupFile(f *os.File) (fd int, err error) {
	raw, err := f.SyscallConn()
	if err != nil {
		return -1, err
	}
	if controlErr := raw.Control(func(from uintptr) {
		fd, err = unix.FcntlInt(from, unix.F_DUPFD_CLOEXEC, 0)
	}); controlErr != nil {
		return -1, controlErr
	}
	return fd, os.NewSyscallError("fcntl", err)
}

func firstLoops(drivers []driving) *loopDriver {
	for _, d := range drivers {
		if d, ok := d.driver.(*loopDriver); ok {
			return d
		}
	}
	return nil
}

// watchedPeer is a Peer's face towards its loop.
type watchedPeer struct{ *Peer }

// Ready implements loop.Watcher.
func (p watchedPeer) Ready(readable, writable bool) {
	if writable {
		p.mu.Lock()
		p.choked = false
		p.write()
		p.rewatch()
		p.mu.Unlock()
	}
	if !readable {
		return
	}
	e := p.home
	if e.input == nil {
		e.input = make([]byte, peerInput)
	}
	n, err := loop.Receive(p.fd, e.input)
	switch {
	case n > 0:
		p.on.Receive(&e.turn, e.input[:n])
	case err == unix.EAGAIN || err == unix.EINTR:
	case err == nil:
		p.endWith(&e.turn, io.EOF)
	default:
		p.endWith(&e.turn, os.NewSyscallError("read", err))
	}
}

// Near reports whether t is a turn of the loop that moves the stream: an answer that it brings to a request of another
// loop's has to be carried there.
func (p *Peer) Near(t *Turn) bool { return t != nil && t.engine == p.near.Load() }

// sendLooped has b leave at the end of the turn, or at once. The caller holds the lock.
func (p *Peer) sendLooped(t *Turn, b []byte) {
	if (t == nil || len(b) > peerGather) && len(p.out) == 0 && !p.choked {
		n, err := loop.Send(p.fd, b) // without a copy
		if err == nil && n < len(b) || err == unix.EAGAIN || err == unix.EINTR {
			p.queue(b[max(n, 0):])
			p.write()
		}
		return // another error is found by reading
	}
	p.queue(b)
	switch {
	case t == nil:
		p.write()
	case !p.dirty:
		p.dirty = true
		t.dirty = append(t.dirty, p)
	}
}

// queue adds b to what is to leave. What has left makes room only when some is needed: it may be megabytes that wait behind it. The caller
// holds the lock.
func (p *Peer) queue(b []byte) {
	if p.left > 0 && len(p.out)+len(b) > cap(p.out) {
		p.out, p.left = p.out[:copy(p.out, p.out[p.left:])], 0
	}
	p.out = append(p.out, b...)
}

// end sends what the turn's requests have gathered for peers.
func (t *Turn) end() {
	for i, p := range t.dirty {
		t.dirty[i] = nil
		p.mu.Lock()
		p.dirty = false
		p.write()
		p.mu.Unlock()
	}
	t.dirty = t.dirty[:0]
}

// write writes what the socket takes. The caller holds the lock.
func (p *Peer) write() {
	if p.closed || p.choked {
		return
	}
	for p.left < len(p.out) {
		n, err := loop.Send(p.fd, p.out[p.left:])
		if n > 0 {
			p.left += n
			continue
		}
		if err == unix.EAGAIN {
			p.choked = true
			p.rewatch()
			return
		}
		if err != unix.EINTR {
			break // the stream has ended, which reading finds
		}
	}
	p.left = 0
	if p.out = p.out[:0]; cap(p.out) > peerKeep {
		p.out = nil
	}
}

// rewatch has the loop look for what is wanted now. The caller holds the lock.
func (p *Peer) rewatch() {
	if p.closed || !p.begun {
		return
	}
	var in loop.Interest
	if !p.paused {
		in |= loop.Readable
	}
	if p.choked {
		in |= loop.Writable
	}
	if err := p.group.Rewatch(p.home.index, p.fd, in); err != nil {
		p.srv.state.log.Error("cannot watch a process's stream", "err", err)
	}
}

// hangUp ends both directions; reading finds the end. The caller holds the lock.
func (p *Peer) hangUp() {
	_ = unix.Shutdown(p.fd, unix.SHUT_RDWR) // it may have ended already
	p.rewatch()
}

// release ends the watch, on the loop's goroutine or when the loop has ended. The caller holds the lock.
func (p *Peer) release() {
	p.group.Unwatch(p.home.index, p.fd)
	p.peers.Add(-1)
	_ = unix.Close(p.fd) // what was not taken is of no use to anybody
}
