package static

import (
	"hash/maphash"
	"sync"
	"sync/atomic"
)

// The cache of answers is built as the caches of processors are: a table of sets of a few slots each, where a path's hash
// names its set. A reader hashes, loads up to four pointers and compares; it takes no lock, and writes to no shared
// memory but to mark an entry as used, once between two sweeps. Writers take turns by a mutex.
//
// Room is found by second chance: an entry used since the last sweep is marked anew rather than dropped. An answer
// that a path stands for nothing (or for a folder short of its slash) never displaces a file that is in use, so that who
// asks for ever new paths gains nothing.

const (
	ways         = 4
	bytesPerSlot = 4 << 10 // what an entry is expected to take, for the size of the table
	minSlots     = 64
	maxSlots     = 1 << 18
)

// cache maps canonical paths to answers. A nil *cache is one that is always empty.
type cache struct {
	seed  maphash.Seed
	slots []atomic.Pointer[entry] // a power of two of them, in sets of ways
	limit int64                   // bytes

	mu   sync.Mutex // guards the following fields and every store to slots
	size int64
	hand int // the next slot to sweep
}

// newCache returns a cache of at most limit bytes, nil if limit is negative.
func newCache(limit int64) *cache {
	if limit < 0 {
		return nil
	}
	slots := minSlots
	for slots < maxSlots && int64(slots)*bytesPerSlot < limit {
		slots *= 2
	}
	return &cache{seed: maphash.MakeSeed(), slots: make([]atomic.Pointer[entry], slots), limit: limit}
}

// set returns the slots where an entry for path can be.
func (c *cache) set(path string) []atomic.Pointer[entry] {
	first := maphash.String(c.seed, path) & uint64(len(c.slots)-ways)
	return c.slots[first : first+ways : first+ways]
}

// get returns the entry for path, or nil. It does not keep path.
func (c *cache) get(path string) *entry {
	if c == nil {
		return nil
	}
	set := c.set(path)
	for i := range set {
		if e := set[i].Load(); e != nil && e.path == path {
			if !e.used.Load() {
				e.used.Store(true)
			}
			return e
		}
	}
	return nil
}

// put adds an entry, in place of one of the same path. It may drop others, and this one too.
func (c *cache) put(e *entry) {
	if c == nil || e.cost() > c.limit {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	set := c.set(e.path)
	slot := victim(set, e)
	if slot == nil {
		return
	}
	c.store(slot, e)
	for turns := 0; c.size > c.limit && turns < 2*len(c.slots); turns++ {
		c.sweepLocked(e)
	}
}

// victim chooses the slot of a set for e: that of its path, else an empty one, else one whose entry was not used
// lately. Where all were used, a file takes the first slot and nothing else takes any; the others have had their chance.
func victim(set []atomic.Pointer[entry], e *entry) *atomic.Pointer[entry] {
	var free *atomic.Pointer[entry]
	for i := range set {
		old := set[i].Load()
		switch {
		case old == nil:
			free = &set[i]
		case old.path == e.path:
			return &set[i]
		}
	}
	if free != nil {
		return free
	}
	for i := range set {
		if !set[i].Load().used.Load() {
			return &set[i]
		}
	}
	for i := range set {
		set[i].Load().used.Store(false)
	}
	if e.kind != file {
		return nil
	}
	return &set[0]
}

// sweepLocked moves the hand by one slot and drops what was not used since it came by last.
func (c *cache) sweepLocked(keep *entry) {
	slot := &c.slots[c.hand]
	c.hand = (c.hand + 1) % len(c.slots)
	old := slot.Load()
	switch {
	case old == nil || old == keep:
	case old.used.Load():
		old.used.Store(false)
	default:
		c.store(slot, nil)
	}
}

// store replaces the entry of a slot. The caller holds c.mu.
func (c *cache) store(slot *atomic.Pointer[entry], e *entry) {
	if old := slot.Load(); old != nil {
		c.size -= old.cost()
	}
	if e != nil {
		c.size += e.cost()
	}
	slot.Store(e)
}

// remove drops the entry for path, if there is one.
func (c *cache) remove(path string) {
	if c == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	set := c.set(path)
	for i := range set {
		if e := set[i].Load(); e != nil && e.path == path {
			c.store(&set[i], nil)
		}
	}
}
