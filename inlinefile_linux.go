package highball

import (
	"time"

	"highball/internal/observe"
)

// fileTime is for how long a loop goes on sending one file. A goroutine, which then does, knows more of patience with clients that are slow.
const fileTime = time.Second

// sendFile sends the answers of a turn, which stand in x.out, the last of which goes on with a file. Then the request of that one, which
// stands first in rest, is done, and sendFile returns what follows; or what the client did not take at once is yet to be sent: by the loop, or by
// a goroutine if not even all of the head has left.
func (c *conn) sendFile(x *exchange, rest []byte) ([]byte, step) {
	r := &x.rest
	out := x.out
	x.out = out[:0]
	if x.timing.running() {
		x.timing.enter(observe.Stream, c.srv.now())
	}
	sent, moved := c.lc.SendFileNow(out, r.fd, r.answer.length)
	if x.sent = moved; moved < r.answer.length {
		r.moved, r.closing = moved, x.res.closing
		later := r.later(out, sent, c.srv.state.capture)
		*r = fileRest{}
		if len(later.ahead) > 0 {
			c.await.serve, c.await.begun = later.goOn, true
			return rest, stepServe
		}
		c.await.file = later
		return rest, stepMove
	}
	start := r.start
	r.drop()
	x.out = out // for the record
	c.answered(x, c.madeBy(x), start, outcomeWhole)
	c.record(c.engine.mark)
	x.out = out[:0]
	c.fresh = false
	closing := x.res.closing
	rest = rest[x.head.Size:]
	x.head.Reset()
	return behind(rest, closing)
}

// behind returns what follows on an answer behind which rest has been received.
func behind(rest []byte, closing bool) ([]byte, step) {
	switch {
	case closing && len(rest) == 0:
		return rest, stepClose
	case closing:
		return nil, stepLinger
	case len(rest) > 0:
		return rest, stepYield
	}
	return rest, stepWait
}

// move keeps the connection, with a request whose answer goes on with c.await.file, which the loop sends.
func (c *conn) move(x *exchange, rest []byte) {
	r := c.await.file
	x = c.take(x, rest, observe.Send)
	c.beginKept(x)
	x.res.status, x.res.stage, x.res.closing = r.answer.status, finished, r.closing
	c.lc.SetTimeout(fileTime)
	c.lc.SendFileLater(r.fd, r.moved, r.answer.length-r.moved)
}

// FileSent implements loop.Session.
func (c *conn) FileSent(moved int64, took time.Duration) {
	x, r := c.x, c.await.file
	c.engine.begin(c.lc.Now())
	c.moved(moved, took)
	if r.moved < r.answer.length {
		c.handOver()
		return
	}
	own := x.out
	x.out = c.engine.takeOut()
	c.endFile(outcomeWhole)
	size, closing := x.head.Size, x.res.closing
	x.head.Reset()
	x.res.header.Reset()
	rest, next := behind(x.buffered()[size:], closing)
	c.endInput(x, own, rest, nil, next)
}

// moved notes what the loop has sent of the file, and how long that took.
func (c *conn) moved(n int64, took time.Duration) {
	x, r := c.x, c.await.file
	r.moved += n
	x.sent = r.moved
	x.enter(observe.Send)
	x.timing.readFor(took)
}

// endFile ends the request whose file is sent, or will not be.
func (c *conn) endFile(end outcome) {
	x, r := c.x, c.await.file
	c.await.file = nil
	out := x.out
	x.out = r.head
	c.answered(x, c.madeBy(x), 0, end)
	c.record(c.engine.mark)
	x.out = out
	r.drop()
}

// handOver has a goroutine send the rest of the file.
func (c *conn) handOver() {
	x, r := c.x, c.await.file
	c.await.file = nil
	c.await.serve, c.await.begun = r.goOn, true
	x.enter(observe.Queue)
	c.lc.SetTimeout(c.handlerDeadline(x))
	c.lc.Detach()
	c.engine.serve(c)
}
