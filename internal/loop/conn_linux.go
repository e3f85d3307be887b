package loop

import (
	"io"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// The state word of a connection: who owns it, what has been noted for the goroutine that does, and what it waits for.
const (
	detached  = 1 << iota // a goroutine is the owner
	closed                // there is none
	arrived               // there may be something to read
	writable              // there may be room to write
	halfGone              // the peer has ended its sending
	gone                  // the peer has reset the connection, or both sides have ended
	wantRead              // the owner sleeps until arrived, halfGone or gone
	wantWrite             // the owner sleeps until writable or gone
	cut                   // the loop has intervened: the owner's operations fail
	entrusted             // the owner that sleeps until writable has an errand for the loop
)

// Conn is one connection. Its methods are for its owner alone, except where said.
type Conn struct {
	loop    *Loop
	session Session
	fd      int
	stamp   uint32 // the generation: an event for an earlier one is stale
	remote  netip.AddrPort

	state    atomic.Uint32
	deadline atomic.Int64 // on the group's clock; 0 is never
	waiting  atomic.Int32 // directions in which the owner waits for the peer, and the deadline with it

	// A goroutine may read while another writes: each direction is woken by itself.
	wakeReader chan struct{}
	wakeWriter chan struct{}

	// fdMu guards fd between the owner that closes it and the loop that intervenes.
	fdMu sync.Mutex

	// Of the loop's goroutine alone, or of the owner when the loop cannot be looking:
	pending   []byte // output that the socket did not take
	room      []byte // what Gather has still to fill
	queued    bool   // stands in loop.again
	moving    bool   // stands in loop.files
	sending   bool   // a file, see SendFileLater
	unread    bool   // input was left while output is pending, or while the connection is held
	yielded   bool
	held      bool
	lingering bool
	dropped   int // bytes read while lingering

	received  int64 // bytes, of whoever reads
	sent      int64 // likewise, of whoever writes
	unbounded bool  // the socket takes more than Backlog; of whoever writes, as is prompt
	prompt    uint8 // times in a row that the client has made room promptly
	farewell  int64 // by Intervene; guarded by fdMu

	errand *errand // made for the first file; then it stays

	next, prev *Conn // in the wheel
	due        int64
	filed      bool
}

var _ Link = (*Conn)(nil)

func (c *Conn) begin(fd int, stamp uint32, remote netip.AddrPort) {
	c.fdMu.Lock() // the owner of the last generation, who has freed the descriptor, may not have left Close yet
	defer c.fdMu.Unlock()
	c.fd, c.stamp, c.remote = fd, stamp, remote
	c.pending, c.room, c.unread, c.yielded, c.held, c.sending, c.lingering, c.dropped = nil, nil, false, false, false, false, false, 0
	c.received, c.sent, c.farewell, c.unbounded, c.prompt = 0, 0, 0, false, 0
	for _, wake := range [...]chan struct{}{c.wakeReader, c.wakeWriter} {
		select {
		case <-wake: // left over from the last generation
		default:
		}
	}
	c.waiting.Store(0)
	c.deadline.Store(0)
	c.state.Store(0)
}

// RemoteAddr returns the peer's address; it is not valid for unix sockets.
func (c *Conn) RemoteAddr() netip.AddrPort { return c.remote }

// LocalAddr returns this side's address; it is not valid for unix sockets.
func (c *Conn) LocalAddr() netip.AddrPort {
	sa, err := unix.Getsockname(c.fd)
	if err != nil {
		return netip.AddrPort{}
	}
	return addrPort(sa)
}

// Now returns the time of the loop's last wake-up, on the group's clock. It is for the loop's goroutine.
func (c *Conn) Now() int64 { return c.loop.now }

// Looped reports whether the loop owns the connection. It is for the loop's goroutine.
func (c *Conn) Looped() bool { return c.looped() }

func (c *Conn) looped() bool { return c.state.Load()&(detached|closed) == 0 }

// onEvents takes the events of one wake-up.
func (c *Conn) onEvents(events uint32) {
	note := noteOf(events)
	if c.leave(note) {
		return
	}
	if end := note & (halfGone | gone); end != 0 {
		// For the reads to come, and for the goroutine that the session may make the owner.
		if old := c.state.Or(end); c.held && end&^old != 0 {
			c.session.Left()
			if c.leave(note) {
				return
			}
		}
	}
	if len(c.pending) > 0 && events&(unix.EPOLLOUT|unix.EPOLLHUP|unix.EPOLLERR) != 0 {
		if c.flush() {
			c.session.Flushed()
			c.loop.sendOff()
		}
		if c.leave(note) {
			return
		}
	}
	if c.sending && events&(unix.EPOLLOUT|unix.EPOLLHUP|unix.EPOLLERR) != 0 {
		c.toMove()
	}
	if events&(unix.EPOLLIN|unix.EPOLLRDHUP|unix.EPOLLHUP|unix.EPOLLERR) == 0 && !c.unread {
		return
	}
	if c.busy() || c.yielded {
		c.unread = true
		return
	}
	c.readInput()
}

// busy reports whether the session wants nothing more at the moment.
func (c *Conn) busy() bool { return c.held || c.sending || len(c.pending) > 0 }

// Hold has what arrives left unread until Resume or Detach. Meanwhile the session hears of a peer that leaves by Left. It is
// for the loop's goroutine, while the loop owns the connection.
func (c *Conn) Hold() {
	c.held = true
	if c.state.Load()&(halfGone|gone) != 0 && !c.queued { // it has left with its last bytes: the session hears of that in the loop's next turn
		c.queued = true
		c.loop.again = append(c.loop.again, c)
	}
}

// Resume undoes Hold. What was left unread is read in the loop's next turn.
func (c *Conn) Resume() {
	c.held = false
	if c.unread {
		c.readLater()
	}
}

// leave reports whether the loop has nothing to do: the connection is closed, or has another owner, for whom it leaves
// the note.
func (c *Conn) leave(note uint32) bool {
	s := c.state.Load()
	if s&detached != 0 {
		s = c.state.Or(note)
		switch {
		case s&detached != 0:
			c.notify(s, note)
			return true
		case s&closed == 0:
			c.state.And(^uint32(arrived | writable)) // it was handed back just now: this is the loop's to do
		}
	}
	return s&closed != 0
}

func noteOf(events uint32) uint32 {
	var note uint32
	if events&unix.EPOLLIN != 0 {
		note |= arrived
	}
	if events&unix.EPOLLOUT != 0 {
		note |= writable
	}
	if events&unix.EPOLLRDHUP != 0 {
		note |= halfGone | arrived
	}
	if events&(unix.EPOLLHUP|unix.EPOLLERR) != 0 {
		note |= gone | arrived | writable
	}
	return note
}

// notify wakes the owning goroutine if note is what it waits for, and tells the session of a peer that left.
func (c *Conn) notify(old, note uint32) {
	if old&entrusted != 0 && note&(writable|gone) == writable {
		c.toMove()
		note &^= writable
	}
	c.wakeOwner(old, note)
	if old&wantRead != 0 || note&writable != 0 && old&wantWrite != 0 {
		c.loop.yield = true
	}
	if note&(halfGone|gone)&^old != 0 {
		c.session.Left()
	}
}

func (c *Conn) wakeOwner(old, note uint32) {
	if old&wantRead != 0 && note&arrived != 0 {
		signal(c.wakeReader)
	}
	if old&wantWrite != 0 && note&writable != 0 {
		signal(c.wakeWriter)
	}
}

func signal(wake chan struct{}) {
	select {
	case wake <- struct{}{}:
	default:
	}
}

// readInput reads once and hands the bytes on. More that may be there waits for the next turn: a short read shows that
// the socket is empty, unless the end stands behind it.
func (c *Conn) readInput() {
	c.unread = false
	if len(c.room) > 0 {
		c.fillRoom()
		return
	}
	l := c.loop
	b := l.readBuffer()
	n, err := l.sys.read(c.fd, b)
	switch {
	case n > 0:
		c.received += int64(n)
		l.reading = l.kept + n
		c.input(b[:n])
		switch {
		case n == len(b) && len(c.room) > 0 && c.looped() && !c.busy():
			c.fillRoom()
		case n == len(b) || c.state.Load()&(halfGone|gone) != 0:
			c.readLater()
		}
	case err == unix.EAGAIN:
	default:
		c.inputEnded(ended(n, err))
	}
}

// readBuffer returns the room for what is read next.
func (l *Loop) readBuffer() []byte {
	if l.kept > len(l.buffer)-readSize {
		l.sendOff()
	}
	return l.buffer[l.kept:][:readSize]
}

// Keep has the bytes of the present Input stay what they are until the next call of Config.SendOff. It is for the loop's goroutine.
func (c *Conn) Keep() { c.loop.kept = c.loop.reading }

// readLater has the rest of the input read in the loop's next turn, or noted for whoever owns the connection now.
func (c *Conn) readLater() {
	switch {
	case c.leave(arrived):
	case c.busy():
		c.unread = true
	case !c.queued:
		c.queued = true
		c.loop.again = append(c.loop.again, c)
	}
}

// Yield asks for Input to be called once more with nothing, after the other connections had their turn, and before
// anything more is read; while output is pending it does nothing, since Flushed will come. It is for the loop's
// goroutine.
func (c *Conn) Yield() {
	if c.looped() && len(c.pending) == 0 {
		c.yielded = true // and so stands in loop.again
		c.readLater()
	}
}

func (c *Conn) input(b []byte) {
	if c.lingering {
		if c.dropped += len(b); c.dropped > lingerBytes {
			c.Close()
		}
		return
	}
	c.session.Input(b)
}

func (c *Conn) inputEnded(err error) {
	switch {
	case c.lingering:
		c.Close()
	case err == io.EOF:
		c.session.EOF()
	default:
		c.Close()
	}
}

// Send writes b and keeps what the socket does not take; the session then hears Flushed instead of Input until all is
// written. It is for the loop's goroutine, while the loop owns the connection.
func (c *Conn) Send(b []byte) {
	if len(c.pending) > 0 {
		c.pending = append(c.pending, b...)
		return
	}
	n, err := c.loop.sys.write(c.fd, b)
	c.sent += int64(max(n, 0))
	switch {
	case n == len(b):
	case n > 0:
		c.pending = append(c.pending, b[n:]...)
		c.flush() // only EAGAIN promises an event
	case err == unix.EAGAIN:
		c.pending = append(c.pending, b...)
	default:
		c.Close()
	}
}

// SendParts is Send for three parts, one behind another.
func (c *Conn) SendParts(p1, p2, p3 []byte) {
	if len(c.pending) > 0 {
		c.pending = slices.Concat(c.pending, p1, p2, p3)
		return
	}
	n, err := c.loop.sys.writev(c.fd, p1, p2, p3)
	if err != nil && err != unix.EAGAIN {
		c.Close()
		return
	}
	n = max(n, 0)
	c.sent += int64(n)
	for _, p := range [...][]byte{p1, p2, p3} {
		written := min(n, len(p))
		c.pending = append(c.pending, p[written:]...)
		n -= written
	}
	if len(c.pending) > 0 && err == nil {
		c.flush() // only EAGAIN promises an event
	}
}

// SendFileNow writes b and then n bytes of a file from its start, no more than nowAtMost and as far as the socket takes them at once, and returns how many of each. It keeps
// nothing: the rest, also after an error, is for whoever the connection is handed over to, who will meet that error again. It is for the loop's
// goroutine, while the loop owns the connection and nothing is pending; the file must be one that is in memory.
func (c *Conn) SendFileNow(b []byte, fd int, n int64) (sent int, moved int64) {
	sent, _ = c.loop.sys.writeMore(c.fd, b)
	sent = max(sent, 0)
	if sent == len(b) {
		part, _ := c.loop.sys.sendfile(c.fd, fd, 0, int(min(n, nowAtMost)))
		moved = int64(max(part, 0))
	}
	c.sent += int64(sent) + moved
	return sent, moved
}

// Moved implements Link. It may also be called from the session's Closed.
func (c *Conn) Moved() (received, sent int64) { return c.received, c.sent + c.farewell }

// Lingering reports whether what the peer still sends is dropped. It is for the loop's goroutine, while the loop owns the connection.
func (c *Conn) Lingering() bool { return c.lingering }

// Unread reports whether more has arrived that nobody has read, as far as is known.
func (c *Conn) Unread() bool {
	s := c.state.Load()
	return s&detached != 0 && s&arrived != 0 || s&detached == 0 && c.unread
}

// Pending returns the number of bytes that Send had to keep.
func (c *Conn) Pending() int { return len(c.pending) }

// flush writes pending output, and reports whether all of it is written.
func (c *Conn) flush() bool {
	for len(c.pending) > 0 {
		n, err := c.loop.sys.write(c.fd, c.pending)
		if err == unix.EAGAIN {
			return false
		}
		if err != nil {
			c.Close()
			return false
		}
		c.sent += int64(n)
		c.pending = c.pending[n:]
	}
	c.pending = nil
	return true
}

// Detach makes the calling session's goroutine-to-be the owner. It is for the loop's goroutine, while the loop owns
// the connection and nothing is pending.
func (c *Conn) Detach() {
	owner := uint32(detached)
	if c.unread { // while it was held
		owner |= arrived
	}
	c.held, c.unread = false, false
	c.state.Or(owner)
	c.loop.yield = true
}

// Attach gives the connection back to its loop, unless something has arrived: then it returns false, and the caller
// remains the owner and reads. After true the caller must not touch the connection.
func (c *Conn) Attach() bool {
	for {
		s := c.state.Load()
		if s&(arrived|halfGone|gone) != 0 {
			return false
		}
		if c.state.CompareAndSwap(s, s&^(detached|writable)) {
			return true
		}
	}
}

// drain tells the session of a drain. It is for the loop's goroutine.
func (c *Conn) drain() {
	s := c.state.Load()
	if s&closed != 0 || s&detached == 0 && c.lingering {
		return // it has ended, or will without being told
	}
	if c.looped() && !c.busy() && !c.yielded {
		c.readInput() // a message that has arrived before the drain is not lost by it
		c.loop.sendOff()
	}
	if now := c.state.Load(); now&closed != 0 || now&detached == 0 && c.lingering {
		return
	}
	c.session.Drain()
	if s&detached != 0 && c.looped() && !c.lingering { // it was handed back before it could be recalled
		c.state.And(^uint32(arrived))
		c.session.Drain()
	}
}

// SetTimeout implements Link. It may also be called on the loop's goroutine.
func (c *Conn) SetTimeout(d time.Duration) {
	if c.looped() {
		due := int64(0)
		if d > 0 {
			due = c.loop.now + int64(d)
		}
		c.deadline.Store(due)
		c.loop.wheel.file(c, due)
		return
	}
	if d <= 0 {
		c.deadline.Store(0)
		return
	}
	c.deadline.Store(c.loop.group.clock() + int64(d))
	if int64(d) < wheelSlots*tickLength {
		// It may be due before the wheel would come to look.
		stamp := c.stamp
		c.loop.post(func() {
			if c.stamp == stamp && c.state.Load()&closed == 0 {
				c.loop.wheel.file(c, c.deadline.Load())
			}
		})
	}
}

// Remaining returns the time until the deadline, as of the loop's last wake-up; without one it is negative. It is for the loop's goroutine.
func (c *Conn) Remaining() time.Duration {
	d := c.deadline.Load()
	if d == 0 {
		return -1
	}
	return time.Duration(d - c.loop.now)
}

// lookAtDeadline is the wheel's visit.
func (c *Conn) lookAtDeadline() {
	if c.state.Load()&closed != 0 {
		return
	}
	waiting := c.waiting.Load() > 0 // before the deadline, which an owner that ceases to wait extends first
	d := c.deadline.Load()
	if d != 0 && d <= c.loop.now && !waiting {
		if c.looped() && c.lingering {
			c.Close()
			return
		}
		c.session.Expired()
		if c.state.Load()&closed != 0 {
			return
		}
		d = c.deadline.Load()
	}
	c.loop.wheel.file(c, d)
}

// PeerLeft implements Link.
func (c *Conn) PeerLeft() bool { return c.state.Load()&(halfGone|gone) != 0 }

// Close implements Link. The caller is the owner.
func (c *Conn) Close() {
	c.fdMu.Lock()
	defer c.fdMu.Unlock()
	if c.state.Load()&closed != 0 {
		return
	}
	fd, sys, g := c.fd, c.loop.sys, c.loop.group
	c.session.Closed()
	if c.sending {
		c.StopFile()
	}
	c.pending = nil
	// From here on the slot may be begun anew, as soon as the descriptor is free.
	c.state.Store(closed)
	_ = sys.close(fd) // an error of a socket's close says nothing that anybody could act on
	if g.open.Add(-1) == 0 {
		select {
		case g.empty <- struct{}{}:
		default:
		}
	}
}

// Abort implements Link. The caller is the owner.
func (c *Conn) Abort() {
	if c.state.Load()&closed != 0 {
		return
	}
	_ = unix.SetsockoptLinger(c.fd, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1}) // unix sockets have none
	c.Close()
}

