package observe

import (
	"sync"
	"sync/atomic"
	"time"
)

// Recorder is a flight recorder: a [Sink] that has the last exchanges in memory, so that it can be told afterwards what a request was and what was
// answered. The memory is bounded and allocated once; what is new takes the place of what is old.
//
// Exchanges that failed (a 5xx, none or only a part of an answer), and those of a time for which somebody has asked, are kept apart from all others, so
// that a busy server does not lose them within a second. Of these, too, the newest win. Of the others, all are recorded as long as they are no more than 1,000
// in a second for each shard; from there on each 16th is, since nobody could look at more, and each costs an event loop 0.1 µs or more.
//
// Memory has what was on the wire as it was. Whatever is read from a Recorder has its secrets masked, but for [Recorder.Original], which is for sending a
// request again. Its methods may be called by any goroutine.
type Recorder struct {
	masks  *Masks
	shards []*recorderShard
	until  atomic.Int64 // requests that begin before it, in Unix nanoseconds, are kept
}

// recorderShard is what one event loop records. Each is allocated by itself, so that loops do not share a cache line.
type recorderShard struct {
	second atomic.Int64 // the Unix second that count is of
	count  atomic.Int64 // exchanges that have not failed

	mu     sync.Mutex   // guards the following fields
	recent exchangeRing // exchanges in order
	kept   exchangeRing // those that matter
}

// SmallestRecorder is how many bytes a [Recorder] has for each of its shards at least.
const SmallestRecorder = 128 << 10

const (
	wholeSecond = 1000 // exchanges of a second that are all recorded, of each shard
	eachOf      = 16   // of more than these, each so-manieth
)

// NewRecorder returns a recorder of about size bytes for as many shards as given, of which each has at least [SmallestRecorder] bytes.
func NewRecorder(size int64, shards int, masks *Masks) *Recorder {
	r := &Recorder{masks: masks, shards: make([]*recorderShard, shards)}
	each := max(int(size/int64(shards)), SmallestRecorder)
	for i := range r.shards {
		// A quarter for everything: it goes round fast anyhow, and the processor's caches hold more of it.
		r.shards[i] = &recorderShard{recent: newExchangeRing(each / 4), kept: newExchangeRing(each - each/4)}
	}
	return r
}

// Take implements [Sink]. It does not allocate.
func (r *Recorder) Take(shard int, rec *Record) {
	s := r.shards[min(shard, len(r.shards)-1)]
	keep := rec.Status >= 500 || rec.Status == 0 || rec.Aborted
	if until := r.until.Load(); until != 0 && !keep {
		keep = rec.Time.UnixNano() < until
	}
	if !keep && s.passes(rec.Time.Add(rec.Duration).Unix()) {
		return
	}
	s.mu.Lock()
	if keep {
		s.kept.put(rec)
	} else {
		s.recent.put(rec)
	}
	s.mu.Unlock()
}

// passes reports whether an exchange is to be passed over, since there are very many in the second in which it has ended. Goroutines that count at the same moment may count one too few.
func (s *recorderShard) passes(second int64) bool {
	if s.second.Load() != second {
		s.second.Store(second)
		s.count.Store(0)
	}
	n := s.count.Add(1)
	return n > wholeSecond && n%eachOf != 0
}

// KeepAll has every exchange kept whose request begins before a moment, or has begun already.
func (r *Recorder) KeepAll(until time.Time) { r.until.Store(until.UnixNano()) }

// Recent returns at most limit exchanges that match, the latest first. They are without heads and bodies.
func (r *Recorder) Recent(f RecentFilter, limit int) []Exchange {
	found := r.find(limit, f.matches)
	all := make([]Exchange, len(found))
	for i := range found {
		all[i] = found[i].summary(r.masks)
	}
	return all
}

// Exchange returns the exchange of an id, the latest if there are several, with what is known of its heads and bodies.
func (r *Recorder) Exchange(id string) (Exchange, bool) {
	found, ok := r.findID(id)
	if !ok {
		return Exchange{}, false
	}
	return found.exchange(r.masks), true
}

// Original returns the request of an id as it was received, its secrets included. It is for sending the request again to this server; nobody else may get to see it.
func (r *Recorder) Original(id string) (Original, bool) {
	found, ok := r.findID(id)
	if !ok {
		return Original{}, false
	}
	return found.original(), true
}
