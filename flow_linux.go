package highball

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"time"

	"highball/internal/h1"
	"highball/internal/observe"
)

// flowing is an answer whose body the loop sends while it is made. It begins with the first bytes of the body, or with its end.
//
//	state    left by                                                            to
//	silent   Next: bytes, or the end                                            begun
//	         Next: may block, or has failed                                     a goroutine, for the whole answer
//	begun    Next: bytes, which the client takes                                begun
//	         Next: bytes, of which the client does not take all                 stalled
//	         Next: the end, and the client has all                              the next request
//	         Next: may block                                                    a goroutine, for the rest
//	         Next: has failed; nothing is there and the client has left         the cut connection
//	         the handler's deadline; by hand; the connection's end              the cut connection
//	stalled  the client has taken all                                           begun
//	         the client is too slow; the connection's end                       the cut connection
type flowing struct {
	body   Flow
	head   *PreparedHead
	length int64 // declared, or -1
	begun  bool
	over   bool  // the loop has all of the body
	since  int64 // when the client began not to take all
}

// mayFlow reports whether the loop can send an answer with that head piece by piece.
func (x *exchange) mayFlow(head *PreparedHead) bool {
	return x.conn.srv.state.tracer == nil && x.req.edits.encoder == nil && !x.res.headOnly() && !bodyless(head.status)
}

// flows reports whether the client has got the beginning of an answer that the loop sends while it is made. It is for the loop's goroutine.
func (c *conn) flows() bool { return c.looped() && c.await.flow != nil && c.await.flow.begun }

// beginFlow begins with the answer of a letter.
func (c *conn) beginFlow(m *letter) {
	x := c.x
	x.req.stack = m.stack
	x.timing.took(m.took, c.lc.Now())
	x.res.status, x.res.stage, x.res.length = m.head.status, streaming, m.length
	x.writing = c.srv.writePace()
	c.await.flow = &flowing{body: m.flow, head: m.head, length: m.length}
	if c.lc.Pending() == 0 {
		c.sendFlow()
	} // else Flushed does it
}

// sendFlow sends what there is of the body, and does what follows on its end.
func (c *conn) sendFlow() {
	f := c.await.flow
	for !f.over {
		b, err := f.body.Next()
		switch {
		case len(b) > 0 || err == io.EOF:
			err = c.sendPiece(f, b, err == io.EOF)
			if c.await.flow != f { // the connection has ended
				return
			}
			if err != nil {
				c.srv.logFailure(&c.x.req, err)
				c.cutFlow(err)
				return
			}
		case err == ErrNoneYet:
			if c.await.left {
				c.cutFlow(ErrClientLeft)
			}
			return
		case err == ErrWouldBlock || !f.begun:
			c.handFlowOver()
			return
		default:
			if !errors.Is(err, ErrAbort) {
				c.srv.logFailure(&c.x.req, err)
			}
			c.cutFlow(err)
			return
		}
		if c.lc.Pending() > 0 {
			f.since = c.lc.Now()
			c.x.enter(observe.Send)
			c.lc.SetTimeout(c.x.writing.patience())
			return
		}
	}
	c.endFlow()
}

// sendPiece sends bytes of the body, and the head before the first ones.
func (c *conn) sendPiece(f *flowing, b []byte, last bool) error {
	x := c.x
	if !f.begun {
		f.begun = true
		if last && f.length < 0 {
			f.length = int64(len(b))
		}
		if err := x.flowHead(f); err != nil {
			return err
		}
	}
	f.over = last
	if f.length >= 0 {
		b = b[:min(int64(len(b)), f.length-x.sent)]
	}
	x.sent += int64(len(b))
	x.writing.moved += int64(len(b))
	x.seeBody(b)
	var tail []byte
	if x.framing == h1.ChunkedBody {
		switch {
		case len(b) == 0:
			tail = lastChunk[len("\r\n"):]
		case last:
			tail = lastChunk
		default:
			tail = lastChunk[:len("\r\n")]
		}
		if len(b) > 0 {
			x.out = h1.AppendChunkSize(x.out, len(b))
		}
	}
	if len(b) <= joinSize {
		x.out = append(append(x.out, b...), tail...)
		b, tail = nil, nil
	}
	out, sent := x.out, x.sent
	x.out = x.out[:0]
	switch {
	case len(b) > 0:
		c.lc.SendParts(out, b, tail)
	case len(out) > 0:
		c.lc.Send(out)
	}
	if last && sent < f.length { // x may be another connection's by now
		return fmt.Errorf("highball: the answer has %d of %d declared bytes", sent, f.length)
	}
	return nil
}

