package gateway

import (
	"context"
	"fmt"
	"io"
	"os"
	"sync"

	"highball"
)

// Sizes of a spool.
const (
	spoolMemory    = 256 << 10 // bytes that it keeps in memory
	spoolBuffer    = 64 << 10  // of a buffer for these, at first
	spoolAtOnce    = 64 << 10  // bytes of memory that an event loop gets at once
	spoolFile      = 64 << 20  // size from which on it begins another file
	spoolPiece     = 4 << 20   // bytes of a file that are sent at once
	spoolHighWater = 1 << 30   // bytes that are so many that its producer is to pause
	spoolBehind    = 512 << 10 // bytes on their way to a file that are so many, since the disk is slow
)

// spool holds what a worker has produced of a response and the client has not taken yet, so that the worker is free for
// the next request: in memory, and beyond that in files without names. One goroutine puts bytes in, the
// event loop that hears of the worker, and one sends them; abandon may be called by any. Since a loop must not wait for a disk,
// a third one writes to files, as long as there is something to be written:
//
//	storing  left by                                               to
//	no       put, of what is not to stay in memory                 yes
//	yes      the goroutine: all is in a file, or nobody wants it,  no
//	         or it cannot be stored, with which the response ends
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
	behind    []byte // bytes that are younger than those in files, and are to be stored there
	storing   bool   // a goroutine is at it
	waiting   int64  // bytes put and not sent
	paused    bool   // full was called with true last
	ended     bool
	err       error // the end's
	untold    error // why something was not stored, until the producer has heard of it
	abandoned bool
	consuming bool   // the consumer will free what there is
	lent      []byte // memory from which look gives
	over      bool   // look has given all
	idle      bool   // look has found nothing
}

// spoolPart is one file of a spool.
type spoolPart struct {
	f             *os.File
	written, sent int64
}

// spoolBuffers are those for spool.mem that nobody uses: responses that come and go at once would each grow its own.
var spoolBuffers = sync.Pool{New: func() any {
	b := make([]byte, 0, spoolBuffer)
	return &b
}}

// behindBuffers are those for spool.behind that nobody uses.
var behindBuffers = sync.Pool{New: func() any {
	b := make([]byte, 0, spoolBehind)
	return &b
}}

// newSpool returns an empty spool. full is called with true when so much waits for the client, or for the disk, that the producer should
// pause, and with false when that has passed, on whichever goroutine saw it. The spool is locked then: full
// must not use it, nor block.
func newSpool(full func(bool)) *spool {
	return &spool{full: full, memory: spoolMemory, file: spoolFile, highWater: spoolHighWater, wake: make(chan struct{}, 1)}
}

// put adds a copy of p. It waits neither for the client nor for a disk. After end, abandon or an error it drops p. An error, which is told
// once, means that what was put before p cannot be stored: the response ends there, and the consumer will get the error, too.
func (s *spool) put(p []byte) (err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.abandoned || s.ended || len(p) == 0 {
		err, s.untold = s.untold, nil
		return err
	}
	s.waiting += int64(len(p))
	if len(s.files) == 0 && !s.storing && s.taken+len(s.mem)+len(p) <= s.memory {
		if cap(s.mem) == 0 {
			s.mem = *spoolBuffers.Get().(*[]byte)
		}
		s.mem = append(s.mem, p...)
		s.notify()
	} else {
		if s.behind == nil {
			s.behind = *behindBuffers.Get().(*[]byte)
		}
		s.behind = append(s.behind, p...)
		if !s.storing {
			s.storing = true
			go s.store()
		}
	}
	s.throttleLocked()
	return nil
}

// throttleLocked has the producer pause, or go on.
func (s *spool) throttleLocked() {
	switch late := len(s.behind) >= spoolBehind; {
	case !s.paused && !s.abandoned && (late || s.waiting >= s.highWater):
		s.paused = true
		s.full(true)
	case s.paused && (s.abandoned || !late && s.waiting <= s.highWater/4*3):
		s.paused = false
		s.full(false)
	}
}

// store writes what is behind to files, until there is nothing more.
func (s *spool) store() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for stored := true; stored && len(s.behind) > 0 && !s.abandoned; {
		b := s.behind
		s.behind = nil
		s.throttleLocked()
		stored = s.storeLocked(b)
		if cap(b) <= 2*spoolBehind {
			b = b[:0]
			behindBuffers.Put(&b)
		}
		s.notify()
	}
	s.storing, s.behind = false, nil
	s.closeSentLocked()
	if s.abandoned && !s.consuming {
		s.freeLocked()
	}
	s.notify()
}

