package static

import "sync/atomic"

// Lookups is how many requests for files the cache alone has not answered, since the Site was opened. It is these that are counted, for an answer from
// the cache writes to no memory that others share; the hits are the rest of the GET and HEAD requests.
type Lookups struct {
	Stale  uint64 // the entry was older than a second; the file was still the same
	Absent uint64 // the file was read, and is in the cache now
	Large  uint64 // the file is too large for the cache
}

type lookups struct{ stale, absent, large atomic.Uint64 }

// Lookups tells of the cache.
func (s *Site) Lookups() Lookups {
	return Lookups{s.lookups.stale.Load(), s.lookups.absent.Load(), s.lookups.large.Load()}
}
