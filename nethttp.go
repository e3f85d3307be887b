package highball

import (
	"errors"
	"log/slog"
	"net/http"
	"net/url"
)

// FromHTTP returns a Handler that lets h, a handler of net/http, answer: a program moves over by changing
//
//	http.ListenAndServe(addr, h)
//
// to
//
//	highball.ListenAndServe(addr, highball.FromHTTP(h))
//
// A nil h is http.DefaultServeMux. What h sees is what net/http's own server would show it, with http.Flusher, http.Hijacker,
// io.ReaderFrom, io.StringWriter and everything that http.ResponseController offers, trailers in both directions, and
// http.LocalAddrContextKey, but not http.ServerContextKey, in the request's context. It differs in this:
//
//   - Deadlines.Handler applies, which net/http does not have. A handler that streams for longer calls SetWriteDeadline of
//     http.ResponseController: a later time, or none, moves the handler's deadline too.
//   - Deadlines that ResponseController sets count for reads and writes that begin afterwards.
//   - A panic before anything was sent is answered by 500; one with http.ErrAbortHandler cuts the connection.
//   - Header fields that HTTP does not permit, and statuses above 599, are answered by 500; net/http repairs or sends them.
//   - Request and response may always be read and written at the same time, see EnableFullDuplex.
//
// The wildcards of a Mux pattern are values of the http.Request, see PathValue.
func FromHTTP(h http.Handler) Handler {
	if h == nil {
		h = http.DefaultServeMux
	}
	if ours, ok := h.(*toHTTP); ok {
		return ours.handler
	}
	return &fromHTTP{h}
}

type fromHTTP struct{ handler http.Handler }

// Serve implements Handler.
func (a *fromHTTP) Serve(w *Response, r *Request) error {
	if r.Target() == "*" { // net/http's server answers for all of its handlers, too
		w.SetContentLength(0)
		return nil
	}
	g := new(guest)
	if err := g.begin(w, r); err != nil {
		return err
	}
	defer g.end()
	a.handler.ServeHTTP(&g.writer, &g.request)
	g.context.end()
	return g.writer.finish()
}

// guest is one exchange as a net/http handler sees it: all of it that can be is allocated at once. It is not used a second
// time, since handlers may keep parts of it for longer than they should: those are then cut off, and find nobody else's
// exchange.
//
// Several goroutines may use it at once: one that reads the request's body, one that writes the response, and any with the
// context. Each of the three has a lock, to be taken in this order.
type guest struct {
	request http.Request
	url     url.URL
	body    *httpBody // nil when the request has none
	writer  httpWriter
	context httpContext
	log     *slog.Logger
}

func (g *guest) begin(w *Response, r *Request) error {
	x, _ := r.origin.(*exchange)
	if x != nil {
		g.log = x.conn.srv.state.log
	} else {
		g.log = slog.Default()
	}
	g.context.origin, g.context.exchange = r.origin, x
	g.context.received = r.body.complete()
	g.writer.guest, g.writer.response, g.writer.exchange = g, w, x
	return g.makeRequest(r)
}

// end cuts the handler off, who has returned or panicked. It waits for a read of the body that another goroutine has under
// way.
func (g *guest) end() {
	g.context.end()
	if g.body != nil {
		g.body.end()
	}
	g.writer.end()
	if form := g.request.MultipartForm; form != nil {
		if err := form.RemoveAll(); err != nil {
			g.log.Error("removing a form's files failed", "err", err)
		}
	}
}

func isHTTPAbort(err error) bool { return errors.Is(err, http.ErrAbortHandler) }
