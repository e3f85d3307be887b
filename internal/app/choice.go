package app

import (
	"fmt"
	"slices"
	"strings"

	"highball"
)

// choice returns the handler of what answers at one path, no two for the same method.
func choice(places []*place) (highball.Handler, error) {
	if len(places) == 1 && places[0].methods == nil {
		return places[0].handler, nil
	}
	c := new(byMethod)
	for _, p := range places {
		if p.methods == nil {
			if c.other != nil {
				return nil, fmt.Errorf("two routes are for %q", p.host+p.path)
			}
			c.other = p.handler
		}
		for _, method := range p.methods {
			if c.named(method) != nil {
				return nil, fmt.Errorf("two routes are for %s %q", method, p.host+p.path)
			}
			c.of = append(c.of, methodHandler{method, p.handler})
		}
	}
	if get := c.named("GET"); get != nil && c.named("HEAD") == nil {
		c.of = append(c.of, methodHandler{"HEAD", get})
	}
	allow := make([]string, len(c.of))
	for i := range c.of {
		allow[i] = c.of[i].method
	}
	slices.Sort(allow)
	c.allow = strings.Join(allow, ", ")
	return c, nil
}

// byMethod chooses among handlers by the method. Without one for the others they are refused.
type byMethod struct {
	of    []methodHandler  // a few
	other highball.Handler // or nil
	allow string
}

// methodHandler is what answers requests of a method.
type methodHandler struct {
	method  string
	handler highball.Handler
}

var (
	_ highball.InlineHandler = (*byMethod)(nil)
	_ highball.LaterHandler  = (*byMethod)(nil)
)

// named returns the handler of those that name a method, or nil.
func (c *byMethod) named(method string) highball.Handler {
	for i := range c.of {
		if c.of[i].method == method {
			return c.of[i].handler
		}
	}
	return nil
}

// find returns the handler of a method, or nil.
func (c *byMethod) find(method string) highball.Handler {
	if h := c.named(method); h != nil {
		return h
	}
	return c.other
}

// Serve implements highball.Handler.
func (c *byMethod) Serve(w *highball.Response, r *highball.Request) error {
	h := c.find(r.Method())
	if h == nil {
		w.Header().Set("Allow", c.allow)
		return &highball.Error{Status: 405}
	}
	return h.Serve(w, r)
}

// ServeInline implements highball.InlineHandler, for handlers that do, and for refusals.
func (c *byMethod) ServeInline(w *highball.Response, r *highball.Request) bool {
	h := c.find(r.Method())
	if h == nil {
		w.Header().Set("Allow", c.allow)
		w.ErrorPage(405)
		return true
	}
	inline, ok := h.(highball.InlineHandler)
	return ok && inline.ServeInline(w, r)
}

// ServeLater implements highball.LaterHandler, for handlers that do.
func (c *byMethod) ServeLater(t *highball.Turn, r *highball.Request, l highball.Later) highball.Pending {
	if later, ok := c.find(r.Method()).(highball.LaterHandler); ok {
		return later.ServeLater(t, r, l)
	}
	return nil
}
