package route

// stock is what a tree takes its parts from. They are made several at a time, the more the larger the tree is: there may be hundreds of
// thousands of them.
type stock[V any] struct {
	routes   []route[V]
	nodes    []node[V]
	segments []segment
	made     int // routes
}

// pieces returns how many parts are made at a time.
func (s *stock[V]) pieces() int { return min(max(s.made, 1), 64) }

// route returns a new route.
func (s *stock[V]) route() *route[V] {
	if len(s.routes) == 0 {
		s.routes = make([]route[V], s.pieces())
		s.made += len(s.routes)
	}
	r := &s.routes[0]
	s.routes = s.routes[1:]
	return r
}

// node returns a new node.
func (s *stock[V]) node() *node[V] {
	if len(s.nodes) == 0 {
		s.nodes = make([]node[V], s.pieces())
	}
	n := &s.nodes[0]
	s.nodes = s.nodes[1:]
	return n
}

// room returns an empty list with room for n segments.
func (s *stock[V]) room(n int) []segment {
	if len(s.segments) < n {
		s.segments = make([]segment, max(n, 2*s.pieces()))
	}
	list := s.segments[:0:n]
	s.segments = s.segments[n:]
	return list
}
