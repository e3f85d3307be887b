package highball

import (
	"net/netip"
	"sync/atomic"
	"time"

	"highball/internal/h1"
	"highball/internal/loop"
	"highball/internal/observe"
)

// This file is the part of a connection's story that an event loop tells, see conn.go.

// engine is what the connections of one event loop have in common.
type engine struct {
	index   int
	at      string // the address that the loop's connections were made to, as it was asked for
	inline  *exchange
	answers answers
	woke    int64        // when the present turn began, as far as requests are concerned
	longest atomic.Int64 // of the turns since somebody has asked
	conns   atomic.Int64
	mark    int64 // the moment up to which the turn's time is accounted for, on the server's clock
	turn    Turn
	mail    mail
	input   []byte // what peers send; made for the first of them
	workers
}

// begin begins a connection's part of a turn, which the loop has begun at now.
func (e *engine) begin(now int64) {
	if now > e.woke {
		e.woke, e.mark = now, max(now, e.mark)
	}
}

// endTurn notes how long the turn has been, as far as requests have shown. A turn without any has none.
func (e *engine) endTurn() {
	e.sendOff()
	if d := e.mark - e.woke; d > e.longest.Load() {
		e.longest.Store(d)
	}
	e.woke = e.mark
	e.turn.end()
	e.sendOff() // what became of that
}

// onLoop is what ties a connection to an event loop.
type onLoop struct {
	engine *engine
	lc     *loop.Conn
	await  waitingFor
}

var _ loop.Session = (*conn)(nil)

// Open implements loop.Session.
func (c *conn) Open() {
	c.id, c.count = c.srv.state.nextID.Add(1), 0
	c.setName()
	c.engine.conns.Add(1)
	c.openBook()
	c.x, c.fate, c.fresh = nil, fateNext, true
	c.phase.Store(phaseNone)
	c.remote, c.remoteText = c.lc.RemoteAddr(), ""
	c.local = netip.AddrPort{}
	if limit := c.srv.settings().conns; limit > 0 && c.srv.openConns() > limit {
		c.srv.state.refused.Add(1)
		c.ends(endFull)
		c.lc.Send(c.srv.state.refusal)
		c.leaveAfterFlush(fateLinger)
		return
	}
	c.lc.SetTimeout(c.srv.settings().deadlines.Head)
}

// Input implements loop.Session.
func (c *conn) Input(b []byte) {
	if c.fate != fateNext {
		return
	}
	c.engine.begin(c.lc.Now())
	x := c.x
	if x == nil {
		x = c.engine.inline
		x.conn = c
	} else {
		x.receive(b)
		b = x.buffered()
	}
	own := x.out
	x.out = c.engine.takeOut()
	rest, next := c.answerInline(x, b)
	c.endInput(x, own, rest, nil, next)
}

// endInput has the answers of a turn, which stand in x.out, sent, and long behind them, and does what is next; own is x's buffer for other times.
func (c *conn) endInput(x *exchange, own, rest, long []byte, next step) {
	if next == stepFile {
		c.engine.sendOff() // who is not to wait for that
		rest, next = c.sendFile(x, rest)
	}
	out := x.out
	x.out = own
	switch next {
	case stepServe:
		c.record(c.engine.mark)
		c.detach(x, rest, out)
		c.engine.giveOut(out, false)
	case stepLater:
		c.record(c.engine.mark)
		c.wait(x, rest, out)
		c.engine.giveOut(out, false)
	case stepMove:
		c.record(c.engine.mark)
		c.move(x, rest)
		c.engine.giveOut(out, false)
	default:
		spent := c.keep(x, rest)
		c.engine.putOff(c, out, long, spent, next)
	}
}

// after does what is next for a connection whose answers were sent.
func (c *conn) after(next step) {
	switch {
	case next == stepAbort:
		c.ends(endFailure)
		c.lc.Abort()
	case next == stepClose:
		c.ends(endAfterAnswer)
		c.leaveAfterFlush(fateClose)
	case next == stepLinger:
		c.ends(endAfterAnswer)
		c.leaveAfterFlush(fateLinger)
	case c.lc.Pending() > 0:
		c.lc.SetTimeout(c.writeTimeout())
	case next == stepYield:
		c.lc.Yield()
	case c.x != nil:
	case c.srv.state.draining.Load():
		c.lc.SetTimeout(drainGrace) // the next request may be on the way, since nothing has said that none is wanted
	default:
		c.lc.SetTimeout(c.srv.settings().deadlines.Idle)
	}
}

// step is what follows a turn of inline answers.
type step uint8

