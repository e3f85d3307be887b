package compress

import "highball"

// Config says what is encoded, and how. Its zero value is every coding, for the usual types.
type Config struct {
	// Encodings are the content codings that are switched on, "zstd", "br" and "gzip", in the order of preference among those that
	// a client likes equally. Other names count for nothing. Empty is all three, in this order.
	Encodings []string
	// Types are the media types that are encoded. "*" stands for any type or any subtype, "*+json" for every subtype with
	// that suffix. Empty is the package's list: text, and what else becomes shorter.
	Types []string
	// MinSize is the length in bytes from which on a body is encoded, if its length is known. 0 is 1 KiB, below which
	// a response fits one packet anyway; a negative one is every body that is not empty.
	MinSize int64
}

const usualMinSize = 1 << 10

// New returns a handler that has next answer, and encodes what it answers. A request that an encoded answer is possible to is
// served on a goroutine, since encoding takes too long for an event loop.
func New(c Config, next highball.Handler) highball.Handler {
	h := &handler{next: next, types: mediaRanges(c.Types), minSize: c.MinSize}
	h.inline, _ = next.(highball.InlineHandler)
	h.later, _ = next.(highball.LaterHandler)
	if h.minSize == 0 {
		h.minSize = usualMinSize
	}
	names := c.Encodings
	if len(names) == 0 {
		names = tokens[:]
	}
	for _, name := range names {
		if c := codingNamed(name); c < codings {
			h.order = append(h.order, c)
		}
	}
	for c := range codings {
		h.pools[c].coding = c
		h.encoders[c] = encoder{h, c, optional}
		h.forced[c] = encoder{h, c, demanded}
	}
	return h
}

// handler is what New returns.
type handler struct {
	next   highball.Handler
	inline highball.InlineHandler // next, or nil
	later  highball.LaterHandler  // next, or nil

	order   []coding // what is switched on
	types   []mediaRange
	minSize int64

	pools    [codings]pool
	encoders [codings]encoder // by which EncodeResponse is called without an allocation
	forced   [codings]encoder // for clients that take nothing plain
}

var (
	_ highball.InlineHandler = (*handler)(nil)
	_ highball.LaterHandler  = (*handler)(nil)
	_ highball.HeadEditor    = (*handler)(nil)
)

// Serve implements highball.Handler.
func (h *handler) Serve(w *highball.Response, r *highball.Request) error {
	if e := h.choose(r); e != nil {
		r.EncodeResponse(e)
	}
	r.EditResponse(h)
	return h.next.Serve(w, r)
}

// ServeInline implements highball.InlineHandler, for answers that are not encoded.
func (h *handler) ServeInline(w *highball.Response, r *highball.Request) bool {
	if h.inline == nil || h.choose(r) != nil {
		return false
	}
	r.EditResponse(h)
	return h.inline.ServeInline(w, r)
}

// ServeLater implements highball.LaterHandler, for answers that are not encoded.
func (h *handler) ServeLater(t *highball.Turn, r *highball.Request, l highball.Later) highball.Pending {
	if h.later == nil || h.choose(r) != nil {
		return nil
	}
	r.EditResponse(h)
	return h.later.ServeLater(t, r, l)
}

// choose returns the encoder for the answer to r, or nil if the client wants it as it is.
func (h *handler) choose(r *highball.Request) *encoder {
	accepted := acceptanceOf(r.Header())
	c, ok := accepted.best(h.order)
	switch {
	case !ok:
		return nil
	case accepted.refusesPlain():
		return &h.forced[c]
	}
	return &h.encoders[c]
}
