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

// record writes a request's line of the access log.
func (s *Server) record(c *conn, x *exchange, begun time.Time, took time.Duration, end outcome) {
	if s.state.access == nil {
		return
	}
	s.append(c, x, begun, took, x.res.status, end)
}

// recordServed is record for a goroutine, which looks at the clock only if it must.
func (s *Server) recordServed(c *conn, x *exchange, end outcome) {
	if s.state.access != nil {
		s.append(c, x, x.begun, time.Since(x.begun), x.res.status, end)
	}
}

func (s *Server) append(c *conn, x *exchange, begun time.Time, took time.Duration, status int, end outcome) {
	r := &x.req
	entry := observe.Record{
		Time: begun, Remote: r.RemoteAddr(), User: r.User(), Host: r.Host(), Method: r.Method(), Target: r.Target(), Minor: x.head.Minor,
		Status: status, Bytes: x.sent, Duration: took, Aborted: end == outcomeCut,
	}
	entry.Referer, _ = x.head.Find(r.raw, "referer")
	entry.UserAgent, _ = x.head.Find(r.raw, "user-agent")
	s.state.access.Shard(c.shard()).Append(&entry)
}

// recordRefusal writes the line of a request that was none.
func (s *Server) recordRefusal(c *conn, x *exchange, status int) {
	if s.state.access == nil {
		return
	}
	s.state.access.Shard(c.shard()).Append(&observe.Record{
		Time: time.Now(), Remote: c.remote, Minor: 1, Status: status, Bytes: x.sent,
	})
}

// logFailure tells of a handler's error.
func (s *Server) logFailure(r *Request, err error) {
	status := statusOf(err)
	// Inline, the request's strings do not outlive the call, and a logger may keep what it is given.
	s.state.log.Error("handler failed", "method", strings.Clone(r.Method()), "target", strings.Clone(r.Target()),
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
	s.state.log.Error("handler missed its deadline", "client", c.peer(), "method", x.req.Method(), "target", x.req.Target(),
		"deadline", s.settings().deadlines.Handler)
	s.recordExpired(c, x)
}

// recordExpired writes the line of a request that was answered by 504 in its handler's place.
func (s *Server) recordExpired(c *conn, x *exchange) {
	if s.state.access == nil {
		return
	}
	remote := c.remote
	if c.told.IsValid() {
		remote = c.told
	}
	s.state.access.Shard(c.shard()).Append(&observe.Record{
		Time: x.begun, Remote: remote, Host: x.req.head.Host.String(x.req.raw), Method: x.req.Method(), Target: x.req.Target(),
		Minor: x.head.Minor, Status: 504, Duration: time.Since(x.begun),
	})
}

// timeoutAnswer is the whole 504 for a request whose handler has missed its deadline.
func (s *Server) timeoutAnswer(x *exchange) []byte {
	const page = "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>504 Gateway Timeout</title><h1>504 Gateway Timeout</h1></html>\n"
	b := h1.AppendStatusLine(nil, 504)
	b = s.appendStamp(b, time.Now().Unix(), nil)
	b = h1.AppendField(b, "Content-Type", "text/html; charset=utf-8")
	b = h1.AppendFieldInt(b, "Content-Length", int64(len(page)))
	b = h1.AppendField(b, "Connection", "close")
	b = h1.AppendEnd(b)
	if x.head.Known == h1.MethodHead {
		return b
	}
	return append(b, page...)
}
