package app

import (
	"sync/atomic"

	"highball"
)

// front is the server's handler. It answers what is for the server rather than for a site, leaves the rest to
// the sites, and counts the requests that a goroutine is at work on; answers given inline are over before
// anybody could ask for the count.
type front struct {
	sites    highball.InlineHandler
	inFlight atomic.Int64
}

var _ highball.InlineHandler = (*front)(nil)

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
	return f.sites.ServeInline(w, r)
}
