package otlp

import (
	"encoding/binary"
	"math/rand/v2"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"time"

	common "go.opentelemetry.io/proto/otlp/common/v1"
	resource "go.opentelemetry.io/proto/otlp/resource/v1"
	trace "go.opentelemetry.io/proto/otlp/trace/v1"

	"highball/internal/observe"
)

// textBound is how many bytes of a text are sent at most.
const textBound = 2 << 10

// request is what a request leaves until it is sent. It aliases nothing of its record.
type request struct {
	from     parent // the zero value for a trace that begins here
	state    string
	time     time.Time
	duration time.Duration
	spans    observe.Spans
	remote   netip.AddrPort
	route    *observe.Route
	id       string
	method   string
	target   string
	host     string
	agent    string
	minor    uint8
	status   int
	sent     int64
	received int64
	aborted  bool
}

// newRequest copies what is sent of a record.
func newRequest(r *observe.Record, from parent) *request {
	q := &request{
		from: from, time: r.Time, duration: max(r.Duration, 0), spans: r.Spans, remote: r.Remote, route: r.Route, minor: r.Minor, status: r.Status,
		sent: r.Bytes, received: r.Received, aborted: r.Aborted,
	}
	if from != (parent{}) {
		q.state = strings.Clone(parseTracestate(r.Tracestate))
	}
	texts := [...]struct {
		to   *string
		text string
	}{{&q.method, r.Method}, {&q.target, r.Target}, {&q.host, r.Host}, {&q.agent, r.UserAgent}}
	var room [96]byte
	id := r.ID.Append(room[:0])
	var all strings.Builder
	for _, t := range texts {
		all.WriteString(bounded(t.text))
	}
	all.Write(id[:min(len(id), textBound)])
	rest := all.String()
	for _, t := range texts {
		n := len(bounded(t.text))
		*t.to, rest = rest[:n], rest[n:]
	}
	q.id = rest
	return q
}

func bounded(s string) string { return s[:min(len(s), textBound)] }

// message returns the spans of a batch.
func message(o Options, batch []*request) *trace.TracesData {
	var spans []*trace.Span
	for _, q := range batch {
		spans = q.append(spans, o.Masks)
	}
	attributes := []*common.KeyValue{text("service.name", o.Service)}
	if o.Version != "" {
		attributes = append(attributes, text("service.version", o.Version))
	}
	return &trace.TracesData{ResourceSpans: []*trace.ResourceSpans{{
		Resource:   &resource.Resource{Attributes: attributes},
		ScopeSpans: []*trace.ScopeSpans{{Scope: &common.InstrumentationScope{Name: "highball", Version: o.Version}, Spans: spans}},
	}}}
}

// Flags of a span beside those of W3C (opentelemetry.proto.trace.v1.SpanFlags).
const (
	parentIsKnown  = 0x100 // parentIsRemote means something
	parentIsRemote = 0x200
)

// append appends the span of the request, and a child for each of its phases.
func (q *request) append(all []*trace.Span, masks *observe.Masks) []*trace.Span {
	begun := uint64(max(q.time.UnixNano(), 0))
	s := &trace.Span{
		TraceId: q.from.trace[:], SpanId: newSpanID(), TraceState: q.state, Flags: uint32(q.from.flags) | parentIsKnown,
		Name: q.name(), Kind: trace.Span_SPAN_KIND_SERVER, StartTimeUnixNano: begun, EndTimeUnixNano: begun + uint64(q.duration),
		Attributes: q.attributes(masks), Status: q.outcome(),
	}
	if q.from == (parent{}) {
		s.TraceId, s.Flags = newTraceID(), sampled|parentIsKnown
	} else {
		s.ParentSpanId = q.from.span[:]
		s.Flags |= parentIsRemote
	}
	all = append(all, s)
	for phase, span := range q.spans {
		if span <= 0 {
			continue
		}
		all = append(all, &trace.Span{
			TraceId: s.TraceId, SpanId: newSpanID(), ParentSpanId: s.SpanId, TraceState: q.state, Flags: s.Flags &^ parentIsRemote,
			Name: observe.Phase(phase).String(), Kind: trace.Span_SPAN_KIND_INTERNAL, StartTimeUnixNano: begun, EndTimeUnixNano: begun + uint64(span),
		})
		begun += uint64(span)
	}
	return all
}

