package highball

import "highball/internal/observe"

// sendFile sends the answers of a turn, which stand in x.out, the last of which goes on with a file. Then the request of that one, which
// stands first in rest, is done, and sendFile returns what follows; or a goroutine is to send what the client did not take at once.
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
		c.await.serve, c.await.begun = r.later(out, sent, c.srv.state.capture).goOn, true
		*r = fileRest{}
		return rest, stepServe
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
