package highball

import (
	"strings"
	"time"

	"highball/internal/loop"
	"highball/internal/observe"
)

func (d *loopDriver) visit(f func(c *conn), done func()) {
	d.group.Visit(func(s loop.Session) {
		if c, ok := s.(*conn); ok {
			f(c)
		}
	}, done)
}

func (d *loopDriver) loops() []LoopState {
	states := make([]LoopState, len(d.engines))
	for i, e := range d.engines {
		states[i] = LoopState{Connections: int(e.conns.Load()), Lag: time.Duration(e.longest.Swap(0))}
	}
	return states
}

// pends reports whether the connection waits for an answer that is made elsewhere. It is for the loop's goroutine.
func (c *conn) pends() bool { return c.looped() && c.lc.Looped() && c.await.pending != nil }

// moves reports whether the loop sends a file to the client. It is for the loop's goroutine.
func (c *conn) moves() bool { return c.looped() && c.lc.Looped() && c.await.file != nil }

// liveOnLoop tells of a request that no handler is at: its head is on its way, or its answer.
func (c *conn) liveOnLoop(now int64) (l observe.Live, ok bool) {
	if !c.looped() || !c.lc.Looped() {
		return l, false
	}
	if o := c.owed; o != nil {
		r := &o.record
		return observe.Live{
			ID: string(r.ID.Append(nil)), Connection: c.id, Client: r.Remote, User: r.User, Method: r.Method, Target: r.Target, Host: r.Host, Route: r.Route,
			Phase: observe.Send, InPhase: time.Duration(max(0, now-o.since)), Age: time.Duration(max(0, now-o.began)),
		}, true
	}
	x := c.x
	if x == nil || !x.timing.running() {
		return l, false
	}
	age := time.Duration(max(0, now-x.timing.began))
	id := observe.RequestID{Epoch: c.srv.state.epoch, Connection: c.id, Number: c.count + 1}
	return observe.Live{ID: string(id.Append(nil)), Connection: c.id, Client: c.remote, Phase: observe.Head, InPhase: age, Age: age}, true
}

// census counts the connection. It is called where [driver.visit] says.
func (c *conn) census(n *observe.Connections) {
	switch {
	case !c.looped():
		c.censusBlocking(n)
	case !c.lc.Looped() || c.await.pending != nil && c.await.room == nil && !(c.flows() && c.lc.Pending() > 0):
		n.Handling++
	case c.lc.Lingering() || c.fate != fateNext:
		n.Closing++
	case c.lc.Pending() > 0 || c.await.file != nil || c.flows():
		n.Sending++
	case c.x != nil:
		n.Reading++
	default:
		n.Idle++
	}
}

// keepForLater makes the record's strings, and what it has of the wire, outlive the turn.
func (d *due) keepForLater() {
	r := &d.record
	for _, s := range []*string{
		&r.ID.Given, &r.User, &r.Host, &r.Method, &r.Target, &r.Referer, &r.UserAgent, &r.Traceparent, &r.Tracestate,
	} {
		*s = strings.Clone(*s)
	}
	if r.Wire != nil {
		r.Wire = r.Wire.Clone()
	}
}
