package static

import (
	"net/http"
	"strings"
	"time"

	"highball"
)

// Conditional requests: RFC 9110, section 13.

// verdict is what the conditions of a request come to.
type verdict int

const (
	proceed     verdict = iota // answer as if there were no conditions
	notModified                // 304
	failed                     // 412
)

// validators describe the selected representation: section 8.8. The zero value is that of a target without one.
type validators struct {
	etag     string    // strong, quoted
	modified time.Time // in whole seconds
}

// conditions are the fields of a request that make it conditional. A field that is absent is "", as good as one
// that is empty, since no empty one is valid.
type conditions struct {
	ifMatch, ifNoneMatch               string
	ifModifiedSince, ifUnmodifiedSince string
	ifRange                            string
}

func conditionsOf(h *highball.Header) conditions {
	var c conditions
	c.ifMatch, _ = h.Joined("If-Match")
	c.ifNoneMatch, _ = h.Joined("If-None-Match")
	c.ifModifiedSince = h.Value("If-Modified-Since")
	c.ifUnmodifiedSince = h.Value("If-Unmodified-Since")
	c.ifRange = h.Value("If-Range")
	return c
}

// evaluate takes the conditions in the order of section 13.2.2, but for If-Range.
func (c conditions) evaluate(method string, v validators) verdict {
	if c.ifMatch != "" {
		if !matchesTag(c.ifMatch, v.etag, strongMatch) {
			return failed
		}
	} else if since, ok := parseDate(c.ifUnmodifiedSince); ok && v.etag != "" && v.modified.After(since) {
		return failed
	}
	reading := method == "GET" || method == "HEAD"
	if c.ifNoneMatch != "" {
		switch {
		case !matchesTag(c.ifNoneMatch, v.etag, weakMatch):
			return proceed
		case reading:
			return notModified
		}
		return failed
	}
	if since, ok := parseDate(c.ifModifiedSince); ok && reading && !v.modified.After(since) {
		return notModified
	}
	return proceed
}

// rangeApplies evaluates If-Range: whether the parts that the client has are of this representation. Both
// validators are compared strongly: section 13.1.5.
func (c conditions) rangeApplies(v validators) bool {
	if c.ifRange == "" {
		return true
	}
	if tag, rest, ok := cutTag(c.ifRange); ok {
		return rest == "" && strongMatch(tag, v.etag)
	}
	at, ok := parseDate(c.ifRange)
	return ok && at.Equal(v.modified)
}

// parseDate reads an HTTP date; most requests have none, and finding out that "" is none in any form takes long.
func parseDate(s string) (time.Time, bool) {
	if s == "" {
		return time.Time{}, false
	}
	at, err := http.ParseTime(s)
	return at, err == nil
}

// matchesTag reports whether "*" or one of a list of entity tags matches that of the representation; without one,
// that is with "", nothing does. What follows a syntax error is ignored.
func matchesTag(list, etag string, match func(a, b string) bool) bool {
	if etag == "" {
		return false
	}
	for {
		list = strings.TrimLeft(list, " \t,")
		if list == "" {
			return false
		}
		if list[0] == '*' {
			return true
		}
		tag, rest, ok := cutTag(list)
		if !ok {
			return false
		}
		if match(tag, etag) {
			return true
		}
		list = rest
	}
}

// strongMatch and weakMatch are the comparisons of section 8.8.3.2.
func strongMatch(a, b string) bool { return a == b && a[0] == '"' }

func weakMatch(a, b string) bool { return strings.TrimPrefix(a, "W/") == strings.TrimPrefix(b, "W/") }

// cutTag splits the entity tag at the beginning of s off, with its quotes and weakness mark.
func cutTag(s string) (tag, rest string, ok bool) {
	start := 0
	if strings.HasPrefix(s, "W/") {
		start = 2
	}
	if len(s) < start+2 || s[start] != '"' {
		return "", "", false
	}
	for i := start + 1; i < len(s); i++ {
		switch c := s[i]; {
		case c == '"':
			return s[:i+1], s[i+1:], true
		case c < 0x21 || c == 0x7f:
			return "", "", false
		}
	}
	return "", "", false
}
