package highball

import (
	"context"
	"io"
	"net/netip"
	"time"

	"highball/internal/h1"
	"highball/internal/observe"
	"highball/internal/route"
)

// Request is one request as its handler sees it. It belongs to the server and must not be used after the handler has
// returned. Its methods are for the handler's goroutine alone, except those of the Context's value.
type Request struct {
	head *h1.Head
	raw  string // the bytes of the head: a copy, or, inline, an alias of the read buffer

	path      string // canonical; set when the request begins
	host      string // canonical host name, computed on first use
	hostKnown bool
	header    Header
	hasHeader bool
	match     route.Match[Handler] // set by a Mux

	route *observe.Route // what answers, for logs; others may look at it under hold
	stack string         // see SetStack

	sampled Sampled // see OnInterruption; nil if there is none

	body     body
	arriving bool // see Arriving
	edits    edits
	origin   origin
}

// origin is what a request knows of the exchange that it came by: its connection, or net/http's request.
type origin interface {
	remote() netip.AddrPort
	local() netip.AddrPort
	scheme() string
	appendID(dst []byte) []byte
	listener() string
	setClient(addr netip.AddrPort)
	setID(name string)
	context() context.Context
	extendDeadline(d time.Duration)
	onDeadline(report func())
	// hold keeps others from looking at what the handler changes, until letGo.
	hold()
	letGo()
	took(d time.Duration)
	waited(d time.Duration)
}

// Method returns the request's method, such as "GET". Methods are case-sensitive (RFC 9110, section 9.1).
func (r *Request) Method() string {
	if m := r.head.Known; m != h1.MethodOther {
		return m.String()
	}
	return r.head.Method.String(r.raw)
}

// Target returns the request target as it was sent.
func (r *Request) Target() string { return r.head.Target.String(r.raw) }

// Path returns the path in the server's one canonical form: percent-decoded once, repeated slashes merged, dot segments
// removed. It starts with "/", and keeps a trailing slash. It may hold any byte but NUL. For "OPTIONS *" it is "*",
// for CONNECT it is empty.
func (r *Request) Path() string { return r.path }

// RawPath returns the path as it was sent, or as Rewrite has it.
func (r *Request) RawPath() string {
	if r.edits.moved {
		return r.edits.rawPath
	}
	return r.head.Path.String(r.raw)
}

// Query returns the query as it was sent, or as Rewrite has it, without "?".
func (r *Request) Query() string {
	if r.edits.moved {
		return r.edits.query
	}
	return r.head.Query.String(r.raw)
}

// Host returns the authority the request is for, with its port, as it was sent: that of an absolute target, else
// the Host field, or what SetClient has put in its place. It may be empty on HTTP/1.0 only.
func (r *Request) Host() string {
	if r.edits.host != "" {
		return r.edits.host
	}
	return r.head.Host.String(r.raw)
}

// Hostname returns Host in canonical form: lower case, without port and final dot.
func (r *Request) Hostname() string {
	if !r.hostKnown {
		r.host, _ = h1.CanonicalHost(r.Host())
		r.hostKnown = true
	}
	return r.host
}

// ProtoMinor returns the minor version of the client's HTTP/1: 0 or 1.
func (r *Request) ProtoMinor() int { return int(r.head.Minor) }

// Proto returns the client's protocol version, "HTTP/1.0" or "HTTP/1.1".
func (r *Request) Proto() string {
	if r.head.Minor == 0 {
		return "HTTP/1.0"
	}
	return "HTTP/1.1"
}

// Scheme returns "http" or "https".
func (r *Request) Scheme() string {
	if r.edits.scheme != "" {
		return r.edits.scheme
	}
	return r.origin.scheme()
}

// Header returns the request's header fields, Host among them. A handler may change it; nobody else looks.
func (r *Request) Header() *Header {
	if !r.hasHeader {
		r.hasHeader = true
		fields := r.header.fields[:0]
		for i := range r.head.Fields {
			f := &r.head.Fields[i]
			fields = append(fields, Field{f.Name.String(r.raw), f.Value.String(r.raw)})
		}
		r.header.fields, r.header.changed = fields, false
	}
	return &r.header
}

// FieldLines returns the lines of the request's header as they were sent, the last, empty one included; ok is false if a handler has changed Header since, or if it is not
// known. What equal lines say is equal.
func (r *Request) FieldLines() (lines string, ok bool) {
	if len(r.head.Fields) == 0 || r.hasHeader && r.header.changed || r.head.Size > len(r.raw) {
		return "", false
	}
	return r.raw[r.head.Fields[0].Name.Off:r.head.Size], true
}

