package loop

import (
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// Blocking is a Link over any net.Conn, for one goroutine per connection.
type Blocking struct {
	conn    net.Conn
	expired func()

	mu      sync.Mutex // guards the following fields
	timer   *time.Timer
	due     time.Time // zero is never
	waiting int       // directions in which the owner waits for the peer
	closed  bool
	cut     bool // Intervene was called
	left    bool
	spare   []byte // bytes that Watch has read ahead
	watched chan struct{}

	received, sent atomic.Int64
}

var _ Link = (*Blocking)(nil)

// NewBlocking returns a Link over conn, which it takes over. expired is called on a goroutine of its own when the
// timeout that SetTimeout has set passes.
func NewBlocking(conn net.Conn, expired func()) *Blocking {
	return &Blocking{conn: conn, expired: expired}
}

// Conn returns the underlying connection.
func (b *Blocking) Conn() net.Conn { return b.conn }

// wait runs one operation that may wait for the peer until the deadline that limit sets, and tells how long it took.
func (b *Blocking) wait(limit func(time.Time) error, patience time.Duration, op func() error) (time.Duration, error) {
	start := time.Now()
	b.mu.Lock()
	if b.cut { // seen together with the deadline, which would undo the one that Intervene sets
		b.mu.Unlock()
		return 0, ErrClosed
	}
	err := limit(until(patience))
	b.waiting++
	b.mu.Unlock()
	if err == nil {
		err = op()
	}
	took := time.Since(start)
	b.mu.Lock()
	defer b.mu.Unlock()
	b.waiting--
	if !b.due.IsZero() && !b.closed {
		b.due = b.due.Add(took)
		b.timer.Reset(time.Until(b.due))
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		err = ErrPatience
		if b.cut {
			err = ErrClosed
		}
	}
	return took, err
}

// until returns the time by which a patience is over; the zero time is never.
func until(patience time.Duration) time.Time {
	if patience <= 0 {
		return time.Time{}
	}
	return time.Now().Add(patience)
}

// Read implements Link.
func (b *Blocking) Read(p []byte, patience time.Duration) (n int, waited time.Duration, err error) {
	if n := b.readAhead(p); n > 0 {
		return n, 0, nil
	}
	waited, err = b.wait(b.conn.SetReadDeadline, patience, func() error {
		n, err = b.conn.Read(p)
		b.received.Add(int64(n))
		return err
	})
	if n > 0 {
		err = nil // an error comes again with the next read
	}
	return n, waited, err
}

// Write implements Link.
func (b *Blocking) Write(x, y []byte, patience time.Duration) (n int, waited time.Duration, err error) {
	waited, err = b.wait(b.conn.SetWriteDeadline, patience, func() error {
		var bufs net.Buffers
		for _, part := range [][]byte{x, y} {
			if len(part) > 0 { // not every connection takes an empty write for nothing
				bufs = append(bufs, part)
			}
		}
		sent, err := bufs.WriteTo(b.conn)
		n = int(sent)
		b.sent.Add(sent)
		return err
	})
	if n > 0 {
		err = progress(err)
	}
	return n, waited, err
}

// Moved implements Link.
func (b *Blocking) Moved() (received, sent int64) { return b.received.Load(), b.sent.Load() }

// WriteMore implements Link.
func (b *Blocking) WriteMore(p []byte, patience time.Duration) (int, time.Duration, error) {
	return b.Write(p, nil, patience)
}

// SendFile implements Link.
func (b *Blocking) SendFile(f *os.File, offset, n int64, patience time.Duration) (sent int64, waited time.Duration, err error) {
	var chunk [32 << 10]byte
	got, err := f.ReadAt(chunk[:min(n, int64(len(chunk)))], offset)
	if got == 0 {
		if err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		return 0, 0, err
	}
	written, waited, err := b.Write(chunk[:got], nil, patience)
	return int64(written), waited, err
}

// progress is the error of an operation that has moved something: lost time is then not yet an error.
func progress(err error) error {
	if errors.Is(err, ErrPatience) || errors.Is(err, os.ErrDeadlineExceeded) {
		return nil
	}
	return err
}

// Watch reads one byte ahead in the background, so that PeerLeft is known and left is called while the owner is
// busy elsewhere. The next Read ends the watch.
func (b *Blocking) Watch(left func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.watched != nil || len(b.spare) > 0 || b.closed {
		return
	}
	done := make(chan struct{})
	b.watched = done
	_ = b.conn.SetReadDeadline(time.Time{}) // a closed connection fails the read below
	go func() {
		defer close(done)
		var p [1]byte
		n, err := b.conn.Read(p[:])
		b.mu.Lock()
		b.received.Add(int64(n))
		b.spare = append(b.spare, p[:n]...)
		gone := err != nil && !errors.Is(err, os.ErrDeadlineExceeded) && !b.closed
		b.left = b.left || gone
		b.mu.Unlock()
		if gone {
			left()
		}
	}()
}

// readAhead ends a watch and returns what it has read.
func (b *Blocking) readAhead(p []byte) int {
	b.mu.Lock()
	watched := b.watched
	b.watched = nil
	b.mu.Unlock()
	if watched != nil {
		_ = b.conn.SetReadDeadline(time.Unix(1, 0)) // ends the background read, unless it has already ended
		<-watched
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	n := copy(p, b.spare)
	b.spare = b.spare[n:]
	return n
}

// SetTimeout implements Link.
func (b *Blocking) SetTimeout(d time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case d <= 0 || b.closed:
		b.due = time.Time{}
		if b.timer != nil {
			b.timer.Stop()
		}
	case b.timer == nil:
		b.due = time.Now().Add(d)
		b.timer = time.AfterFunc(d, b.onTimer)
	default:
		b.due = time.Now().Add(d)
		b.timer.Reset(d)
	}
}

func (b *Blocking) onTimer() {
	b.mu.Lock()
	due := !b.due.IsZero() && b.waiting == 0 && !b.closed && !time.Now().Before(b.due)
	b.mu.Unlock()
	if due {
		b.expired()
	}
}

// PeerLeft implements Link.
func (b *Blocking) PeerLeft() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.left
}

