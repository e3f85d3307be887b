package policy

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"highball"
)

// cors is what a CORS comes to.
type cors struct {
	any         bool // every origin
	origins     []string
	expose      string
	credentials bool
	methods     string // "" is what was asked for
	headers     string // likewise
	maxAge      string
}

func newCORS(c *CORS) (*cors, error) {
	made := &cors{
		any:         len(c.Origins) == 1 && c.Origins[0] == "*",
		origins:     slices.Clone(c.Origins),
		expose:      strings.Join(c.Expose, ", "),
		credentials: c.Credentials,
		methods:     strings.Join(c.Methods, ", "),
		headers:     strings.Join(c.Headers, ", "),
	}
	if c.MaxAge > 0 {
		made.maxAge = strconv.FormatInt(int64(c.MaxAge/time.Second), 10)
	}
	if len(c.Origins) == 0 {
		return nil, errors.New("cors: no origins")
	}
	for _, o := range c.Origins {
		if err := checkOrigin(o); err != nil && !made.any {
			return nil, err
		}
	}
	for _, list := range [][]string{c.Methods, c.Headers, c.Expose} {
		for _, name := range list {
			if !isToken(name) {
				return nil, fmt.Errorf("cors: %q is no name", name)
			}
			if name == "*" && c.Credentials {
				return nil, errors.New(`cors: with credentials "*" would be a name like any other`)
			}
		}
	}
	if made.any && c.Credentials {
		return nil, errors.New(`cors: credentials for every origin would let any page act as the user; name the origins`)
	}
	return made, nil
}

// checkOrigin refuses what no browser ever sends as an origin, since it would match nothing.
func checkOrigin(o string) error {
	if o == "null" {
		return nil
	}
	scheme, host, ok := strings.Cut(o, "://")
	switch {
	case o == "*":
		return errors.New(`cors: "*" stands alone, not beside other origins`)
	case !ok || scheme == "" || host == "" || strings.ContainsAny(host, "/?#@ \t*"):
		return fmt.Errorf(`cors: %q is no origin, such as "https://example.org"`, o)
	case o != strings.ToLower(o):
		return fmt.Errorf("cors: browsers send the origin %q in lower case", o)
	case scheme == "https" && strings.HasSuffix(host, ":443"), scheme == "http" && strings.HasSuffix(host, ":80"):
		return fmt.Errorf("cors: browsers send the origin %q without its port", o)
	}
	return nil
}

// isToken reports whether s is a token (RFC 9110, section 5.6.2).
func isToken(s string) bool {
	for i := range len(s) {
		c := s[i]
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
		if !letter && strings.IndexByte("!#$%&'*+-.^_`|~", c) < 0 {
			return false
		}
	}
	return s != ""
}

// isPreflight reports whether r asks what another request would be allowed (Fetch standard, section 3.3.2).
func isPreflight(r *highball.Request) bool {
	return r.Method() == "OPTIONS" && r.Header().Has("Access-Control-Request-Method") && r.Header().Has("Origin")
}

// originOf returns the origin that r comes from as c lists it, or "" for one that it does not list.
func (c *cors) originOf(r *highball.Request) string {
	if c.any {
		return "*"
	}
	origin, count := "", 0
	for v := range r.Header().Values("Origin") {
		origin = v
		count++
	}
	for _, o := range c.origins {
		if o == origin && count == 1 {
			return o
		}
	}
	return ""
}

// editHead sets the fields that every response has, and takes away what the handler has said instead.
func (c *cors) editHead(r *highball.Request, h *highball.Header) {
	if !c.any {
		vary(h, "Origin")
	}
	h.Del("Access-Control-Allow-Credentials")
	h.Del("Access-Control-Expose-Headers")
	origin := c.originOf(r)
	if origin == "" {
		h.Del("Access-Control-Allow-Origin")
		return
	}
	h.Set("Access-Control-Allow-Origin", origin)
	if c.credentials {
		h.Set("Access-Control-Allow-Credentials", "true")
	}
	if c.expose != "" {
		h.Set("Access-Control-Expose-Headers", c.expose)
	}
}

// vary has h say that the response depends on a request field.
func vary(h *highball.Header, name string) {
	for v := range h.Values("Vary") {
		for part := range strings.SplitSeq(v, ",") {
			if part = strings.Trim(part, " \t"); part == "*" || strings.EqualFold(part, name) {
				return
			}
		}
	}
	h.Add("Vary", name)
}

// answerPreflight answers a preflight request; editHead does the rest. One from an origin that is not listed hears nothing,
// which is how it is refused.
func (c *cors) answerPreflight(w *highball.Response, r *highball.Request) {
	w.SetStatus(204)
	if c.originOf(r) == "" {
		return
	}
	h := w.Header()
	c.allow(h, "Access-Control-Allow-Methods", c.methods, r, "Access-Control-Request-Method")
	c.allow(h, "Access-Control-Allow-Headers", c.headers, r, "Access-Control-Request-Headers")
	if c.maxAge != "" {
		h.Set("Access-Control-Max-Age", c.maxAge)
	}
}

// allow answers with the list that is configured, or else with what was asked for.
func (c *cors) allow(h *highball.Header, name, list string, r *highball.Request, asked string) {
	if list == "" {
		vary(h, asked)
		for v := range r.Header().Values(asked) {
			for part := range strings.SplitSeq(v, ",") {
				if part = strings.Trim(part, " \t"); isToken(part) {
					list += ", " + part
				}
			}
		}
		list = strings.TrimPrefix(list, ", ")
	}
	if list != "" {
		h.Set(name, list)
	}
}
