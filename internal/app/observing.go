package app

import (
	"highball"
	"highball/internal/config"
	"highball/internal/observe"
)

// mostRoutes is how many routes are counted one by one. More would make metrics that nobody can store.
const mostRoutes = 1000

// observing is what is told of requests. It outlives configurations.
type observing struct {
	routes *observe.Routes
	sinks  []observe.Sink
	counting
	recording
}

// newObserving makes what c asks for, but for what needs files or descriptors, which [App.observe] opens.
func newObserving(c *config.Config) *observing {
	o := &observing{routes: observe.NewRoutes(mostRoutes)}
	o.counting, o.sinks = newCounting(c.Metrics)
	o.recording = newRecording(c)
	return o
}

// observe has the server tell everybody who is to be told of requests. Nothing may have been served yet.
func (a *App) observe() {
	a.seen.ledger.Ask(a.metricsSource())
	a.server.Observe(append(a.seen.sinks, a.record()...)...)
}

// labelled is a handler whose requests are known by a route to logs and metrics.
type labelled struct {
	highball.Handler
	inline highball.InlineHandler // Handler, if it is one
	later  highball.LaterHandler  // likewise
	route  *observe.Route
	timed  bool // responses say their phases
}

// label returns h, whose requests are known by the names of a site and a route.
func (o *observing) label(s *config.Site, r *config.Route, h highball.Handler) highball.Handler {
	l := &labelled{Handler: h, route: o.routes.Of(siteName(s), r.Path)}
	if t := r.Policy.ServerTiming; t != nil {
		l.timed = *t
	}
	l.inline, _ = h.(highball.InlineHandler)
	l.later, _ = h.(highball.LaterHandler)
	return l
}

// mark tells the engine what is to be told of r.
func (l *labelled) mark(r *highball.Request) {
	r.SetRoute(l.route)
	if l.timed {
		r.TimeResponse()
	}
}

// Serve implements highball.Handler.
func (l *labelled) Serve(w *highball.Response, r *highball.Request) error {
	l.mark(r)
	return l.Handler.Serve(w, r)
}

// ServeInline implements highball.InlineHandler.
func (l *labelled) ServeInline(w *highball.Response, r *highball.Request) bool {
	l.mark(r)
	return l.inline != nil && l.inline.ServeInline(w, r)
}

// ServeLater implements highball.LaterHandler.
func (l *labelled) ServeLater(t *highball.Turn, r *highball.Request, later highball.Later) highball.Pending {
	l.mark(r)
	if l.later == nil {
		return nil
	}
	return l.later.ServeLater(t, r, later)
}
