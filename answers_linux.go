package highball

import "time"

// An event loop does not send what it answers at once: answers leave together, at the end of the turn or when they are many. A client that
// serves others meanwhile, such as a proxy, is then woken once for all that it gets, and not for each.

const (
	togetherMost = 16                            // connections whose answers leave together
	togetherTime = int64(100 * time.Microsecond) // for as long as the first may wait for the others, where anybody measures time
	togetherSize = 64 << 10                      // of the buffer for them, at first
)

// answers are those of one event loop that leave together.
type answers struct {
	queue [togetherMost]parting
	n     int   // that wait
	since int64 // when the first of them was made

	out  []byte // theirs, one behind another
	lent int    // times that the rest of out, or what stands in for it, is with somebody who makes answers
	most int    // bytes that did not fit
}

// parting is what one connection is to get, and what follows then.
type parting struct {
	c     *conn
	out   []byte
	long  []byte    // behind out: the body of its last answer, in memory of whoever has made it
	due   due       // its strings are valid until it is told of
	spent *exchange // which has them, or nil for the loop's input
	next  step
}

// due returns the record to be made, of the request that is answered now.
func (e *engine) due() *due { return &e.answers.queue[e.answers.n].due }

// takeOut returns a buffer for the answers to one connection, which giveOut takes back.
func (e *engine) takeOut() []byte {
	a := &e.answers
	switch {
	case a.out == nil:
		a.out = make([]byte, 0, togetherSize)
	case a.lent == 0 && len(a.out) > cap(a.out)/2:
		e.sendOff()
	}
	a.lent++
	if a.lent > 1 { // in the midst of another connection's answers
		return nil
	}
	return a.out[len(a.out):]
}

// giveOut ends what takeOut has begun. What stands in out stays there if it is kept.
func (e *engine) giveOut(out []byte, kept bool) {
	a := &e.answers
	a.lent--
	switch {
	case a.lent > 0 || cap(out) == 0:
	case &out[:cap(out)][cap(out)-1] != &a.out[:cap(a.out)][cap(a.out)-1]: // it was outgrown
		a.most = max(a.most, len(out))
	case kept:
		a.out = a.out[:cap(a.out)-cap(out)+len(out)]
	}
}

// putOff has the answers in out sent with those to other connections, or at once, and then what is next for c. What is long is sent at once in any case.
func (e *engine) putOff(c *conn, out, long []byte, spent *exchange, next step) {
	a := &e.answers
	p := &a.queue[a.n]
	p.c, p.out, p.long, p.spent, p.next = c, out, long, spent, next
	e.giveOut(out, len(out) > 0)
	if len(out) == 0 && !p.due.there {
		p.leave()
		return
	}
	if p.due.there {
		c.lc.Keep()
	}
	if a.n == 0 {
		a.since = e.mark
	}
	if a.n++; len(long) > 0 || a.n == togetherMost || e.mark-a.since > togetherTime {
		e.sendOff()
	}
}

// sendOff sends the answers that were put off, and tells of their requests.
func (e *engine) sendOff() {
	a := &e.answers
	if a.n == 0 {
		return
	}
	queue := a.queue[:a.n]
	for i := range queue {
		if p := &queue[i]; len(p.long) == 0 {
			p.c.lc.Send(p.out)
		} else {
			p.c.lc.SendParts(p.out, p.long, nil)
		}
	}
	if srv := queue[0].c.srv; srv.state.observed {
		e.mark = srv.now()
	}
	for i := range queue {
		if p := &queue[i]; p.due.there {
			p.c.recordSent(&p.due, e.mark)
		}
	}
	for i := range queue {
		queue[i].leave()
	}
	a.n = 0
	a.out = a.out[:0]
	if a.most > cap(a.out)/2 {
		a.out = make([]byte, 0, 2*a.most)
	}
}

// spend gives the exchange of a connection back that is closed: if that was by sending its last answers, once those have been told of, which takes strings of it.
func (e *engine) spend(c *conn) {
	x := c.x
	c.x = nil
	for i := range e.answers.queue[:e.answers.n] {
		if p := &e.answers.queue[i]; p.c == c && p.spent == nil {
			p.spent = x
			return
		}
	}
	c.srv.state.giveExchange(x)
}

// leave does what follows on the answers that were sent.
func (p *parting) leave() {
	c, spent, next := p.c, p.spent, p.next
	p.c, p.out, p.long, p.spent = nil, nil, nil, nil
	if spent != nil { // whose strings were wanted until now
		c.srv.state.giveExchange(spent)
	}
	c.after(next)
}
