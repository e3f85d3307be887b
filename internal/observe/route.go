package observe

import "sync"

// Route is what answers a request, by the names that logs and metrics have for it. A nil *Route is none: a request that was refused before one
// was chosen, or that nobody answers for.
type Route struct {
	Site  string // the host of the site as the configuration has it; "" is the default site
	Path  string // the path of the route, such as "/api/"
	index int
	json  string // its members of a line of the access log, "" if they are not made
}

// Index counts the routes of one [Routes] from 0.
func (r *Route) Index() int { return r.index }

// Routes gives the routes of a server their indexes, and sees to it that there are not too many to count. Its methods may be called by any goroutine.
type Routes struct {
	mu    sync.Mutex // guards the following fields
	limit int
	known map[[2]string]*Route
	all   []*Route
}

// OtherRoutes is the path of the route that stands for all beyond the limit.
const OtherRoutes = "(other)"

// NewRoutes returns an empty set of at most limit routes, and one more that stands for all others.
func NewRoutes(limit int) *Routes {
	return &Routes{limit: limit, known: make(map[[2]string]*Route)}
}

// Of returns the route of the given names. It is the same one each time, also after a reload.
func (s *Routes) Of(site, path string) *Route {
	s.mu.Lock()
	defer s.mu.Unlock()
	key := [2]string{site, path}
	if r := s.known[key]; r != nil {
		return r
	}
	if len(s.known) >= s.limit {
		key = [2]string{"", OtherRoutes}
		if r := s.known[key]; r != nil {
			return r
		}
	}
	r := &Route{Site: key[0], Path: key[1], index: len(s.all)}
	r.json = string(appendRoute(nil, r))
	s.known[key] = r
	s.all = append(s.all, r)
	return r
}

// All returns the routes so far, each at its index.
func (s *Routes) All() []*Route {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.all[:len(s.all):len(s.all)]
}
