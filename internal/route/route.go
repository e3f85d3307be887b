// Package route finds, among many patterns, the most specific one that matches
// a request's method, host and path. It knows nothing of HTTP messages and
// nothing of handlers: a [Tree] carries values of any type.
//
// A tree is filled first and read afterwards:
//
//	var t route.Tree[Handler]
//	err := t.Add("GET example.org/items/{id}", showItem) // check each error
//	err = t.Add("*.example.org/", fallback)
//
//	var m route.Match[Handler] // one per connection, used again and again
//	switch {
//	case t.Lookup(method, host, path, &m):
//		id, _ := m.PathValue("id")
//		m.Value.Serve(id)
//	case m.TrailingSlash: // redirect to path + "/"
//	case len(m.Allow) > 0: // 405 with this Allow field
//	default: // 404
//	}
//
// # Patterns
//
// A pattern is "[METHOD ][HOST]/[PATH]", as in [net/http.ServeMux]:
//
//	/index.html              this path, on any host, with any method
//	GET /static/             every path that begins with /static/; GET means GET and HEAD
//	example.org/             every path of this host
//	*.example.org/           every path of every host below this one (one label or more)
//	/{$}                     the path "/" and no other
//	/b/{bucket}/o/{name...}  {bucket} is one segment, {name...} all that remains
//
// A wildcard is always a whole segment, and its name is a Go identifier. A path
// that ends in a slash acts as if it ended in a nameless {...}. Literal segments
// are compared octet for octet after percent-decoding of the pattern; host names
// are compared without regard to case.
//
// # Precedence
//
// The most specific pattern wins, whatever the order of registration. The host
// decides first: the exact host, then wildcard hosts from the longest to the
// shortest, then patterns without a host; a less specific host is asked when no
// pattern of a more specific one matches the request. Between patterns of one
// host, that one wins which matches a strict subset of the other's requests. Two
// patterns of which neither does, yet which share a request, conflict, and
// [Tree.Add] refuses the second.
//
// # Cost
//
// A walk through a host's tree visits each node at most once and descends no
// deeper than the longest pattern, so no request can make a lookup costlier than
// the patterns allow. Lookups with one [Match] allocate nothing, but for the
// memory of its Allow.
package route
