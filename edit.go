package highball

import (
	"fmt"
	"io"
	"net/netip"
	"os"
	"strings"
	"time"

	"highball/internal/h1"
)

// What handlers that stand around another one do to a request and its response: the means of access rules, of proxies in
// front, of compression. All of it is undone by the server when a handler has declined to answer on the event loop, so that each of
// ServeInline, ServeLater and Serve does it anew.

// HeadEditor changes the heads of responses, whoever makes them.
type HeadEditor interface {
	// EditHead is called when the head of a response is decided, with the status and the fields that are about to leave; it may
	// change the fields. It must not block, and it must not keep h, nor, while the request is answered on an event loop, any
	// string from r. It is called again for the error page that takes the place of a response which could not be sent.
	EditHead(r *Request, status int, h *Header)
}

// Encoder encodes the bodies of responses.
type Encoder interface {
	// BeginEncoding is called when the head of a response that may have a body is decided, before any HeadEditor, with the length of
	// the body, or -1 where it is not known. It returns nil to leave the body as it is; else it has set the fields that the
	// encoding wants, and what it returns gets the body and writes to dst what is sent in its place.
	BeginEncoding(r *Request, status int, h *Header, length int64, dst io.Writer) Encoding
}

// Encoding encodes one body.
type Encoding interface {
	io.Writer
	// Flush writes what the body so far comes to.
	Flush() error
	// Close writes the end of the body.
	Close() error
	// Release is the last call, whether or not the body came to its end.
	Release()
}

// edits is what was done to a request and is to be done to its response.
type edits struct {
	editors  []HeadEditor
	encoder  Encoder
	client   netip.AddrPort
	scheme   string
	host     string
	user     string
	path     string // canonical, as it was before Rewrite
	rawPath  string
	query    string
	moved    bool          // by Rewrite
	told     bool          // by SetClient
	deadline time.Duration // for what begins on the event loop; 0 is the server's
	timed    bool          // by TimeResponse
	dirty    bool          // anything of this was set
}

// undo makes r what the client has sent.
func (r *Request) undo() {
	r.route, r.stack, r.sampled = nil, "", nil
	e := &r.edits
	if !e.dirty {
		return
	}
	if e.moved {
		r.path = e.path
	}
	if e.host != "" {
		r.hostKnown, r.hasHeader = false, false
	}
	clear(e.editors)
	*e = edits{editors: e.editors[:0]}
}

// keep prepares what was done to r for the time after ServeLater, when the read buffer that strings alias is used again.
func (e *edits) keep() {
	if !e.dirty {
		return
	}
	e.host, e.scheme, e.user = strings.Clone(e.host), strings.Clone(e.scheme), strings.Clone(e.user)
	e.path, e.rawPath, e.query, e.moved = "", "", "", false
}

// EditResponse has e edit the head of the response to r. Several are called in the order of these calls.
func (r *Request) EditResponse(e HeadEditor) {
	r.edits.editors, r.edits.dirty = append(r.edits.editors, e), true
}

// EncodeResponse has e encode the body of the response to r. It has no effect on an answer by a [Later]: a handler that would
// have its response encoded declines in ServeLater.
func (r *Request) EncodeResponse(e Encoder) { r.edits.encoder, r.edits.dirty = e, true }

// SetClient has the request come from addr, by scheme, and for host, of which a proxy in between has told. What is not valid or
// is empty leaves what was there.
func (r *Request) SetClient(addr netip.AddrPort, scheme, host string) {
	e := &r.edits
	e.dirty = true
	if addr.IsValid() {
		e.client, e.told = addr, true
		r.origin.setClient(addr)
	}
	if scheme != "" {
		e.scheme = scheme
	}
	if _, ok := h1.CanonicalHost(host); ok && host != "" {
		e.host, r.hostKnown = host, false
		r.Header().Set("Host", host)
	}
}

// PeerAddr returns the address at the other end of the connection, which is a proxy's where RemoteAddr is what that has told of the client. It
// is not valid for unix sockets.
func (r *Request) PeerAddr() netip.AddrPort { return r.origin.remote() }

// SetUser names the user that has made the request, for applications and the access log.
func (r *Request) SetUser(name string) {
	r.origin.hold()
	r.edits.user, r.edits.dirty = name, true
	r.origin.letGo()
}

// SetID names the request, as a trusted proxy does by X-Request-ID. A name that is longer than 128 bytes, or has other ones than visible ASCII
// without quotes and backslashes, has no effect.
func (r *Request) SetID(name string) {
	odd := func(c rune) bool { return c <= ' ' || c >= 0x7f || c == '"' || c == '\\' }
	if len(name) <= 128 && strings.IndexFunc(name, odd) < 0 {
		r.origin.setID(name)
	}
}

