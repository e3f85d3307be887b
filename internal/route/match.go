package route

// Match is what a [Tree.Lookup] has found. The zero value is ready for use, and
// one Match serves any number of lookups, one after the other; the memory of
// Allow is kept from one to the next, so that only the first to fill it allocates.
//
// There are four outcomes. The lookup returns true, and Value, Pattern and the
// wildcards' values are set. Or it returns false, and then TrailingSlash is set,
// or Allow is not empty, or nothing matches at all.
type Match[V any] struct {
	// Value was registered with the pattern that matches.
	Value V
	// Pattern is that pattern as it was written, or, with TrailingSlash, the
	// one that will match after the redirect.
	Pattern string
	// TrailingSlash says that the path is the name of a subtree without its
	// slash: the request is to be redirected to path + "/".
	TrailingSlash bool
	// Allow lists, sorted, the methods with which the request would have found
	// a pattern, when only the method does not match: the Allow field of a 405
	// (RFC 9110, section 15.5.6). It is overwritten by the next lookup.
	Allow []string

	path     string // what Lookup was given
	segments []segment
}

// PathValue returns the part of the path that the wildcard {name} or {name...}
// of the pattern stands for, and whether the pattern has such a wildcard. The
// value is a substring of the path given to the lookup and lives as long.
func (m *Match[V]) PathValue(name string) (string, bool) {
	path := m.path
	for _, s := range m.segments {
		switch {
		case s.kind == wildcard && s.text == name:
			value, _ := cutSegment(path)
			return value, true
		case s.kind == rest && s.text == name && name != "":
			return path[1:], true
		}
		_, path = cutSegment(path)
	}
	return "", false
}