// storeLocked appends p to the last file, or to a new one, and gives up the lock meanwhile. It reports whether more is to be stored.
func (s *spool) storeLocked(p []byte) bool {
	var part *spoolPart
	if n := len(s.files); n > 0 && s.files[n-1].written < s.file {
		part = s.files[n-1]
	}
	s.mu.Unlock()
	fresh := part == nil
	var err error
	if fresh {
		part = new(spoolPart)
		part.f, err = s.scratch.create()
	}
	if err == nil {
		_, err = part.f.WriteAt(p, part.written)
	}
	s.mu.Lock()
	if err == nil && !s.abandoned {
		part.written += int64(len(p))
		if fresh {
			s.files = append(s.files, part)
			s.closeSentLocked()
		}
		return true
	}
	if fresh && part.f != nil {
		_ = part.f.Close() // nobody wants its contents
	}
	if !s.abandoned {
		s.untold = fmt.Errorf("cannot store the response until the client takes it: %w", err)
		s.ended, s.err = true, s.untold
	}
	return false
}

// closeSentLocked closes the files of which everything was sent, and to which nothing is being written.
func (s *spool) closeSentLocked() {
	for len(s.files) > 0 && s.files[0].sent == s.files[0].written && !(s.storing && len(s.files) == 1) {
		_ = s.files[0].f.Close()
		s.files[0] = nil
		s.files = s.files[1:]
	}
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
	if !s.consuming && !s.storing {
		s.freeLocked()
	}
	s.throttleLocked()
}

// notify wakes the consumer.
func (s *spool) notify() {
	select {
	case s.wake <- struct{}{}:
	default: // it has been woken already
	}
}

// awaited reports whether the event loop that consumes is to be told that something has changed.
func (s *spool) awaited() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	was := s.idle
	s.idle = false
	return was
}

// freeMemoryLocked gives back memory.
func (s *spool) freeMemoryLocked() {
	for _, b := range [...]*[]byte{&s.mem, &s.spare} {
		if 0 < cap(*b) && cap(*b) <= spoolMemory {
			whole := (*b)[:0]
			spoolBuffers.Put(&whole)
		}
		*b = nil
	}
}

// freeLocked gives back memory and files.
func (s *spool) freeLocked() {
	s.freeMemoryLocked()
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
			return s.err // which does not change any more, as nothing is being stored
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

// done ends what look has begun: all was sent, or the answer is not wanted, or else writeTo goes on.
func (s *spool) done(wanted bool) {
	s.mu.Lock()
	goesOn := wanted && !s.over
	s.mu.Unlock()
	if !goesOn {
		s.stopConsuming()
	}
}

// stopConsuming is abandon by the consumer.
func (s *spool) stopConsuming() {
	s.mu.Lock()
	s.consuming = false
	s.mu.Unlock()
	s.abandon()
}

// look returns what an event loop is to send next, as a highball.Flow does: it consumes like writeTo, but for what is in files. Its bytes are valid until
// the next call, or stopConsuming.
func (s *spool) look() ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.consuming = true
	if len(s.lent) == 0 {
		if s.taken > 0 {
			s.spare, s.waiting, s.taken = s.spare[:0], s.waiting-int64(s.taken), 0
			s.throttleLocked()
		}
		s.mem, s.spare = s.spare, s.mem
		s.lent, s.taken = s.spare, len(s.spare)
	}
	switch n := min(len(s.lent), spoolAtOnce); {
	case s.abandoned:
		return nil, highball.ErrAbort
	case n > 0:
		b := s.lent[:n]
		s.lent = s.lent[n:]
		if s.ended && s.err == nil && s.waiting == int64(s.taken) && len(s.lent) == 0 {
			s.over = true
			return b, io.EOF
		}
		return b, nil
	case s.storing || len(s.files) > 0:
		return nil, highball.ErrWouldBlock
	case s.ended && s.err != nil:
		return nil, s.err
	case s.ended:
		s.over = true
		return nil, io.EOF
	}
	s.freeMemoryLocked()
	s.idle = true
	return nil, highball.ErrNoneYet
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
	case len(s.files) > 0 && s.files[0].sent < s.files[0].written:
		part := s.files[0]
		return batch{part: part, offset: part.sent, n: min(part.written-part.sent, spoolPiece)}, foundBatch
	case s.storing:
		return batch{}, foundNothing
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
	} else {
		b.part.sent += b.n
		s.closeSentLocked()
	}
	s.throttleLocked()
	return s.waiting == 0 && !s.ended
}
