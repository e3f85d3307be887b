package highball

import (
	"time"

	"highball/internal/h1"
	"highball/internal/observe"
)

// A body that is not there yet when its head is, as that of most requests with one, is read by the loop where it is short: straight to where the handler
// wants it, see Arriving.

const (
	// arrivingMost is the length up to which a loop reads bodies.
	arrivingMost = 256 << 10
	// arrivingTime is how long a loop waits for one. A goroutine, which then does, knows more of patience with clients that are slow.
	arrivingTime = time.Second
)

// arrived returns the body of a request, and reports whether it is whole: there is none, or it is part of what has arrived behind the head. If not, soon
// reports whether the loop may wait for it.
func (c *conn) arrived(x *exchange, behind []byte) (body []byte, whole, soon bool) {
	if x.head.Framing == h1.NoBody {
		return nil, true, false
	}
	n, limit := x.head.ContentLength, c.srv.settings().body
	switch {
	case x.head.Framing != h1.Length, limit > 0 && n > limit, x.head.Expect100:
		return nil, false, false
	case n <= int64(len(behind)):
		return behind[:n], true, false
	}
	return nil, false, c.srv.state.later != nil && n <= arrivingMost
}

// makeRoom asks who answers a request, if somebody does, for room for its body.
func (c *conn) makeRoom(x *exchange) {
	p := c.await.pending
	if p == nil {
		return
	}
	if a, ok := p.(Arriving); ok {
		if c.await.room = a.Room(); int64(len(c.await.room)) == x.head.ContentLength {
			return
		}
	}
	c.endAwait(ErrNoRoom)
}

// waitForBody keeps the connection, with a request for whose body c.await has room. All that stands in rest is this one's.
func (c *conn) waitForBody(x *exchange, rest []byte) {
	room := c.await.room
	n := copy(room, rest[x.head.Size:])
	if c.x != nil {
		x.in = x.in[:len(x.in)-n]
	}
	x = c.take(x, rest[:len(rest)-n], observe.Body)
	c.beginKept(x)
	c.lc.SetTimeout(arrivingTime)
	c.lc.Gather(room[n:])
	c.lc.Resume() // it is held if the request before it was answered later
}

// Gathered implements loop.Session.
func (c *conn) Gathered(behind []byte) {
	if x := c.x; len(behind) > 0 {
		x.receive(behind)
		c.beginKept(x) // whose strings stand in what was received
	}
	c.gathered(len(c.await.room))
}

// stopGathering has a goroutine go on with a body, whose client takes its time or has ended its sending.
func (c *conn) stopGathering() { c.gathered(len(c.await.room) - c.lc.StopGather()) }

// gathered gives the room of c.await back, with n bytes of the body.
func (c *conn) gathered(n int) {
	x, room := c.x, c.await.room
	c.await.room = nil
	x.gathered = n
	x.tookBody(room[:n])
	e := c.engine
	e.begin(c.lc.Now())
	x.begun = e.mark
	x.timing.enter(observe.App, e.mark)
	c.lc.SetTimeout(c.handlerDeadline(x))
	c.lc.Hold()
	c.await.pending.(Arriving).Arrived(&e.turn, n)
}
