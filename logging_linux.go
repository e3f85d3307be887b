package highball

import "highball/internal/observe"

// madeBy returns the moment, when it is one of a request that is measured.
func (c *conn) madeBy(x *exchange) int64 {
	if !x.timing.running() {
		return 0
	}
	return c.srv.now()
}

// answered notes that a request has its answer, which was made by now, leaves at the end of the turn, and begins at start in x.out.
func (c *conn) answered(x *exchange, now int64, start int, end outcome) {
	if !x.timing.running() {
		return
	}
	e := c.engine
	e.mark = now
	d := e.due()
	x.describe(&d.record, end)
	if c.srv.state.capture {
		d.wire = observe.Wire{RequestHead: aliasBytes(x.req.raw), Response: x.out[min(start, len(x.out)):]}
		if x.req.body.got > 0 {
			d.wire.RequestBody = x.req.body.seen
		}
		d.record.Wire = &d.wire
	}
	d.record.Spans = x.timing.stop(e.mark)
	d.began, d.since, d.there = x.timing.began, e.mark, true
}

// record tells of the request that is due, if there is one, whose answer is taken at now.
func (c *conn) record(now int64) {
	if d := c.engine.due(); d.there {
		d.tell(c, now)
	}
}

// recordSent tells of the request that is due when its answer was handed to the system by now; if that does not take all of it, later.
func (c *conn) recordSent(d *due, now int64) {
	if c.lc.Pending() == 0 {
		d.tell(c, now)
		return
	}
	d.there = false
	d.keepForLater()
	c.owed = &owed{*d}
}

// settleOwed tells of the request whose answer the client has taken now, or will not take any more.
func (c *conn) settleOwed(end outcome) {
	o := c.owed
	if o == nil {
		return
	}
	c.owed = nil
	o.record.Aborted = o.record.Aborted || end == outcomeCut
	o.tell(c, c.srv.now())
}
