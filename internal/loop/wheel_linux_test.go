package loop

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

// Whatever deadlines are set and moved, and whenever the wheel is turned: a connection is looked at no earlier than its
// deadline allows expiry, and in the first turn that is more than one tick behind it.
func TestDeadlinesAreMetWithinATick(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var w wheel
		now := int64(0)
		conns := make([]Conn, 5)
		deadlines := make(map[*Conn]int64) // those not met; 0 is none
		for range rapid.IntRange(1, 100).Draw(t, "steps") {
			if rapid.Bool().Draw(t, "file") {
				c := &conns[rapid.IntRange(0, len(conns)-1).Draw(t, "connection")]
				d := int64(0)
				if rapid.Bool().Draw(t, "finite") {
					d = now + rapid.Int64Range(1, 40e9).Draw(t, "in")
				}
				deadlines[c] = d
				w.file(c, d)
				continue
			}
			asleep := w.wait(now)
			if (asleep < 0) != (w.count == 0) {
				t.Fatalf("wait is %d ms for %d connections", asleep, w.count)
			}
			now += rapid.Int64Range(0, 30e9).Draw(t, "pass")
			for c := w.turn(now); c != nil; {
				next := c.next
				c.next = nil
				if d := deadlines[c]; d != 0 && d <= now {
					delete(deadlines, c)
				} else {
					w.file(c, d)
				}
				c = next
			}
			filed := 0
			for i := range conns {
				c := &conns[i]
				d, alive := deadlines[c]
				if alive {
					filed++
				}
				if alive && d != 0 && d+tickLength < now {
					t.Fatalf("deadline %d is not met at %d", d, now)
				}
				if alive != c.filed {
					t.Fatalf("filed is %v", c.filed)
				}
			}
			if w.count != filed {
				t.Fatalf("count is %d, want %d", w.count, filed)
			}
		}
	})
}

// Whoever sleeps as long as wait says finds something to look at, and no deadline is over by more than a tick.
func TestWaitEndsWithTheNextDeadline(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var w wheel
		now := rapid.Int64Range(0, 1e15).Draw(t, "now")
		w.turn(now)
		first := int64(1) << 62
		for range rapid.IntRange(1, 5).Draw(t, "connections") {
			d := now + rapid.Int64Range(1, 12e9).Draw(t, "in")
			first = min(first, d)
			w.file(&Conn{}, d)
		}
		now += int64(w.wait(now)) * 1e6
		if now < first || now > first+tickLength+2e6 {
			t.Fatalf("the wait ends at %d, the deadline is %d", now, first)
		}
		if w.turn(now) == nil {
			t.Fatal("nothing is found")
		}
	})
}

func TestFilingEarlierAndLater(t *testing.T) {
	const second = int64(time.Second)
	var w wheel
	c := &Conn{}
	w.file(c, 10*second)
	w.file(c, second)
	if due := c.due; due != second/tickLength+1 {
		t.Errorf("an earlier deadline: due in tick %d", due)
	}
	w.file(c, 5*second)
	if due := c.due; due != second/tickLength+1 {
		t.Errorf("a later deadline moves the visit to tick %d", due)
	}
	w.remove(c)
	w.remove(c)
	if w.count != 0 || w.wait(0) != -1 {
		t.Errorf("%d are filed after the removal", w.count)
	}
	w.file(c, 0)
	if w.turn(wheelSlots*tickLength) != c {
		t.Error("a connection without a deadline is never looked at")
	}
}

// timed starts a group on a fake clock, whose one connection reports its expiry.
func timed(t *testing.T, h *hub) (g *Group, clock *fakeClock, addr string, expired chan *echo) {
	clock, expired = &fakeClock{}, make(chan *echo, 100)
	prepare := h.prepare
	h.prepare = func(s *echo) {
		s.onExpired = func() { expired <- s }
		if prepare != nil {
			prepare(s)
		}
	}
	fd, addr := listenTCP(t)
	return start(t, Config{Sockets: []int{fd}, Clock: clock.read}, h), clock, addr, expired
}

