package highball

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"sync"
	"time"

	"highball/internal/loop"
	"highball/internal/observe"
)

// blockingDriver serves with a goroutine per connection: where there are no event loops, and for listeners that they
// cannot take over.
type blockingDriver struct {
	srv      *Server
	at       string // the address, as it was asked for
	listener net.Listener
	accepts  sync.WaitGroup
	serves   sync.WaitGroup
	stopping chan struct{}
	vacant   chan struct{}

	mu    sync.Mutex // guards the following fields
	conns map[*conn]struct{}
	ended bool
}

func (s *Server) driveBlocking(b *binding) driver {
	d := &blockingDriver{
		srv: s, at: b.name, listener: b.listener, stopping: make(chan struct{}), vacant: make(chan struct{}, 1),
		conns: make(map[*conn]struct{}),
	}
	d.accepts.Go(d.accept)
	return d
}

func (d *blockingDriver) accept() {
	for {
		nc, err := d.listener.Accept()
		switch {
		case err == nil:
			d.begin(nc)
		case errors.Is(err, net.ErrClosed):
			return
		default:
			// Mostly a lack of descriptors: time will bring some.
			d.srv.state.log.Error("accept failed", "err", err)
			select {
			case <-time.After(100 * time.Millisecond):
			case <-d.stopping:
				return
			}
		}
	}
}

func (d *blockingDriver) begin(nc net.Conn) {
	c := &conn{srv: d.srv, driver: d, id: d.srv.state.nextID.Add(1), remote: addrPortOf(nc.RemoteAddr()), local: addrPortOf(nc.LocalAddr())}
	c.setName()
	c.link = loop.NewBlocking(nc, c.expiredBlocking)
	d.mu.Lock()
	if limit := d.srv.settings().conns; d.ended || limit > 0 && len(d.conns) >= limit {
		d.mu.Unlock()
		d.srv.state.refused.Add(1)
		_, _, _ = c.link.Write(d.srv.state.refusal, nil, time.Second) // a courtesy
		c.link.Close()
		return
	}
	d.conns[c] = struct{}{}
	d.mu.Unlock()
	c.openBook()
	d.serves.Add(1)
	go func() {
		defer d.remove(c)
		c.serveAll()
	}()
}

// serveAll tells a connection's whole story.
func (c *conn) serveAll() {
	c.x = c.srv.state.takeExchange()
	c.x.conn, c.x.link = c, c.link
	c.fresh = true
	if c.next() {
		c.serve()
	}
}

// expiredBlocking is Expired for a connection without a loop, whose timeouts are only set while a handler runs.
func (c *conn) expiredBlocking() {
	c.expiry.Lock()
	defer c.expiry.Unlock()
	c.interruptBlocking(&byDeadline)
}

// interruptBlocking is interrupt for a connection without a loop.
func (c *conn) interruptBlocking(why *interruption) bool {
	b := c.link.(*loop.Blocking)
	switch {
	case c.phase.CompareAndSwap(phaseOpen, phaseExpired):
		x := c.x
		c.ends(why.ending)
		answer := c.srv.interruptionAnswer(x, why)
		c.srv.logInterrupted(c, x, why, answer)
		b.Intervene(answer)
		c.cancel(why.cause)
	case c.phase.CompareAndSwap(phaseStarted, phaseCut):
		c.ends(why.ending)
		b.Intervene(nil)
		c.cancel(why.cause)
	default:
		return false
	}
	return true
}

// censusBlocking is census for a connection without a loop, of which less is known.
func (c *conn) censusBlocking(n *observe.Connections) {
	switch {
	case c.phase.Load() != phaseNone:
		n.Handling++
	case c.waiting.Load():
		n.Idle++
	default:
		n.Reading++
	}
}

func (d *blockingDriver) visit(f func(c *conn), done func()) {
	d.mu.Lock()
	all := make([]*conn, 0, len(d.conns))
	for c := range d.conns {
		all = append(all, c)
	}
	d.mu.Unlock()
	go func() {
		defer done()
		for _, c := range all {
			f(c)
		}
	}()
}

func (d *blockingDriver) loops() []LoopState { return nil }

// remove forgets a connection that has ended or, before that, was hijacked.
func (d *blockingDriver) remove(c *conn) {
	d.mu.Lock()
	_, known := d.conns[c]
	delete(d.conns, c)
	vacant := len(d.conns) == 0
	d.mu.Unlock()
	if !known {
		return
	}
	c.closeBook()
	defer d.serves.Done()
	if vacant {
		select {
		case d.vacant <- struct{}{}:
		default:
		}
	}
}

func (d *blockingDriver) open() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.conns)
}

func (d *blockingDriver) drain() {
	d.close()
	d.accepts.Wait()
	d.mu.Lock()
	defer d.mu.Unlock()
	for c := range d.conns {
		if c.waiting.CompareAndSwap(true, false) {
			_ = c.link.(*loop.Blocking).Conn().Close() // it waits for a request; its owner closes it again
		}
	}
}

func (d *blockingDriver) close() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.ended {
		d.ended = true
		close(d.stopping)
		_ = d.listener.Close() // it may have been closed by its owner
	}
}

func (d *blockingDriver) idle() bool { return d.open() == 0 }

func (d *blockingDriver) settle() {} // nothing is done on event loops

func (d *blockingDriver) listening() ([]*os.File, error) {
	l, ok := d.listener.(interface{ File() (*os.File, error) })
	if !ok {
		return nil, fmt.Errorf("highball: a %T has no descriptor", d.listener)
	}
	f, err := l.File()
	if err != nil {
		return nil, err
	}
	return []*os.File{f}, nil
}

func (d *blockingDriver) keepName() {
	if u, ok := d.listener.(*net.UnixListener); ok {
		u.SetUnlinkOnClose(false)
	}
}

func (d *blockingDriver) empty() <-chan struct{} { return d.vacant }

func (d *blockingDriver) abort() {
	d.mu.Lock()
	defer d.mu.Unlock()
	for c := range d.conns {
		c.cancel(ErrServerClosed)
		_ = c.link.(*loop.Blocking).Conn().Close() // its owner closes it again
	}
}

// stop waits for the connections' goroutines, unless handlers still run, which may never return.
func (d *blockingDriver) stop() {
	d.accepts.Wait()
	if d.open() == 0 {
		d.serves.Wait()
	}
}

// addrPortOf returns the address of a TCP connection's end.
func addrPortOf(a net.Addr) netip.AddrPort {
	tcp, ok := a.(*net.TCPAddr)
	if !ok {
		return netip.AddrPort{}
	}
	ap := tcp.AddrPort()
	return netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port())
}

// resolve makes a TCP address of "host:port".
func resolve(addr string) (*net.TCPAddr, error) {
	tcp, err := net.ResolveTCPAddr("tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("listen %s: %w", addr, err)
	}
	return tcp, nil
}
