package highball

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"runtime/debug"
	"strings"
	"time"

	"highball/internal/h1"
	"highball/internal/loop"
	"highball/internal/observe"
)

// serve tells a connection's story in blocking style, beginning with a request that is parsed. On a loop it returns when
// the connection is given back or closed; else when it is closed.
func (c *conn) serve() {
	if len(c.x.out) > 0 && !c.sendAhead(c.x) {
		return
	}
	for {
		x := c.x
		if !c.answer(x) {
			return
		}
		if !c.next() {
			return
		}
	}
}

// sendAhead sends the answers that a loop gave before it came to a request for a goroutine: nobody knows how long that one
// takes, and what is said in its place (100 Continue, 504) must come after them.
func (c *conn) sendAhead(x *exchange) bool {
	x.link = c.link
	x.writing = c.srv.writePace()
	out := x.out
	x.out = x.out[:0]
	if err := x.transmit(out, nil); err != nil {
		c.release(x)
		c.link.Abort()
		return false
	}
	return true
}

// answer has one request answered, and reports whether the connection goes on; if not, it is closed.
func (c *conn) answer(x *exchange) bool {
	size := x.head.Size
	raw := string(x.buffered()[:size])
	x.consume(size)
	x.link = c.link
	x.sent, x.expected = 0, false
	x.reading, x.writing = c.srv.bodyPace(), c.srv.writePace()
	if t := c.srv.state.tracer; t != nil {
		t.Request(c.id, c.peer(), []byte(raw))
	}
	if !c.continues() { // else the handler that has begun has said already what is to be known
		c.untell()
		x.req.undo()
	}
	x.enter(observe.App)
	ok := x.req.begin(&x.head, raw, x)
	set := c.srv.settings()
	limit := set.body
	if c.continues() { // it was held to the limit when it began
		limit = 0
	}
	x.req.body.begin(&x.head, x, limit, &set.limits)
	x.res.begin(&x.req, x)
	x.beginSeeing()
	switch {
	case !c.continues():
	case x.behind > 0:
		x.tookBody(x.buffered()[:x.behind])
		x.consume(x.behind)
	case x.gathered > 0:
		x.req.body.skip(int64(x.gathered))
		x.gathered = 0
	}
	phase := uint32(phaseOpen)
	if c.resumes() {
		phase = phaseStarted
	}
	c.phase.Store(phase) // not before the deadline finds a request to speak of
	if !c.looped() {
		c.link.SetTimeout(c.srv.settings().deadlines.Handler) // a loop has set it, and looks again at one that finds no phase
	}
	var err error
	returned := false
	defer func() {
		if !returned { // runtime.Goexit was called
			x.conn.finish(x, ErrAbort)
		}
	}()
	switch {
	case !ok:
		x.res.closing = true
		err = &Error{400, errors.New("the path has no canonical form")}
	case x.head.Known == h1.MethodConnect:
		// What follows is not HTTP in the client's eyes, so that nothing after the refusal may be read.
		x.res.closing = true
		err = &Error{501, errors.New("this server is no proxy: CONNECT is refused")}
	case x.req.body.limit >= 0 && x.req.body.size > x.req.body.limit:
		x.res.closing = true
		err = &Error{413, fmt.Errorf("the body of %d bytes exceeds the limit of %d", x.req.body.size, x.req.body.limit)}
	default:
		err = c.handle(x)
	}
	returned = true
	return x.conn.finish(x, err) // not c's, if the handler has hijacked it
}

// handle calls the handler and turns a panic into an error.
func (c *conn) handle(x *exchange) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = panicked(p)
		}
	}()
	if f := c.continuation(); f != nil {
		return f(&x.res, &x.req)
	}
	return c.srv.state.handler.Serve(&x.res, &x.req)
}

func panicked(p any) error {
	if err, ok := p.(error); ok && (errors.Is(err, ErrAbort) || isHTTPAbort(err)) {
		return ErrAbort
	}
	return fmt.Errorf("panic: %v\n%s", p, bytes.TrimSpace(debug.Stack()))
}

// finish ends the response after its handler, and reports whether the connection goes on; if not, it is closed.
func (c *conn) finish(x *exchange, err error) bool {
	c.endContext()
	c.report.Store(nil)
	w := &x.res
	if w.stage == hijacked {
		if err != nil && !errors.Is(err, ErrAbort) && !errors.Is(err, ErrHijacked) {
			c.srv.logFailure(&x.req, err)
		}
		c.release(x)
		return false
	}
	if err == nil {
		err = w.finish()
	}
	if err != nil {
		err = c.explain(x, err)
	}
	settled := c.settleAlone()
	switch {
	case !settled && c.phase.Load() == phaseExpired:
	case !settled || err != nil:
		c.srv.recordServed(c, x, outcomeCut)
	default:
		c.srv.recordServed(c, x, outcomeWhole)
	}
	switch {
	case !settled: // the deadline has answered, or cut; what remains is to close
		c.release(x)
		c.link.Close()
		return false
	case err != nil:
		c.ends(endingOf(err))
		c.release(x)
		c.link.Abort()
		return false
	case w.closing || !c.dropBody(x):
		c.ends(endAfterAnswer)
		unread := !x.req.body.complete() || len(x.buffered()) > 0 || c.unread()
		c.release(x)
		if unread {
			c.link.Linger()
		} else {
			c.link.Close()
		}
		return false
	}
	w.clear()
	x.req.end()
	x.head.Reset()
	return true
}

