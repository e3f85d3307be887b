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
	template := http.Request{
		Method: r.Method(), URL: &g.url, Proto: r.Proto(), ProtoMajor: 1, ProtoMinor: r.ProtoMinor(),
		Header: httpHeader(r.Header()), Host: r.Host(), ContentLength: r.ContentLength(), Body: http.NoBody,
		Close: r.head.Close, RequestURI: target, RemoteAddr: remoteText(r.RemoteAddr()), Pattern: r.Pattern(),
	}
	if !r.body.complete() {
		template.Body = &g.body
	}
	if r.ContentLength() < 0 {
		template.TransferEncoding = []string{"chunked"}
		template.Header.Del("Transfer-Encoding")
		template.Trailer = announcedTrailer(template.Header)
		template.Header.Del("Trailer")
	}
	g.request = template.WithContext(&g.context)
	if strings.IndexByte(template.Pattern, '{') >= 0 {
		setPathValues(g.request, r)
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

// httpHeader returns fields as net/http shows those of a request.
func httpHeader(h *Header) http.Header {
	m := make(http.Header, len(h.fields))
	values := make([]string, len(h.fields)) // each key's first value; a second one makes a slice of its own
	for i := range h.fields {
		f := &h.fields[i]
		if sameName(f.Name, "Host") {
			continue
		}
		key := http.CanonicalHeaderKey(f.Name)
		if before := m[key]; len(before) > 0 {
			m[key] = append(before, f.Value)
			continue
		}
		values[i] = f.Value
		m[key] = values[i : i+1 : i+1]
	}
	if pragma := m["Pragma"]; len(pragma) > 0 && pragma[0] == "no-cache" && m["Cache-Control"] == nil {
		m["Cache-Control"] = []string{"no-cache"} // as net/http (RFC 9111, section 5.4)
	}
	return m
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

// remoteText is an address as net/http writes it: "@" is the client of a unix socket.
func remoteText(a netip.AddrPort) string {
	if !a.IsValid() {
		return "@"
	}
	return a.String()
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