// Linger implements Link. It may also be called on the loop's goroutine, when the loop owns the connection.
func (c *Conn) Linger() {
	if c.state.Load()&closed != 0 {
		return
	}
	_ = c.loop.sys.shutdown(c.fd, unix.SHUT_WR) // if it fails, so will the reads
	c.lingering = true
	c.SetTimeout(lingerTime)
	if !c.looped() {
		c.drop()
	}
}

// drop reads and drops until the loop can take the connection back or it is over.
func (c *Conn) drop() {
	p := make([]byte, 16<<10)
	for !c.Attach() {
		c.state.And(^uint32(arrived))
		n, err := c.loop.sys.read(c.fd, p)
		c.dropped += max(n, 0)
		if err == unix.EAGAIN && c.state.Load()&(halfGone|gone) == 0 {
			continue
		}
		if n <= 0 || c.dropped > lingerBytes {
			c.Close()
			return
		}
		c.state.Or(arrived)
	}
}

// Intervene ends a detached connection from the loop's goroutine: it sends what of farewell the socket takes at once and
// ends both directions, with a reset when there is no farewell. The owner's operations fail with ErrClosed from then on;
// the owner closes.
func (c *Conn) Intervene(farewell []byte) {
	c.fdMu.Lock()
	defer c.fdMu.Unlock()
	if c.state.Load()&closed != 0 {
		return
	}
	if farewell != nil || !c.remote.IsValid() || c.loop.sys.disconnect(c.fd) != nil {
		n, _ := c.loop.sys.write(c.fd, farewell) // a client that takes nothing does not get it
		c.farewell += int64(max(n, 0))
		_ = c.loop.sys.shutdown(c.fd, unix.SHUT_RDWR)
	}
	// The owner is woken here, not by the event that follows: the loop may end before it sees that one.
	const note = cut | gone | arrived | writable
	c.wakeOwner(c.state.Or(note), note)
}
