package metrics

import (
	"cmp"
	"slices"
	"time"

	"highball/internal/admin"
	"highball/internal/observe"
)

// The window is the last minute, in parts: the present one, which is being filled, and those before it, of which only what statistics need is kept.
const (
	windowParts = 6
	partLength  = 10 * time.Second
)

// mostClients is how many clients statistics tell of.
const mostClients = 50

// summary is what is kept of a part of the window for one route.
type summary struct {
	requests uint64
	errors   uint64
	sent     uint64
	spans    observe.Spans
	buckets  []bucket // of durations; those that are not empty
}

type bucket struct {
	index uint16
	count uint32
}

// summarize returns what is kept of n.
func summarize(n *observe.Counts) summary {
	s := summary{requests: n.Total(), errors: n.Errors(), sent: n.Sent, spans: n.Spans}
	filled := 0
	for _, count := range n.Durations {
		if count > 0 {
			filled++
		}
	}
	s.buckets = make([]bucket, 0, filled)
	for i, count := range n.Durations {
		if count > 0 {
			s.buckets = append(s.buckets, bucket{uint16(i), uint32(count)})
		}
	}
	return s
}

// turn ends the present part of the window.
func (l *Ledger) turn(now time.Time) {
	for _, a := range l.accounts {
		copy(a.past[1:], a.past[:])
		a.past[0] = summary{}
		if a.recent.Total() > 0 {
			a.past[0] = summarize(&a.recent)
			a.before.Add(&a.recent)
			a.recent = observe.Counts{}
		}
	}
	for i := range l.loops {
		parts := &l.loops[i].parts
		copy(parts[1:], parts[:])
		parts[0] = 0
	}
	l.foldClients()
	l.clients.turn()
	copy(l.begun[1:], l.begun[:])
	l.begun[0] = now
}

// windowBegun returns when the window has begun.
func (l *Ledger) windowBegun() time.Time {
	begun := l.begun[0]
	for _, t := range l.begun {
		if !t.IsZero() {
			begun = t
		}
	}
	return begun
}

// Statistics tells what has happened since the start, and in the last 50 to 60 seconds.
func (l *Ledger) Statistics() admin.Statistics {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.fold()
	l.foldClients()
	s := admin.Statistics{
		Window:  time.Since(l.windowBegun()).Seconds(),
		Totals:  admin.Totals{Status: make(map[string]int64), Sent: int64(l.sent), Received: int64(l.received)},
		Loops:   make([]admin.Loop, 0, len(l.loops)),
		Routes:  []admin.RouteStat{},
		Clients: l.clients.top(mostClients),
	}
	for class, n := range l.classes {
		s.Totals.Requests += int64(n)
		s.Totals.Status[observe.ClassNames()[class]] = int64(n)
	}
	if l.source.Connections != nil {
		s.Connections = admin.Connections(l.source.Connections())
	}
	for i := range l.loops {
		s.Loops = append(s.Loops, admin.Loop{Connections: l.loops[i].connections, Lag: l.loops[i].longest().Seconds()})
	}
	for _, a := range l.accounts {
		if stat, active := a.stat(); active {
			s.Routes = append(s.Routes, stat)
		}
	}
	slices.SortFunc(s.Routes, func(a, b admin.RouteStat) int {
		return cmp.Or(cmp.Compare(b.Requests, a.Requests), cmp.Compare(a.Site, b.Site), cmp.Compare(a.Path, b.Path))
	})
	if l.source.Logs != nil {
		for _, log := range l.source.Logs() {
			s.LostLines += log.Lost
		}
	}
	for _, bound := range observe.CoarseBounds() {
		s.Buckets = append(s.Buckets, bound.Seconds())
	}
	return s
}

// stat returns how the route did in the window, if it had requests.
func (a *account) stat() (s admin.RouteStat, active bool) {
	sum := summary{requests: a.recent.Total(), errors: a.recent.Errors(), sent: a.recent.Sent, spans: a.recent.Spans}
	h := a.recent.Durations
	for i := range a.past {
		past := &a.past[i]
		sum.requests += past.requests
		sum.errors += past.errors
		sum.sent += past.sent
		for p, span := range past.spans {
			sum.spans[p] += span
		}
		for _, b := range past.buckets {
			h[b.index] += uint64(b.count)
		}
	}
	if sum.requests == 0 {
		return s, false
	}
	if a.route != nil {
		s.Site, s.Path = a.route.Site, a.route.Path
	}
	s.Requests, s.Errors, s.Sent = int64(sum.requests), int64(sum.errors), int64(sum.sent)
	q := h.Quantiles(0.5, 0.9, 0.99, 0.999)
	s.P50, s.P90, s.P99, s.P999 = q[0].Seconds(), q[1].Seconds(), q[2].Seconds(), q[3].Seconds()
	s.Phases = make(map[string]float64, observe.Phases)
	for p, span := range sum.spans {
		s.Phases[observe.Phase(p).String()] = span.Seconds() / float64(sum.requests)
	}
	return s, true
}
