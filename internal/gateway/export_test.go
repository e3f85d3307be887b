//go:build linux

package gateway

import (
	"bytes"
	"os"
	"testing"

	"golang.org/x/sys/unix"
)

// Sizes of the arena.
const (
	SlotLeast  = slotLeast
	SlotSize   = slotSize
	SlotBody   = slotBody
	ArenaSlots = arenaSlots
	ForAnswers = forAnswers
	SlotsHeld  = slotsHeld
)

// SiteThatRefusesToMap is siteThatRefusesToMap for the tests that see the package from outside.
func SiteThatRefusesToMap(t testing.TB) string { return siteThatRefusesToMap(t) }

// SlotsUsed returns how many slots of the arena have an owner.
func (a *App) SlotsUsed() int { return a.cfg.arena.taken() }

// LoseMemory has the arena find no more memory: its descriptor is another file's, which can have none.
func (a *App) LoseMemory(t *testing.T) {
	null, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	if err := unix.Dup3(int(null.Fd()), int(a.cfg.arena.file.Fd()), unix.O_CLOEXEC); err != nil {
		t.Fatal(err)
	}
}

// ClientsLeft returns how many requests that workers are at have clients that have left.
func (a *App) ClientsLeft() (n int) {
	a.pool.mu.Lock()
	defer a.pool.mu.Unlock()
	for _, w := range a.pool.alive {
		for _, tk := range w.flight {
			if tk.left || tk.unwanted {
				n++
			}
		}
	}
	return n
}

// TakeSlots takes all slots, which are given back by the function returned.
func (a *App) TakeSlots() (giveBack func()) {
	var taken []slot
	for s := a.cfg.arena.take(); s != 0; s = a.cfg.arena.take() {
		taken = append(taken, s)
	}
	return func() {
		for _, s := range taken {
			a.cfg.arena.give(s)
		}
	}
}

// EachPython is eachPython for the tests that see the package from outside.
func EachPython(t *testing.T, f func(t *testing.T, python string)) { eachPython(t, f) }

// Arriving returns how many requests have a body that an event loop, or a goroutine after it, waits for.
func (a *App) Arriving() int { return int(a.pool.arriving.Load()) }

// BytesHeld returns how many bytes are reserved for bodies.
func (a *App) BytesHeld() int { return int(a.bodies.held.Load()) }

// PresetsKnown returns how many presets the workers know that are there.
func (a *App) PresetsKnown() (n int) {
	a.pool.mu.Lock()
	defer a.pool.mu.Unlock()
	for _, w := range a.pool.workers {
		for _, p := range w.presets {
			if p != nil {
				n++
			}
		}
	}
	return n
}

// PresetsFor returns how many presets there are of headers with a text.
func (a *App) PresetsFor(text string) (n int) {
	ts := &a.pool.presets
	ts.mu.Lock()
	defer ts.mu.Unlock()
	for _, p := range ts.all {
		if p != nil && bytes.Contains(p.key, []byte(text)) {
			n++
		}
	}
	return n
}
