// Package rewrite gives requests another path before a handler is chosen, or sends their clients to it.
//
//	handler, err := rewrite.New([]rewrite.Rule{
//		{Match: `^/~(\w+)/(.*)$`, To: "/home/$1/public/$2"},
//		{Match: `^/article/(?P<id>\d+)$`, To: "/article.cgi?id=${id}", Status: 301},
//	}, handler)
//
// The first rule whose expression is found in the path is applied, and no other. Expressions are RE2 (package
// regexp): they take time in proportion to the path's length, whatever they are.
//
// What is matched is the canonical path, decoded, so that no spelling of a path gets by a rule; and what it becomes is made canonical
// again, so that no part of a path leads out of where the rule puts it. Nothing is decoded twice, and what goes into a query or a Location is
// encoded.
package rewrite

import (
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"slices"

	"highball"
)

// Rule is what a path becomes.
type Rule struct {
	// Match is a regular expression. It may be found anywhere in the path, unless "^" and "$" say otherwise.
	Match string
	// To is the path in its place, decoded, and perhaps a query after a "?", as it is sent. $1 and ${1} stand for what the first
	// group has matched, $0 for all of it, $name and ${name} for that of a named group, $$ for a dollar sign; in the query they are
	// percent-encoded. A name without braces is as long as it can be: $1x is the group 1x. Without a "?" the request's query
	// stays; with nothing behind it, the query goes. With a Status, an origin such as "https://example.org" may stand before the path.
	To string
	// Status, one of 301, 302, 303, 307 and 308, redirects the client. 0 goes on with the new path.
	Status int
}

// New returns a handler that has next answer requests with their paths rewritten. It fails on a rule that cannot be applied.
func New(rules []Rule, next highball.Handler) (highball.Handler, error) {
	h := &handler{next: next}
	h.inline, _ = next.(highball.InlineHandler)
	h.later, _ = next.(highball.LaterHandler)
	for _, r := range rules {
		c, err := compile(r)
		if err != nil {
			return nil, fmt.Errorf("rewrite of %q to %q: %w", r.Match, r.To, err)
		}
		h.rules = append(h.rules, c)
	}
	return h, nil
}

// rule is a Rule as it is applied.
type rule struct {
	match  *regexp.Regexp
	to     target
	status int
}

func compile(r Rule) (c rule, err error) {
	if r.Status != 0 && !slices.Contains([]int{301, 302, 303, 307, 308}, r.Status) {
		return c, fmt.Errorf("%d is not the status of a redirect", r.Status)
	}
	c.status = r.Status
	if c.match, err = regexp.Compile(r.Match); err != nil {
		return c, err
	}
	c.to, err = parseTo(r.To, c.match)
	if err == nil && c.to.origin != "" && r.Status == 0 {
		err = errors.New("another host wants the status of a redirect")
	}
	return c, err
}

// handler is what New returns.
type handler struct {
	next   highball.Handler
	inline highball.InlineHandler // next, or nil
	later  highball.LaterHandler  // next, or nil
	rules  []rule
}

var (
	_ highball.InlineHandler = (*handler)(nil)
	_ highball.LaterHandler  = (*handler)(nil)
)

// Serve implements highball.Handler.
func (h *handler) Serve(w *highball.Response, r *highball.Request) error {
	c, err := h.apply(r)
	switch {
	case err != nil:
		return &highball.Error{Status: 400, Err: err}
	case c != nil && c.status != 0:
		w.Redirect(c.status, c.location(r))
		return nil
	}
	return h.next.Serve(w, r)
}

// ServeInline implements highball.InlineHandler: it answers redirects, and what next does.
func (h *handler) ServeInline(w *highball.Response, r *highball.Request) bool {
	c, err := h.apply(r)
	switch {
	case err != nil:
		return false // Serve will say why, to the log
	case c != nil && c.status != 0:
		w.Redirect(c.status, c.location(r))
		return true
	}
	return h.inline != nil && h.inline.ServeInline(w, r)
}

// ServeLater implements highball.LaterHandler, if next does.
func (h *handler) ServeLater(t *highball.Turn, r *highball.Request, l highball.Later) highball.Pending {
	if h.later == nil {
		return nil
	}
	if c, err := h.apply(r); err != nil || c != nil && c.status != 0 {
		return nil
	}
	return h.later.ServeLater(t, r, l)
}

// errControl is of a rule's outcome, or rather of what the client has sent: no resource has such a name.
var errControl = errors.New("the rewritten path has a control character")

// apply rewrites r by the first rule that matches, and returns that, or nil.
func (h *handler) apply(r *highball.Request) (*rule, error) {
	path := r.Path()
	if path == "" || path[0] != '/' { // "OPTIONS *" is for no path
		return nil, nil
	}
	for i := range h.rules {
		c := &h.rules[i]
		groups := c.match.FindStringSubmatchIndex(path)
		if groups == nil {
			continue
		}
		to := string(c.to.path.expand(nil, path, groups, asItIs))
		query := r.Query()
		if c.to.asks {
			query = string(c.to.query.expand(nil, path, groups, encoded))
		}
		if hasControl(to) {
			return nil, errControl
		}
		return c, r.Rewrite(to, query)
	}
	return nil, nil
}

// location returns where r has been rewritten to, as a URI reference: on this site one slash, and what no client could take for
// something else.
func (c *rule) location(r *highball.Request) string {
	to := c.to.origin + (&url.URL{Path: r.Path()}).EscapedPath()
	if query := r.Query(); query != "" {
		to += "?" + query
	}
	return to
}

func hasControl(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] == 0x7f {
			return true
		}
	}
	return false
}
