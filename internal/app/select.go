package app

import (
	"cmp"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"highball"
	"highball/internal/config"
	"highball/internal/forward"
)

// handler returns the handler that chooses among all places by the listener that a request came by, by the host that it is for, by its
// path, and then by its method. A host that no site has goes to the default site; what nobody answers for is answered by 404.
func (o *sites) handler() (highball.Handler, error) {
	h, err := o.byListener()
	if err != nil {
		return nil, err
	}
	if len(o.proxies.Trusted) == 0 && !o.proxies.Unix {
		return h, nil
	}
	return forward.New(o.proxies, h)
}

// byListener chooses among the listeners that sites name, if there are any.
func (o *sites) byListener() (highball.Handler, error) {
	other, err := o.handlerAt("")
	if err != nil {
		return nil, err
	}
	at := make(map[string]highball.Handler)
	for i := range o.places {
		for _, listener := range o.places[i].listen {
			if at[listener] != nil {
				continue
			}
			if at[listener], err = o.handlerAt(listener); err != nil {
				return nil, err
			}
		}
	}
	if len(at) == 0 {
		return other, nil
	}
	return selector(func(r *highball.Request) highball.Handler {
		if h := at[r.Listener()]; h != nil {
			return h
		}
		return other
	}), nil
}

// hostsAt returns the places at a listener by their hosts, and these in the order of the configuration. The sites that name the listener go before those
// that name none.
func (o *sites) hostsAt(listener string) (hosts []string, of map[string][]*place) {
	named := make(map[string]bool)
	for i := range o.places {
		if p := &o.places[i]; p.listen != nil && slices.Contains(p.listen, listener) {
			named[p.host] = true
		}
	}
	of = make(map[string][]*place)
	for i := range o.places {
		p := &o.places[i]
		if p.listen == nil && !named[p.host] || slices.Contains(p.listen, listener) {
			if of[p.host] == nil {
				hosts = append(hosts, p.host)
			}
			of[p.host] = append(of[p.host], p)
		}
	}
	return hosts, of
}

// handlerAt returns the handler of what comes by a listener. A handler that is alone and for everything needs nobody to choose.
func (o *sites) handlerAt(listener string) (highball.Handler, error) {
	hosts, of := o.hostsAt(listener)
	made := make([]highball.Handler, len(hosts))
	errs := make([]error, len(hosts))
	var next atomic.Int64
	var makers sync.WaitGroup
	for range min(len(hosts), runtime.GOMAXPROCS(0)) { // there may be very many
		makers.Go(func() {
			for i := int(next.Add(1)) - 1; i < len(hosts); i = int(next.Add(1)) - 1 {
				made[i], errs[i] = o.handlerOf(listener, hosts[i], of[hosts[i]])
			}
		})
	}
	makers.Wait()
	if err := together(errs...); err != nil {
		return nil, err
	}
	if len(hosts) == 1 && hosts[0] == "" {
		return made[0], nil
	}
	mux := highball.NewMux()
	for i, host := range hosts {
		if err := mux.Handle(host+"/", made[i]); err != nil {
			return nil, err
		}
	}
	return mux, nil
}

// handlerOf returns the handler of what comes for a host by a listener.
func (o *sites) handlerOf(listener, host string, places []*place) (highball.Handler, error) {
	h, err := newNodes(places).handler()
	if err != nil {
		return nil, err
	}
	return o.rewritten(listener, host, h)
}

// nodes are the places of a host, by their paths.
type nodes map[string]*node

// node is what answers at a path, or below it if it ends in a slash: patterns first, then what answers for every path there.
type node struct {
	path     string
	plain    []*place
	patterns map[string][]*place // by pattern
	handler  highball.Handler    // what all that comes to; nil until it was asked for
}

// newNodes returns the nodes of places. They are made at once, and have a part of the list where a path has but one place: there may be very many.
func newNodes(places []*place) nodes {
	all := make(nodes, len(places))
	made := make([]node, len(places))
	for i, p := range places {
		path := config.Literal(p.path)
		n := all[path]
		if n == nil {
			n = &made[i]
			n.path = path
			all[path] = n
		}
		switch {
		case path != p.path:
			if n.patterns == nil {
				n.patterns = make(map[string][]*place)
			}
			n.patterns[p.path] = append(n.patterns[p.path], p)
		case n.plain == nil:
			n.plain = places[i : i+1 : i+1]
		default:
			n.plain = append(n.plain, p)
		}
	}
	return all
}

