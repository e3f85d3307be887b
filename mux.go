package highball

import (
	"strings"

	"highball/internal/h1"
	"highball/internal/route"
)

// Mux chooses a handler by method, host and path. Its patterns are those of net/http's ServeMux,
//
//	[METHOD ][HOST]/[PATH]
//
// with the wildcards {name} for one segment, {name...} for the rest of the path and {$} for the end after a slash; a
// host may also begin with "*." for every name below it. The most specific pattern wins, in whatever order they were
// added. GET includes HEAD; a path whose pattern only lacks its final slash is redirected; a path that matches with
// another method only is answered by 405.
//
// All patterns must be added before the Mux serves.
type Mux struct {
	tree route.Tree[Handler]
}

// NewMux returns an empty Mux, which answers 404.
func NewMux() *Mux { return new(Mux) }

// Handle adds a handler. It fails on a malformed pattern and on one that conflicts with an earlier one.
func (m *Mux) Handle(pattern string, h Handler) error { return m.tree.Add(pattern, h) }

// HandleFunc adds a function as a handler.
func (m *Mux) HandleFunc(pattern string, f func(w *Response, r *Request) error) error {
	return m.Handle(pattern, HandlerFunc(f))
}

// Serve implements Handler.
func (m *Mux) Serve(w *Response, r *Request) error {
	if m.tree.Lookup(r.Method(), r.Hostname(), r.Path(), &r.match) {
		return r.match.Value.Serve(w, r)
	}
	return m.miss(w, r)
}

// ServeInline implements InlineHandler: for handlers that do, and for paths that none of them has.
func (m *Mux) ServeInline(w *Response, r *Request) bool {
	if m.tree.Lookup(r.Method(), r.Hostname(), r.Path(), &r.match) {
		h, ok := r.match.Value.(InlineHandler)
		return ok && h.ServeInline(w, r)
	}
	if err := m.miss(w, r); err != nil {
		w.ErrorPage(statusOf(err))
	}
	return true
}

// ServeLater implements LaterHandler, for handlers that do.
func (m *Mux) ServeLater(t *Turn, r *Request, l Later) Pending {
	if m.tree.Lookup(r.Method(), r.Hostname(), r.Path(), &r.match) {
		if h, ok := r.match.Value.(LaterHandler); ok {
			return h.ServeLater(t, r, l)
		}
	}
	return nil
}

// miss answers a request that no pattern matches.
func (m *Mux) miss(w *Response, r *Request) error {
	switch found := &r.match; {
	case found.TrailingSlash:
		w.Redirect(308, slashLocation(r))
		return nil
	case len(found.Allow) > 0:
		w.Header().Set("Allow", strings.Join(found.Allow, ", "))
		return &Error{Status: 405}
	}
	return &Error{Status: 404}
}

// slashLocation is the request's path, in its canonical form, with a slash behind it, and its query.
func slashLocation(r *Request) string {
	b := h1.AppendPath(nil, r.Path())
	b = append(b, '/')
	if r.head.HasQuery {
		b = append(append(b, '?'), r.Query()...)
	}
	return string(b)
}