// name returns the span's name (semantic conventions for HTTP spans, "Name").
func (q *request) name() string {
	method := q.method
	if !isMethod(method) {
		method = "HTTP"
	}
	if q.route == nil || q.route.Path == "" {
		return method
	}
	return method + " " + q.route.Path
}

// attributes returns what the semantic conventions for HTTP server spans have.
func (q *request) attributes(masks *observe.Masks) []*common.KeyValue {
	method := q.method
	if !isMethod(method) {
		method = "_OTHER"
	}
	path, query, queried := strings.Cut(originForm(q.target), "?")
	all := []*common.KeyValue{
		text("http.request.method", method),
		text("url.scheme", "http"),
		text("url.path", path),
		text("network.protocol.version", "1."+strconv.Itoa(int(q.minor))),
		number("http.response.body.size", q.sent),
		number("http.request.body.size", q.received),
		text("highball.request_id", q.id),
	}
	add := func(name, value string) {
		if value != "" {
			all = append(all, text(name, value))
		}
	}
	if method != q.method {
		add("http.request.method_original", q.method)
	}
	if queried {
		add("url.query", string(masks.AppendTarget(nil, "?"+query)[1:]))
	}
	if q.status != 0 {
		all = append(all, number("http.response.status_code", int64(q.status)))
	}
	if q.route != nil {
		add("http.route", q.route.Path)
		add("highball.site", q.route.Site)
	}
	address, port := splitHost(q.host)
	add("server.address", address)
	if n, err := strconv.ParseUint(port, 10, 16); err == nil {
		all = append(all, number("server.port", int64(n)))
	}
	if client := q.remote.Addr(); client.IsValid() {
		add("client.address", client.Unmap().WithZone("").String())
	}
	add("user_agent.original", q.agent)
	add("error.type", q.fault())
	return all
}

// fault returns what kind of failure the request is, "" for none. What a client has done wrong is no failure of a server.
func (q *request) fault() string {
	switch {
	case q.status >= 500:
		return strconv.Itoa(q.status)
	case q.status == 0:
		return "no_answer"
	case q.aborted:
		return "aborted"
	}
	return ""
}

func (q *request) outcome() *trace.Status {
	switch q.fault() {
	case "":
		return nil
	case "no_answer":
		return &trace.Status{Code: trace.Status_STATUS_CODE_ERROR, Message: "there was no answer"}
	case "aborted":
		return &trace.Status{Code: trace.Status_STATUS_CODE_ERROR, Message: "the answer was cut short"}
	}
	return &trace.Status{Code: trace.Status_STATUS_CODE_ERROR} // the status code says it
}

// originForm returns a target without the scheme and the authority that the absolute form has (RFC 9112, section 3.2.2).
func originForm(target string) string {
	if _, rest, absolute := strings.Cut(target, "://"); absolute && target[0] != '/' {
		if i := strings.IndexAny(rest, "/?"); i >= 0 {
			return rest[i:]
		}
		return "/"
	}
	return target
}

// splitHost splits an authority; the port is "" if there is none.
func splitHost(host string) (address, port string) {
	if address, port, err := net.SplitHostPort(host); err == nil {
		return address, port
	}
	return strings.Trim(host, "[]"), ""
}

// isMethod reports whether a method is one that the conventions know by name (RFC 9110, RFC 5789).
func isMethod(s string) bool {
	switch s {
	case "GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH", "QUERY":
		return true
	}
	return false
}

// text returns an attribute. Protocol buffers have strings in UTF-8.
func text(name, value string) *common.KeyValue {
	return &common.KeyValue{Key: name, Value: &common.AnyValue{Value: &common.AnyValue_StringValue{StringValue: strings.ToValidUTF8(value, "\uFFFD")}}}
}

func number(name string, value int64) *common.KeyValue {
	return &common.KeyValue{Key: name, Value: &common.AnyValue{Value: &common.AnyValue_IntValue{IntValue: value}}}
}

// newTraceID returns a random id that is not zero.
func newTraceID() []byte {
	return binary.BigEndian.AppendUint64(newSpanID(), rand.Uint64())
}

func newSpanID() []byte {
	for {
		if n := rand.Uint64(); n != 0 {
			return binary.BigEndian.AppendUint64(nil, n)
		}
	}
}
