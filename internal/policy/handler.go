package policy

import (
	"fmt"
	"log/slog"
	"strings"
	"time"

	"highball"
)

// New returns a handler that has cfg hold for what next answers. A cfg that says nothing returns next. The error names what
// cannot be so: a file that cannot be read or has a line that is refused, a field that may not be set, and the like.
//
// Nothing is to be closed.
func New(cfg Config, next highball.Handler) (highball.Handler, error) {
	if cfg.saysNothing() {
		return next, nil
	}
	return build(cfg, next)
}

// build is New for a Config that says something.
func build(cfg Config, next highball.Handler) (highball.Handler, error) {
	h := &handler{next: next, maxBody: cfg.MaxBody, deadline: cfg.Deadline, clock: cfg.Clock}
	h.inline, _ = next.(highball.InlineHandler)
	h.later, _ = next.(highball.LaterHandler)
	if h.clock == nil {
		h.clock = time.Now
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.Default()
	}
	if cfg.Shared == nil {
		cfg.Shared = new(Shared)
	}
	for _, part := range []func(*Config) error{h.buildMaintenance, h.buildAccess, h.buildRate, h.buildAuth, h.buildEditor, h.buildPrefix} {
		if err := part(&cfg); err != nil {
			return nil, fmt.Errorf("policy: %w", err)
		}
	}
	return h, nil
}

// saysNothing reports whether c leaves everything as it is.
func (c *Config) saysNothing() bool {
	return len(c.Headers) == 0 && c.CORS == nil && c.CacheControl == "" && c.Auth == nil && c.Rate == nil &&
		(c.Access == nil || len(c.Access.Allow)+len(c.Access.Deny) == 0) && c.MaxBody == nil && c.Deadline == nil &&
		strings.TrimRight(c.StripPrefix, "/") == "" && c.Maintenance == nil
}

// handler has the policies of a Config hold for another handler. What a Config leaves unset is nil here.
type handler struct {
	next   highball.Handler
	inline highball.InlineHandler // next, if it is one
	later  highball.LaterHandler  // likewise
	clock  func() time.Time

	maintenance *maintenance
	access      *access
	rate        *limiter
	auth        *auth
	cors        *cors   // also part of editor
	editor      *editor // of every response
	maxBody     *int64
	deadline    *time.Duration
	prefix      string // without a final slash
}

var (
	_ highball.InlineHandler = (*handler)(nil)
	_ highball.LaterHandler  = (*handler)(nil)
)

func (h *handler) buildPrefix(cfg *Config) error {
	h.prefix = strings.TrimRight(cfg.StripPrefix, "/")
	if h.prefix != "" && h.prefix[0] != '/' {
		return fmt.Errorf("the prefix %q does not begin with a slash", cfg.StripPrefix)
	}
	return nil
}

// place is where a request is judged.
type place uint8

const (
	onLoop      place = iota // nothing may block, and nothing is counted yet
	onGoroutine              // the last word
)

// Serve implements highball.Handler.
func (h *handler) Serve(w *highball.Response, r *highball.Request) error {
	h.edit(r)
	v := h.judge(r, onGoroutine)
	switch {
	case v.err != nil:
		return v.err
	case v.page != nil:
		return w.Send(v.page)
	case v.preflight:
		h.cors.answerPreflight(w, r)
		return nil
	}
	if h.maxBody != nil {
		if err := r.LimitBody(*h.maxBody); err != nil {
			return err
		}
	}
	if err := h.handOver(r, v.user); err != nil {
		return err
	}
	return h.next.Serve(w, r)
}

// ServeInline implements highball.InlineHandler.
func (h *handler) ServeInline(w *highball.Response, r *highball.Request) bool {
	h.edit(r)
	v := h.judge(r, onLoop)
	switch {
	case v.undecided, v.err != nil:
		return false
	case v.page != nil:
		if err := w.Send(v.page); err != nil {
			return false
		}
	case v.preflight:
		h.cors.answerPreflight(w, r)
	case h.inline == nil || h.handOver(r, v.user) != nil || !h.inline.ServeInline(w, r):
		return false
	}
	v.charge(h.rate)
	return true
}

// ServeLater implements highball.LaterHandler.
func (h *handler) ServeLater(t *highball.Turn, r *highball.Request, l highball.Later) highball.Pending {
	if h.later == nil {
		return nil
	}
	h.edit(r)
	v := h.judge(r, onLoop)
	if !v.passes() || h.maxBody != nil && r.LimitBody(*h.maxBody) != nil || h.handOver(r, v.user) != nil {
		return nil
	}
	p := h.later.ServeLater(t, r, l)
	if p != nil {
		v.charge(h.rate)
	}
	return p
}

// edit has the response edited, whoever makes it.
func (h *handler) edit(r *highball.Request) {
	if h.editor != nil {
		r.EditResponse(h.editor)
	}
}

// handOver makes r what the inner handler is to see.
func (h *handler) handOver(r *highball.Request, user string) error {
	if user != "" {
		r.SetUser(user)
	}
	if h.deadline != nil {
		r.ExtendDeadline(*h.deadline)
	}
	if h.prefix == "" {
		return nil
	}
	rest, ok := strings.CutPrefix(r.Path(), h.prefix)
	switch {
	case !ok || rest != "" && rest[0] != '/':
		return nil
	case rest == "":
		rest = "/"
	}
	if err := r.Rewrite(rest, r.Query()); err != nil {
		return &highball.Error{Status: 400, Err: err}
	}
	return nil
}