// User returns the user that SetUser has named, or "".
func (r *Request) User() string { return r.edits.user }

// Rewrite gives the request another path, percent-decoded, and another query, as it is sent. Target remains what was sent. It fails
// when the path has no canonical form.
func (r *Request) Rewrite(path, query string) error {
	raw := string(h1.AppendPath(nil, path))
	canonical, ok := h1.CanonicalPath(raw)
	if !ok || path == "" || path[0] != '/' || !h1.ValidFieldValue(query) || strings.ContainsAny(query, " #") {
		return fmt.Errorf("highball: %q cannot be a path, or %q a query", path, query)
	}
	e := &r.edits
	if !e.moved {
		e.path, e.moved, e.dirty = r.path, true, true
	}
	r.path, e.rawPath, e.query = canonical, raw, query
	return nil
}

// LimitBody sets the limit of the request's body to n bytes; a negative n takes it away. The error is an *Error of status 413 for a
// body that is declared to be larger, and also what Body returns once it turns out to be.
func (r *Request) LimitBody(n int64) error {
	r.body.limit = max(n, -1)
	if n >= 0 && r.body.size > n {
		return &Error{413, fmt.Errorf("the body of %d bytes exceeds the limit of %d", r.body.size, n)}
	}
	return nil
}

// Listener returns the address, as it was given to Listen, that the client has connected to, and "" under net/http's server.
func (r *Request) Listener() string { return r.origin.listener() }

// editing reports whether a response is to be changed on its way.
func (e *edits) editing() bool { return len(e.editors) > 0 || e.encoder != nil }

// edit does to the head, and to a complete body, what was asked for.
func (w *Response) edit(complete bool) error {
	e := &w.req.edits
	if e.encoder != nil && !bodyless(w.status) {
		if err := w.encode(e.encoder, complete); err != nil {
			return err
		}
	}
	for _, editor := range e.editors {
		editor.EditHead(w.req, w.status, &w.header)
	}
	return nil
}

// encode begins to encode the body, and does it at once to a complete one.
func (w *Response) encode(encoder Encoder, complete bool) error {
	length := w.length
	if complete && length < 0 {
		length = w.accepted
	}
	w.encoding = encoder.BeginEncoding(w.req, w.status, &w.header, length, (*encoded)(w))
	if w.encoding == nil {
		return nil
	}
	w.encodes, w.encodedLength = true, -1
	switch {
	case w.headOnly():
		w.endEncoding()
	case complete:
		body := w.buf
		w.buf = w.spare[:0]
		_, err := w.encoding.Write(body)
		if err == nil {
			err = w.encoding.Close()
		}
		w.spare = body[:0]
		w.endEncoding()
		w.encodedLength = int64(len(w.buf))
		return err
	}
	return nil
}

// endEncoding lets go of the encoding.
func (w *Response) endEncoding() {
	if w.encoding != nil {
		w.encoding.Release()
		w.encoding = nil
	}
}

// encoded is a Response as an encoding sees it: before the head has left it gathers, afterwards it sends.
type encoded Response

// Write implements io.Writer.
func (w *encoded) Write(p []byte) (int, error) {
	if w.stage == gathering {
		w.buf = append(w.buf, p...)
		return len(p), nil
	}
	if err := w.wire.data(p); err != nil {
		return 0, err
	}
	return len(p), nil
}

// data hands bytes of the body to the wire, encoded if they are to be.
func (w *Response) data(p []byte) error {
	if w.encoding != nil {
		_, err := w.encoding.Write(p)
		return w.fail(err)
	}
	return w.fail(w.wire.data(p))
}

// file hands bytes of a file to the wire, encoded if they are to be.
func (w *Response) file(f *os.File, offset, n int64) error {
	if w.encoding == nil {
		return w.fail(w.wire.file(f, offset, n))
	}
	copied, err := io.Copy(w.encoding, io.NewSectionReader(f, offset, n))
	if err == nil && copied < n {
		err = io.ErrUnexpectedEOF
	}
	return w.fail(err)
}

// wireLength returns the length of the body as the head will say it, or -1.
func (w *Response) wireLength(complete bool) int64 {
	switch {
	case w.encodes:
		return w.encodedLength
	case complete && w.length < 0 && !bodyless(w.status) && (!w.headOnly() || w.accepted > 0):
		return w.accepted // to HEAD, what GET would have sent
	}
	return w.length
}

// unfold makes a head that was prepared the head of w, to be edited.
func (w *Response) unfold(status int, fields []byte) {
	w.header.Reset()
	w.status = status
	for rest := aliasString(fields); rest != ""; {
		line, next, _ := strings.Cut(rest, "\r\n")
		if name, value, ok := strings.Cut(line, ": "); ok {
			w.header.Add(name, value)
		}
		rest = next
	}
}
