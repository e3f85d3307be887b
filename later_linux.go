package highball

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"highball/internal/h1"
	"highball/internal/observe"
)

// onTurn is what a Turn is made of where there are event loops.
type onTurn struct {
	engine *engine
	dirty  []*Peer // with something to send at the turn's end
}

// waitingFor is a connection's request that is answered later. The loop owns the connection meanwhile, and holds back what
// else the client sends.
type waitingFor struct {
	pending Pending                             // nil when nothing is waited for
	serial  uint32                              // the one that counts, see Later; never begins anew
	room    []byte                              // what pending, which is an Arriving, has for the body, until that is there
	left    bool                                // pending has heard that the client left
	serve   func(w *Response, r *Request) error // answers as soon as the answers before it are written
	begun   bool                                // serve goes on with an answer that has begun
	file    *fileRest                           // which the loop sends: the end of the answer
	flow    *flowing                            // pending's, which the loop sends
}

// use does what a letter says, on the loop of its connection.
func (l Later) use(t *Turn, m letter) {
	if t != nil && t.engine == l.c.engine {
		m.open()
		return
	}
	l.c.engine.mail.put(m)
}

// open does what the letter says. It is for the loop's goroutine.
func (m *letter) open() {
	c := m.c
	if c.await.pending == nil || c.await.serial != m.serial || c.await.serve != nil {
		return
	}
	if m.flow != nil && !c.x.mayFlow(m.head) {
		m.serve = m.flow.Serve
	}
	switch {
	case c.await.flow != nil || m.more:
		if m.more && c.await.flow != nil && c.lc.Pending() == 0 {
			c.sendFlow()
		}
	case m.serve != nil:
		c.x.req.stack = m.stack
		c.x.timing.took(m.took, c.lc.Now())
		if c.await.serve = m.serve; c.lc.Pending() == 0 {
			c.detachLater()
		} // else Flushed does it
	case m.flow != nil:
		c.beginFlow(m)
	case m.head != nil:
		c.sendLater(m)
	default:
		c.ends(endFailure)
		c.engine.begin(c.lc.Now())
		c.answered(c.x, c.engine.mark, 0, outcomeCut)
		c.record(c.engine.mark)
		c.endAwait(nil)
		c.lc.Close()
	}
}

// later offers a request to the handler that answers later.
func (c *conn) later(x *exchange) (p Pending, err error) {
	defer func() {
		if v := recover(); v != nil {
			p, err = nil, panicked(v)
		}
	}()
	return c.srv.state.later.ServeLater(&c.engine.turn, &x.req, Later{c: c, serial: c.await.serial}), nil
}

// wait keeps the connection, with a request that c.await.pending answers later and the answers before it.
func (c *conn) wait(x *exchange, rest, out []byte) {
	if c.await.room != nil {
		c.waitForBody(x, rest)
	} else {
		x = c.take(x, rest, observe.App)
		c.beginKept(x)
		c.lc.SetTimeout(c.handlerDeadline(x))
		c.lc.Hold()
	}
	if len(out) > 0 {
		c.lc.Send(out)
	}
}

// beginKept begins the request whose head stands first in x.in, where it stays until the request is answered.
func (c *conn) beginKept(x *exchange) {
	x.req.edits.keep()
	x.req.begin(&x.head, aliasString(x.buffered()[:x.head.Size]), x)
	x.req.body.begin(&x.head, x, 0, &c.srv.settings().limits)
	if x.behind > 0 {
		x.tookBody(x.buffered()[x.head.Size:][:x.behind])
	}
	x.res.begin(&x.req, x)
	x.sent, x.expected = 0, false
}

// handlerDeadline returns how long the handler of x has; 0 or less is for ever.
func (c *conn) handlerDeadline(x *exchange) time.Duration {
	if d := x.req.edits.deadline; d != 0 {
		return d
	}
	return c.srv.settings().deadlines.Handler
}

// setHandlerTimeout sets the deadline of the request's handler, which what it has waited for the client is not part of.
func (c *conn) setHandlerTimeout() {
	d := c.handlerDeadline(c.x)
	if d > 0 {
		d -= time.Duration(c.lc.Now() - c.x.begun)
		if c.await.flow != nil {
			d += c.x.writing.waited
		}
		d = max(1, d)
	}
	c.lc.SetTimeout(d)
}

// endAwait makes every copy of the Later void, and says so.
func (c *conn) endAwait(cause error) {
	p := c.await.pending
	c.await = waitingFor{serial: c.await.serial + 1}
	c.lc.StopGather()
	p.Done(&c.engine.turn, cause)
}

// sendLater answers the request that was waited for, and goes on with those behind it.
func (c *conn) sendLater(m *letter) {
	x := c.x
	own := x.out
	x.out = c.engine.takeOut()
	size := x.head.Size
	if t := c.srv.state.tracer; t != nil {
		t.Request(c.id, c.peer(), x.buffered()[:size])
	}
	x.req.stack = m.stack
	if x.req.edits.timed && x.timing.running() {
		x.timing.took(m.took, c.srv.now()) // it is to be said in the head
		m.took = 0
	}
	long, err := x.reply(m)
	c.endAwait(nil)
	if err != nil {
		c.srv.logFailure(&x.req, err)
	}
	end := outcomeWhole
	if err != nil {
		end = outcomeCut
	}
	c.engine.begin(c.lc.Now())
	x.timing.took(m.took, c.engine.mark)
	c.answered(x, c.engine.mark, 0, end) // it was made when it came
	if len(long) > 0 {
		c.seeLong(x, long)
	}
	c.proceed(x, own, size+x.behind, long, err)
}

