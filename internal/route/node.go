package route

import (
	"slices"
	"strings"
)

// Theory of operation. The patterns of one host form a tree with a level for each
// segment of their paths. A node stands for the segments above it and holds, next
// to its children, the routes that end there. A walk tries literal children
// before the wildcard child and that before the rest, and turns back where it
// finds no route with the request's method.
//
// The first route found is the most specific one. For take two routes that match
// the request. As they share a request and were both accepted, one of them is
// narrower than the other in every segment where they differ, and there the walk
// comes to the narrower first. Where they do not differ they lie in one leaf,
// and differ by method.

// node is a place in the tree of one host's paths.
type node[V any] struct {
	literals edges[V]
	wildcard *node[V]

	here leaf[V] // patterns that end in this very segment
	end  leaf[V] // ... that go on with {$}
	rest leaf[V] // ... that go on with {name...} or a final slash
}

// leaf lists the routes whose paths match the same requests. No two have the
// same method.
type leaf[V any] struct{ first *route[V] }

// route is a registered pattern with its value.
type route[V any] struct {
	Pattern
	value V
	order int       // of registration
	next  *route[V] // in the leaf
	tail  kind      // of the last segment
}

// pick returns the route with the most specific method that matches, or nil.
func (l leaf[V]) pick(method string) *route[V] {
	var found *route[V]
	for r := l.first; r != nil; r = r.next {
		switch {
		case r.method == method:
			return r
		case r.method == "GET" && method == "HEAD":
			found = r
		case r.method == "" && found == nil:
			found = r
		}
	}
	return found
}

// reach says which patterns a walk is after.
type reach uint8

const (
	whole   reach = iota // those that match the path
	slashed              // those that match the path with a slash added and end there
)

// find returns the most specific route below n for a method and what is left of
// a path, or nil.
func (n *node[V]) find(method, path string, to reach) *route[V] {
	if path == "/" || path == "" && to == slashed {
		if r := n.end.pick(method); r != nil {
			return r
		}
		return n.rest.pick(method)
	}
	if path == "" {
		return n.here.pick(method)
	}
	seg, left := cutSegment(path)
	if c := n.literals.find(seg); c != nil {
		if r := c.find(method, left, to); r != nil {
			return r
		}
	}
	if n.wildcard != nil {
		if r := n.wildcard.find(method, left, to); r != nil {
			return r
		}
	}
	if to == slashed {
		return nil
	}
	return n.rest.pick(method)
}

// methods appends the methods of all routes below n that find could return for
// one method or another.
func (n *node[V]) methods(list []string, path string, to reach) []string {
	if path == "/" || path == "" && to == slashed {
		return n.rest.methods(n.end.methods(list))
	}
	if path == "" {
		return n.here.methods(list)
	}
	seg, left := cutSegment(path)
	if c := n.literals.find(seg); c != nil {
		list = c.methods(list, left, to)
	}
	if n.wildcard != nil {
		list = n.wildcard.methods(list, left, to)
	}
	if to == whole {
		list = n.rest.methods(list)
	}
	return list
}

// methods appends the methods of the leaf's routes that are not in the list yet.
func (l leaf[V]) methods(list []string) []string {
	for r := l.first; r != nil; r = r.next {
		if !slices.Contains(list, r.method) {
			list = append(list, r.method)
		}
	}
	return list
}

// cutSegment splits a path, which begins with a slash, after its first segment.
func cutSegment(path string) (seg, left string) {
	path = path[1:]
	if i := strings.IndexByte(path, '/'); i >= 0 {
		return path[:i], path[i:]
	}
	return path, ""
}

// leaf returns the leaf for a pattern's segments and takes the nodes on the way that are missing from the stock.
func (n *node[V]) leaf(segs []segment, from *stock[V]) *leaf[V] {
	for _, s := range segs {
		switch s.kind {
		case end:
			return &n.end
		case rest:
			return &n.rest
		case wildcard:
			if n.wildcard == nil {
				n.wildcard = from.node()
			}
			n = n.wildcard
		case literal:
			n = n.literals.add(s.text, from)
		}
	}
	return &n.here
}

// overlapping calls visit for each leaf below n whose paths have one in common
// with the segments. So a new pattern is compared with those few that it could
// conflict with.
func (n *node[V]) overlapping(segs []segment, visit func(leaf[V])) {
	if len(segs) == 0 {
		visit(n.here)
		return
	}
	visit(n.rest)
	switch s := segs[0]; s.kind {
	case end:
		visit(n.end)
	case rest:
		visit(n.end)
		for c := range n.children {
			c.all(visit)
		}
	case wildcard:
		for c := range n.children {
			c.overlapping(segs[1:], visit)
		}
	case literal:
		if c := n.literals.find(s.text); c != nil {
			c.overlapping(segs[1:], visit)
		}
		if n.wildcard != nil {
			n.wildcard.overlapping(segs[1:], visit)
		}
	}
}

// all calls visit for each leaf of n and below.
func (n *node[V]) all(visit func(leaf[V])) {
	visit(n.here)
	visit(n.end)
	visit(n.rest)
	for c := range n.children {
		c.all(visit)
	}
}

// children yields the nodes one segment below n, in no particular order.
func (n *node[V]) children(yield func(*node[V]) bool) {
	for i := range n.literals.slots {
		if c := n.literals.slots[i].node; c != nil && !yield(c) {
			return
		}
	}
	if n.wildcard != nil {
		yield(n.wildcard)
	}
}
