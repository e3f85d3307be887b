package app

import (
	"slices"

	"highball"
	"highball/internal/config"
	"highball/internal/rewrite"
)

// rewriter is what becomes of the paths of a host before a place is chosen.
type rewriter struct {
	listen []string // as config.Site has it
	host   string   // as place has it
	rules  []rewrite.Rule
}

// rewrites adds the rewrites of a site. The error tells of rules that cannot be applied.
func (o *opening) rewrites(s *config.Site) error {
	if len(s.Rewrites) == 0 {
		return nil
	}
	var rules []rewrite.Rule
	var errs []error
	for _, r := range s.Rewrites {
		rule := rewrite.Rule{Match: r.Match, To: r.To, Status: r.Status}
		if _, err := rewrite.New([]rewrite.Rule{rule}, highball.Status(404)); err != nil {
			errs = append(errs, at(r.Pos, err))
		}
		rules = append(rules, rule)
	}
	for _, host := range hostsOf(s) {
		o.rewriters = append(o.rewriters, rewriter{s.Listen, host, rules})
	}
	return together(errs...)
}

// rewritten returns a handler that has next answer the requests for a host by a listener, with their paths rewritten if the site asks for it.
func (o *sites) rewritten(listener, host string, next highball.Handler) (highball.Handler, error) {
	i := slices.IndexFunc(o.rewriters, func(w rewriter) bool { return w.host == host && slices.Contains(w.listen, listener) })
	if i < 0 {
		i = slices.IndexFunc(o.rewriters, func(w rewriter) bool { return w.host == host && w.listen == nil })
	}
	if i < 0 {
		return next, nil
	}
	return rewrite.New(o.rewriters[i].rules, next)
}
