// Package forward finds out who a request comes from when proxies stand between the client and the server. A proxy says so
// in header fields, and so can everybody: they are believed from the peers that the configuration trusts, and from nobody else.
//
//	handler, err := forward.New(forward.Config{Trusted: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}}, handler)
//
// # The walk
//
// Each proxy appends the address that it was connected from to a list, so the list tells from right to left where the request
// came from, and what stands to the left of the first address that is not a trusted proxy's may be invented. The
// walk starts at the peer and goes left as long as it is at a trusted address; where it ends is the client. It also ends,
// at the last address that it knew, before an element that is none: empty, "unknown", hidden, malformed.
//
// # What applications see
//
// From a trusted peer the fields of the configured family stay: X-Forwarded-*, or Forwarded. Everything else that somebody may take for the word
// of a proxy is removed: the other family, X-Real-IP, spellings with underscores; and from a peer that is not trusted all of it.
package forward

import (
	"fmt"
	"net/netip"
	"slices"

	"highball"
)

// Config says which peers are proxies.
type Config struct {
	// Trusted are the addresses of proxies: those that connect, and those that stand in front of them.
	Trusted []netip.Prefix
	// Unix has peers at unix sockets trusted.
	Unix bool
	// Header is the family of fields that the proxies set: "x-forwarded" (X-Forwarded-For, -Proto and -Host) or "forwarded"
	// (RFC 7239). "" is "x-forwarded".
	Header string
}

// New returns a handler that has next see requests as coming from the client. It fails on a prefix that is not valid and on another Header.
func New(c Config, next highball.Handler) (highball.Handler, error) {
	h := &handler{next: next, unix: c.Unix}
	h.inline, _ = next.(highball.InlineHandler)
	h.later, _ = next.(highball.LaterHandler)
	switch c.Header {
	case "", "x-forwarded":
		h.family, h.tell = prefixed, fromPrefixed
	case "forwarded":
		h.family, h.tell = standard, fromStandard
	default:
		return nil, fmt.Errorf("unknown header %q of proxies: x-forwarded or forwarded", c.Header)
	}
	for _, p := range c.Trusted {
		if !p.IsValid() {
			return nil, fmt.Errorf("a trusted proxy's address is not valid")
		}
		if p.Addr().Is4In6() && p.Bits() >= 96 {
			p = netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-96)
		}
		h.trusted = append(h.trusted, p.Masked())
	}
	return h, nil
}

// handler is what New returns.
type handler struct {
	next   highball.Handler
	inline highball.InlineHandler // next, or nil
	later  highball.LaterHandler  // next, or nil

	trusted proxies
	unix    bool
	family  family
	tell    func(trusted proxies, h *highball.Header) origin
}

var (
	_ highball.InlineHandler = (*handler)(nil)
	_ highball.LaterHandler  = (*handler)(nil)
)

// Serve implements highball.Handler.
func (h *handler) Serve(w *highball.Response, r *highball.Request) error {
	h.see(r)
	return h.next.Serve(w, r)
}

// ServeInline implements highball.InlineHandler, if next does.
func (h *handler) ServeInline(w *highball.Response, r *highball.Request) bool {
	if h.inline == nil {
		return false
	}
	h.see(r)
	return h.inline.ServeInline(w, r)
}

// ServeLater implements highball.LaterHandler, if next does.
func (h *handler) ServeLater(t *highball.Turn, r *highball.Request, l highball.Later) highball.Pending {
	if h.later == nil {
		return nil
	}
	h.see(r)
	return h.later.ServeLater(t, r, l)
}

// see makes r the client's request, with the id that a trusted proxy has given it. To do it again changes nothing, since the fields that it goes by stay.
func (h *handler) see(r *highball.Request) {
	peer := r.PeerAddr()
	trusted := h.unix
	if peer.IsValid() {
		trusted = h.trusted.contains(peer.Addr())
	}
	if !trusted {
		strip(r.Header(), none)
		return
	}
	header := r.Header()
	if id := header.Value("X-Request-ID"); id != "" {
		r.SetID(id)
	}
	if strip(header, h.family) {
		o := h.tell(h.trusted, header)
		r.SetClient(o.client, o.scheme, o.host)
	}
}

// origin is what proxies tell of where a request comes from; the zero value of each part is nothing.
type origin struct {
	client netip.AddrPort // the port is 0 where it is not told
	scheme string
	host   string
}

// proxies are the addresses that are trusted.
type proxies []netip.Prefix

func (p proxies) contains(addr netip.Addr) bool {
	addr = addr.Unmap().WithZone("")
	return slices.ContainsFunc(p, func(prefix netip.Prefix) bool { return prefix.Contains(addr) })
}
