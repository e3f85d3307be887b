package config

import (
	"slices"
	"strings"
)

// Of the routes that a path matches, one goes before the others: see [CompareRoutes]. A route that never comes to its turn is a fault,
// so it has to be known which paths lie in which.

// IsPattern reports whether the path of a route has wildcards.
func IsPattern(path string) bool { return strings.Contains(path, "*") }

// Literal returns the part of a route's path that is compared letter by letter: of a pattern, up to the slash before its first wildcard.
func Literal(path string) string {
	if star := strings.IndexByte(path, '*'); star >= 0 {
		return path[:strings.LastIndexByte(path[:star], '/')+1]
	}
	return path
}

// CompareRoutes orders the routes of a site as they are tried: it is negative where a goes before b if a path matches both. An exact path
// goes before all; then the longest literal path wins, where a pattern counts up to the slash before its first wildcard and goes before a
// plain path of the same length. Of two patterns that leaves, the one with more letters beside its stars goes first, and then the
// one with fewer stars. It is 0 for routes of the same rank.
func CompareRoutes(a, b *Route) int {
	return slices.Compare(rank(a.Path), rank(b.Path))
}

// rank returns what routes are ordered by, in order of weight.
func rank(path string) []int {
	stars := strings.Count(path, "*")
	switch {
	case stars > 0:
		return []int{1, -len(Literal(path)), 0, stars - len(path), stars}
	case strings.HasSuffix(path, "/"):
		return []int{1, -len(path), 1}
	}
	return []int{0, -len(path)}
}

// hides reports whether all requests that other is for are answered by r, since r goes before it.
func (r *Route) hides(other *Route) bool {
	if !IsPattern(r.Path) || !strings.HasPrefix(Literal(other.Path), Literal(r.Path)) || CompareRoutes(r, other) >= 0 {
		return false
	}
	for _, method := range other.Methods {
		if !r.Takes(method) && len(r.Methods) > 0 {
			return false
		}
	}
	return (len(r.Methods) == 0 || len(other.Methods) > 0) && includes(wildcards(r.Path), wildcards(other.Path))
}

// Wildcards take the place of letters that no path has.
const (
	inSegment = -1 // "*"
	anywhere  = -2 // "**"
)

// wildcards returns the letters of a route's path, with its wildcards, of which a slash at its end is one, too.
func wildcards(path string) (all []rune) {
	if strings.HasSuffix(path, "/") {
		path += "**"
	}
	for path != "" {
		rest, ok := strings.CutPrefix(path, "**")
		switch {
		case ok:
			all = append(all, anywhere)
		case path[0] == '*':
			all, rest = append(all, inSegment), path[1:]
		default:
			all, rest = append(all, rune(path[0])), path[1:]
		}
		path = rest
	}
	return all
}

// includes reports whether p matches whatever q does. It may miss that, where only several letters of q together show it, but never
// claims it wrongly.
func includes(p, q []rune) bool {
	// row[j] says whether p[i:] includes q[j:], for i from the end of p to its beginning.
	row := make([]bool, len(q)+1)
	row[len(q)] = true
	for i := len(p) - 1; i >= 0; i-- {
		next := make([]bool, len(q)+1)
		for j := len(q); j >= 0; j-- {
			switch inside := j < len(q); {
			case p[i] == anywhere:
				next[j] = row[j] || inside && next[j+1]
			case p[i] == inSegment:
				next[j] = row[j] || inside && q[j] != '/' && q[j] != anywhere && next[j+1]
			default:
				next[j] = inside && p[i] == q[j] && row[j+1]
			}
		}
		row = next
	}
	return row[0]
}