// Close implements Link.
func (b *Blocking) Close() {
	b.mu.Lock()
	b.closed = true
	if b.timer != nil {
		b.timer.Stop()
	}
	watched := b.watched
	b.mu.Unlock()
	_ = b.conn.Close() // closing twice is harmless here
	if watched != nil {
		<-watched
	}
}

// Abort implements Link.
func (b *Blocking) Abort() {
	b.resetOnClose()
	b.Close()
}

func (b *Blocking) resetOnClose() {
	if tcp, ok := b.conn.(interface{ SetLinger(sec int) error }); ok {
		_ = tcp.SetLinger(0) // a closed connection needs no reset
	}
}

// Linger implements Link.
func (b *Blocking) Linger() {
	half, ok := b.conn.(interface{ CloseWrite() error })
	if ok && half.CloseWrite() == nil && b.conn.SetReadDeadline(time.Now().Add(lingerTime)) == nil {
		_, _ = io.CopyN(io.Discard, b.conn, lingerBytes) // it ends by amount, time or the peer
	}
	b.Close()
}

// Release implements Link.
func (b *Blocking) Release() (net.Conn, []byte, error) {
	var p [1]byte
	ahead := p[:b.readAhead(p[:])]
	b.mu.Lock()
	b.closed = true
	if b.timer != nil {
		b.timer.Stop()
	}
	b.mu.Unlock()
	return b.conn, ahead, b.conn.SetDeadline(time.Time{})
}

// Intervene is for the session's Expired: it sends farewell and ends the sending, or resets the connection when there is no
// farewell: the peer need not wait for an owner that is stuck. The owner's operations fail with ErrClosed from then on;
// the owner closes.
func (b *Blocking) Intervene(farewell []byte) {
	if len(farewell) > 0 {
		_ = b.conn.SetWriteDeadline(time.Now().Add(time.Second))
		n, _ := b.conn.Write(farewell) // a client that takes nothing does not get it
		b.sent.Add(int64(n))
		if half, ok := b.conn.(interface{ CloseWrite() error }); ok {
			_ = half.CloseWrite() // the owner closes in any case
		}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.cut = true
	if farewell == nil {
		b.resetOnClose()
		_ = b.conn.Close() // as does the owner, harmlessly
		return
	}
	_ = b.conn.SetDeadline(time.Unix(1, 0)) // a closed connection needs no end
}
