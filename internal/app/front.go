package app

import (
	"sync/atomic"

	"highball"
)

// front is the server's handler. It answers what is for the server rather than for a site, leaves the rest to
// the sites, in whatever way they can, and counts the requests that a goroutine is at work on; answers given inline are over before
// anybody could ask for the count.
type front struct {
	sites    highball.Handler
	inline   highball.InlineHandler // sites, or nil
	later    highball.LaterHandler  // sites, or nil
	inFlight atomic.Int64
}

var (
	_ highball.InlineHandler = (*front)(nil)
	_ highball.LaterHandler  = (*front)(nil)
)

func newFront(sites highball.Handler) *front {
	f := &front{sites: sites}
	f.inline, _ = sites.(highball.InlineHandler)
	f.later, _ = sites.(highball.LaterHandler)
	return f
}

// forSites reports whether a path is one of a site, and not "*" (OPTIONS of the server) or nothing (CONNECT).
func forSites(path string) bool { return path != "" && path[0] == '/' }

func (f *front) Serve(w *highball.Response, r *highball.Request) error {
	f.inFlight.Add(1)
	defer f.inFlight.Add(-1)
	switch r.Path() {
	case "*": // OPTIONS of the server as a whole (RFC 9110, section 9.3.7)
		w.Header().Set("Allow", "GET, HEAD, OPTIONS")
		w.SetStatus(204)
		return nil
	case "": // CONNECT, which is for proxies
		return &highball.Error{Status: 501}
	}
	return f.sites.Serve(w, r)
}

func (f *front) ServeInline(w *highball.Response, r *highball.Request) bool {
	return f.inline != nil && forSites(r.Path()) && f.inline.ServeInline(w, r)
}

func (f *front) ServeLater(t *highball.Turn, r *highball.Request, l highball.Later) highball.Pending {
	if f.later == nil || !forSites(r.Path()) {
		return nil
	}
	return f.later.ServeLater(t, r, l)
}