const (
	stepWait   step = iota // for more bytes
	stepYield              // there is more, for the next turn
	stepServe              // a goroutine is needed
	stepLater              // its answer comes later
	stepFile               // what was answered goes on with a file
	stepMove               // which the loop sends as the client takes it
	stepClose              // after what was answered
	stepLinger             // likewise, and the client may have sent more
	stepAbort              // cut, after what was answered before
)

// answerInline answers requests from b, as far as that goes without blocking, into x.out.
func (c *conn) answerInline(x *exchange, b []byte) (rest []byte, next step) {
	there := c.engine.woke // what the client has sent
	for range requestsPerTurn {
		if len(b) == 0 {
			return b, stepWait
		}
		if c.srv.state.observed && !x.timing.running() {
			x.timing.startQueued(there, c.engine.mark)
		}
		switch x.head.Parse(b, &c.srv.settings().limits) {
		case h1.NeedData:
			return b, stepWait
		case h1.Failed:
			c.untell()
			c.refuse(x, b, x.head.Err())
			return nil, stepLinger
		}
		c.count++
		size := x.head.Size
		taken, err := c.inline(x, b[:size], b[size:])
		switch {
		case err != nil:
			return nil, stepAbort
		case c.await.pending != nil:
			return b, stepLater
		case !taken:
			return b, stepServe
		case x.rest.there():
			return b, stepFile
		}
		b = b[size:]
		there = c.engine.mark // what was sent ahead begins when its turn comes
		c.fresh = false
		closing := x.res.closing
		x.head.Reset()
		x.res.header.Reset()
		switch {
		case closing && len(b) == 0:
			return b, stepClose
		case closing:
			return nil, stepLinger
		case len(x.out) >= inlineMax:
			return b, stepYield
		}
	}
	return b, stepYield
}

// inline answers one request on the loop, behind whose head so much has arrived, and reports whether it could. Its error is ErrAbort.
func (c *conn) inline(x *exchange, head, behind []byte) (taken bool, err error) {
	st := &c.srv.state
	x.req.undo()
	body, whole, soon := c.arrived(x, behind)
	x.behind = len(body)
	x.req.arriving = !whole
	if st.inline == nil && st.later == nil || !whole && !soon || x.head.Form != h1.OriginForm {
		return false, nil
	}
	c.untell()
	if !x.req.begin(&x.head, aliasString(head), x) {
		return false, nil
	}
	x.here.rest = body
	x.req.body.begin(&x.head, &x.here, 0, &c.srv.settings().limits)
	x.res.begin(&x.req, x)
	x.sent, x.expected = 0, false
	mark := len(x.out)
	if x.timing.running() {
		c.record(c.engine.mark) // the one before it
		x.timing.enter(observe.App, c.engine.mark)
	}
	if st.inline != nil && x.head.Framing == h1.NoBody {
		taken, err = c.handleInline(x)
		switch {
		case !x.rest.there():
		case taken && err == nil:
			x.rest.start = mark
			return true, nil // sendFile does what is left to do
		default:
			x.rest.drop()
		}
	}
	if !taken {
		x.res.header.Reset()
		x.req.undo()
		x.out = x.out[:mark]
		if st.later == nil {
			return false, nil
		}
		if c.await.pending, err = c.later(x); err == nil {
			if x.req.arriving {
				c.makeRoom(x)
			}
			if c.await.pending == nil {
				x.req.undo()
			}
			return false, nil
		}
	}
	if st.tracer != nil {
		st.tracer.Request(c.id, c.peer(), head)
	}
	if err == nil {
		err = x.res.finish()
	}
	if err == ErrAbort {
		x.out = x.out[:mark]
		c.answered(x, c.madeBy(x), mark, outcomeCut)
		x.res.header.Reset()
		return true, err
	}
	if err != nil { // nothing of the answer has left yet: replace it
		x.out = x.out[:mark]
		c.srv.logFailure(&x.req, err)
		x.res.restart()
		x.res.ErrorPage(500)
		_ = x.res.finish() // it cannot fail: it is our own page, into memory
	}
	c.answered(x, c.madeBy(x), mark, outcomeWhole)
	return true, nil
}

// handleInline calls the handler and turns a panic into an error.
func (c *conn) handleInline(x *exchange) (taken bool, err error) {
	defer func() {
		if p := recover(); p != nil {
			taken, err = true, panicked(p)
		}
	}()
	return c.srv.state.inline.ServeInline(&x.res, &x.req), nil
}

