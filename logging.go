package highball

import (
	"cmp"
	"iter"
	"strconv"
	"strings"
	"time"

	"highball/internal/h1"
	"highball/internal/observe"
)

// outcome tells whether a response reached its end.
type outcome uint8

const (
	outcomeWhole outcome = iota
	outcomeCut
)

// due is a request that was answered in this turn, and of which nobody has been told yet. The strings of its record are valid in this turn.
type due struct {
	record observe.Record
	wire   observe.Wire // of the record
	began  int64
	since  int64 // the answer has been on its way
	there  bool
}

// owed is a due that outlives its turn, since the client does not take the answer at once.
type owed struct{ due }

// tell ends the record of a request, whose answer is taken at now, and appends it to the logs.
func (d *due) tell(c *conn, now int64) {
	d.there = false
	now = max(now, d.since)
	d.record.Spans[observe.Send] += time.Duration(now - d.since)
	c.srv.tell(c, &d.record, d.began, now)
}

// tell appends the record of a request to the logs, which has all but when that was.
func (s *Server) tell(c *conn, r *observe.Record, began, ended int64) {
	r.Time, r.Duration = s.wall(began), time.Duration(ended-began)
	shard := c.shard()
	if s.state.access != nil {
		s.state.access.Shard(shard).Append(r)
	}
	for _, sink := range s.state.sinks {
		sink.Take(shard, r)
	}
	if c.book != nil {
		c.book.enter(r, c.count)
	}
}

// describe makes record what is known of a request that was answered, but for its time.
func (x *exchange) describe(record *observe.Record, end outcome) {
	r := &x.req
	record.ID = x.conn.requestID()
	record.Remote, record.User, record.Host = r.RemoteAddr(), r.User(), r.Host()
	record.Method, record.Target, record.Minor = r.Method(), r.Target(), x.head.Minor
	record.Status, record.Bytes, record.Aborted = x.res.status, x.sent, end == outcomeCut
	record.Referer, _ = x.head.Find(r.raw, "referer")
	record.UserAgent, _ = x.head.Find(r.raw, "user-agent")
	record.Received, record.Route, record.Stack = r.body.got, r.route, r.stack
	if st := &x.conn.srv.state; st.traces {
		record.Traceparent, record.Tracestate = x.traceContext()
	}
}

// traceContext returns the fields that say the trace which the request belongs to. Two parents are none (W3C Trace Context, section 3.2.1).
func (x *exchange) traceContext() (parent, state string) {
	parents := 0
	for name, value := range x.fields() {
		switch {
		case strings.EqualFold(name, "traceparent"):
			parent = value
			parents++
		case !strings.EqualFold(name, "tracestate"):
		case state == "":
			state = value
		default:
			state += "," + value
		}
	}
	if parents > 1 {
		return "", ""
	}
	return parent, state
}

// fields returns the fields of the request's head as they were sent.
func (x *exchange) fields() iter.Seq2[string, string] {
	return func(yield func(string, string) bool) {
		for i := range x.head.Fields {
			f := &x.head.Fields[i]
			if !yield(f.Name.String(x.req.raw), f.Value.String(x.req.raw)) {
				return
			}
		}
	}
}

// recordServed tells of a request that a goroutine has answered.
func (s *Server) recordServed(c *conn, x *exchange, end outcome) {
	if !x.timing.running() {
		return
	}
	var record observe.Record
	x.describe(&record, end)
	if s.state.capture {
		record.Wire = &observe.Wire{RequestHead: aliasBytes(x.req.raw), RequestBody: x.req.body.seen, Response: x.seen}
	}
	now := s.now()
	record.Spans = x.timing.stop(now)
	s.tell(c, &record, x.timing.began, now)
}

// recordRefusal tells of a request that was none, which begins with b.
func (s *Server) recordRefusal(c *conn, x *exchange, b []byte, status int) {
	if !s.state.observed {
		return
	}
	now := s.now()
	record := observe.Record{ID: c.requestID(), Remote: c.remote, Minor: 1, Status: status, Bytes: x.sent}
	began := now
	if x.timing.running() {
		record.Spans, began = x.timing.stop(now), x.timing.began
	}
	if s.state.capture {
		record.Wire = &observe.Wire{RequestHead: b}
	}
	s.tell(c, &record, began, now)
}

// logFailure tells of a handler's error.
func (s *Server) logFailure(r *Request, err error) {
	status := statusOf(err)
	// Inline, the request's strings do not outlive the call, and a logger may keep what it is given.
	s.state.log.Error("handler failed", "id", r.ID(), "method", strings.Clone(r.Method()), "target", strings.Clone(r.Target()),
		"status", status, "err", err)
}

// logInterrupted tells of a handler in whose place the server has answered. It may be called while the handler still runs: it reads only what is
// settled since the request began. The caller holds the connection's expiry.
func (s *Server) logInterrupted(c *conn, x *exchange, why *interruption, answer []byte) {
	switch report := c.report.Load(); {
	case why != &byDeadline: // whoever has wanted it tells of it
	case report != nil:
		(*report)()
	default:
		s.state.log.Error("handler missed its deadline", "id", c.idText(), "client", c.peer(), "method", x.req.Method(), "target", x.req.Target(),
			"deadline", s.settings().deadlines.Handler)
	}
	s.recordInterrupted(c, x, why, answer)
}

// recordInterrupted tells of a request that was given an answer in its handler's place. The handler may still run, so that of its phases no
// more is known than the present one, and nothing of the body that it has read.
func (s *Server) recordInterrupted(c *conn, x *exchange, why *interruption, answer []byte) {
	p, since, ok := x.timing.present()
	if !ok {
		return
	}
	record := observe.Record{
		ID: c.requestID(), Remote: c.client(), User: x.req.edits.user, Host: x.req.head.Host.String(x.req.raw), Method: x.req.Method(), Target: x.req.Target(),
		Minor: x.head.Minor, Status: why.status, Route: x.req.route, Stack: x.req.stack,
	}
	var took time.Duration
	if of := x.req.sampled; of != nil {
		record.Stack, took = cmp.Or(record.Stack, of.SlowStack()), of.Took()
	}
	if s.state.capture {
		record.Wire = &observe.Wire{RequestHead: aliasBytes(x.req.raw), Response: answer}
	}
	since = max(since, x.begun)
	now := max(s.now(), since)
	record.Spans[observe.Head] = time.Duration(x.begun - x.timing.began)
	record.Spans[observe.App] = time.Duration(since - x.begun)
	record.Spans[p] += time.Duration(now - since)
	if took > 0 {
		toQueue(&record.Spans, record.Spans[observe.App]-took)
	}
	s.tell(c, &record, x.timing.began, now)
}

// interruptionAnswer is the whole answer in the place of a handler's.
func (s *Server) interruptionAnswer(x *exchange, why *interruption) []byte {
	title := strconv.Itoa(why.status) + " " + h1.StatusText(why.status)
	page := "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>" + title + "</title><h1>" + title + "</h1></html>\n"
	b := h1.AppendStatusLine(nil, why.status)
	b = s.appendStamp(b, s.now(), nil)
	b = h1.AppendField(b, "Content-Type", "text/html; charset=utf-8")
	b = h1.AppendFieldInt(b, "Content-Length", int64(len(page)))
	if s.RequestIDs {
		b = x.appendIDField(b)
	}
	b = h1.AppendField(b, "Connection", "close")
	b = h1.AppendEnd(b)
	if x.head.Known == h1.MethodHead {
		return b
	}
	return append(b, page...)
}
