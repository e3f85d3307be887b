package route

import (
	"slices"
	"strings"
)

// Tree holds patterns, each with a value, and finds the one for a request. The
// zero value is an empty tree. A tree must not be copied, and may be read from
// many goroutines at once as long as none adds to it.
type Tree[V any] struct {
	exact    map[string]*site[V] // by host
	below    map[string]*site[V] // by ".example.org" for "*.example.org"
	any      *site[V]            // patterns without a host; nil while the tree is empty
	longest  int                 // length of the longest key of below
	patterns int
	stock    stock[V]
}

// site holds the patterns of one host, as written in them.
type site[V any] struct {
	host string
	root node[V]
	// next is the next less specific site of which every host of this one is a
	// host, too; the last one is the tree's any.
	next *site[V]
}

// Add registers a value for a pattern. It fails if the pattern is malformed (see
// [ParsePattern]), or if an earlier pattern matches some of the same requests and
// neither of the two is more specific; the error names both. After an error the
// tree is as before.
func (t *Tree[V]) Add(pattern string, value V) error {
	p, err := parsePattern(pattern, t.stock.room(mostSegments(pattern)))
	if err != nil {
		return err
	}
	added := t.stock.route()
	*added = route[V]{Pattern: p, value: value, order: t.patterns, tail: p.last().kind}
	s := t.addSite(added.host)

	// Of several conflicts the earliest pattern is named, so that the error does
	// not depend on the order in which a map is walked.
	var earliest *route[V]
	var how relation
	s.root.overlapping(added.segments, func(l leaf[V]) {
		for r := l.first; r != nil; r = r.next {
			if rel, ok := added.conflict(&r.Pattern); ok && (earliest == nil || r.order < earliest.order) {
				earliest, how = r, rel
			}
		}
	})
	if earliest != nil {
		return conflictError(&added.Pattern, &earliest.Pattern, how)
	}

	l := s.root.leaf(added.segments, &t.stock)
	added.next, l.first = l.first, added
	t.patterns++
	return nil
}

// addSite returns the site for a pattern's host, and makes it if need be.
func (t *Tree[V]) addSite(host string) *site[V] {
	if t.any == nil {
		t.any = new(site[V])
		t.exact = make(map[string]*site[V])
		t.below = make(map[string]*site[V])
	}
	if host == "" {
		return t.any
	}
	suffix, wild := strings.CutPrefix(host, "*")
	byHost, key := t.exact, host
	if wild {
		byHost, key = t.below, suffix
	}
	if s := byHost[key]; s != nil {
		return s
	}
	s := &site[V]{host: host}
	byHost[key] = s
	s.next = t.nextSite(s)
	if wild {
		t.longest = max(t.longest, len(suffix))
		t.relink(suffix)
	}
	return s
}

// relink puts a new wildcard site into the chains of the sites that lie below
// it.
func (t *Tree[V]) relink(suffix string) {
	for _, byHost := range []map[string]*site[V]{t.exact, t.below} {
		for _, s := range byHost {
			if strings.HasSuffix(s.host, suffix) {
				s.next = t.nextSite(s)
			}
		}
	}
}

// nextSite returns the most specific site less specific than s.
func (t *Tree[V]) nextSite(s *site[V]) *site[V] {
	return t.wildcardSite(strings.TrimPrefix(s.host, "*."))
}

// wildcardSite returns the site with the longest wildcard host that matches, or
// the one without a host.
func (t *Tree[V]) wildcardSite(host string) *site[V] {
	// The wildcard stands for one octet at least. What is longer than any suffix
	// known is passed over, so that a host of a thousand labels does not cost a
	// thousand look-ups.
	for at := max(1, len(host)-t.longest); at < len(host); at++ {
		dot := strings.IndexByte(host[at:], '.')
		if dot < 0 {
			break
		}
		at += dot
		if s := t.below[host[at:]]; s != nil {
			return s
		}
	}
	return t.any
}

// site returns the most specific site for a request's host, nil for an empty
// tree.
func (t *Tree[V]) site(host string) *site[V] {
	if s := t.exact[host]; s != nil {
		return s
	}
	return t.wildcardSite(host)
}

// Lookup finds the most specific pattern for a request, puts what there is to
// know about it into m, and reports whether m.Value is to answer the request. If
// not, m says why: see [Match].
//
// The host must be in lower case and without a port; an IPv6 address keeps its
// brackets. The path must be decoded and clean: it begins with a slash and has no
// empty and no dot segments. A path that does not begin with a slash, as the "*"
// of OPTIONS, matches nothing.
//
// What m held before is overwritten.
func (t *Tree[V]) Lookup(method, host, path string, m *Match[V]) bool {
	*m = Match[V]{Allow: m.Allow[:0]}
	if path == "" || path[0] != '/' {
		return false
	}
	first := t.site(host)
	var found *route[V]
	at := first
	for ; at != nil; at = at.next {
		if found = at.root.find(method, path, whole); found != nil {
			break
		}
	}
	// A path that was matched by the start of it only, or not at all, may be the
	// name of a subtree without its slash. A site after the one that has answered
	// is not asked: the answer matches the path with a slash, too, and is of the
	// more specific host.
	if path[len(path)-1] != '/' && (found == nil || found.tail == rest) {
		for s := first; s != nil; s = s.next {
			if r := s.root.find(method, path, slashed); r != nil {
				m.Pattern, m.TrailingSlash = r.text, true
				return false
			}
			if s == at {
				break
			}
		}
	}
	if found == nil {
		m.Allow = first.allow(path, m.Allow)
		return false
	}
	m.Value, m.Pattern = found.value, found.text
	m.path, m.segments = path, found.segments
	return true
}

// allow appends to list, sorted, the methods for which a lookup of the path in
// this site or one after it would have found something. It is called when the
// request's method is not among them, so no pattern for all methods is met.
func (s *site[V]) allow(path string, list []string) []string {
	for ; s != nil; s = s.next {
		list = s.root.methods(list, path, whole)
		if path[len(path)-1] != '/' {
			list = s.root.methods(list, path, slashed)
		}
	}
	if slices.Contains(list, "GET") && !slices.Contains(list, "HEAD") {
		list = append(list, "HEAD")
	}
	slices.Sort(list)
	return list
}