// seeLong has the record of the answer in x.out, where that tells of it, show the beginning of the body that follows.
func (c *conn) seeLong(x *exchange, body []byte) {
	if d := c.engine.due(); d.there && d.record.Wire != nil {
		x.seen = append(append(x.seen[:0], x.out...), body[:seenSize]...)
		d.wire.Response = x.seen
	}
}

// proceed goes on behind a request of size bytes, which has been answered, or whose answer failed. What stands in x.out is sent, and long behind
// it; own is x's buffer in place of the loop's.
func (c *conn) proceed(x *exchange, own []byte, size int, long []byte, failed error) {
	closing := x.res.closing
	x.head.Reset()
	x.res.header.Reset()
	rest, next := behind(x.buffered()[size:], closing)
	switch {
	case failed != nil:
		rest, next = nil, stepAbort
	case next == stepYield && len(long) == 0: // which nothing forbids now
		rest, next = c.answerInline(x, rest)
	}
	if next != stepLater && next != stepServe {
		c.lc.Resume()
	}
	c.endInput(x, own, rest, long, next)
}

// reply composes a letter's answer, but for its body if that is long, which it returns.
func (x *exchange) reply(m *letter) (long []byte, err error) {
	w, length, body := &x.res, m.length, m.body
	w.status, w.stage = m.head.status, finished
	silent := w.headOnly() || bodyless(m.head.status)
	if length < 0 && !(silent && len(body) == 0) {
		length = int64(len(body))
	}
	if length >= 0 && int64(len(body)) > length {
		body = body[:length]
	}
	if x.req.edits.editing() {
		w.unfold(m.head.status, m.head.fields)
		w.length = length
		if err := errors.Join(w.edit(false), checkFields(&w.header)); err != nil {
			return nil, err
		}
		if err := x.begin(w, false); err != nil {
			return nil, err
		}
	} else {
		x.preparedHead(w, m.head, h1.Length, length)
	}
	if silent {
		return nil, nil
	}
	if len(body) > joinSize && int64(len(body)) == length {
		x.sent += length
		x.traceBody(body)
		return body, nil
	}
	if err := x.data(body); err != nil {
		return nil, err
	}
	if int64(len(body)) < length {
		return nil, fmt.Errorf("highball: the answer has %d of %d declared bytes", len(body), length)
	}
	return nil, nil
}

// detachLater hands the connection, with the request that was waited for, to a goroutine.
func (c *conn) detachLater() {
	serve, begun := c.await.serve, c.await.begun
	c.setHandlerTimeout()
	c.endAwait(nil)
	c.await.serve, c.await.begun = serve, begun
	c.lc.Detach()
	c.engine.serve(c)
}

// continues reports whether there is a continuation.
func (c *conn) continues() bool { return c.await.serve != nil }

// resumes reports whether it goes on with an answer of which the client has got some already.
func (c *conn) resumes() bool { return c.await.begun }

// continuation returns what answers the request in the handler's place, if a Later said so.
func (c *conn) continuation() (f func(w *Response, r *Request) error) {
	f, c.await.serve, c.await.begun = c.await.serve, nil, false
	return f
}

// interruptLater answers a request in the place of whoever was to answer it later.
func (c *conn) interruptLater(why *interruption) {
	x := c.x
	answer := c.srv.interruptionAnswer(x, why)
	c.ends(why.ending)
	x.req.sampled, _ = c.await.pending.(Sampled)
	c.srv.recordInterrupted(c, x, why, answer)
	x.req.sampled = nil
	c.endAwait(why.cause)
	x.head.Reset()
	c.srv.state.giveExchange(c.keep(x, nil))
	c.lc.Resume()
	c.lc.Send(answer)
	if c.lc.Looped() { // else the client is gone
		c.leaveAfterFlush(fateLinger)
	}
}

// mail holds the letters for one loop's connections that were written elsewhere.
type mail struct {
	mu      sync.Mutex // guards the following fields
	letters []letter
	bodies  []byte            // of the letters, one behind another
	deliver func()            // on the loop
	post    func(func()) bool // nil until begin
}

// put has a letter opened on the loop.
func (m *mail) put(l letter) {
	m.mu.Lock()
	first := len(m.letters) == 0
	if len(l.body) > 0 {
		start := len(m.bodies)
		m.bodies = append(m.bodies, l.body...)
		l.body = m.bodies[start:len(m.bodies):len(m.bodies)] // an array that was outgrown keeps what it has
	}
	m.letters = append(m.letters, l)
	post := m.post
	m.mu.Unlock()
	if first && post != nil { // else begin does it
		post(m.deliver) // a loop that has ended has no connections
	}
}

// begin has what is put delivered by post, from now on. The loop may serve already.
func (m *mail) begin(post func(func()) bool) {
	m.mu.Lock()
	m.post = post
	waits := len(m.letters) > 0
	m.mu.Unlock()
	if waits {
		post(m.deliver)
	}
}

// take empties the box.
func (m *mail) take() []letter {
	m.mu.Lock()
	defer m.mu.Unlock()
	letters := m.letters
	m.letters, m.bodies = nil, nil
	return letters
}
