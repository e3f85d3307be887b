package highball

import (
	"errors"
	"net/netip"
	"strings"
	"sync"
	"time"

	"highball/internal/observe"
)

// What is to be seen of a server, for the program's own packages: records of what is over, and what is going on.

// ErrKilled is why the request of a handler has ended that [Server.Kill] has ended.
var ErrKilled = errors.New("highball: the request was ended by hand")

const (
	// mostLive is how many requests Live tells of: more than anybody reads, and less than what a flood of slow clients would fill memory with.
	mostLive = 10_000
	// surveyPatience is how long a loop may be busy before a survey does without it.
	surveyPatience = time.Second
)

// Observe has sinks told of every request that is over and, those that are an [observe.ConnectionSink] too, of every connection. It is to be called before
// the server listens.
func (s *Server) Observe(sinks ...observe.Sink) {
	s.state.sinks = append(s.state.sinks, sinks...)
	s.state.observed = true
	for _, sink := range sinks {
		if c, ok := sink.(observe.ConnectionSink); ok {
			s.state.connSinks = append(s.state.connSinks, c)
		}
	}
}

// CaptureWire has records tell what was on the wire, for a sink that is to keep it. It is to be called before the server listens.
func (s *Server) CaptureWire() { s.state.capture = true }

// CaptureTraceContext has records tell the trace that a request belongs to (W3C Trace Context). It is to be called before the server listens.
func (s *Server) CaptureTraceContext() { s.state.traces = true }

// Hide has the trace mask what m names, in place of its own list, from now on.
func (s *Server) Hide(m *observe.Masks) {
	if s.ready() == nil && s.state.tracer != nil { // else nothing is served
		s.state.tracer.Hide(m)
	}
}

// SetRoute names what answers the request, for logs and metrics. The last call before the answer counts.
func (r *Request) SetRoute(route *observe.Route) {
	r.origin.hold()
	r.route = route
	r.origin.letGo()
}

// SetStack tells where the program that answers the request was when that had become slow, for the record of the request. It is for handlers on
// goroutines, see [Later.WithStack].
func (r *Request) SetStack(text string) {
	r.origin.hold()
	r.stack = text
	r.origin.letGo()
}

// OnInterruption has s asked how long the program has been at the request, and where it was when that had become slow, should the request be answered in
// the handler's place: for the record, which the handler then has no hand in.
func (r *Request) OnInterruption(s Sampled) {
	r.origin.hold()
	r.sampled = s
	r.origin.letGo()
}

// WithStack returns l with the word where the program was when the request had become slow.
func (l Later) WithStack(text string) Later {
	l.stack = text
	return l
}

// TimeResponse has the response say the phases so far in a Server-Timing field (W3C Server Timing), if anybody measures them.
func (r *Request) TimeResponse() {
	r.edits.dirty, r.edits.timed = true, true
}

// Live returns the requests that are being received, answered or sent, in no order, and no more than 10,000. What an event loop answers at
// once is never among them, nor is what a loop has that does not turn for a second.
func (s *Server) Live() []observe.Live {
	var all []observe.Live
	s.survey(func(c *conn) {
		if len(all) < mostLive {
			if l, ok := c.live(); ok {
				all = append(all, l)
			}
		}
	})
	return all
}

// Kill ends the request of an id: by 503 if nothing was sent yet, else by cutting the connection. A handler that waits for its end sees the
// request's context done, or gets ErrKilled as Pending.Done's error. It reports whether there was such a request.
func (s *Server) Kill(id string) bool {
	killed := false
	s.survey(func(c *conn) {
		if !killed {
			killed = c.kill(id)
		}
	})
	return killed
}

// Connections returns how many connections there are.
func (s *Server) Connections() observe.Connections {
	var n observe.Connections
	s.survey(func(c *conn) { c.census(&n) })
	n.Accepted, n.Refused = s.state.nextID.Load(), s.state.refused.Load()
	return n
}

// LoopState is how an event loop is.
type LoopState struct {
	Connections int
	Lag         time.Duration // the longest turn since the last call: what was ready may have waited for as long
}

// LoopStates returns how the event loops are, those of one listener behind those of another.
func (s *Server) LoopStates() []LoopState {
	s.state.mu.Lock()
	drivers := s.allDrivers()
	s.state.mu.Unlock()
	var all []LoopState
	for _, d := range drivers {
		all = append(all, d.loops()...)
	}
	return all
}

// survey calls f for each connection, one at a time, where its state may be looked at: see [driver.visit]. It does not wait for a loop that is
// busy for long, and f is not called any more when it has returned.
func (s *Server) survey(f func(c *conn)) {
	s.state.mu.Lock()
	drivers := s.allDrivers()
	s.state.mu.Unlock()
	var mu sync.Mutex
	over := false
	one := func(c *conn) {
		mu.Lock()
		defer mu.Unlock()
		if !over {
			f(c)
		}
	}
	patience := time.NewTimer(surveyPatience)
	defer patience.Stop()
	for _, d := range drivers {
		done := make(chan struct{})
		d.visit(one, func() { close(done) })
		select {
		case <-done:
		case <-patience.C:
			patience.Reset(0)
		}
	}
	mu.Lock()
	defer mu.Unlock()
	over = true
}

// answering returns the exchange of the request that a handler is at, or nil. The caller holds expiry, and with it the exchange is what it is: a
// handler's goroutine takes the lock before it changes that.
func (c *conn) answering() *exchange {
	switch p := c.phase.Load(); {
	case p == phaseOpen || p == phaseStarted:
		return c.x
	case c.pends() || c.moves():
		return c.x
	}
	return nil
}

// live tells of the connection's request, if there is one. It is called where [driver.visit] says.
func (c *conn) live() (l observe.Live, ok bool) {
	c.expiry.Lock()
	defer c.expiry.Unlock()
	now := c.srv.now()
	x := c.answering()
	if x == nil {
		return c.liveOnLoop(now)
	}
	phase, since, measured := x.timing.present()
	if !measured {
		return l, false
	}
	r := &x.req
	l = observe.Live{
		Connection: c.id, Client: c.client(), User: strings.Clone(r.edits.user), Method: strings.Clone(r.Method()), Target: strings.Clone(r.Target()),
		Host: strings.Clone(x.head.Host.String(r.raw)), Route: r.route,
		Phase: phase, InPhase: time.Duration(max(0, now-since)), Age: time.Duration(max(0, now-x.timing.began)),
	}
	l.ID = c.idText()
	return l, true
}

// client returns the client's address, as far as is known. The caller holds expiry.
func (c *conn) client() (a netip.AddrPort) {
	if c.told.IsValid() {
		return c.told
	}
	return c.remote
}

// idText returns the present request's id.
func (c *conn) idText() string { return string(c.appendID(nil)) }

// kill ends the connection's request if it has the id. It is called where [driver.visit] says.
func (c *conn) kill(id string) bool {
	c.expiry.Lock()
	defer c.expiry.Unlock()
	if x := c.answering(); x == nil || c.idText() != id {
		return false
	}
	c.killed.Store(true)
	done := c.interrupt(&byHand)
	c.killed.Store(done)
	return done
}

// interruption is why a request is ended in its handler's place.
type interruption struct {
	status int
	cause  error
	ending ending
}

// The interruptions.
var (
	byDeadline = interruption{504, ErrHandlerDeadline, endDeadline}
	byHand     = interruption{503, ErrKilled, endKilled}
)
