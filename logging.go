package highball

import (
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
	s.state.access.Shard(c.shard()).Append(r)
}

// describe makes record what is known of a request that was answered, but for its time.
func (x *exchange) describe(record *observe.Record, end outcome) {
	r := &x.req
	record.ID = r.origin.id()
	record.Remote, record.User, record.Host = r.RemoteAddr(), r.User(), r.Host()
	record.Method, record.Target, record.Minor = r.Method(), r.Target(), x.head.Minor
	record.Status, record.Bytes, record.Aborted = x.res.status, x.sent, end == outcomeCut
	record.Referer, _ = x.head.Find(r.raw, "referer")
	record.UserAgent, _ = x.head.Find(r.raw, "user-agent")
}

// recordServed tells of a request that a goroutine has answered.
func (s *Server) recordServed(c *conn, x *exchange, end outcome) {
	if !x.timing.running() {
		return
	}
	var record observe.Record
	x.describe(&record, end)
	now := s.now()
	record.Spans = x.timing.stop(now)
	s.tell(c, &record, x.timing.began, now)
}

// recordRefusal tells of a request that was none.
func (s *Server) recordRefusal(c *conn, x *exchange, status int) {
	if !s.state.observed {
		return
	}
	now := s.now()
	record := observe.Record{ID: c.requestID(), Remote: c.remote, Minor: 1, Status: status, Bytes: x.sent}
	began := now
	if x.timing.running() {
		record.Spans, began = x.timing.stop(now), x.timing.began
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

// logExpired tells of a handler that has missed its deadline, in whose place the server has answered. It may be called
// while the handler still runs: it reads only what is settled since the request began.
func (s *Server) logExpired(c *conn, x *exchange) {
	if report := c.report.Load(); report != nil {
		(*report)()
		s.recordExpired(c, x)
		return
	}
	id := c.requestID()
	s.state.log.Error("handler missed its deadline", "id", string(id.Append(nil)), "client", c.peer(), "method", x.req.Method(), "target", x.req.Target(),
		"deadline", s.settings().deadlines.Handler)
	s.recordExpired(c, x)
}

// recordExpired tells of a request that was answered by 504 in its handler's place. The handler may still run, so that of its phases no
// more is known than the present one.
func (s *Server) recordExpired(c *conn, x *exchange) {
	p, since, ok := x.timing.present()
	if !ok {
		return
	}
	remote := c.remote
	if c.told.IsValid() {
		remote = c.told
	}
	record := observe.Record{
		ID: c.requestID(), Remote: remote, Host: x.req.head.Host.String(x.req.raw), Method: x.req.Method(), Target: x.req.Target(), Minor: x.head.Minor, Status: 504,
	}
	since = max(since, x.begun)
	now := max(s.now(), since)
	record.Spans[observe.Head] = time.Duration(x.begun - x.timing.began)
	record.Spans[observe.App] = time.Duration(since - x.begun)
	record.Spans[p] += time.Duration(now - since)
	s.tell(c, &record, x.timing.began, now)
}

// timeoutAnswer is the whole 504 for a request whose handler has missed its deadline.
func (s *Server) timeoutAnswer(x *exchange) []byte {
	const page = "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>504 Gateway Timeout</title><h1>504 Gateway Timeout</h1></html>\n"
	b := h1.AppendStatusLine(nil, 504)
	b = s.appendStamp(b, s.now(), nil)
	b = h1.AppendField(b, "Content-Type", "text/html; charset=utf-8")
	b = h1.AppendFieldInt(b, "Content-Length", int64(len(page)))
	if s.RequestIDs {
		id := x.conn.requestID()
		b = append(append(id.Append(append(b, requestIDField+": "...)), '\r'), '\n')
	}
	b = h1.AppendField(b, "Connection", "close")
	b = h1.AppendEnd(b)
	if x.head.Known == h1.MethodHead {
		return b
	}
	return append(b, page...)
}
