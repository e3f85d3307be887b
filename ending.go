package highball

import (
	"time"

	"highball/internal/observe"
)

// ending is why a connection has ended: who was the first to want it.
type ending uint32

const (
	endUnknown ending = iota
	endOfStream
	endByRequest
	endReset
	endAfterAnswer
	endIdle
	endSlowHead
	endSlowClient
	endMalformed
	endDrain
	endFull
	endDeadline
	endKilled
	endFailure
	endHijacked
)

// endings tells of each who it was, and in what words the statistics log says it.
var endings = [...]struct {
	byClient bool
	why      string
}{
	endUnknown:     {false, "shutdown"},
	endOfStream:    {true, "end of stream"},
	endByRequest:   {true, "asked for"},
	endReset:       {true, "reset"},
	endAfterAnswer: {false, "last answer"},
	endIdle:        {false, "idle"},
	endSlowHead:    {false, "slow head"},
	endSlowClient:  {false, "slow client"},
	endMalformed:   {false, "malformed request"},
	endDrain:       {false, "drain"},
	endFull:        {false, "too many connections"},
	endDeadline:    {false, "handler deadline"},
	endKilled:      {false, "killed"},
	endFailure:     {false, "handler failed"},
	endHijacked:    {false, "hijacked"},
}

// mostRequestSpans is how many requests of one connection the statistics log has one by one.
const mostRequestSpans = 1000

// book is what will be told of a connection when it is closed.
type book struct {
	opened int64 // on the server's clock
	record observe.ConnectionRecord
}

// open begins the book of a connection, if somebody wants to read it.
func (c *conn) openBook() {
	c.ending.Store(uint32(endUnknown))
	c.killed.Store(false)
	c.book = nil
	if len(c.srv.state.connSinks) > 0 {
		c.book = &book{opened: c.srv.now()}
	}
}

// ends notes why the connection ends. The first reason counts. It may be called by the owner, and by a deadline.
func (c *conn) ends(why ending) { c.ending.CompareAndSwap(uint32(endUnknown), uint32(why)) }

// enter adds a request to the book.
func (b *book) enter(r *observe.Record, number uint32) {
	b.record.Requests++
	for i, d := range r.Spans {
		b.record.Spans[i] += d
	}
	if len(b.record.Each) >= mostRequestSpans {
		b.record.Omitted++
		return
	}
	b.record.Each = append(b.record.Each, observe.RequestSpans{Number: number, Status: r.Status, Spans: r.Spans})
}

// closeBook tells of a connection that is closed.
func (c *conn) closeBook() {
	b := c.book
	if b == nil {
		return
	}
	c.book = nil
	now := c.srv.now()
	why := ending(c.ending.Load())
	if why == endUnknown && !c.srv.state.draining.Load() {
		why = endReset // the server has not wanted it
	}
	r := &b.record
	r.ID, r.Peer, r.Local = c.id, c.remote, c.localAddr()
	r.Opened, r.Closed = c.srv.wall(b.opened), c.srv.wall(b.opened).Add(time.Duration(now-b.opened))
	r.ByClient, r.Why = endings[why].byClient, endings[why].why
	r.Received, r.Sent = c.link.Moved()
	for _, sink := range c.srv.state.connSinks {
		sink.TakeConnection(c.shard(), r)
	}
}
