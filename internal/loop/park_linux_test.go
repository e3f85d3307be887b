package loop

import (
	"io"
	"math/rand/v2"
	"os"
	"strconv"
	"sync"
	"testing"
	"time"
)

// isQuiet reports whether the group's first loop parks when it waits.
func isQuiet(t *testing.T, g *Group) (quiet bool) {
	t.Helper()
	onLoop(t, g, func(l *Loop) { quiet = l.gate.quiet })
	return quiet
}

// becomeQuiet leaves the loop alone until it parks.
func becomeQuiet(t *testing.T, g *Group) {
	t.Helper()
	for until := time.Now().Add(patience); !isQuiet(t, g); {
		if time.Now().After(until) {
			t.Fatal("a loop that has nothing to do does not park")
		}
		time.Sleep(2 * time.Duration(longWait))
	}
}

// A loop with little to do parks, and misses nothing: neither bytes, nor what is posted, nor deadlines. One with much to do does not park any more.
func TestQuietLoop(t *testing.T) {
	expired := make(chan struct{}, 1)
	h := &hub{prepare: func(s *echo) { s.onExpired = func() { expired <- struct{}{} } }}
	g, addr := startTCP(t, h)
	c := dial(t, addr)
	becomeQuiet(t, g)
	for range 5 {
		send(t, c, "line\n")
		expect(t, c, "line\n")
		send(t, c, "detached\n")
		expect(t, c, "detached\n")
		time.Sleep(2 * time.Duration(longWait))
	}
	if !isQuiet(t, g) {
		t.Error("it does not park any more")
	}
	other := dial(t, addr)
	send(t, other, "line\n")
	expect(t, other, "line\n")

	onLoop(t, g, func(l *Loop) {
		for _, one := range l.table {
			if one != nil && one.state.Load()&closed == 0 {
				one.SetTimeout(10 * time.Millisecond)
				break
			}
		}
	})
	within(t, expired, "the deadline")

	for range 4 * longEvery {
		send(t, other, "line\n")
		expect(t, other, "line\n")
	}
	until := time.Now().Add(patience)
	for isQuiet(t, g) { // the machine may have had a pause
		if time.Now().After(until) {
			t.Fatal("a loop with much to do parks")
		}
		send(t, other, "line\n")
		expect(t, other, "line\n")
	}
}

// Whatever the gaps between them, every message is answered.
func TestQuietLoopUnderStress(t *testing.T) {
	g, addr := startTCP(t, &hub{})
	var clients sync.WaitGroup
	for i := range 4 {
		c := dial(t, addr)
		random := rand.New(rand.NewPCG(1, uint64(i)))
		clients.Go(func() {
			for n := range 100 {
				line := strconv.Itoa(n) + "\n"
				if random.IntN(4) == 0 {
					line = "d" + line
				}
				if _, err := c.Write([]byte(line)); err != nil {
					t.Error(err)
					return
				}
				got := make([]byte, len(line))
				if _, err := io.ReadFull(c, got); err != nil {
					t.Errorf("%q is not answered: %v", line, err)
					return
				}
				if string(got) != line {
					t.Errorf("%q is answered by %q", line, got)
				}
				time.Sleep(time.Duration(random.IntN(100)*random.IntN(400)) * time.Microsecond)
			}
		})
	}
	clients.Wait()
	turns(t, g)
}

// Without a gate, or when it fails, a loop does its work all the same.
func TestLoopWithoutAGate(t *testing.T) {
	for name, spoil := range map[string]func(t *testing.T, g *Group){
		"without": func(t *testing.T, g *Group) { onLoop(t, g, func(l *Loop) { l.gate.conn = nil }) },
		"it fails": func(t *testing.T, g *Group) {
			becomeQuiet(t, g)
			onLoop(t, g, func(l *Loop) { l.gate.close() })
		},
	} {
		t.Run(name, func(t *testing.T) {
			g, addr := startTCP(t, &hub{})
			spoil(t, g)
			c := dial(t, addr)
			for range 5 {
				send(t, c, "line\n")
				expect(t, c, "line\n")
				time.Sleep(2 * time.Duration(longWait))
			}
			if isQuiet(t, g) {
				t.Error("it parks")
			}
		})
	}
}

// A group that has ended leaves no descriptor behind.
func TestGatesAreClosed(t *testing.T) {
	count := func() int {
		entries, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Fatal(err)
		}
		return len(entries)
	}
	before := count()
	for range 10 {
		fd, _ := listenTCP(t)
		g, err := Start(Config{Sockets: []int{fd}, Loops: 2, New: func(_ int, c *Conn) Session { return &echo{c: c, hub: &hub{}} }})
		if err != nil {
			t.Fatal(err)
		}
		g.StopListening()
		g.Stop()
	}
	if after := count(); after > before+5 { // package net's own may come and go
		t.Errorf("%d descriptors, %d before", after, before)
	}
}
