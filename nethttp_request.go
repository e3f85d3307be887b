package highball

import (
	"net/http"
	"net/netip"
	"net/url"
	"strings"

	"highball/internal/h1"
)

// makeRequest makes g.request of r.
func (g *guest) makeRequest(r *Request) error {
	target := r.Target()
	if err := g.parseTarget(r, target); err != nil {
		return &Error{400, err}
	}
	template := http.Request{ // on the stack, as what WithContext makes of it: so its context is set without an allocation
		Method: r.Method(), URL: &g.url, Proto: r.Proto(), ProtoMajor: 1, ProtoMinor: r.ProtoMinor(),
		Header: httpHeader(r), Host: r.Host(), ContentLength: r.ContentLength(), Body: http.NoBody,
		Close: r.head.Close, RequestURI: target, RemoteAddr: g.remoteText(r), Pattern: r.Pattern(),
	}
	if !r.body.complete() {
		g.body = &httpBody{guest: g, body: &r.body}
		template.Body = g.body
	}
	if r.ContentLength() < 0 {
		template.TransferEncoding = []string{"chunked"}
		template.Header.Del("Transfer-Encoding")
		template.Trailer = announcedTrailer(template.Header)
		template.Header.Del("Trailer")
	}
	g.request = *template.WithContext(&g.context)
	if strings.IndexByte(g.request.Pattern, '{') >= 0 {
		setPathValues(&g.request, r)
	}
	return nil
}

// parseTarget sets g.url as url.ParseRequestURI would. Most targets need no parser.
func (g *guest) parseTarget(r *Request, target string) error {
	if path := r.RawPath(); r.head.Form == h1.OriginForm && plainPath(path) {
		g.url.Path, g.url.RawQuery = path, r.Query()
		g.url.ForceQuery = r.head.HasQuery && g.url.RawQuery == ""
		return nil
	}
	u, err := url.ParseRequestURI(target)
	if err != nil {
		return err
	}
	g.url = *u
	return nil
}

// plainPath reports whether a path is the same with and without escapes, and so in package url's eyes.
func plainPath(path string) bool {
	if path == "" || path[0] != '/' {
		return false
	}
	for i := range len(path) {
		switch c := path[i]; {
		case 'a' <= c && c <= 'z', '/' <= c && c <= '9', 'A' <= c && c <= 'Z', c == '-', c == '.', c == '_', c == '~':
		default:
			return false
		}
	}
	return true
}

// httpHeader returns the header of r as net/http shows it.
func httpHeader(r *Request) http.Header {
	n := len(r.head.Fields)
	if r.hasHeader { // a handler around this one may have changed it
		n = len(r.header.fields)
	}
	m := make(http.Header, max(n-1, 0))      // there is a Host
	values := make([]string, 0, max(n-1, 0)) // each key's first value; a second one makes a slice of its own
	for i := range n {
		name, value := fieldAt(r, i)
		if sameName(name, "Host") {
			continue
		}
		key := http.CanonicalHeaderKey(name)
		if before := m[key]; len(before) > 0 {
			m[key] = append(before, value)
			continue
		}
		values = append(values, value)
		m[key] = values[len(values)-1 : len(values) : len(values)]
	}
	if pragma := m["Pragma"]; len(pragma) > 0 && pragma[0] == "no-cache" && m["Cache-Control"] == nil {
		m["Cache-Control"] = []string{"no-cache"} // as net/http (RFC 9111, section 5.4)
	}
	return m
}

// fieldAt returns a field of r, without a Header being made for it.
func fieldAt(r *Request, i int) (name, value string) {
	if r.hasHeader {
		return r.header.fields[i].Name, r.header.fields[i].Value
	}
	f := &r.head.Fields[i]
	return f.Name.String(r.raw), f.Value.String(r.raw)
}

// announcedTrailer returns the names that a Trailer field announces as keys without values, or nil.
func announcedTrailer(h http.Header) http.Header {
	var m http.Header
	for name := range listed(h["Trailer"]) {
		if m == nil {
			m = make(http.Header)
		}
		m[http.CanonicalHeaderKey(name)] = nil
	}
	return m
}

// listed yields the elements of comma-separated lists.
func listed(values []string) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		for _, v := range values {
			for element := range strings.SplitSeq(v, ",") {
				if element = strings.Trim(element, " \t"); element != "" && !yield(element) {
					return
				}
			}
		}
	}
}

// remoteText returns the client's address, which a connection keeps as text.
func (g *guest) remoteText(r *Request) string {
	x := g.writer.exchange
	if x == nil || r.edits.told {
		return remoteText(r.RemoteAddr())
	}
	c := x.conn
	if c.remoteText == "" {
		c.remoteText = remoteText(c.remote)
	}
	return c.remoteText
}

// remoteText is an address as net/http writes it: "@" is the client of a unix socket.
func remoteText(a netip.AddrPort) string {
	if !a.IsValid() {
		return "@"
	}
	var text [len("[ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255%zone]:65535")]byte
	return string(a.AppendTo(text[:0]))
}

// setPathValues makes the wildcards of the Mux pattern {name} and {name...} values of the http.Request.
func setPathValues(req *http.Request, r *Request) {
	for rest := r.Pattern(); ; {
		_, behind, found := strings.Cut(rest, "{")
		if !found {
			return
		}
		name, next, _ := strings.Cut(behind, "}")
		if name = strings.TrimSuffix(name, "..."); name != "" && name != "$" {
			req.SetPathValue(name, r.PathValue(name))
		}
		rest = next
	}
}
