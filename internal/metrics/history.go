package metrics

import (
	"time"

	"highball/internal/admin"
	"highball/internal/observe"
)

// longestHistory is how many seconds are kept.
const longestHistory = 3600

// second is an admin.Tick in a form that takes little memory, and nothing beside itself.
type second struct {
	time      int64 // Unix seconds
	status    [observe.Classes]uint32
	latency   [len(observe.CoarseDurations{})]uint32
	phases    observe.Spans
	quantiles [4]time.Duration
	sent      uint64
	inFlight  int64
	waiting   int
	open      int
}

// count enters the requests of the second.
func (s *second) count(n *observe.Counts) {
	for class, of := range n.ByClass() {
		s.status[class] = uint32(of)
	}
	for i, of := range n.Durations.Coarse() {
		s.latency[i] = uint32(of)
	}
	s.phases = n.Spans
	copy(s.quantiles[:], n.Durations.Quantiles(0.5, 0.9, 0.99, 0.999))
	s.sent = n.Sent
}

// tick returns the second as others are told it.
func (s *second) tick() admin.Tick {
	t := admin.Tick{
		Time:    s.time,
		Status:  make(map[string]int64),
		Phases:  make(map[string]float64, observe.Phases),
		Latency: make([]int64, len(s.latency)),
		P50:     s.quantiles[0].Seconds(), P90: s.quantiles[1].Seconds(), P99: s.quantiles[2].Seconds(), P999: s.quantiles[3].Seconds(),
		Sent: int64(s.sent), InFlight: s.inFlight, Waiting: s.waiting, Open: s.open,
	}
	for class, n := range s.status {
		if n > 0 {
			t.Status[observe.ClassNames()[class]] = int64(n)
			t.Requests += int64(n)
		}
	}
	for p, span := range s.phases {
		t.Phases[observe.Phase(p).String()] = span.Seconds()
	}
	for i, n := range s.latency {
		t.Latency[i] = int64(n)
	}
	return t
}

// history is the last seconds, in a ring. The zero value is empty.
type history struct {
	ring []second // no longer than longestHistory
	next int      // where the oldest is, once the ring is full
}

// add puts s behind the others. If the clock was set back, those that were to come after it are forgotten, so that times always ascend.
func (h *history) add(s second) {
	if n := len(h.ring); n > 0 && h.at(n-1).time >= s.time {
		h.forget(s.time)
	}
	if len(h.ring) < longestHistory {
		h.ring = append(h.ring, s)
		return
	}
	h.ring[h.next] = s
	h.next = (h.next + 1) % longestHistory
}

// at returns the i-th, counted from the oldest.
func (h *history) at(i int) *second { return &h.ring[(h.next+i)%len(h.ring)] }

// forget keeps those from before a time.
func (h *history) forget(time int64) {
	var kept []second
	for i := range h.ring {
		if s := h.at(i); s.time < time {
			kept = append(kept, *s)
		}
	}
	h.ring, h.next = kept, 0
}

// History returns the last seconds, the oldest first: at most as many as are asked for, and an hour.
func (l *Ledger) History(seconds int) admin.History {
	l.mu.Lock()
	n := len(l.history.ring)
	last := make([]second, 0, min(max(seconds, 0), n))
	for i := n - cap(last); i < n; i++ {
		last = append(last, *l.history.at(i))
	}
	l.mu.Unlock()
	h := admin.History{Ticks: make([]admin.Tick, len(last))}
	for i := range last {
		h.Ticks[i] = last[i].tick()
	}
	return h
}
