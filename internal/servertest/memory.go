package servertest

import (
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// pipeSize is how many bytes a connection in memory holds in each direction before a write waits.
const pipeSize = 64 << 10

// memoryListener hands connections in memory from dial to Accept. It is no TCP listener, so that a server gives every
// connection a goroutine.
type memoryListener struct {
	queue chan net.Conn
	done  chan struct{} // closed by Close

	mu     sync.Mutex // guards closed, and that nothing is queued afterwards
	closed bool
}

var _ net.Listener = (*memoryListener)(nil)

func listenInMemory() *memoryListener {
	return &memoryListener{queue: make(chan net.Conn, 128), done: make(chan struct{})}
}

func (l *memoryListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.queue:
		return c, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}

// Close closes what is queued, too.
func (l *memoryListener) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return net.ErrClosed
	}
	l.closed = true
	close(l.done)
	for {
		select {
		case c := <-l.queue:
			_ = c.Close() // it was never used
		default:
			return nil
		}
	}
}

func (l *memoryListener) Addr() net.Addr { return memoryAddr{} }

// dial fails like TCP when nobody listens or too many connections wait.
func (l *memoryListener) dial() (net.Conn, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return nil, syscall.ECONNREFUSED
	}
	up, down := newPipe(), newPipe()
	select {
	case l.queue <- &memoryConn{in: up, out: down}:
		return &memoryConn{in: down, out: up}, nil
	default:
		return nil, syscall.ECONNREFUSED
	}
}

type memoryAddr struct{}

func (memoryAddr) Network() string { return "memory" }
func (memoryAddr) String() string  { return "memory" }

// memoryConn is one end of a connection in memory. It behaves like a TCP connection where servers care: it has room for
// some bytes, ends each direction by itself, and can be reset.
type memoryConn struct {
	in, out *pipe
	abrupt  atomic.Bool // Close resets
}

func (c *memoryConn) Read(p []byte) (int, error)         { return c.in.read(p) }
func (c *memoryConn) Write(p []byte) (int, error)        { return c.out.write(p) }
func (c *memoryConn) LocalAddr() net.Addr                { return memoryAddr{} }
func (c *memoryConn) RemoteAddr() net.Addr               { return memoryAddr{} }
func (c *memoryConn) SetReadDeadline(t time.Time) error  { return c.in.setDeadline(&c.in.reading, t) }
func (c *memoryConn) SetWriteDeadline(t time.Time) error { return c.out.setDeadline(&c.out.writing, t) }

func (c *memoryConn) SetDeadline(t time.Time) error {
	if err := c.SetReadDeadline(t); err != nil {
		return err
	}
	return c.SetWriteDeadline(t)
}

// CloseWrite ends this side's sending.
func (c *memoryConn) CloseWrite() error {
	c.out.end(nil)
	return nil
}

// SetLinger makes Close reset the connection when sec is 0, as for TCP.
func (c *memoryConn) SetLinger(sec int) error {
	c.abrupt.Store(sec == 0)
	return nil
}

func (c *memoryConn) Close() error {
	if c.abrupt.Load() {
		c.out.end(syscall.ECONNRESET)
	} else {
		c.out.end(nil)
	}
	c.in.leave()
	return nil
}

// pipe is one direction of a connection in memory.
type pipe struct {
	mu      sync.Mutex // guards the following fields
	changed *sync.Cond
	data    []byte
	ended   error // why no more is written: io.EOF or a reset
	left    bool  // nobody reads any more
	reading deadline
	writing deadline
}

// deadline is when one kind of operation gives up.
type deadline struct {
	at    time.Time // zero is never
	timer *time.Timer
}

func (d *deadline) passed() bool { return !d.at.IsZero() && !time.Now().Before(d.at) }

func newPipe() *pipe {
	p := new(pipe)
	p.changed = sync.NewCond(&p.mu)
	return p
}

func (p *pipe) setDeadline(d *deadline, t time.Time) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if d.timer != nil {
		d.timer.Stop()
		d.timer = nil
	}
	if p.left {
		return net.ErrClosed
	}
	d.at = t
	if !t.IsZero() {
		d.timer = time.AfterFunc(time.Until(t), p.changed.Broadcast)
	}
	p.changed.Broadcast()
	return nil
}

func (p *pipe) read(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for {
		switch {
		case p.left:
			return 0, net.ErrClosed
		case p.reading.passed():
			return 0, os.ErrDeadlineExceeded
		case len(p.data) > 0:
			n := copy(b, p.data)
			p.data = p.data[n:]
			p.changed.Broadcast()
			return n, nil
		case p.ended != nil:
			return 0, p.ended
		}
		p.changed.Wait()
	}
}

func (p *pipe) write(b []byte) (n int, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for {
		switch {
		case p.ended != nil:
			return n, net.ErrClosed
		case p.left:
			return n, syscall.EPIPE
		case p.writing.passed():
			return n, os.ErrDeadlineExceeded
		case n == len(b):
			return n, nil
		}
		if room := pipeSize - len(p.data); room > 0 {
			taken := min(room, len(b)-n)
			p.data = append(p.data, b[n:n+taken]...)
			n += taken
			p.changed.Broadcast()
			continue
		}
		p.changed.Wait()
	}
}

// end is the writer's last word: nil for an orderly end, else what the reader gets after what it has not read yet.
func (p *pipe) end(cause error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ended == nil {
		p.ended = io.EOF
	}
	if cause != nil {
		p.ended = cause
	}
	p.stopTimers()
	p.changed.Broadcast()
}

// leave is the reader's. Bytes that it has not read make the writer's next operation fail, as a reset would.
func (p *pipe) leave() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.left, p.data = true, nil
	p.stopTimers()
	p.changed.Broadcast()
}

func (p *pipe) stopTimers() {
	for _, d := range []*deadline{&p.reading, &p.writing} {
		if d.timer != nil && (p.left || p.ended != nil && d == &p.writing) {
			d.timer.Stop()
		}
	}
}
