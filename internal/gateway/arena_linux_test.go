package gateway

import (
	"bytes"
	"os"
	"runtime"
	"testing"

	"golang.org/x/sys/unix"
)

func madeArena(t *testing.T) *arena {
	t.Helper()
	a := newArena()
	if a == nil {
		t.Fatal("there is no memory to be shared")
	}
	t.Cleanup(a.close)
	return a
}

// Each slot has one owner, and its own memory; what was given back last is taken first.
func TestArena(t *testing.T) {
	a := madeArena(t)
	seen := map[slot]bool{}
	for range arenaSlots {
		s := a.take()
		if s < 1 || s > arenaSlots || seen[s] {
			t.Fatalf("slot %d", s)
		}
		seen[s] = true
		b := a.bytes(s)
		if len(b) != slotSize || cap(b) != slotSize {
			t.Fatalf("a slot of %d bytes, %d with what is behind it", len(b), cap(b))
		}
		for _, at := range []int{0, slotSize - 1} {
			if b[at] != 0 {
				t.Errorf("slot %d has something of another one", s)
			}
			b[at] = byte(s)
		}
	}
	if s := a.take(); s != 0 || a.taken() != arenaSlots {
		t.Errorf("slot %d beyond the last, %d in use", s, a.taken())
	}
	for s := range seen {
		if b := a.bytes(s); b[0] != byte(s) || b[slotSize-1] != byte(s) {
			t.Errorf("slot %d was changed by another one", s)
		}
	}
	a.give(7)
	a.give(3)
	if first, second := a.take(), a.take(); first != 3 || second != 7 {
		t.Errorf("after 7 and 3 come %d and %d", first, second)
	}
	for s := range seen {
		a.give(s)
	}
	if a.taken() != 0 {
		t.Errorf("%d are in use", a.taken())
	}
}

// Bodies of requests leave some for answers.
func TestArenaKeepsSomeForAnswers(t *testing.T) {
	a := madeArena(t)
	n := 0
	for a.takeForBody(slotSize) != 0 {
		n++
	}
	if n != arenaSlots-forAnswers {
		t.Errorf("%d bodies of requests have a slot", n)
	}
	for a.take() != 0 {
		n++
	}
	if n != arenaSlots {
		t.Errorf("%d of %d slots", n, arenaSlots)
	}
}

// A slot for a body has its memory from the start: without, there is none.
func TestArenaWithoutMemory(t *testing.T) {
	a := madeArena(t)
	if s := a.takeForBody(slotSize); s == 0 || a.backed[s-1] != slotSize {
		t.Fatalf("slot %d", s)
	}
	if n := a.memory(t); n != slotSize {
		t.Errorf("%d bytes of memory", n)
	}
	_ = a.file.Close() // so that no more can be had
	if s := a.takeForBody(slotSize); s != 0 || a.taken() != 1 {
		t.Errorf("slot %d without memory, %d in use", s, a.taken())
	}
}

// A slot gets its memory as far as it is used, in steps.
func TestArenaBacks(t *testing.T) {
	a := madeArena(t)
	s := a.takeForBody(1)
	for _, test := range []struct{ n, memory int }{{1, slotStep}, {slotStep, slotStep}, {slotStep + 1, 2 * slotStep}, {100, 2 * slotStep}, {slotSize, slotSize}} {
		if err := a.back(s, test.n); err != nil || a.memory(t) != int64(test.memory) {
			t.Errorf("%d bytes: %d of memory, %v", test.n, a.memory(t), err)
		}
	}
}

// What a process has of an arena is not counted as its memory.
func TestMemoryWithoutArena(t *testing.T) {
	a := madeArena(t)
	before := residentMemory(os.Getpid())
	const touched = 40
	for range touched {
		clear(a.bytes(a.take()))
	}
	if after := residentMemory(os.Getpid()); before <= 0 || after-before > touched/2*slotSize {
		t.Errorf("%d bytes before, %d after %d slots were used", before, after, touched)
	}
	own := make([]byte, touched*slotSize)
	clear(own)
	if after := residentMemory(os.Getpid()); after-before < touched/2*slotSize {
		t.Errorf("%d bytes before, %d after as much was used otherwise", before, after)
	}
	runtime.KeepAlive(own)
	if n := residentMemory(-1); n != -1 {
		t.Errorf("of no process: %d", n)
	}
}

// memory returns how many bytes an arena has of the system.
func (a *arena) memory(t *testing.T) int64 {
	t.Helper()
	var info unix.Stat_t
	if err := unix.Fstat(int(a.file.Fd()), &info); err != nil {
		t.Fatal(err)
	}
	return info.Blocks * 512
}

// Slots that were not used since the last look have no memory; those in use, and those used meanwhile, keep it.
func TestArenaTrim(t *testing.T) {
	a := madeArena(t)
	slots := []slot{a.takeForBody(slotSize), a.takeForBody(slotSize), a.takeForBody(slotSize)}
	for n, s := range slots {
		a.bytes(s)[0] = byte(n + 1)
	}
	a.give(slots[2])
	a.give(slots[1])
	a.trim()
	if n := a.memory(t); n != 3*slotSize {
		t.Errorf("%d bytes after all were used", n)
	}
	a.give(a.take())
	a.trim()
	if n := a.memory(t); n != 2*slotSize || a.bytes(slots[0])[0] != 1 || a.bytes(slots[1])[0] != 2 {
		t.Errorf("%d bytes with one slot in use, and one that was", n)
	}
	a.trim()
	if n := a.memory(t); n != slotSize || a.bytes(slots[0])[0] != 1 || !a.trims {
		t.Errorf("%d bytes with one slot in use", n)
	}
	a.give(slots[0])
	a.trim()
	a.trim()
	if n := a.memory(t); n != 0 || a.trims {
		t.Errorf("%d bytes with none in use", n)
	}
	if s := a.takeForBody(slotSize); s == 0 || a.bytes(s)[0] != 0 || a.memory(t) != slotSize || !a.trims {
		t.Errorf("slot %d is not as good as new", s)
	}
}

// Nobody can take the memory away that others read.
func TestArenaKeepsItsSize(t *testing.T) {
	a := madeArena(t)
	for _, size := range []int64{0, arenaSlots*slotSize + 1} {
		if err := a.file.Truncate(size); err == nil {
			t.Errorf("it has become %d bytes long", size)
		}
	}
	if _, err := unix.FcntlInt(a.file.Fd(), unix.F_ADD_SEALS, unix.F_SEAL_WRITE); err == nil {
		t.Error("it can be sealed further")
	}
}

// The memory goes when all slots are back, and not before.
func TestArenaClose(t *testing.T) {
	before := mappings(t)
	a := madeArena(t)
	s := a.take()
	a.close()
	a.close()
	if a.take() != 0 || a.takeForBody(slotSize) != 0 {
		t.Error("slots are given after the end")
	}
	a.bytes(s)[0] = 1 // which would end the test
	if mappings(t) != before+1 {
		t.Error("it is not mapped once")
	}
	a.give(s)
	if mappings(t) != before || a.mem != nil {
		t.Error("it is still mapped")
	}
	var none *arena
	if none.take() != 0 || none.takeForBody(slotSize) != 0 || none.taken() != 0 || none.slotSize() != 0 {
		t.Error("no arena has slots")
	}
	none.close()
}

// mappings returns how often arenas are mapped in this process.
func mappings(t *testing.T) int {
	t.Helper()
	all, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		t.Fatal(err)
	}
	return bytes.Count(all, []byte("highball-arena"))
}
