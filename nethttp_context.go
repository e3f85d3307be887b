package highball

import (
	"context"
	"net"
	"net/http"
	"sync"
	"time"
)

// httpContext is the context of a net/http request. Most handlers never look at theirs: the context that costs something is
// made when one does. From then on Done and Value are that context's, so that package context recognises it, and derives
// others from it without a goroutine.
type httpContext struct {
	mu       sync.Mutex // guards the following fields
	origin   origin     // nil once the handler has returned
	exchange *exchange  // origin, if it is one
	received bool       // the request's body was read to its end
	ctx      context.Context
}

// Deadline implements context.Context. The handler's deadline moves: it is none that could be told beforehand.
func (c *httpContext) Deadline() (time.Time, bool) { return time.Time{}, false }

// Done implements context.Context.
func (c *httpContext) Done() <-chan struct{} { return c.made().Done() }

// Err implements context.Context.
func (c *httpContext) Err() error { return c.made().Err() }

// Value implements context.Context.
func (c *httpContext) Value(key any) any {
	c.mu.Lock()
	origin, x, ctx := c.origin, c.exchange, c.ctx
	if key == http.LocalAddrContextKey && x != nil && origin != nil {
		defer c.mu.Unlock()
		if local := x.local(); local.IsValid() {
			return net.Addr(net.TCPAddrFromAddrPort(local))
		}
		return net.Addr(&net.UnixAddr{Net: "unix"})
	}
	c.mu.Unlock()
	if ctx == nil && x != nil {
		return nil // an exchange's context has no values
	}
	return c.made().Value(key)
}

// made returns the true context.
func (c *httpContext) made() context.Context {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.ctx != nil:
	case c.origin == nil:
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		c.ctx = ctx
	case c.exchange == nil:
		c.ctx = c.origin.context()
	default:
		c.exchange.openContext()
		c.ctx = c.exchange.ctx
		if c.received {
			c.exchange.watch()
		}
	}
	return c.ctx
}

// bodyReceived tells that nobody will read from the connection any more.
func (c *httpContext) bodyReceived() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.exchange != nil && c.ctx != nil && !c.received {
		c.exchange.watch()
	}
	c.received = true
}

// end ends the context with the handler. It is for the goroutine that began it, and nobody else sets the origin.
func (c *httpContext) end() {
	if c.origin == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.exchange != nil {
		c.exchange.conn.endContext()
	}
	c.origin, c.exchange = nil, nil
}
