package compress

import (
	"io"
	"strconv"
	"strings"

	"highball"
)

// urgency says how much a client wants a body to be encoded.
type urgency uint8

const (
	optional urgency = iota
	demanded         // it does not take it otherwise
)

// encoder is one coding of a handler.
type encoder struct {
	*handler
	coding  coding
	urgency urgency
}

var _ highball.Encoder = (*encoder)(nil)

// BeginEncoding implements highball.Encoder. The answer to HEAD gets the head that the one to GET would have, but for the length.
func (e *encoder) BeginEncoding(r *highball.Request, status int, h *highball.Header, length int64, dst io.Writer) highball.Encoding {
	if length == 0 && r.Method() == "HEAD" {
		length = -1 // nothing was written, which says nothing of what GET would have
	}
	switch {
	case length == 0 || !encodable(status, h):
		return nil
	case e.urgency == demanded:
	case length > 0 && length < e.minSize || !anyContains(e.types, h.Value("Content-Type")):
		return nil
	}
	h.Set("Content-Encoding", tokens[e.coding])
	h.Del("Content-Length")
	h.Del("Accept-Ranges") // those of the plain body cannot be put together with parts of this one
	weaken(h)
	vary(h)
	return e.pools[e.coding].take(dst)
}

// EditHead implements highball.HeadEditor: it says of an answer that was not encoded that it could have been.
func (h *handler) EditHead(r *highball.Request, status int, head *highball.Header) {
	if status == 304 {
		revalidate(r, head)
		return
	}
	length := int64(-1)
	if n, err := strconv.ParseInt(head.Value("Content-Length"), 10, 64); err == nil {
		length = n
	}
	if encodable(status, head) && (length < 0 || length >= h.minSize) && anyContains(h.types, head.Value("Content-Type")) {
		vary(head)
	}
}

// encodable reports whether the body of a response may be replaced by an encoded one.
func encodable(status int, h *highball.Header) bool {
	if status < 200 || status >= 204 && status <= 206 || status == 304 { // without a body, or with a part of one
		return false
	}
	for _, name := range whole {
		if h.Has(name) {
			return false
		}
	}
	for value := range h.Values("Cache-Control") {
		if hasToken(value, "no-transform") { // RFC 9111, section 5.2.2.6
			return false
		}
	}
	return true
}

// whole are the fields that speak of the body as it is: that it is encoded, a part of one, or what its bytes come to (RFC 9530).
var whole = [...]string{"Content-Encoding", "Content-Range", "Content-Digest", "Repr-Digest"}

// weaken makes the entity tag a weak one: RFC 9110, section 8.8.1.
func weaken(h *highball.Header) {
	if tag := h.Value("ETag"); strings.HasPrefix(tag, `"`) {
		h.Set("ETag", "W/"+tag)
	}
}

// vary has caches keep the answer for requests with the same Accept-Encoding: RFC 9110, section 12.5.5.
func vary(h *highball.Header) {
	for value := range h.Values("Vary") {
		if hasToken(value, "Accept-Encoding") || hasToken(value, "*") {
			return
		}
	}
	h.Add("Vary", "Accept-Encoding")
}

// revalidate names the tag in a 304 that the client has asked about, if that is the one of an encoded answer. A cache
// would look for the strong one in vain (RFC 9111, section 4.3.4).
func revalidate(r *highball.Request, h *highball.Header) {
	tag := h.Value("ETag")
	if !strings.HasPrefix(tag, `"`) {
		return
	}
	for asked := range r.Header().Values("If-None-Match") {
		if i := strings.Index(asked, tag); i >= 2 && asked[i-2:i] == "W/" {
			weaken(h)
			vary(h)
			return
		}
	}
}

// hasToken reports whether a list has the token, in any case.
func hasToken(list, token string) bool {
	for list != "" {
		var element string
		element, list, _ = strings.Cut(list, ",")
		if strings.EqualFold(trimSpace(element), token) {
			return true
		}
	}
	return false
}
