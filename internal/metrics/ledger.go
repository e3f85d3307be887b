package metrics

import (
	"context"
	"sync"
	"time"

	"highball/internal/observe"
)

// Ledger has what was counted since the server has started, what of it is of the last minute, and the last hour second by second. Its methods
// may be called by any goroutine.
type Ledger struct {
	counters *observe.Counters
	source   Source
	watchers watchers
	registry registry

	mu       sync.Mutex // guards the following fields
	accounts map[*observe.Route]*account
	classes  [observe.Classes]uint64 // requests since the start
	sent     uint64
	received uint64
	second   observe.Counts // since the last tick
	busy     bool           // second is not empty
	history  history
	loops    []loopLag
	clients  topList
	begun    [windowParts]time.Time // each part of the window, the present one first; zero where there was none
}

// account is what a route has counted.
type account struct {
	route  *observe.Route // nil for requests that had none
	before observe.Counts // since the start, but for the present part of the window
	recent observe.Counts // in the present part of the window
	past   [windowParts - 1]summary
}

// New makes the ledger of a server that is about to start.
func New(counters *observe.Counters) *Ledger {
	l := &Ledger{counters: counters, accounts: make(map[*observe.Route]*account)}
	l.begun[0] = time.Now()
	return l
}

// Ask has the ledger ask source for what it does not count itself. It is to be called before any other method is.
func (l *Ledger) Ask(source Source) { l.source = source }

// Run has a second entered as often as one ends, until ctx does.
func (l *Ledger) Run(ctx context.Context) {
	timer := time.NewTimer(untilNextSecond(time.Now()))
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
			now := time.Now()
			l.tick(now)
			timer.Reset(untilNextSecond(now))
		}
	}
}

// untilNextSecond returns how long it is until the second after the one that begins at about now.
func untilNextSecond(now time.Time) time.Duration {
	return now.Round(time.Second).Add(time.Second).Sub(now)
}

// tick ends a second.
func (l *Ledger) tick(now time.Time) {
	l.mu.Lock()
	l.fold()
	l.tellLoops()
	s := l.endSecond(now)
	if now.Sub(l.begun[0]) >= partLength {
		l.turn(now)
	}
	l.mu.Unlock()
	l.watchers.tell(&s)
}

// fold enters what was counted since it was last called.
func (l *Ledger) fold() {
	l.counters.Drain(func(r *observe.Route, n *observe.Counts) {
		a := l.accounts[r]
		if a == nil {
			a = &account{route: r}
			l.accounts[r] = a
		}
		a.recent.Add(n)
		l.second.Add(n)
		l.busy = true
		for class, of := range n.ByClass() {
			l.classes[class] += of
		}
		l.sent += n.Sent
		l.received += n.Received
	})
}

// endSecond puts the present second into the history, and begins the next one.
func (l *Ledger) endSecond(now time.Time) second {
	s := second{time: now.Round(time.Second).Unix()}
	if l.busy {
		s.count(&l.second)
		l.second, l.busy = observe.Counts{}, false
	}
	if l.source.InFlight != nil {
		s.inFlight = l.source.InFlight()
	}
	if l.source.Open != nil {
		s.open = l.source.Open()
	}
	s.waiting = l.waiting()
	l.history.add(s)
	return s
}

// waiting returns how many requests wait for workers.
func (l *Ledger) waiting() (n int) {
	if l.source.Waiting != nil {
		n = l.source.Waiting()
	}
	return n
}

// sum returns what a has counted since the start.
func (a *account) sum() observe.Counts {
	n := a.before
	n.Add(&a.recent)
	return n
}

// names returns how metrics call a route.
func names(r *observe.Route) (site, route string) {
	if r == nil {
		return noSite, noRoute
	}
	if r.Site == "" {
		return noSite, r.Path
	}
	return r.Site, r.Path
}