// handler returns the handler that chooses among all nodes, of which the one with the longest path wins that is there.
func (all nodes) handler() (highball.Handler, error) {
	if n := all["/"]; n != nil && len(all) == 1 {
		return all.handlerOf(n)
	}
	mux := highball.NewMux()
	for path, n := range all {
		h, err := all.handlerOf(n)
		if err != nil {
			return nil, err
		}
		if err := mux.Handle(path, h); err != nil {
			return nil, err
		}
		// "/shop" is the root of what is mounted at "/shop/", but it is none of the patterns below it.
		root := strings.TrimSuffix(n.path, "/")
		if root == n.path || root == "" || all[root] != nil {
			continue
		}
		if len(n.plain) == 0 {
			if h, err = all.above(n); err != nil {
				return nil, err
			}
		}
		if err := mux.Handle(root, h); err != nil {
			return nil, err
		}
	}
	return mux, nil
}

// handlerOf returns what answers at a node.
func (all nodes) handlerOf(n *node) (h highball.Handler, err error) {
	if n.handler != nil {
		return n.handler, nil
	}
	if len(n.plain) > 0 {
		h, err = choice(n.plain)
	} else {
		h, err = all.above(n)
	}
	if err != nil {
		return nil, err
	}
	if len(n.patterns) > 0 {
		if h, err = byPattern(n.patterns, h); err != nil {
			return nil, err
		}
	}
	n.handler = h
	return h, nil
}

// above returns what answers below the nearest shorter path.
func (all nodes) above(n *node) (highball.Handler, error) {
	for path := strings.TrimSuffix(n.path, "/"); path != ""; {
		path = path[:strings.LastIndexByte(path, '/')]
		if up := all[path+"/"]; up != nil {
			return all.handlerOf(up)
		}
	}
	return highball.Status(404), nil
}

// byPattern chooses the first pattern that a path matches, in the order of config.CompareRoutes, or else next.
func byPattern(patterns map[string][]*place, next highball.Handler) (highball.Handler, error) {
	type candidate struct {
		pattern string
		match   *regexp.Regexp
		handler highball.Handler
	}
	var all []candidate
	for pattern, places := range patterns {
		h, err := choice(places)
		if err != nil {
			return nil, err
		}
		all = append(all, candidate{pattern, compilePattern(pattern), h})
	}
	slices.SortFunc(all, func(a, b candidate) int {
		return cmp.Or(config.CompareRoutes(&config.Route{Path: a.pattern}, &config.Route{Path: b.pattern}), strings.Compare(a.pattern, b.pattern))
	})
	return selector(func(r *highball.Request) highball.Handler {
		for i := range all {
			if all[i].match.MatchString(r.Path()) {
				return all[i].handler
			}
		}
		return next
	}), nil
}

// compilePattern makes a regular expression of a pattern: "*" stands for any part of one segment, "**" for any part of the path. One that
// ends in a slash is for all that lies below it, and for itself without the slash.
func compilePattern(pattern string) *regexp.Regexp {
	end := `\z`
	if root, below := strings.CutSuffix(pattern, "/"); below {
		pattern, end = root, `(?:/.*)?\z`
	}
	var b strings.Builder
	b.WriteString(`(?s)\A`)
	for i, part := range strings.Split(pattern, "**") {
		if i > 0 {
			b.WriteString(`.*`)
		}
		for j, literal := range strings.Split(part, "*") {
			if j > 0 {
				b.WriteString(`[^/]*`)
			}
			b.WriteString(regexp.QuoteMeta(literal))
		}
	}
	return regexp.MustCompile(b.String() + end)
}

// selector chooses a handler for a request, and has it answer in whatever way it can.
type selector func(r *highball.Request) highball.Handler

var (
	_ highball.InlineHandler = selector(nil)
	_ highball.LaterHandler  = selector(nil)
)

// Serve implements highball.Handler.
func (s selector) Serve(w *highball.Response, r *highball.Request) error { return s(r).Serve(w, r) }

// ServeInline implements highball.InlineHandler, for handlers that do.
func (s selector) ServeInline(w *highball.Response, r *highball.Request) bool {
	h, ok := s(r).(highball.InlineHandler)
	return ok && h.ServeInline(w, r)
}

// ServeLater implements highball.LaterHandler, for handlers that do.
func (s selector) ServeLater(t *highball.Turn, r *highball.Request, l highball.Later) highball.Pending {
	if h, ok := s(r).(highball.LaterHandler); ok {
		return h.ServeLater(t, r, l)
	}
	return nil
}
