package loop

import (
	"fmt"
	"testing"
)

// This file checks the hand-over between loop and goroutine by trying every order of its atomic steps. The steps are
// those of Conn.onEvents, leave, readInput, readLater, Detach, Attach, Read and sleep, as far as input goes; whoever changes
// one of them changes it here too.

const modelBuffer = 2 // bytes that one read takes, so that both short and full reads occur

// world is everything that the two sides and the kernel know at one moment.
type world struct {
	word uint32 // Conn.state

	toSend  uint8 // bytes that the client has yet to send
	socket  uint8 // bytes that wait in the socket
	ends    bool  // the client will end its sending
	fin     bool  // it has
	edge    bool  // the poller has an event to tell
	token   bool  // in Conn.wakeReader
	queued  bool  // Conn.queued
	taken   uint8 // bytes that somebody has read
	sawEnd  bool
	loopAt  loopStep
	events  uint8 // in the loop's hands
	got     uint8 // what the loop has read last
	ownerAt ownerStep
	seen    uint32 // what the owner has loaded from the word
	read    uint8
	after   ownerStep // ownerClearsLate
}

type loopStep uint8

const (
	loopPolls loopStep = iota
	loopLoads
	loopNotes
	loopClearsNotes
	loopKeepsEnd
	loopReads
	loopDecides // the session answers inline, or detaches
	loopLooksForMore
	loopReadsLater
	loopNotesMore
	loopClearsMore
)

type ownerStep uint8

const (
	ownerNone ownerStep = iota // the loop is the owner
	ownerLoads
	ownerSwaps
	ownerClears
	ownerReads
	ownerLooksForMore
	ownerNotesMore
	ownerWants
	ownerSleeps
	ownerLooksAgain
	ownerWantsNoMore
	ownerClearsLate // only by mistake
)

const (
	eventIn = 1 << iota
	eventEnd
)

// mistake is a way to get the hand-over wrong, which the model must notice.
type mistake uint8

const (
	noMistake mistake = iota
	attachIgnoresNotes
	noteIsStored    // only if the owner is seen to sleep
	clearAfterRead  // "arrived" is cleared after the read instead of before
	sleepChecksLate // the owner sleeps without a look at what "want" found
	endIsNotKept    // a short read is taken for an empty socket even if the end stands behind it
	handBackIsMissed
	moreIsNotNoted
)

func (m mistake) String() string {
	return [...]string{
		"none", "attach ignores notes", "notes only for a sleeper", "cleared after the read", "sleeps without a look",
		"end is not kept", "hand-back during an event is missed", "rest of a full read is not noted",
	}[m]
}

// steps returns every world that one atomic step of anybody makes of w.
func (w world) steps(m mistake) []world {
	next := w.clientSteps()
	next = append(next, w.loopSteps(m)...)
	return append(next, w.ownerSteps(m)...)
}

func (w world) clientSteps() []world {
	switch {
	case w.word&closed != 0:
		return nil
	case w.toSend > 0:
		w.toSend--
		w.socket++
		w.edge = true
		return []world{w}
	case w.ends && !w.fin:
		w.fin, w.edge = true, true
		return []world{w}
	}
	return nil
}

func (w world) wake(old, note uint32) world {
	if old&wantRead != 0 && note&arrived != 0 {
		w.token = true
	}
	return w
}

func (w world) loopSteps(m mistake) []world {
	note := uint32(0)
	if w.events&eventIn != 0 {
		note |= arrived
	}
	if w.events&eventEnd != 0 {
		note |= arrived | halfGone
	}
	switch w.loopAt {
	case loopPolls:
		var next []world
		if w.edge {
			v := w
			v.edge, v.events, v.loopAt = false, 0, loopLoads
			if v.socket > 0 || v.fin {
				v.events |= eventIn
			}
			if v.fin {
				v.events |= eventEnd
			}
			if v.events == 0 {
				v.loopAt = loopPolls
			}
			next = append(next, v)
		}
		if w.queued { // readAgain
			v := w
			v.queued = false
			if v.word&(detached|closed) == 0 {
				v.loopAt = loopReads
			}
			next = append(next, v)
		}
		return next
	case loopLoads:
		switch {
		case w.word&closed != 0:
			w.loopAt = loopPolls
		case w.word&detached != 0:
			w.loopAt = loopNotes
		case w.events&eventEnd != 0 && m != endIsNotKept:
			w.loopAt = loopKeepsEnd
		default:
			w.loopAt = loopReads
		}
	case loopNotes:
		old := w.word
		if m != noteIsStored || old&wantRead != 0 {
			w.word |= note
		}
		switch {
		case old&detached != 0:
			w = w.wake(old, note)
			w.loopAt = loopPolls
		case old&closed != 0 || m == handBackIsMissed:
			w.loopAt = loopPolls
		default:
			w.loopAt = loopClearsNotes
		}
	case loopClearsNotes:
		w.word &^= arrived | writable
		w.loopAt = loopReads
	case loopKeepsEnd:
		w.word |= halfGone
		w.loopAt = loopReads
	case loopReads:
		switch {
		case w.socket > 0:
			w.got = min(w.socket, modelBuffer)
			w.socket -= w.got
			w.taken += w.got
			w.loopAt = loopDecides
		case w.fin:
			w.sawEnd, w.word, w.loopAt = true, closed, loopPolls
		default:
			w.loopAt = loopPolls
		}
	case loopDecides:
		w.loopAt = loopLooksForMore
		inline, v := w, w
		v.word |= detached
		v.ownerAt = ownerLoads
		return []world{inline, v}
	case loopLooksForMore:
		w.loopAt = loopPolls
		if w.got == modelBuffer || w.word&(halfGone|gone) != 0 {
			w.loopAt = loopReadsLater
		}
	case loopReadsLater:
		w.loopAt = loopPolls
		switch {
		case w.word&closed != 0 || m == moreIsNotNoted:
		case w.word&detached != 0:
			w.loopAt = loopNotesMore
		default:
			w.queued = true
		}
	case loopNotesMore:
		old := w.word
		w.word |= arrived
		w.loopAt = loopPolls
		switch {
		case old&detached != 0:
			w = w.wake(old, arrived)
		case old&closed == 0 && m != handBackIsMissed:
			w.loopAt = loopClearsMore
		}
	case loopClearsMore:
		w.word &^= arrived | writable
		w.queued = true
		w.loopAt = loopPolls
	}
	return []world{w}
}