// keep stores what is left of the input until more arrives, and returns the exchange that is not needed any more, or nil.
func (c *conn) keep(x *exchange, rest []byte) (spent *exchange) {
	if c.x == nil {
		if len(rest) == 0 {
			x.conn = nil
			return nil
		}
		x.head.Reset() // the copy is parsed anew, from its own start
		c.x = c.srv.state.takeExchange()
		c.x.conn = c
		c.x.timing.take(&x.timing)
		c.x.receive(rest)
		if !c.fresh { // whose deadline has run since the connection was accepted
			c.lc.SetTimeout(c.srv.settings().deadlines.Head)
		}
		return nil
	}
	if len(rest) == 0 {
		c.x = nil
		return x
	}
	if used := len(x.buffered()) - len(rest); used > 0 {
		x.consume(used)
		c.lc.SetTimeout(c.srv.settings().deadlines.Head)
	}
	return nil
}

// detach hands the connection, with a request that is parsed and the answers before it, to a goroutine.
func (c *conn) detach(x *exchange, rest, out []byte) {
	x = c.take(x, rest, observe.Queue)
	x.out = append(x.out[:0], out...)
	c.lc.SetTimeout(c.srv.settings().deadlines.Handler)
	c.lc.Detach()
	c.engine.serve(c)
}

// take returns an exchange of the connection's own with the request that is parsed and stands first in rest, and begins a phase of it.
func (c *conn) take(x *exchange, rest []byte, p observe.Phase) *exchange {
	if c.x == nil {
		x = c.own(x, rest)
	} else {
		x.consume(len(x.buffered()) - len(rest))
	}
	x.begun, x.gathered = c.engine.mark, 0
	x.timing.enter(p, x.begun)
	c.fresh = false
	return x
}

// own gives the connection an exchange of its own in place of the loop's, with a head that is parsed and stands first in rest.
func (c *conn) own(x *exchange, rest []byte) *exchange {
	y := c.srv.state.takeExchange()
	y.head, x.head = x.head, y.head
	y.req.route, y.behind = x.req.route, x.behind
	if x.req.edits.dirty {
		y.req.edits, x.req.edits = x.req.edits, y.req.edits
	}
	y.conn, x.conn = c, nil
	y.timing.take(&x.timing)
	y.receive(rest)
	c.x = y
	return y
}

// leaveAfterFlush ends the connection once all output is written.
func (c *conn) leaveAfterFlush(f fate) {
	c.fate = f
	if c.lc.Pending() > 0 {
		c.lc.SetTimeout(c.writeTimeout())
		return
	}
	if f == fateLinger || c.lc.Unread() {
		c.lc.Linger()
	} else {
		c.lc.Close()
	}
}

// writeTimeout bounds how long the loop waits for a client to take all that is pending.
func (c *conn) writeTimeout() time.Duration {
	p := c.srv.writePace()
	p.moved = int64(c.lc.Pending())
	return p.patience()
}

// Flushed implements loop.Session.
func (c *conn) Flushed() {
	c.settleOwed(outcomeWhole)
	switch {
	case c.await.flow != nil:
		c.goOnFlow()
	case c.fate != fateNext:
		c.leaveAfterFlush(c.fate)
	case c.await.serve != nil:
		c.detachLater()
	case c.await.pending != nil: // what was written are the answers before it
	case c.x != nil:
		c.lc.SetTimeout(c.srv.settings().deadlines.Head)
		c.Input(nil)
	case c.srv.state.draining.Load():
		c.lc.SetTimeout(drainGrace) // the next request may be on the way, since nothing has said that none is wanted
	default:
		c.lc.SetTimeout(c.srv.settings().deadlines.Idle)
	}
}

// EOF implements loop.Session. A client that has ended its sending before a request was complete wants no answer.
func (c *conn) EOF() {
	if c.await.room != nil {
		c.stopGathering() // a goroutine will meet the end, too
		return
	}
	c.ends(endOfStream)
	c.lc.Close()
}

// Expired implements loop.Session.
func (c *conn) Expired() {
	c.expiry.Lock()
	defer c.expiry.Unlock()
	switch {
	case c.await.room != nil:
		c.stopGathering()
	case c.moves():
		c.moved(c.lc.StopFile())
		c.handOver()
	case c.flows() && c.lc.Pending() > 0:
		c.cutFlow(&Error{408, ErrSlowClient})
	case c.interrupt(&byDeadline):
	case !c.lc.Looped():
	case c.lc.Pending() > 0:
		c.ends(endSlowClient)
		c.lc.Abort()
	case c.x != nil && len(c.x.buffered()) > 0:
		x := c.x
		x.out = x.out[:0]
		c.told, c.named = netip.AddrPort{}, ""
		c.refuse(x, x.buffered(), &h1.Error{Status: 408, Reason: "the head did not arrive in time"})
		c.lc.Send(x.out) // which keeps a copy of what does not leave at once
		c.srv.state.giveExchange(c.keep(x, nil))
		c.leaveAfterFlush(fateLinger)
	default:
		c.ends(endIdle)
		c.lc.Close()
	}
}

