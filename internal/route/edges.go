package route

// edges maps the literal segments below a node to nodes. It is an open-addressing
// hash table of its own, since what a lookup in a large tree costs is mostly
// cache misses: among 100,000 routes a built-in map takes about twice as long.
//
// The hash has no secret, and needs none: the keys are the patterns' own, and a
// request can at worst meet their longest run of occupied slots.
type edges[V any] struct {
	slots   []edge[V] // a power of two of them, or none; at most half are in use
	used    int32
	longest int32 // length of the longest text
}

// edge is a slot; a free one has no node.
type edge[V any] struct {
	text string
	node *node[V]
}

// find returns the node for a segment, or nil.
func (e *edges[V]) find(seg string) *node[V] {
	// A long segment is the client's choice: it is not to be hashed in vain at
	// each place where the walk turns back.
	if e.used == 0 || len(seg) > int(e.longest) {
		return nil
	}
	return e.slot(seg).node
}

// slot returns the slot that holds the segment, or the free one where it belongs.
// There must be slots.
func (e *edges[V]) slot(seg string) *edge[V] {
	mask := uint64(len(e.slots) - 1)
	for i := hash(seg) & mask; ; i = (i + 1) & mask {
		if s := &e.slots[i]; s.node == nil || s.text == seg {
			return s
		}
	}
}

// add returns the node for a segment, and takes one from the stock if there is none.
func (e *edges[V]) add(seg string, s *stock[V]) *node[V] {
	if n := e.find(seg); n != nil {
		return n
	}
	if 2*(int(e.used)+1) > len(e.slots) {
		old := e.slots
		e.slots = make([]edge[V], max(2, 2*len(old)))
		for _, s := range old {
			if s.node != nil {
				*e.slot(s.text) = s
			}
		}
	}
	n := s.node()
	*e.slot(seg) = edge[V]{seg, n}
	e.used++
	e.longest = max(e.longest, int32(len(seg)))
	return n
}

// hash takes eight octets at a time, and folds the upper half of each product
// into the lower, from which the slot is chosen.
func hash(s string) uint64 {
	const factor = 0x9e3779b97f4a7c15 // 2^64 divided by the golden ratio
	h := uint64(len(s))
	for len(s) >= 8 {
		h ^= uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 |
			uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56
		h *= factor
		h ^= h >> 32
		s = s[8:]
	}
	for i := range len(s) {
		h ^= uint64(s[i]) << (8 * i)
	}
	h *= factor
	return h ^ h>>32
}
