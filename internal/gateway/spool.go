package gateway

import (
	"context"
	"fmt"
	"os"
	"sync"

	"highball"
)

// Sizes of a spool.
const (
	spoolMemory    = 256 << 10 // bytes that it keeps in memory
	spoolFile      = 64 << 20  // size from which on it begins another file
	spoolPiece     = 4 << 20   // bytes of a file that are sent at once
	spoolHighWater = 1 << 30   // bytes that are so many that its producer is to pause
)

// spool holds what a worker has produced of a response and the client has not taken yet, so that the worker is free for
// the next request: in memory, and beyond that in files without names. One goroutine puts bytes in, the
// event loop that hears of the worker, and one sends them; abandon may be called by any.
//
// A file is only ever appended to, and it is closed once it was sent: what the system sends from a file it does not copy,
// so that bytes written over those before would reach a client that has not acknowledged the old ones.
type spool struct {
	scratch   scratch
	full      func(bool)
	memory    int
	file      int64
	highWater int64
	wake      chan struct{} // has a token when something has changed for the consumer

	mu        sync.Mutex // guards the following fields
	mem       []byte     // bytes that are older than those in files
	spare     []byte     // a buffer for mem
	taken     int        // bytes of memory that the consumer is sending
	files     []*spoolPart
	waiting   int64 // bytes put and not sent
	paused    bool  // full was called with true last
	ended     bool
	err       error // the end's
	abandoned bool
	consuming bool // writeTo will free the files
}

// spoolPart is one file of a spool.
type spoolPart struct {
	f             *os.File
	written, sent int64
}

// newSpool returns an empty spool. full is called with true when so much waits for the client that the producer should
// pause, and with false when that has passed, on whichever goroutine saw it. The spool is locked then: full
// must not use it, nor block.
func newSpool(full func(bool)) *spool {
	return &spool{full: full, memory: spoolMemory, file: spoolFile, highWater: spoolHighWater, wake: make(chan struct{}, 1)}
}

// put adds a copy of p. It does not wait for the client. After end, abandon or an error it drops p. An error means that
// p cannot be stored: the response ends before it, and the consumer will get the error, too.
func (s *spool) put(p []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.abandoned || s.ended || len(p) == 0 {
		return nil
	}
	if len(s.files) == 0 && s.taken+len(s.mem)+len(p) <= s.memory {
		s.mem = append(s.mem, p...)
	} else if err := s.storeLocked(p); err != nil {
		s.ended, s.err = true, fmt.Errorf("cannot store the response until the client takes it: %w", err)
		s.notify()
		return s.err
	}
	s.waiting += int64(len(p))
	if s.waiting >= s.highWater && !s.paused {
		s.paused = true
		s.full(true)
	}
	s.notify()
	return nil
}

// storeLocked appends p to the last file, or to a new one.
func (s *spool) storeLocked(p []byte) error {
	if len(s.files) == 0 || s.files[len(s.files)-1].written >= s.file {
		f, err := s.scratch.create()
		if err != nil {
			return err
		}
		s.files = append(s.files, &spoolPart{f: f})
	}
	last := s.files[len(s.files)-1]
	if _, err := last.f.WriteAt(p, last.written); err != nil {
		return err
	}
	last.written += int64(len(p))
	return nil
}

// end tells that no more will be put. The consumer gets err when it has sent everything. The first end counts.
func (s *spool) end(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.ended {
		s.ended, s.err = true, err
		s.notify()
	}
}

// abandon drops what waits and all that will still be put. A consumer ends with highball.ErrAbort.
func (s *spool) abandon() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.abandoned = true
	s.notify()
	if !s.consuming {
		s.freeLocked()
	}
	if s.paused {
		s.paused = false
		s.full(false)
	}
}

// notify wakes the consumer.
func (s *spool) notify() {
	select {
	case s.wake <- struct{}{}:
	default: // it has been woken already
	}
}

// freeLocked gives back memory and files.
func (s *spool) freeLocked() {
	s.mem, s.spare = nil, nil
	for _, part := range s.files {
		_ = part.f.Close() // nobody wants its contents any more
	}
	s.files = nil
}

// writeTo sends to w what is put, in order, until the end, whose error it returns, or until writing fails, or ctx ends,
// the cause of which it returns. What was put is sent without delay whenever nothing more waits; if nothing was put before an
// error, nothing is sent. Afterwards the spool is abandoned. It is called once at most.
func (s *spool) writeTo(ctx context.Context, w *highball.Response) error {
	s.mu.Lock()
	s.consuming = true
	s.mu.Unlock()
	defer s.stopConsuming()
	begun := false
	for {
		b, found := s.next()
		switch found {
		case foundEnd:
			if s.err != nil && begun {
				// What came before the failure is not to be taken back by an error page.
				if err := w.Flush(); err != nil {
					return err
				}
			}
			return s.err // which does not change any more
		case foundAbandoned:
			return highball.ErrAbort
		case foundNothing:
			select {
			case <-s.wake:
			case <-ctx.Done():
				return context.Cause(ctx)
			}
			continue
		}
		begun = true
		if err := b.writeTo(w); err != nil {
			return err
		}
		if s.sent(b) {
			if err := w.Flush(); err != nil {
				return err
			}
		}
	}
}

// stopConsuming is abandon by the consumer.
func (s *spool) stopConsuming() {
	s.mu.Lock()
	s.consuming = false
	s.mu.Unlock()
	s.abandon()
}

// batch is what the consumer sends at once: bytes, or n bytes of a part from an offset on.
type batch struct {
	bytes     []byte
	part      *spoolPart
	offset, n int64
}

func (b *batch) writeTo(w *highball.Response) error {
	if b.part != nil {
		return w.SendFile(b.part.f, b.offset, b.n)
	}
	_, err := w.Write(b.bytes)
	return err
}

// found is what next has found.
type found uint8

const (
	foundBatch found = iota
	foundNothing
	foundEnd
	foundAbandoned
)

// next returns the batch to be sent next.
func (s *spool) next() (batch, found) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.abandoned:
		return batch{}, foundAbandoned
	case len(s.mem) > 0:
		b := batch{bytes: s.mem, n: int64(len(s.mem))}
		s.mem, s.spare = s.spare[:0], nil
		s.taken = len(b.bytes)
		return b, foundBatch
	case len(s.files) > 0:
		part := s.files[0]
		return batch{part: part, offset: part.sent, n: min(part.written-part.sent, spoolPiece)}, foundBatch
	case s.ended:
		return batch{}, foundEnd
	}
	return batch{}, foundNothing
}

// sent takes note that b was sent, and reports whether the client is to get it at once: nothing more waits, and the end,
// which would take it along, has not come.
func (s *spool) sent(b batch) (caughtUp bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.waiting -= b.n
	if b.part == nil {
		s.spare, s.taken = b.bytes, 0
	} else if b.part.sent += b.n; b.part.sent == b.part.written {
		_ = b.part.f.Close() // everything in it was sent
		s.files[0] = nil
		s.files = s.files[1:]
	}
	if s.paused && s.waiting <= s.highWater/4*3 {
		s.paused = false
		s.full(false)
	}
	return s.waiting == 0 && !s.ended
}