// endingOf returns why a connection ends whose response has failed.
func endingOf(err error) ending {
	switch {
	case errors.Is(err, ErrClientLeft) || errors.Is(err, io.ErrUnexpectedEOF):
		return endReset
	case errors.Is(err, ErrSlowClient):
		return endSlowClient
	}
	return endFailure
}

// explain answers a handler's error with its page if nothing has left yet. What it returns is nil when that was
// possible, and else cuts the connection.
func (c *conn) explain(x *exchange, err error) error {
	w := &x.res
	if c.phase.Load() >= phaseExpired || errors.Is(err, ErrAbort) {
		return err
	}
	status := statusOf(err)
	if errors.Is(err, ErrClientLeft) || errors.Is(err, io.ErrUnexpectedEOF) && errors.Is(x.req.body.err, io.ErrUnexpectedEOF) {
		return err // nobody is there to be told, and nothing went wrong here
	}
	if status >= 500 && status != 501 && status != 505 { // the others are the client's doing
		c.srv.logFailure(&x.req, err)
	}
	if w.Started() {
		return err
	}
	if status == 408 || status == 413 || !x.req.body.complete() && status == 400 {
		w.closing = true
	}
	return w.answerError(status)
}

// answerError ends a response, nothing of which has left, with the page of an error.
func (w *Response) answerError(status int) error {
	closing, kept := w.closing, keepFields(&w.header, status)
	w.restart()
	w.header.fields = append(w.header.fields, kept...)
	w.closing = closing
	w.ErrorPage(status)
	return w.finish()
}

// keepFields returns the fields of a failed handler's header that its error page needs.
func keepFields(h *Header, status int) []Field {
	name := ""
	switch status {
	case 401:
		name = "WWW-Authenticate"
	case 405:
		name = "Allow"
	case 429, 503:
		name = "Retry-After"
	default:
		return nil
	}
	var kept []Field
	for v := range h.Values(name) {
		kept = append(kept, Field{name, v})
	}
	return kept
}

// settle takes the exchange out of the deadline's reach, and reports whether the handler's answer stands.
func (c *conn) settle() bool {
	return c.phase.CompareAndSwap(phaseStarted, phaseNone) || c.phase.CompareAndSwap(phaseOpen, phaseNone)
}

// settleAlone is settle, and waits for whoever is just looking at the exchange: see [conn.answering].
func (c *conn) settleAlone() bool {
	c.expiry.Lock()
	defer c.expiry.Unlock()
	return c.settle()
}

// release gives the exchange back before the connection ends.
func (c *conn) release(x *exchange) {
	c.x = nil
	c.srv.state.giveExchange(x)
}

// dropBody reads what the handler has left of the body, up to a bound, and reports whether the next request can follow.
func (c *conn) dropBody(x *exchange) bool {
	b := &x.req.body
	if b.complete() {
		return true
	}
	drain := c.srv.settings().drain
	if b.err != nil || b.size > drain {
		return false
	}
	b.limit = -1
	n, err := io.CopyN(io.Discard, b, drain+1)
	return err == io.EOF && n <= drain
}

// next reads on until another request is parsed, and reports whether there is one; else the connection was given back
// to its loop, or is closed.
func (c *conn) next() bool {
	x := c.x
	partial := false
	for {
		if len(x.buffered()) > 0 {
			if c.srv.state.observed && !x.timing.running() {
				x.timing.start(c.srv.now())
			}
			switch x.head.Parse(x.buffered(), &c.srv.settings().limits) {
			case h1.Done:
				c.count++
				c.fresh = false
				x.begun = c.srv.now()
				if c.looped() {
					c.link.SetTimeout(c.srv.settings().deadlines.Handler)
				}
				return true
			case h1.Failed:
				c.untell()
				c.refuse(x, x.buffered(), x.head.Err())
				c.sendLast(x)
				return false
			}
		}
		draining := c.srv.state.draining.Load() && len(x.buffered()) == 0
		if draining && !c.looped() {
			c.ends(endDrain)
			c.release(x)
			c.link.Close()
			return false
		}
		wait := c.srv.settings().deadlines.Idle
		if draining {
			wait = drainGrace // the next request may be on the way, since nothing has said that none is wanted
		}
		if c.fresh {
			wait = c.srv.settings().deadlines.Head
		}
		if len(x.buffered()) > 0 {
			if wait = c.srv.settings().deadlines.Head; !partial {
				x.begun = c.srv.now()
			}
			if partial = true; wait > 0 {
				wait = max(1, wait-time.Duration(c.srv.now()-x.begun))
			}
		}
		if c.looped() {
			if c.giveBack(x, wait) {
				return false
			}
			wait = 1 // bytes are there, or were and are read; if none are, the loop waits better
		}
		if !c.more(x, wait) {
			return false
		}
	}
}