// interrupt ends the request that a handler is at in its place, and reports whether there was one. The caller holds expiry, on the loop's goroutine.
func (c *conn) interrupt(why *interruption) bool {
	if !c.looped() {
		return c.interruptBlocking(why)
	}
	switch {
	case c.moves():
		c.ends(why.ending)
		c.lc.Abort()
	case c.flows():
		c.ends(why.ending)
		c.cutFlow(why.cause)
	case c.pends():
		c.interruptLater(why)
	case c.phase.CompareAndSwap(phaseOpen, phaseExpired):
		x := c.x // the goroutine leaves it alone until it has seen the phase
		c.ends(why.ending)
		answer := c.srv.interruptionAnswer(x, why)
		c.lc.Intervene(answer)
		c.srv.logInterrupted(c, x, why, answer)
		c.cancel(why.cause)
	case c.phase.CompareAndSwap(phaseStarted, phaseCut):
		c.ends(why.ending)
		c.lc.Intervene(nil)
		c.cancel(why.cause)
	default:
		return false
	}
	return true
}

// Left implements loop.Session.
func (c *conn) Left() {
	if p := c.await.pending; p != nil && !c.await.left {
		c.await.left = true
		if c.await.flow == nil {
			p.ClientLeft(&c.engine.turn)
		} else if c.lc.Pending() == 0 {
			c.sendFlow() // what is there it may still read
		}
		return
	}
	c.cancel(ErrClientLeft)
}

// Drain implements loop.Session.
func (c *conn) Drain() {
	switch {
	case !c.lc.Looped():
		c.lc.Recall() // it sees that the server drains before it is given back
	case c.lc.Pending() > 0 || c.x != nil:
		// It has something to finish, and will then see that the server drains.
	case c.fresh:
		c.lc.SetTimeout(drainGrace) // its first request may be on the way
	default:
		// So may be the next one of a client that had an answer just now.
		remaining := c.lc.Remaining()
		left := remaining - c.srv.settings().deadlines.Idle + drainGrace
		switch {
		case remaining >= 0 && remaining <= 2*drainGrace: // a goroutine has seen the drain and given it back, or it ends soon anyway
		case left > 0:
			c.lc.SetTimeout(left)
		default:
			c.ends(endDrain)
			c.lc.Close()
		}
	}
}

// Closed implements loop.Session.
func (c *conn) Closed() {
	c.engine.conns.Add(-1)
	if c.owed != nil {
		c.settleOwed(outcomeCut)
	}
	defer c.closeBook()
	switch {
	case c.moves():
		c.moved(c.lc.StopFile())
		c.endFile(outcomeCut)
	case c.looped() && c.await.pending != nil:
		c.recordFlow(outcomeCut)
		c.endAwait(ErrServerClosed)
	}
	if c.x != nil && c.phase.Load() == phaseNone {
		c.engine.spend(c)
	}
}

// looped reports whether the connection belongs to a loop or comes back to one.
func (c *conn) looped() bool { return c.lc != nil }

// unread reports whether the client has sent more than was read, as far as is known.
func (c *conn) unread() bool { return c.looped() && c.lc.Unread() }

// attach gives the connection back to its loop, unless bytes have arrived.
func (c *conn) attach() bool { return c.lc.Attach() }

// now returns the moment on the server's clock, as of the loop's last wake-up if it is the loop that asks.
func (c *conn) now(x *exchange) int64 {
	if x.link == nil {
		return c.lc.Now()
	}
	return c.srv.now()
}

// localAddr returns the address that the client connected to.
func (c *conn) localAddr() netip.AddrPort {
	if !c.local.IsValid() && c.looped() {
		c.local = c.lc.LocalAddr()
	}
	return c.local
}

// at returns the address that the client has connected to, as it was asked for.
func (c *conn) at() string {
	if c.engine == nil {
		return c.driver.at
	}
	return c.engine.at
}

// shard is the connection's part of the access log.
func (c *conn) shard() int {
	if c.engine == nil {
		return c.srv.loops()
	}
	return c.engine.index
}
