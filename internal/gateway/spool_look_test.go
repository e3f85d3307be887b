package gateway

import (
	"errors"
	"io"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"highball"
)

// lookAll looks until there is an error, which it returns with what there was.
func (s *spool) lookAll(t testing.TB) (text string, err error) {
	t.Helper()
	var all strings.Builder
	for err == nil {
		var b []byte
		b, err = s.look()
		if len(b) > spoolAtOnce {
			t.Errorf("%d bytes at once", len(b))
		}
		all.Write(b)
	}
	return all.String(), err
}

// An event loop gets what is put, in order, and is to be told of more only when it has found nothing.
func TestSpoolLook(t *testing.T) {
	s := newSpool(neverFull(t))
	if s.awaited() {
		t.Error("a word is awaited, though nobody has looked")
	}
	s.mustPut(t, "first")
	body := pattern(100 << 10)
	s.mustPut(t, body)
	if got, err := s.lookAll(t); got != "first"+body || err != highball.ErrNoneYet {
		t.Errorf("%d bytes, %v", len(got), err)
	}
	if s.mem != nil || s.spare != nil || s.waiting != 0 {
		t.Errorf("with nothing to do it has buffers of %d and %d, and %d bytes wait", cap(s.mem), cap(s.spare), s.waiting)
	}
	if !s.awaited() || s.awaited() {
		t.Error("a word is not awaited, or twice")
	}
	s.mustPut(t, "more")
	b, err := s.look()
	s.mustPut(t, "and more") // which must not change what was given
	if string(b) != "more" || err != nil || s.awaited() {
		t.Errorf("%q, %v", b, err)
	}
	s.end(nil)
	if b, err := s.look(); string(b) != "and more" || err != io.EOF {
		t.Errorf("the end: %q, %v", b, err)
	}
	s.done(true)
	if s.mem != nil || s.spare != nil {
		t.Error("it keeps buffers")
	}

	s = newSpool(neverFull(t))
	s.end(nil)
	if got, err := s.lookAll(t); got != "" || err != io.EOF {
		t.Errorf("nothing: %q, %v", got, err)
	}
	failure := errors.New("the worker has died")
	s = newSpool(neverFull(t))
	s.mustPut(t, "some")
	s.end(failure)
	if got, err := s.lookAll(t); got != "some" || err != failure {
		t.Errorf("a failure: %q, %v", got, err)
	}
	s = newSpool(neverFull(t))
	s.mustPut(t, "some")
	s.abandon()
	if got, err := s.lookAll(t); got != "" || err != highball.ErrAbort {
		t.Errorf("abandoned: %q, %v", got, err)
	}
	s.done(false)
}

// What is abandoned while it is looked at stays what it is until that is done with.
func TestSpoolAbandonedWhileLookedAt(t *testing.T) {
	s := newSpool(neverFull(t))
	s.mustPut(t, "something")
	b, err := s.look()
	s.abandon()
	other := newSpool(neverFull(t))
	other.mustPut(t, "otherwise")
	if string(b) != "something" || err != nil {
		t.Errorf("%q, %v", b, err)
	}
	s.done(false)
	if s.spare != nil {
		t.Error("it keeps its buffer")
	}
}

// Whatever is put, and however it is looked at, what an event loop gets and a goroutine that goes on is what was put, and all files are closed at the end.
func TestSpoolLookProperty(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		watched := new(watchedScratch)
		paused := false
		s := newSpool(func(full bool) {
			if full == paused {
				rt.Errorf("full was called with %v twice", full)
			}
			paused = full
		})
		s.scratch = watched.scratch()
		s.memory = rapid.SampledFrom([]int{0, 100, 70_000, 200_000}).Draw(rt, "memory")
		s.highWater = 300_000
		body := pattern(1 << 20)
		sent, got := 0, ""
		elsewhere := false
		for range rapid.IntRange(1, 60).Draw(rt, "steps") {
			if rapid.Bool().Draw(rt, "puts") {
				n := min(rapid.SampledFrom([]int{1, 99, 5000, 64 << 10, 100_000}).Draw(rt, "size"), len(body)-sent)
				s.mustPut(t, body[sent:sent+n])
				sent += n
				continue
			}
			if elsewhere {
				continue
			}
			b, err := s.look()
			got += string(b)
			elsewhere = err == highball.ErrWouldBlock
			if err == highball.ErrNoneYet && len(got) != sent {
				rt.Fatalf("nothing is there after %d of %d bytes", len(got), sent)
			}
		}
		s.end(nil)
		for !elsewhere {
			b, err := s.look()
			got += string(b)
			if elsewhere = err == highball.ErrWouldBlock; err == io.EOF {
				break
			}
		}
		s.settle(t)
		s.done(true)
		for elsewhere {
			b, found := s.next()
			switch {
			case found == foundEnd:
				elsewhere = false
				continue
			case found != foundBatch:
				rt.Fatalf("found %d", found)
			case b.part == nil:
				got += string(b.bytes)
			default:
				text := make([]byte, b.n)
				if _, err := b.part.f.ReadAt(text, b.offset); err != nil {
					rt.Fatal(err)
				}
				got += string(text)
			}
			s.sent(b)
		}
		if got != body[:sent] {
			rt.Errorf("%d bytes of %d, or others", len(got), sent)
		}
		s.stopConsuming()
		if s.waiting != 0 && !s.abandoned {
			rt.Errorf("%d bytes wait", s.waiting)
		}
		if _, open := watched.count(); open > 0 {
			rt.Errorf("%d files are open", open)
		}
	})
}
