package policy

import (
	"encoding/binary"
	"hash/maphash"
	"sync"
)

// The bounds of a rateTable: 131,072 clients, in 3 MiB. As they are spread by chance, of 60,000 that all have something to make up
// for one in a hundred is forgotten.
const (
	tableShards = 64
	bucketSlots = 8
	maxBuckets  = 256 // of a shard
)

// rateTable keeps the due times of clients in bounded memory.
//
// A client has its place in one bucket of eight, which a keyed hash chooses. It grows with the number of clients up to its
// bound. Beyond that, in a full bucket, the client is forgotten whose time is due first: it has the least to make up for, so that
// the least is lost. So a flood of clients nobody has seen before, each of which has made one request, drives out its own; one that
// has used up its burst is forgotten only for eight others in the same bucket that have done so too, and since the hash is keyed, that takes as many
// for every bucket there is. The price is paid by quiet clients under such a flood: they may get back, early, what few requests
// they had made. Nobody is ever refused for want of room.
type rateTable struct {
	seed   maphash.Seed
	shards [tableShards]shard
}

// shard is a part of a table with a lock of its own.
type shard struct {
	mu      sync.Mutex // guards the following field
	buckets []bucket   // their number is a power of two
}

type bucket [bucketSlots]slot

// slot is one client. It is free once its time has passed: a client without a slot is as well off.
type slot struct {
	key rateKey
	due int64
}

// place returns where the client key is kept: its shard, and a hash that chooses the bucket there.
func (t *rateTable) place(key rateKey) (*shard, uint64) {
	h := t.hash(key)
	return &t.shards[h%tableShards], h / tableShards
}

func (t *rateTable) hash(key rateKey) uint64 {
	var b [16]byte
	binary.LittleEndian.PutUint64(b[:8], key[0])
	binary.LittleEndian.PutUint64(b[8:], key[1])
	return maphash.Bytes(t.seed, b[:])
}

func (s *shard) bucketLocked(h uint64) *bucket {
	return &s.buckets[h&uint64(len(s.buckets)-1)]
}

// findLocked returns the client's slot, or nil.
func (s *shard) findLocked(key rateKey, h uint64) *slot {
	if len(s.buckets) == 0 {
		return nil
	}
	b := s.bucketLocked(h)
	for i := range b {
		if b[i].key == key {
			return &b[i]
		}
	}
	return nil
}

// claimLocked makes a slot for a client that has none.
func (s *shard) claimLocked(t *rateTable, key rateKey, h uint64, now int64) *slot {
	if len(s.buckets) == 0 {
		s.buckets = make([]bucket, 1)
	}
	first := s.bucketLocked(h).first()
	for first.due > now && len(s.buckets) < maxBuckets {
		s.growLocked(t, now)
		first = s.bucketLocked(h).first()
	}
	*first = slot{key: key}
	return first
}

// first returns the slot that is due first.
func (b *bucket) first() *slot {
	first := &b[0]
	for i := range b {
		if b[i].due < first.due {
			first = &b[i]
		}
	}
	return first
}

// growLocked doubles the number of buckets. What was in one is in two afterwards, so that there is room for all.
func (s *shard) growLocked(t *rateTable, now int64) {
	old := s.buckets
	s.buckets = make([]bucket, 2*len(old))
	for i := range old {
		for _, kept := range old[i] {
			if kept.due > now {
				*s.bucketLocked(t.hash(kept.key) / tableShards).first() = kept
			}
		}
	}
}
