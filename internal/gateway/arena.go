package gateway

import (
	"os"
	"slices"
	"sync"
	"time"
)

// An arena is memory that the server shares with the workers of an application, so that bodies need not go through their sockets, which
// copies them twice more. It is made of slots, of which the server gives one to each request that it hands to a worker. The body of
// the request may be in it, from before; once the worker has read that, it may put the body of its answer there. Who has a slot changes with the
// frames that are sent anyway, and only the server decides it, so that nothing in the memory itself needs to be agreed on:
//
//	slot is    the server's                 the worker's                     the server's
//	until      the frame of its request     the first frame of the answer    the answer is sent, or not wanted
//
// When there are no more slots, and for bodies that are too short or too long, there are the sockets as before. So a nil *arena, which has no
// slots, is what there is where memory cannot be shared.
//
// Nothing in the arena is trusted beyond being the body of an answer: heads come through the socket. It cannot be made smaller by a
// worker, which would end who reads it.
type arena struct {
	file *os.File // for workers to map
	mem  []byte

	mu     sync.Mutex       // guards the following fields, and backed of slots that are free
	free   []slot           // what was used last comes first again: it is in the processor's caches
	rest   int              // how many of these, from the first on, were not taken since the last trim
	used   [arenaSlots]bool // may have memory
	trims  bool             // a trim will come
	closed bool
	backed [arenaSlots]int // bytes of each, from its start, that have memory for certain
}

// slot is the number of a slot, counted from 1; 0 is none.
type slot uint16

const (
	arenaSlots = 64
	slotSize   = 1 << 20
	slotStep   = 256 << 10 // in which a slot gets its memory

	// slotBody is how long the body of a request may be that is put in a slot: how long its client takes to send it is the client's affair.
	slotBody = 256 << 10

	// forAnswers is how many slots bodies of requests leave for answers: clients may take long to send theirs.
	forAnswers = 16

	// slotLeast is the length from which on a body is put in a slot: a shorter one costs less to send along.
	slotLeast = 8 << 10

	// grants is how many requests get a slot after one whose answer was long: to most applications slots are of no use.
	grants = 64

	// trimInterval is how long a slot keeps its memory at least when it is not used.
	trimInterval = 10 * time.Second
)

// newArena returns an arena, or nil if the system has none to give.
func newArena() *arena {
	file, mem, err := sharedMemory(arenaSlots * slotSize)
	if err != nil {
		return nil
	}
	a := &arena{file: file, mem: mem}
	for s := slot(arenaSlots); s > 0; s-- {
		a.free = append(a.free, s)
	}
	a.rest = arenaSlots
	return a
}

// take returns a slot for the answer to a request, or 0.
func (a *arena) take() slot { return a.takeOf(0) }

// takeForBody returns a slot for the body of a request, of n bytes, for which it has memory in any case, or 0.
func (a *arena) takeForBody(n int) slot {
	s := a.takeOf(forAnswers)
	if s == 0 || a.back(s, n) == nil {
		return s
	}
	a.give(s)
	return 0
}

// slotSize returns the size of a slot, 0 if there is none.
func (a *arena) slotSize() int {
	if a == nil {
		return 0
	}
	return slotSize
}

// takeOf returns a slot if more than keep are free.
func (a *arena) takeOf(keep int) (s slot) {
	if a == nil {
		return 0
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	n := len(a.free)
	if n <= keep || a.closed {
		return 0
	}
	s, a.free = a.free[n-1], a.free[:n-1]
	a.used[s-1] = true
	a.rest = min(a.rest, n-1)
	if !a.trims {
		a.trims = true
		time.AfterFunc(trimInterval, a.trim)
	}
	return s
}

// trim gives the memory of slots back to the system that were not needed for a while.
func (a *arena) trim() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.closed {
		return
	}
	for _, s := range a.free[:a.rest] {
		if a.used[s-1] {
			loseMemory(a.file, int64(s-1)*slotSize, slotSize)
			a.used[s-1], a.backed[s-1] = false, 0
		}
	}
	a.rest = len(a.free)
	if a.trims = slices.Contains(a.used[:], true); a.trims {
		time.AfterFunc(trimInterval, a.trim)
	}
}

// back has the system find the memory of the first n bytes of a slot that is the caller's. Without it, to write there when no memory is left would end
// the process, where it is only an error here.
func (a *arena) back(s slot, n int) error {
	if a.backed[s-1] >= n { // which is of the slot's owner
		return nil
	}
	n = (n + slotStep - 1) / slotStep * slotStep
	err := findMemory(a.file, int64(s-1)*slotSize, int64(n))
	if err == nil {
		a.backed[s-1] = n
	}
	return err
}

// give takes a slot back.
func (a *arena) give(s slot) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.free = append(a.free, s)
	a.endLocked()
}

// bytes returns the memory of a slot.
func (a *arena) bytes(s slot) []byte {
	start := (int(s) - 1) * slotSize
	return a.mem[start : start+slotSize : start+slotSize]
}

// close ends the arena, as soon as all slots are back. No more are given.
func (a *arena) close() {
	if a == nil {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.closed {
		a.closed = true
		a.endLocked()
	}
}

func (a *arena) endLocked() {
	if a.closed && len(a.free) == arenaSlots {
		freeMemory(a.mem)
		a.mem = nil
		_ = a.file.Close() // nothing was written by it; whoever had a slot may have asked for its memory until now
	}
}

// taken returns how many slots are in use.
func (a *arena) taken() int {
	if a == nil {
		return 0
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	return arenaSlots - len(a.free)
}
