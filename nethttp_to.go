package highball

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"time"

	"highball/internal/h1"
)

// ToHTTP returns a handler of net/http that lets h answer: under net/http's server, within its ServeMux, behind its
// middleware. h sees the URL as that middleware has left it (http.StripPrefix), and answers as it does under a Server, with
// these differences: the server's deadlines are net/http's, ExtendDeadline sets its read and write deadlines; errors are
// logged by http.Server.ErrorLog, else slog.Default(); ServeInline is not used. HTTP/2 requests look like HTTP/1.1. A nil h answers 404.
func ToHTTP(h Handler) http.Handler {
	if h == nil {
		h = Status(404)
	}
	if theirs, ok := h.(*fromHTTP); ok {
		return theirs.handler
	}
	return &toHTTP{h}
}

type toHTTP struct{ handler Handler }

// visit is one exchange under net/http's server.
type visit struct {
	head h1.Head
	req  Request
	res  Response
	wire httpWire
	from httpOrigin
	body httpSource
}

// ServeHTTP implements http.Handler.
func (a *toHTTP) ServeHTTP(rw http.ResponseWriter, req *http.Request) {
	v := new(visit)
	v.wire = httpWire{writer: rw, control: http.NewResponseController(rw)}
	v.from = httpOrigin{req: req, control: v.wire.control}
	err := v.begin(req)
	if err == nil {
		err = v.handle(a.handler)
	}
	if v.res.stage == hijacked {
		return
	}
	if err == nil {
		err = v.res.finish()
	}
	if err != nil {
		v.explain(req, err)
	}
}

// begin makes the Request and the Response.
func (v *visit) begin(req *http.Request) error {
	raw, refusal := v.parse(req)
	if refusal != nil {
		v.head.Reset()
		raw = ""
	}
	canonical := v.req.begin(&v.head, raw, &v.from)
	v.req.body.begin(&v.head, &v.body, 0, nil)
	v.res.begin(&v.req, &v.wire)
	if !canonical && refusal == nil {
		refusal = &Error{400, errors.New("the path has no canonical form")}
	}
	if v.head.Known == h1.MethodConnect {
		refusal = &Error{501, errors.New("this server is no proxy: CONNECT is refused")}
	}
	if refusal != nil {
		v.res.closing = true
		return refusal
	}
	v.body = httpSource{req, &v.req.body}
	if req.Body == nil {
		v.req.body.becomeStream(0)
	} else {
		v.req.body.becomeStream(req.ContentLength)
	}
	return nil
}

// handle calls the handler and turns a panic into an error.
func (v *visit) handle(h Handler) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = panicked(p)
		}
	}()
	return h.Serve(&v.res, &v.req)
}

// explain answers a handler's error with its page, or has net/http's server cut the connection.
func (v *visit) explain(req *http.Request, err error) {
	w := &v.res
	if errors.Is(err, ErrAbort) || errors.Is(err, ErrClientLeft) {
		panic(http.ErrAbortHandler)
	}
	status := statusOf(err)
	if status >= 500 && status != 501 || w.Started() {
		logHTTP(req, status, err)
	}
	if w.Started() {
		panic(http.ErrAbortHandler)
	}
	if status == 408 || status == 413 {
		w.closing = true
	}
	if w.answerError(status) != nil {
		panic(http.ErrAbortHandler)
	}
}

// logHTTP tells of a handler's error where the server of req logs.
func logHTTP(req *http.Request, status int, err error) {
	if server, ok := req.Context().Value(http.ServerContextKey).(*http.Server); ok && server.ErrorLog != nil {
		server.ErrorLog.Printf("highball: handler failed: %s %q: status %d: %v", req.Method, req.RequestURI, status, err)
		return
	}
	slog.Default().Error("handler failed", "method", req.Method, "target", req.RequestURI, "status", status, "err", err)
}

// httpOrigin is what a Request knows of the http.Request that it came by.
type httpOrigin struct {
	req     *http.Request
	control *http.ResponseController
	given   string // the request's id, once it was asked for
}

func (o *httpOrigin) remote() netip.AddrPort {
	a, _ := netip.ParseAddrPort(o.req.RemoteAddr) // what is none, is not valid
	return a
}

func (o *httpOrigin) local() netip.AddrPort {
	a, _ := o.req.Context().Value(http.LocalAddrContextKey).(net.Addr)
	return addrPortOf(a)
}

func (o *httpOrigin) scheme() string {
	if o.req.TLS != nil {
		return "https"
	}
	return "http"
}

// appendID appends an id by chance, since there is no connection to be seen.
func (o *httpOrigin) appendID(dst []byte) []byte {
	if o.given == "" {
		o.given = newEpoch() + newEpoch()
	}
	return append(dst, o.given...)
}

func (o *httpOrigin) listener() string { return "" }

func (o *httpOrigin) setID(name string) { o.given = name }

func (o *httpOrigin) setClient(netip.AddrPort) {} // nobody else is to know

func (o *httpOrigin) context() context.Context { return o.req.Context() }

func (o *httpOrigin) took(time.Duration)   {} // nor does it measure phases
func (o *httpOrigin) waited(time.Duration) {}

func (o *httpOrigin) hold()  {} // nobody else looks
func (o *httpOrigin) letGo() {}

func (o *httpOrigin) onDeadline(func()) {} // net/http's server has no deadline for handlers

func (o *httpOrigin) extendDeadline(d time.Duration) {
	var t time.Time
	if d >= 0 {
		t = time.Now().Add(d)
	}
	// A writer that knows no deadlines has none to extend.
	_ = o.control.SetReadDeadline(t)
	_ = o.control.SetWriteDeadline(t)
}

// httpSource is where the body of a request of net/http comes from, which is free of framing.
type httpSource struct {
	req  *http.Request
	body *body
}

var _ source = (*httpSource)(nil)

func (s *httpSource) buffered() []byte { return nil }
func (s *httpSource) consume(int)      {}
func (s *httpSource) fill() error      { return io.ErrUnexpectedEOF }

func (s *httpSource) read(p []byte) (int, error) {
	n, err := s.req.Body.Read(p)
	var large *http.MaxBytesError
	switch {
	case n > 0:
		return n, nil // the error comes again
	case err == io.EOF:
		for name, values := range s.req.Trailer {
			for _, value := range values {
				s.body.trailer.Add(name, value)
			}
		}
	case errors.As(err, &large):
		err = &Error{413, err}
	}
	return n, err
}