func (w world) ownerSteps(m mistake) []world {
	switch w.ownerAt {
	case ownerNone:
		return nil
	case ownerLoads: // Attach
		w.seen = w.word
		w.ownerAt = ownerSwaps
		if w.seen&(arrived|halfGone|gone) != 0 && m != attachIgnoresNotes {
			w.ownerAt = ownerClears
		}
	case ownerSwaps:
		w.ownerAt = ownerLoads
		if w.word == w.seen {
			w.word &^= detached | writable
			w.ownerAt = ownerNone
		}
	case ownerClears: // Read
		if m != clearAfterRead {
			w.word &^= arrived
		}
		w.ownerAt = ownerReads
	case ownerReads:
		switch {
		case w.socket > 0:
			w.read = min(w.socket, modelBuffer)
			w.socket -= w.read
			w.taken += w.read
			w.ownerAt = ownerLooksForMore
		case w.fin:
			w.sawEnd, w.word, w.ownerAt = true, closed, ownerNone
		default:
			w.ownerAt = ownerWants
		}
		if m == clearAfterRead && w.ownerAt != ownerNone {
			w.ownerAt, w.after = ownerClearsLate, w.ownerAt
		}
	case ownerClearsLate:
		w.word &^= arrived
		w.ownerAt, w.after = w.after, ownerNone
	case ownerLooksForMore:
		w.ownerAt = ownerNotesMore
		if w.read < modelBuffer && w.word&(halfGone|gone) == 0 {
			w.ownerAt = ownerLoads
		}
	case ownerNotesMore:
		w.word |= arrived
		w.ownerAt = ownerLoads
	case ownerWants: // sleep
		old := w.word
		w.word |= wantRead
		w.ownerAt = ownerSleeps
		if old&(arrived|gone) != 0 && m != sleepChecksLate {
			w.ownerAt = ownerWantsNoMore
		}
	case ownerSleeps:
		if !w.token {
			return nil
		}
		w.token = false
		w.ownerAt = ownerLooksAgain
	case ownerLooksAgain:
		w.ownerAt = ownerSleeps
		if w.word&(arrived|gone) != 0 {
			w.ownerAt = ownerWantsNoMore
		}
	case ownerWantsNoMore:
		w.word &^= wantRead
		w.ownerAt = ownerClears
	}
	return []world{w}
}

// explore runs every order of steps, and returns a world in which nobody can take a step although the client, who ends
// its sending after some bytes or not, was not heard to the last.
func explore(bytes uint8, ends bool, m mistake) (worlds int, stuck *world) {
	begin := world{toSend: bytes, ends: ends}
	known := map[world]bool{begin: true}
	for queue := []world{begin}; len(queue) > 0; queue = queue[1:] {
		w := queue[0]
		next := w.steps(m)
		if len(next) == 0 && (w.sawEnd != ends || w.taken != bytes) {
			return len(known), &w
		}
		for _, v := range next {
			if !known[v] {
				known[v] = true
				queue = append(queue, v)
			}
		}
	}
	return len(known), nil
}

func TestNoOrderOfStepsLosesAnArrival(t *testing.T) {
	for bytes := range uint8(7) {
		for _, ends := range []bool{false, true} {
			worlds, stuck := explore(bytes, ends, noMistake)
			if stuck != nil {
				t.Fatalf("%d bytes: stuck in %+v", bytes, *stuck)
			}
			if bytes > 3 && worlds < 1000 {
				t.Errorf("%d bytes: only %d worlds: the model does not run", bytes, worlds)
			}
		}
	}
}

func TestTheModelNoticesMistakes(t *testing.T) {
	for m := attachIgnoresNotes; m <= moreIsNotNoted; m++ {
		t.Run(fmt.Sprint(m), func(t *testing.T) {
			for bytes := range uint8(7) {
				for _, ends := range []bool{false, true} {
					if _, stuck := explore(bytes, ends, m); stuck != nil {
						return
					}
				}
			}
			t.Error("no order of steps shows it")
		})
	}
}
