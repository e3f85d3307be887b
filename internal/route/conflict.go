package route

import (
	"fmt"
	"strings"
)

// relation compares the requests that two patterns p and q match, given that
// they share some. It is a set of two facts, so that the relation of two whole
// patterns is the union of the relations of their parts: if p's method is wider
// and its path narrower, then each matches a request that the other does not.
type relation uint8

const (
	wider    relation = 1 << iota // p matches a request that q does not
	narrower                      // q matches a request that p does not

	same     relation = 0
	crossing          = wider | narrower
)

// conflict reports how p and q relate, whose paths have one in common, and
// whether there is a request that both match and for which neither is the more
// specific. Hosts are not looked at: of different ones the more specific wins.
func (p *Pattern) conflict(q *Pattern) (relation, bool) {
	r, ok := compareMethods(p.method, q.method)
	if !ok {
		return r, false
	}
	r |= comparePaths(p.segments, q.segments)
	return r, r == same || r == crossing
}

// compareMethods reports how two methods relate, and whether any request's
// method matches both. No method stands for all of them, GET for GET and HEAD.
func compareMethods(p, q string) (relation, bool) {
	switch {
	case p == q:
		return same, true
	case p == "", p == "GET" && q == "HEAD":
		return wider, true
	case q == "", q == "GET" && p == "HEAD":
		return narrower, true
	}
	return same, false
}

// comparePaths reports how two paths relate that match a path in common. So they
// have equal literals, are of one length unless the shorter ends in a rest, and
// an end meets an end or a rest only.
func comparePaths(p, q []segment) relation {
	r := same
	for i, a := range p {
		b := q[i]
		switch {
		case a.kind == rest && b.kind == rest:
			return r
		case a.kind == rest:
			return r | wider
		case b.kind == rest:
			return r | narrower
		case a.kind == wildcard && b.kind == literal:
			r |= wider
		case a.kind == literal && b.kind == wildcard:
			r |= narrower
		}
	}
	return r
}

// conflictError explains why the pattern p cannot be added beside the earlier
// pattern q. Both have the same host.
func conflictError(p, q *Pattern, r relation) error {
	if r == same {
		return fmt.Errorf("pattern %q conflicts with pattern %q: both match the same requests; remove one of the two", p, q)
	}
	return fmt.Errorf("pattern %q conflicts with pattern %q: both match %q and neither is more specific; make the method or the path of one narrower",
		p, q, commonRequest(p, q))
}

// commonRequest gives an example of a request that p and q both match.
func commonRequest(p, q *Pattern) string {
	var b strings.Builder
	method := p.method
	if method == "" || method == "GET" && q.method == "HEAD" {
		method = q.method
	}
	if method != "" {
		b.WriteString(method + " ")
	}
	b.WriteString(strings.Replace(p.host, "*", "www", 1))
	for i := range max(len(p.segments), len(q.segments)) {
		b.WriteByte('/')
		switch s := commonSegment(p, q, i); s.kind {
		case literal, wildcard:
			b.WriteString(s.text)
		}
	}
	return b.String()
}

// commonSegment returns the more specific of the two patterns' segments at i; a
// pattern that has none there ended in a rest, which matches anything.
func commonSegment(p, q *Pattern, i int) segment {
	switch {
	case i >= len(p.segments):
		return q.segments[i]
	case i >= len(q.segments):
		return p.segments[i]
	}
	a, b := p.segments[i], q.segments[i]
	if a.kind == rest || a.kind == wildcard && b.kind == literal {
		return b
	}
	return a
}
