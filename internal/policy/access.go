package policy

import (
	"fmt"
	"net/netip"
	"slices"

	"highball"
)

// clientOf returns the address to judge a client by: IPv4 as such however it came. It is not valid for clients of a unix socket.
func clientOf(r *highball.Request) netip.Addr { return r.RemoteAddr().Addr().Unmap() }

// prefixes answers for the longest of many prefixes that an address lies in, at a cost that grows with the number of different
// lengths alone.
type prefixes struct {
	allowed    map[netip.Prefix]bool
	four, six  []int // lengths that occur, longest first
	anyAllowed bool
}

func newPrefixes(allow, deny []netip.Prefix) (*prefixes, error) {
	p := &prefixes{allowed: make(map[netip.Prefix]bool), anyAllowed: len(allow) > 0}
	add := func(list []netip.Prefix, allowed bool) error {
		for _, prefix := range list {
			canonical, err := canonicalPrefix(prefix)
			if err != nil {
				return err
			}
			if before, ok := p.allowed[canonical]; ok && before != allowed {
				return fmt.Errorf("%s is both allowed and denied", canonical)
			}
			p.allowed[canonical] = allowed
			lengths := &p.six
			if canonical.Addr().Is4() {
				lengths = &p.four
			}
			*lengths = append(*lengths, canonical.Bits())
		}
		return nil
	}
	if err := add(allow, true); err != nil {
		return nil, err
	}
	if err := add(deny, false); err != nil {
		return nil, err
	}
	for _, lengths := range []*[]int{&p.four, &p.six} {
		slices.Sort(*lengths)
		slices.Reverse(*lengths)
		*lengths = slices.Compact(*lengths)
	}
	return p, nil
}

// canonicalPrefix gives IPv4 prefixes one form and drops the bits behind the prefix.
func canonicalPrefix(p netip.Prefix) (netip.Prefix, error) {
	if addr := p.Addr(); addr.Is4In6() && p.Bits() >= 96 {
		p = netip.PrefixFrom(addr.Unmap(), p.Bits()-96)
	}
	if !p.IsValid() {
		return p, fmt.Errorf("%s is no address prefix", p)
	}
	return p.Masked(), nil
}

// find reports what the longest prefix that addr lies in says; found is false for an address in none, and for none.
func (p *prefixes) find(addr netip.Addr) (allowed, found bool) {
	lengths := p.six
	if addr.Is4() {
		lengths = p.four
	}
	for _, bits := range lengths {
		prefix, err := addr.Prefix(bits) // without the address's zone, if it has one
		if err != nil {
			return false, false // no address
		}
		if allowed, found = p.allowed[prefix]; found {
			return allowed, true
		}
	}
	return false, false
}

// holds reports whether addr lies in an allowed prefix.
func (p *prefixes) holds(addr netip.Addr) bool {
	allowed, _ := p.find(addr)
	return allowed
}

// access lets clients in by address.
type access struct {
	*prefixes
	page *highball.Prepared
}

func (h *handler) buildAccess(cfg *Config) error {
	if cfg.Access == nil {
		return nil
	}
	list, err := newPrefixes(cfg.Access.Allow, cfg.Access.Deny)
	if err != nil {
		return fmt.Errorf("access: %w", err)
	}
	if len(list.allowed) == 0 {
		return nil
	}
	page, err := highball.PrepareErrorPage(403, nil)
	if err != nil {
		return err
	}
	h.access = &access{list, page}
	return nil
}

// admits reports whether a client of that address is let in.
func (a *access) admits(addr netip.Addr) bool {
	allowed, found := a.find(addr)
	if !found {
		return !a.anyAllowed
	}
	return allowed
}