// lastChunk is what follows on the data of a chunk behind which there is no more.
var lastChunk = h1.AppendLastChunk([]byte("\r\n"))

// flowHead composes the head and chooses the framing of the body.
func (x *exchange) flowHead(f *flowing) error {
	w := &x.res
	x.flowing, x.sent, x.seenBody = true, 0, 0
	if x.timing.running() {
		x.timing.enter(observe.Stream, x.conn.srv.now())
	}
	if x.req.edits.editing() {
		w.unfold(f.head.status, f.head.fields)
		w.length = f.length
		if err := errors.Join(w.edit(false), checkFields(&w.header)); err != nil {
			return err
		}
		return x.begin(w, false)
	}
	framing := h1.Length
	switch {
	case f.length >= 0:
	case x.head.Minor == 0:
		framing, w.closing = h1.UntilClose, true
	default:
		framing = h1.ChunkedBody
	}
	x.preparedHead(w, f.head, framing, f.length)
	x.see(0)
	return nil
}

// goOnFlow goes on when the client has taken all.
func (c *conn) goOnFlow() {
	if f, x := c.await.flow, c.x; f.begun {
		x.writing.waited += time.Duration(c.lc.Now() - f.since)
		x.enter(observe.Stream)
		c.setHandlerTimeout()
	}
	c.sendFlow()
}

// handFlowOver has a goroutine send the answer, or the rest of it.
func (c *conn) handFlowOver() {
	f, x := c.await.flow, c.x
	x.flowing = false
	c.await.serve, c.await.begun = f.body.Serve, f.begun
	if f.begun {
		rest := flowRest{f, x.res.closing, x.framing, x.sent, bytes.Clone(x.seen), x.seenBody}
		c.await.serve = rest.goOn
		x.enter(observe.Queue)
	}
	c.detachLater()
}

// flowRest is an answer that the loop has begun.
type flowRest struct {
	*flowing
	closing  bool // the connection ends with it, as the head has said
	framing  h1.Framing
	sent     int64
	seen     []byte
	seenBody int
}

// goOn sends what is left, in blocking style. It is called once.
func (f *flowRest) goOn(w *Response, r *Request) error {
	x := w.wire.(*exchange)
	x.enter(observe.Stream)
	w.status, w.stage, w.length, w.accepted, w.closing = f.head.status, streaming, f.length, f.sent, f.closing
	x.framing, x.sent, x.seen, x.seenBody = f.framing, f.sent, append(x.seen[:0], f.seen...), f.seenBody
	return f.body.Serve(w, r)
}

// endFlow ends the request whose answer the client has taken.
func (c *conn) endFlow() {
	x := c.x
	c.engine.begin(c.lc.Now())
	c.recordFlow(outcomeWhole)
	c.endAwait(nil)
	own := x.out
	x.out = c.engine.takeOut()
	c.proceed(x, own, x.head.Size+x.behind, nil, nil)
}

// cutFlow ends the connection, and before that the request.
func (c *conn) cutFlow(cause error) {
	c.ends(endingOf(cause))
	c.engine.begin(c.lc.Now())
	c.recordFlow(outcomeCut)
	c.endAwait(cause)
	c.lc.Abort()
}

// recordFlow tells of the request whose answer is being sent, if there is one, and forgets the answer.
func (c *conn) recordFlow(end outcome) {
	if !c.flows() {
		return
	}
	x := c.x
	c.await.flow = nil
	x.flowing = false
	if of, ok := c.await.pending.(Sampled); ok && x.timing.running() {
		x.req.stack = of.SlowStack()
	}
	out := x.out
	x.out = x.seen
	c.answered(x, c.madeBy(x), 0, end)
	c.record(c.engine.mark)
	x.out = out
}