// ContentLength returns the length of the body in bytes, 0 where there is none, and -1 where it is not known beforehand.
func (r *Request) ContentLength() int64 { return r.body.length() }

// Body returns the request's body. Reading waits for the client; a read fails with an *Error of status 400 when the
// client breaks the framing, 408 when it is too slow, 413 when the body exceeds Limits.Body, and with
// io.ErrUnexpectedEOF when it leaves early. What is not read is dropped when the handler has returned. The first read
// sends "100 Continue" to a client that waits for it.
func (r *Request) Body() io.Reader { return &r.body }

// Arriving reports, in ServeLater, whether not all of the body has arrived: see [LaterHandler].
func (r *Request) Arriving() bool { return r.arriving }

// ID returns the request's name, which no other request has: what SetID has given, or a name of the server's own, which begins with
// its connection's.
func (r *Request) ID() string { return string(r.AppendID(nil)) }

// AppendID appends ID to dst.
func (r *Request) AppendID(dst []byte) []byte {
	return r.origin.appendID(dst)
}

// Trailer returns the fields that followed a chunked body, once Body has returned io.EOF. They are never merged into
// Header (RFC 9110, section 6.5.1).
func (r *Request) Trailer() *Header { return &r.body.trailer }

// RemoteAddr returns the client's address: that of the peer, or what SetClient has put in its place. It is not valid for unix
// sockets.
func (r *Request) RemoteAddr() netip.AddrPort {
	if r.edits.told {
		return r.edits.client
	}
	return r.origin.remote()
}

// LocalAddr returns the address that the client connected to; it is not valid for unix sockets.
func (r *Request) LocalAddr() netip.AddrPort { return r.origin.local() }

// Context returns a context that ends when the client leaves, when the handler's deadline passes, and when the
// handler returns. It must not be called from ServeInline.
func (r *Request) Context() context.Context { return r.origin.context() }

// ExtendDeadline gives the handler d from now in place of what is left of Deadlines.Handler; a negative d takes the
// deadline away. Handlers that stream without end (server-sent events) want this. In ServeLater it is for the request that it
// begins.
func (r *Request) ExtendDeadline(d time.Duration) { r.origin.extendDeadline(d) }

// OnDeadline has report called when the handler's deadline passes, in place of the log record that the server would write: for a
// handler that knows better what kept it. It is called on an event loop, while the handler may still run, and must not block.
func (r *Request) OnDeadline(report func()) { r.origin.onDeadline(report) }

// Took says that it took d to make the answer, or its beginning. What was before that was waiting for somebody to make it: for the logs,
// the phase queue and not app.
func (r *Request) Took(d time.Duration) { r.origin.took(d) }

// Waited says that d of the time in Serve, before anything of the answer was written, was waiting for somebody to make it: for the logs, the phase
// queue and not app. It adds to what was said before.
func (r *Request) Waited(d time.Duration) { r.origin.waited(d) }

// PathValue returns the value of the named wildcard of the pattern that matched, or "".
func (r *Request) PathValue(name string) string {
	value, _ := r.match.PathValue(name)
	return value
}

// Pattern returns the Mux pattern that matched, or "".
func (r *Request) Pattern() string { return r.match.Pattern }

// begin makes r the request that head describes, with raw the bytes of the head. It fails when the path has no
// canonical form.
func (r *Request) begin(head *h1.Head, raw string, o origin) bool {
	r.head, r.raw, r.origin = head, raw, o
	r.hostKnown, r.hasHeader = false, false
	r.host = ""
	if head.Form == h1.AuthorityForm {
		r.path = ""
		return true
	}
	if head.Form == h1.AsteriskForm {
		r.path = "*"
		return true
	}
	path, ok := h1.CanonicalPath(head.Path.String(raw))
	r.path = path
	return ok
}

// end drops what r refers to, so that a pooled request keeps nothing alive.
func (r *Request) end() {
	r.raw, r.path, r.host = "", "", ""
	r.hostKnown, r.hasHeader = false, false
	r.undo()
	r.header.Reset()
	r.match = route.Match[Handler]{Allow: r.match.Allow[:0]}
	r.origin = nil
	r.body.end()
}