func TestExpiryOnTheLoop(t *testing.T) {
	g, clock, addr, expired := timed(t, &hub{timeout: 30 * time.Second})
	c := dial(t, addr)
	send(t, c, "hello\n")
	expect(t, c, "hello\n")
	clock.advance(t, g, 29*time.Second)
	send(t, c, "again\n") // moves the deadline
	expect(t, c, "again\n")
	clock.advance(t, g, 30*time.Second-time.Duration(tickLength))
	if len(expired) > 0 {
		t.Fatal("expired too early")
	}
	clock.advance(t, g, 2*time.Duration(tickLength))
	s := within(t, expired, "the expiry")
	onLoop(t, g, func(*Loop) { s.c.SetTimeout(0) })
	for len(expired) > 0 {
		<-expired
	}
	clock.advance(t, g, 20*time.Second)
	if len(expired) > 0 {
		t.Error("expired without a deadline")
	}
}

func TestExpiryOfADetachedConnection(t *testing.T) {
	ready, release := make(chan *echo), make(chan struct{})
	g, clock, addr, expired := timed(t, &hub{prepare: func(s *echo) {
		s.onServe = func() {
			s.c.SetTimeout(time.Second)
			ready <- s
			<-release
			s.c.SetTimeout(0)
			s.serve()
		}
	}})
	c := dial(t, addr)
	send(t, c, "d\n")
	s := within(t, ready, "the goroutine")
	turns(t, g)
	clock.advance(t, g, time.Second-time.Duration(tickLength))
	if len(expired) > 0 {
		t.Fatal("expired too early")
	}
	clock.advance(t, g, 2*time.Duration(tickLength))
	if within(t, expired, "the expiry") != s {
		t.Error("another connection has expired")
	}
	close(release)
	expect(t, c, "d\n")
}

// A deadline beyond the wheel is met although nobody has set one before.
func TestFarDeadlineOfADetachedConnection(t *testing.T) {
	ready, release := make(chan *echo), make(chan struct{})
	g, clock, addr, expired := timed(t, &hub{prepare: func(s *echo) {
		s.onServe = func() {
			s.c.SetTimeout(time.Minute)
			ready <- s
			<-release
			s.c.Close()
		}
	}})
	c := dial(t, addr)
	send(t, c, "d\n")
	within(t, ready, "the goroutine")
	clock.advance(t, g, time.Minute-time.Duration(tickLength))
	if len(expired) > 0 {
		t.Error("expired too early")
	}
	clock.advance(t, g, 2*time.Duration(tickLength))
	if len(expired) == 0 {
		t.Error("not expired")
	}
	close(release)
}

// Time in which the client keeps the owner waiting is not the owner's.
func TestNoExpiryWhileTheOwnerWaits(t *testing.T) {
	ready, moved := make(chan *echo, 1), make(chan int64, 1)
	g, clock, addr, expired := timed(t, &hub{prepare: func(s *echo) {
		s.onServe = func() {
			s.c.SetTimeout(time.Second)
			before := s.c.deadline.Load()
			ready <- s
			n, waited, err := s.c.Read(make([]byte, 10), time.Minute)
			if n != 1 || waited <= 0 || err != nil {
				t.Errorf("Read returns %d, %v, %v", n, waited, err)
			}
			moved <- s.c.deadline.Load() - before - int64(waited)
			s.c.SetTimeout(0)
			s.serve()
		}
	}})
	c := dial(t, addr)
	send(t, c, "d\n")
	s := within(t, ready, "the goroutine")
	for s.c.waiting.Load() == 0 {
		turns(t, g)
	}
	clock.advance(t, g, 5*time.Second)
	if len(expired) > 0 {
		t.Error("expired while waiting")
	}
	send(t, c, "x")
	if off := within(t, moved, "the read"); off != 0 {
		t.Errorf("the deadline has moved by %d ns too many", off)
	}
	expect(t, c, "d\n")
}

func TestPatience(t *testing.T) {
	failed := make(chan error, 2)
	h := &hub{prepare: func(s *echo) {
		s.onServe = func() {
			defer s.c.Close()
			_, waited, err := s.c.Read(make([]byte, 10), time.Millisecond)
			if waited < time.Millisecond {
				t.Errorf("waited %v", waited)
			}
			failed <- err
			for err = nil; err == nil; {
				_, _, err = s.c.Write(make([]byte, 1<<20), nil, time.Millisecond)
			}
			failed <- err
		}
	}}
	_, addr := startTCP(t, h)
	c := dial(t, addr)
	send(t, c, "d\n")
	for _, what := range []string{"reading", "writing"} {
		if err := within(t, failed, what); err != ErrPatience {
			t.Errorf("%s: %v", what, err)
		}
	}
}
