package observe

import (
	"runtime"
	"slices"
	"sync"
)

// lineShard is the part of a log that one event loop appends to. Other
// goroutines may append to it too; they share its mutex. A line is added by
//
//	s.mu.Lock()
//	if s.roomLocked() {
//		s.filling.text = append(s.filling.text, "a line\n"...)
//		s.addedLocked()
//	}
//
// of which the two calls unlock, each in its case.
type lineShard struct {
	log *lineLog

	mu      sync.Mutex // guards the following fields
	stage   stage      // requests whose lines are still to be added; for who makes lines at once, always empty
	filling batch      // where lines are added
	full    []batch    // handed over, the oldest first
	held    int        // bytes in these, and in the one that is being written
	spare   [][]byte   // empty buffers
	unused  int        // how many of these were not needed since the last trim
	untold  bool       // the owner has not been told of a hand-over yet
	stalled bool       // an appender has yielded to the writer since it last wrote
	closed  bool
}

// batch is a buffer of whole lines.
type batch struct {
	text  []byte
	lines int64
}

// roomLocked reports whether there is room for a line. If there is none, since
// too much waits for the writer or the log is closed, it counts the line as lost and
// unlocks. It does not wait for the writer to finish.
func (s *lineShard) roomLocked() bool {
	s.handOverIfFullLocked()
	if len(s.filling.text) >= bufferSize && !s.stalled {
		s.yieldLocked()
		s.handOverIfFullLocked()
	}
	if s.closed || len(s.filling.text) >= bufferSize {
		s.mu.Unlock()
		s.log.lost.Add(1)
		return false
	}
	s.allocateLocked()
	return true
}

func (s *lineShard) allocateLocked() {
	if s.filling.text == nil {
		s.filling.text = make([]byte, 0, bufferSize+bufferSlack)
	}
}

// addedLocked counts the line that was added, unlocks, and wakes the owner if
// it has something to do.
func (s *lineShard) addedLocked() {
	s.filling.lines++
	s.tellLocked(s.filling.lines == 1)
}

// makeLinesLocked adds the lines of the requests on the stage, also to a buffer that is full.
func (s *lineShard) makeLinesLocked() {
	n := len(s.stage.requests)
	if n == 0 {
		return
	}
	s.allocateLocked()
	s.filling.text = s.stage.appendLines(s.filling.text)
	s.filling.lines += int64(n)
}

// tellLocked unlocks, and wakes the owner if it has something to do. What the shard has now may be the first that is to be written.
func (s *lineShard) tellLocked(first bool) {
	s.handOverIfFullLocked()
	untold := s.untold
	s.untold = false
	s.mu.Unlock()

	if first && !s.log.armed.Load() {
		signal(s.log.appended)
	}
	if untold {
		signal(s.log.full)
	}
}

// yieldLocked lets the writer run, for which it gives up the mutex meanwhile.
// An event loop may keep its processor for as long as the scheduler lets it,
// ten milliseconds; without this a writer that is behind
// would be later still on a single core. It is done once in each stall, so that a
// writer that hangs does not slow every request down. The second call is for
// the times when the scheduler, in fairness, resumes the caller first.
func (s *lineShard) yieldLocked() {
	s.stalled = true
	s.mu.Unlock()
	runtime.Gosched()
	runtime.Gosched()
	s.mu.Lock()
}

// handOverIfFullLocked hands over the filling buffer if it is full and not too
// much waits already.
func (s *lineShard) handOverIfFullLocked() {
	if len(s.filling.text) >= bufferSize && s.held < mostHeld {
		s.handOverLocked()
		s.untold = s.held >= worthWaking
	}
}

// handOverLocked makes the filling buffer one to be written, and takes an empty
// one in its place.
func (s *lineShard) handOverLocked() {
	s.full = append(s.full, s.filling)
	s.held += len(s.filling.text)
	s.filling = batch{}
	if last := len(s.spare) - 1; last >= 0 {
		s.filling.text = s.spare[last]
		s.spare[last] = nil
		s.spare = s.spare[:last]
		s.unused = min(s.unused, last)
	}
}

// waiting returns how many buffers have been handed over.
func (s *lineShard) waiting() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.full)
}

// holds reports whether there is anything to be written.
func (s *lineShard) holds() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.full) > 0 || s.filling.lines > 0 || len(s.stage.requests) > 0
}

// takeAll returns the oldest lines of the shard, which has none if the batch
// is empty. The caller holds log.writing and calls giveBack after writing a
// batch that is not empty.
func (s *lineShard) takeAll() batch {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.makeLinesLocked()
	return s.takeLocked(1)
}

// takeFull is takeAll for a shard that has handed over a buffer or has one
// that is full.
func (s *lineShard) takeFull() batch {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.takeLocked(bufferSize)
}

// takeHandedOver is takeAll for a shard that has handed over a buffer.
func (s *lineShard) takeHandedOver() batch {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.takeLocked(noLeast)
}

// takeLocked returns the oldest batch handed over, or else the filling one if it holds
// at least least bytes.
func (s *lineShard) takeLocked(least int) batch {
	if len(s.full) == 0 {
		if len(s.filling.text) < least {
			return batch{}
		}
		s.handOverLocked()
	}
	oldest := s.full[0]
	s.full = slices.Delete(s.full, 0, 1)
	return oldest
}

// giveBack ends the use of a batch that was taken. A buffer that huge lines
// have made grow is not kept.
func (s *lineShard) giveBack(b batch) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.held -= len(b.text)
	s.stalled = false
	if cap(b.text) <= 2*bufferSize {
		s.spare = append(s.spare, b.text[:0])
	}
}

// trim lets go of buffers that were not needed since the last call.
func (s *lineShard) trim() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.spare = slices.Delete(s.spare, 0, s.unused)
	s.unused = len(s.spare)
}

// close makes further lines be lost.
func (s *lineShard) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
}
