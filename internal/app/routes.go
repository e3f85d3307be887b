package app

import (
	"fmt"
	"net/url"
	"strings"

	"highball"
	"highball/internal/config"
)

// handlerOf opens what a route of a site leads to.
func (o *opening) handlerOf(s *config.Site, r *config.Route) (highball.Handler, error) {
	switch {
	case r.App != "":
		return o.application(r)
	case r.Root != "":
		h, err := o.openFolder(staticConfig(o.c, s, o.log), r)
		if err == nil {
			o.look(s, r)
		}
		return h, err
	case r.CGI != "":
		return o.openScripts(r)
	case r.Redirect != "":
		return redirect(r), nil
	case r.Respond != nil:
		return o.respond(r)
	case r.Metrics:
		return o.ledger.Handler(), nil
	}
	return highball.Status(r.Status), nil
}

// application returns the handler of a route's application: mounted at a path that it has all of, or with nothing taken from a single path.
func (o *opening) application(r *config.Route) (highball.Handler, error) {
	if app := o.apps.find(r.App); app != nil {
		return app.Handler(mountOf(r)), nil
	}
	for i := range o.c.Apps {
		if o.c.Apps[i].Name == r.App {
			return nil, nil // it could not be opened, which was said there
		}
	}
	return nil, fmt.Errorf("route %q: there is no application %q", r.Path, r.App)
}

// redirect returns the handler of a redirect.
func redirect(r *config.Route) highball.Handler {
	if strings.HasSuffix(r.Path, "/") && strings.HasSuffix(r.Redirect, "/") {
		return &moved{status: r.Status, from: r.Path, to: r.Redirect}
	}
	return highball.Redirect(r.Status, r.Redirect)
}

// moved redirects a path and all that lies below it to where the same is found below another.
type moved struct {
	status   int
	from, to string // each with a slash at its end
}

var _ highball.InlineHandler = (*moved)(nil)

// Serve implements highball.Handler.
func (m *moved) Serve(w *highball.Response, r *highball.Request) error {
	m.ServeInline(w, r)
	return nil
}

// ServeInline implements highball.InlineHandler.
func (m *moved) ServeInline(w *highball.Response, r *highball.Request) bool {
	w.Redirect(m.status, m.location(r.Path(), r.Query()))
	return true
}

// location returns where a path has moved. Paths come without empty segments, so that what is put behind "/" never begins with a
// slash, which would name another host.
func (m *moved) location(path, query string) string {
	location := m.to
	if rest, below := strings.CutPrefix(path, m.from); below {
		location += strings.TrimPrefix((&url.URL{Path: "/" + strings.TrimLeft(rest, "/")}).EscapedPath(), "/")
	}
	if query != "" {
		location += "?" + query
	}
	return location
}

// respond returns the handler of a fixed answer.
func (o *opening) respond(r *config.Route) (highball.Handler, error) {
	o.header.Set("Content-Type", r.Respond.Type)
	o.header.Set("X-Content-Type-Options", "nosniff")
	p, err := highball.Prepare(r.Status, &o.header, []byte(r.Respond.Body))
	return fixed{p}, err
}

// fixed answers every request alike.
type fixed struct{ answer *highball.Prepared }

var _ highball.InlineHandler = fixed{}

// Serve implements highball.Handler.
func (f fixed) Serve(w *highball.Response, _ *highball.Request) error { return w.Send(f.answer) }

// ServeInline implements highball.InlineHandler.
func (f fixed) ServeInline(w *highball.Response, _ *highball.Request) bool {
	return w.Send(f.answer) == nil
}
