package policy

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/maphash"
	"math"
	"sync/atomic"
	"time"

	"highball"
)

// maxPrepared is up to how many seconds of waiting a refusal is kept, once made.
const maxPrepared = 3600

// limiter is the generic cell rate algorithm: for each client it keeps when its next request would be on time, if all came at
// an even pace. A request that comes before that by no more than the slack is let in, and moves that time on by an interval. One
// that is refused moves nothing.
//
// Times are in nanoseconds since base, by the monotonic clock: when the system's clock is set, nobody is locked out.
type limiter struct {
	key      Key
	interval int64
	slack    int64
	base     time.Time
	seeds    [2]maphash.Seed
	pages    []atomic.Pointer[highball.Prepared] // pages[n] is the refusal with Retry-After n+1, made when first wanted
	table    rateTable
}

func (h *handler) buildRate(cfg *Config) (err error) {
	if cfg.Rate != nil {
		h.rate, err = cfg.Shared.limiter(*cfg.Rate, h.clock())
	}
	return err
}

func newLimiter(r Rate, now time.Time) (*limiter, error) {
	switch {
	case r.Requests <= 0 || r.Per <= 0:
		return nil, fmt.Errorf("rate: %d requests in %s is no rate", r.Requests, r.Per)
	case r.Burst < 0:
		return nil, fmt.Errorf("rate: a burst of %d", r.Burst)
	case r.Key.kind == byField && r.Key.field == "":
		return nil, errors.New("rate: the key is a field without a name")
	}
	l := &limiter{key: r.Key, interval: max(1, int64(r.Per)/int64(r.Requests)), base: now, seeds: [2]maphash.Seed{maphash.MakeSeed(), maphash.MakeSeed()}}
	if int64(r.Burst) > math.MaxInt64/4/l.interval {
		return nil, fmt.Errorf("rate: a burst of %d takes too long to be made up for", r.Burst)
	}
	l.slack = int64(r.Burst) * l.interval
	l.table.seed = maphash.MakeSeed()
	l.pages = make([]atomic.Pointer[highball.Prepared], min(maxPrepared, (l.interval-1)/int64(time.Second)+1))
	return l, nil
}

// rateKey is one client: its address, or 128 bits of a keyed hash of anything else, which nobody can make meet another's.
type rateKey [2]uint64

// keyOf returns the client that r is counted for.
func (l *limiter) keyOf(r *highball.Request, user string) rateKey {
	switch l.key.kind {
	case byUser:
		if user != "" {
			return l.hashed(user)
		}
	case byField:
		for value := range r.Header().Values(l.key.field) {
			return l.hashed(value)
		}
	}
	addr := clientOf(r)
	bytes := addr.As16() // zeros where there is no address
	if addr.Is6() {
		clear(bytes[8:])
	}
	if l.key.kind != byAddress {
		// With the seeds the other way round, no name and no value of a field has the key of an address.
		return rateKey{maphash.Bytes(l.seeds[1], bytes[:]), maphash.Bytes(l.seeds[0], bytes[:])}
	}
	return rateKey{binary.BigEndian.Uint64(bytes[:8]), binary.BigEndian.Uint64(bytes[8:])}
}

func (l *limiter) hashed(s string) rateKey {
	return rateKey{maphash.String(l.seeds[0], s), maphash.String(l.seeds[1], s)}
}

// peek returns how long a request at now would have to wait; 0 is that it may come.
func (l *limiter) peek(key rateKey, now time.Time) time.Duration {
	s, h := l.table.place(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	if slot := s.findLocked(key, h); slot != nil {
		return l.wait(slot, l.ticks(now))
	}
	return 0
}

// take counts a request at now that may come, or returns how long it has to wait.
func (l *limiter) take(key rateKey, now time.Time) time.Duration {
	s, h := l.table.place(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	slot := l.slotLocked(s, key, h, l.ticks(now))
	if wait := l.wait(slot, l.ticks(now)); wait > 0 {
		return wait
	}
	l.count(slot, l.ticks(now))
	return 0
}

// charge counts a request that has been answered.
func (l *limiter) charge(key rateKey, now time.Time) {
	s, h := l.table.place(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	l.count(l.slotLocked(s, key, h, l.ticks(now)), l.ticks(now))
}

// slotLocked returns the client's slot. A new one is due at once, and lets a request come.
func (l *limiter) slotLocked(s *shard, key rateKey, h uint64, at int64) *slot {
	if slot := s.findLocked(key, h); slot != nil {
		return slot
	}
	return s.claimLocked(&l.table, key, h, at)
}

func (l *limiter) count(s *slot, at int64) { s.due = max(s.due, at) + l.interval }

func (l *limiter) ticks(now time.Time) int64 { return int64(now.Sub(l.base)) }

func (l *limiter) wait(s *slot, at int64) time.Duration {
	return time.Duration(max(0, s.due-l.slack-at))
}

// refusal is the answer to a request that has to wait.
func (l *limiter) refusal(wait time.Duration) (*highball.Prepared, error) {
	n := (wait - 1) / time.Second
	if int(n) < len(l.pages) {
		if page := l.pages[n].Load(); page != nil {
			return page, nil
		}
	}
	var header highball.Header
	header.Set("Retry-After", seconds(wait))
	page, err := highball.PrepareErrorPage(429, &header)
	if int(n) < len(l.pages) {
		l.pages[n].Store(page)
	}
	return page, err
}
