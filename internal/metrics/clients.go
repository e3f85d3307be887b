package metrics

import (
	"cmp"
	"net/netip"
	"slices"

	"highball/internal/admin"
	"highball/internal/observe"
)

const (
	presentClients = 4096 // that are kept of the present part of the window, at most
	pastClients    = 256  // of each of those before
)

// topList is who has sent the most requests in the window. The zero value is empty.
type topList struct {
	present map[netip.Addr]*observe.Client
	past    [windowParts - 1][]observe.Client
}

// foldClients enters the clients that were counted since it was last called.
func (l *Ledger) foldClients() {
	l.counters.DrainClients(func(c observe.Client) { l.clients.add(c) })
	if len(l.clients.present) > presentClients {
		l.clients.keep(presentClients / 4)
	}
}

func (t *topList) add(c observe.Client) {
	if known := t.present[c.Address]; known != nil {
		known.Requests += c.Requests
		known.Sent += c.Sent
		return
	}
	if t.present == nil {
		t.present = make(map[netip.Addr]*observe.Client)
	}
	t.present[c.Address] = &c
}

// keep forgets those of the present part that are not among the first n.
func (t *topList) keep(n int) {
	first := most(t.present, n)
	clear(t.present)
	for _, c := range first {
		t.add(c)
	}
}

// turn ends the present part of the window.
func (t *topList) turn() {
	copy(t.past[1:], t.past[:])
	t.past[0] = most(t.present, pastClients)
	t.present = nil
}

// top returns the first n of the window.
func (t *topList) top(n int) []admin.TopClient {
	sum := topList{}
	for _, c := range t.present {
		sum.add(*c)
	}
	for _, past := range t.past {
		for _, c := range past {
			sum.add(c)
		}
	}
	all := []admin.TopClient{}
	for _, c := range most(sum.present, n) {
		all = append(all, admin.TopClient{Address: c.Address.String(), Requests: int64(c.Requests), Sent: int64(c.Sent)})
	}
	return all
}

// most returns the n clients with the most requests, those with the most first.
func most(of map[netip.Addr]*observe.Client, n int) []observe.Client {
	all := make([]observe.Client, 0, len(of))
	for _, c := range of {
		all = append(all, *c)
	}
	slices.SortFunc(all, func(a, b observe.Client) int {
		return cmp.Or(cmp.Compare(b.Requests, a.Requests), a.Address.Compare(b.Address))
	})
	return slices.Clone(all[:min(n, len(all))])
}
