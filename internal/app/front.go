package app

import (
	"sync/atomic"

	"highball"
)

// front is the server's handler for as long as the process lives. It answers what is for the server rather than for a site, and leaves
// the rest to the present generation, in whatever way that can, see [generation].
type front struct {
	current atomic.Pointer[generation] // never nil once the server runs
}

var (
	_ highball.InlineHandler = (*front)(nil)
	_ highball.LaterHandler  = (*front)(nil)
)

// forSites reports whether a path is one of a site, and not "*" (OPTIONS of the server) or nothing (CONNECT).
func forSites(path string) bool { return path != "" && path[0] == '/' }

// show has g answer what comes from now on, and returns what did before.
func (f *front) show(g *generation) *generation { return f.current.Swap(g) }

// Serve implements highball.Handler.
func (f *front) Serve(w *highball.Response, r *highball.Request) error {
	g := f.enter()
	defer g.leave()
	switch r.Path() {
	case "*": // OPTIONS of the server as a whole (RFC 9110, section 9.3.7)
		w.Header().Set("Allow", "GET, HEAD, OPTIONS")
		w.SetStatus(204)
		return nil
	case "": // CONNECT, which is for proxies
		return &highball.Error{Status: 501}
	}
	return g.handler.Serve(w, r)
}

// ServeInline implements highball.InlineHandler. Nothing is counted: who takes a generation out of use waits until every loop has ended the turn
// that it was in.
func (f *front) ServeInline(w *highball.Response, r *highball.Request) bool {
	g := f.current.Load()
	return g.inline != nil && forSites(r.Path()) && g.inline.ServeInline(w, r)
}

// ServeLater implements highball.LaterHandler. What is begun here is counted by the application that it waits for.
func (f *front) ServeLater(t *highball.Turn, r *highball.Request, l highball.Later) highball.Pending {
	g := f.current.Load()
	if g.later == nil || !forSites(r.Path()) {
		return nil
	}
	return g.later.ServeLater(t, r, l)
}

// enter counts a request for the present generation, which is not done away with before leave is called.
func (f *front) enter() *generation {
	for {
		g := f.current.Load()
		g.inFlight.Add(1)
		if f.current.Load() == g {
			return g
		}
		g.leave() // it was taken out of use in between, perhaps by who has seen no request in it
	}
}
