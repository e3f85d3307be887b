package observe

import (
	"runtime"
	"sync"
)

// Shard is the part of an [AccessLog] that one event loop appends to. Other
// goroutines may append to it too; they share its mutex.
type Shard struct {
	log *AccessLog

	mu         sync.Mutex // guards the following fields
	clock      Clock
	filling    batch // where Append puts lines
	other      batch // idle and empty, or handed over
	handedOver bool  // other belongs to the holder of log.writing
	stalled    bool  // an appender has yielded to the writer since it last wrote
	closed     bool
}

// batch is a buffer of whole lines.
type batch struct {
	text  []byte
	lines int64
}

// Append adds the line for r. It copies what it needs of r, does not allocate,
// and does not wait for the writer to finish: when both buffers are full, or the log is
// closed, the line is lost and counted.
func (s *Shard) Append(r *Record) {
	s.mu.Lock()
	handedOver := s.handOverIfFullLocked()
	if len(s.filling.text) >= bufferSize && !s.stalled {
		s.yieldLocked()
		handedOver = s.handOverIfFullLocked()
	}
	if s.closed || len(s.filling.text) >= bufferSize {
		s.mu.Unlock()
		s.log.lost.Add(1)
		return
	}
	if s.filling.text == nil {
		s.filling.text = make([]byte, 0, bufferSize+bufferSlack)
	}
	s.filling.text = s.log.format.Append(s.filling.text, r, &s.clock)
	s.filling.lines++
	first := s.filling.lines == 1
	handedOver = s.handOverIfFullLocked() || handedOver
	s.mu.Unlock()

	if first {
		signal(s.log.appended)
	}
	if handedOver {
		signal(s.log.full)
	}
}

// yieldLocked lets the writer run, for which it gives up the mutex meanwhile.
// An event loop may keep its processor for as long as the scheduler lets it,
// ten milliseconds, in which it can fill both buffers; without this the writer
// would be late on a single core. It is done once in each stall, so that a
// writer that hangs does not slow every request down. The second call is for
// the times when the scheduler, in fairness, resumes the caller first.
func (s *Shard) yieldLocked() {
	s.stalled = true
	s.mu.Unlock()
	runtime.Gosched()
	runtime.Gosched()
	s.mu.Lock()
}

// handOverIfFullLocked hands over the filling buffer if it is full and the
// other one has been written, and says whether it did.
func (s *Shard) handOverIfFullLocked() bool {
	if len(s.filling.text) < bufferSize || s.handedOver {
		return false
	}
	s.handOverLocked()
	return true
}

// handOverLocked makes the filling buffer the one to be written, and the other
// one, which must not be handed over, the filling one.
func (s *Shard) handOverLocked() {
	s.filling, s.other = s.other, s.filling
	s.handedOver = true
}

// takeAll returns the oldest lines of the shard, which has none if the batch
// is empty. The caller holds log.writing and calls giveBack after writing a
// batch that is not empty.
func (s *Shard) takeAll() batch { return s.takeFrom(1) }

// takeFull is takeAll for a shard that has handed over a buffer or has one
// that is full.
func (s *Shard) takeFull() batch { return s.takeFrom(bufferSize) }

// takeFrom returns the batch handed over, or else the filling one if it holds
// at least least bytes.
func (s *Shard) takeFrom(least int) batch {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.handedOver {
		if len(s.filling.text) < least {
			return batch{}
		}
		s.handOverLocked()
	}
	return s.other
}

// giveBack ends the use of the batch that was taken. A buffer that huge lines
// have made grow is not kept.
func (s *Shard) giveBack() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.handedOver, s.stalled = false, false
	if cap(s.other.text) > 2*bufferSize {
		s.other.text = nil
	}
	s.other = batch{text: s.other.text[:0]}
}

// close makes Append refuse lines.
func (s *Shard) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
}