// giveBack gives the connection to its loop, which waits better than a goroutine, unless bytes have arrived.
func (c *conn) giveBack(x *exchange, wait time.Duration) bool {
	x.link = nil
	idle := len(x.buffered()) == 0
	if idle {
		c.x = nil
	}
	c.link.SetTimeout(wait)
	if c.attach() {
		if idle {
			c.srv.state.giveExchange(x)
		}
		return true
	}
	c.x, x.link = x, c.link
	return false
}

// more waits for bytes of the next request, and reports whether any came; if not, the connection is closed.
func (c *conn) more(x *exchange, wait time.Duration) bool {
	idle := !c.looped() && len(x.buffered()) == 0 && !c.fresh
	if idle {
		c.waiting.Store(true)
		if c.srv.state.draining.Load() {
			c.ends(endDrain)
			c.release(x)
			c.link.Close()
			return false
		}
	}
	n, _, err := c.link.Read(x.room(), max(wait, 0))
	x.in = x.in[:len(x.in)+n]
	drained := idle && !c.waiting.CompareAndSwap(true, false) // and closed, by whoever has taken the mark away
	switch {
	case n > 0 && !drained:
		return true
	case err == loop.ErrPatience && c.looped():
		return true // there was nothing: the connection can be given back
	case err == loop.ErrPatience && len(x.buffered()) > 0:
		c.untell()
		c.refuse(x, x.buffered(), &h1.Error{Status: 408, Reason: "the head did not arrive in time"})
		c.sendLast(x)
	default:
		switch {
		case drained:
			c.ends(endDrain)
		case err == loop.ErrPatience:
			c.ends(endIdle)
		case err == io.EOF:
			c.ends(endOfStream)
		}
		c.release(x)
		c.link.Close()
	}
	return false
}

// sendLast sends what stands in x.out and ends the connection.
func (c *conn) sendLast(x *exchange) {
	x.link = c.link
	x.writing = c.srv.writePace()
	out := x.out
	x.out = nil
	_ = x.transmit(out, nil) // the connection ends in any case
	c.release(x)
	c.link.Linger()
}

// The exchange is the origin of its request.
var _ origin = (*exchange)(nil)

func (x *exchange) remote() netip.AddrPort { return x.conn.remote }
func (x *exchange) scheme() string         { return x.conn.srv.state.scheme }

func (x *exchange) local() netip.AddrPort { return x.conn.localAddr() }

func (x *exchange) extendDeadline(d time.Duration) {
	if x.link != nil {
		x.link.SetTimeout(d)
		return
	}
	x.req.edits.deadline, x.req.edits.dirty = d, true // of what begins on the event loop; once hijacked it means nothing
}

func (x *exchange) appendID(dst []byte) []byte { return x.conn.appendID(dst) }

func (x *exchange) listener() string { return x.conn.at() }

func (x *exchange) setClient(addr netip.AddrPort) { x.conn.tell(addr, x.conn.named) }

func (x *exchange) setID(name string) { x.conn.tell(x.conn.told, strings.Clone(name)) }

func (x *exchange) took(d time.Duration) {
	if x.timing.running() {
		x.timing.took(d, x.conn.srv.now())
	}
}

func (x *exchange) waited(d time.Duration) {
	if x.timing.running() {
		toQueue(&x.timing.spans, d)
	}
}

func (x *exchange) hold() {
	if x.link != nil { // else it is the loop that looks
		x.conn.expiry.Lock()
	}
}

func (x *exchange) letGo() {
	if x.link != nil {
		x.conn.expiry.Unlock()
	}
}

func (x *exchange) onDeadline(report func()) { x.conn.report.Store(&report) }

// context makes the handler's context on its first use: most handlers want none.
func (x *exchange) context() context.Context {
	if x.ctx == nil {
		x.openContext()
		if x.req.body.complete() {
			x.watch()
		}
	}
	return x.ctx
}

func (x *exchange) openContext() {
	ctx, cancel := context.WithCancelCause(context.Background())
	x.ctx = ctx
	x.conn.leave.Store(&cancel)
	switch {
	case x.conn.phase.Load() < phaseExpired:
	case x.conn.killed.Load():
		cancel(ErrKilled)
	default:
		cancel(ErrHandlerDeadline)
	}
	if x.link != nil && x.link.PeerLeft() {
		cancel(ErrClientLeft)
	}
}

// watch has the context end when the client leaves. A loop sees that anyway; without one it takes a read, and so must wait
// until the body was read.
func (x *exchange) watch() {
	if b, ok := x.link.(*loop.Blocking); ok {
		c := x.conn
		b.Watch(func() { c.cancel(ErrClientLeft) })
	}
}

// endContext ends the handler's context with the handler.
func (c *conn) endContext() {
	if c.x.ctx != nil {
		c.cancel(context.Canceled)
		c.leave.Store(nil)
		c.x.ctx = nil
	}
}
