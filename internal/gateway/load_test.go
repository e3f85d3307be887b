package gateway

import (
	"math/rand/v2"
	"testing"
	"time"
)

// after returns what is learnt from so many requests of which a share is slow, of equal length otherwise.
func after(alone bool, requests int, share float64, quick time.Duration) load {
	random := rand.New(rand.NewPCG(1, 2))
	l := newLoad(alone)
	for range requests {
		if random.Float64() < share {
			l.note(1, 100*time.Millisecond)
		} else {
			l.note(1, quick)
		}
	}
	return l
}

func TestDepth(t *testing.T) {
	tests := []struct {
		name        string
		alone       bool
		requests    int
		share       float64
		quick       time.Duration
		least, most int
	}{
		{"nothing is known", false, 0, 0, time.Millisecond, 1, 1},
		{"a few quick ones prove nothing", false, 200, 0, 10 * time.Microsecond, 1, 1},
		{"a thousand do", false, 1000, 0, 10 * time.Microsecond, 3, 4},
		{"many do more", false, 20_000, 0, 10 * time.Microsecond, deepest, deepest},
		{"as much as is answered in 4 ms", false, 20_000, 0, time.Millisecond, 3, 4},
		{"one slow in a hundred", false, 20_000, 0.01, 10 * time.Microsecond, 1, 1},
		{"one slow in ten thousand", false, 20_000, 0.0001, 10 * time.Microsecond, 4, deepest},
		{"nobody else is there to answer", true, 200, 0, 10 * time.Microsecond, 20, deepest},
		{"nor behind slow ones", true, 20_000, 0.01, 200 * time.Microsecond, 19, 20},
		{"but no more than is answered in 4 ms", true, 20_000, 0, time.Millisecond, 3, 4},
		{"all are slow", true, 200, 1, 0, 1, 1},
	}
	for _, test := range tests {
		if l := after(test.alone, test.requests, test.share, test.quick); l.depth < test.least || l.depth > test.most {
			t.Errorf("%s: depth %d, want %d to %d (%+v)", test.name, l.depth, test.least, test.most, l)
		}
	}
}

// The share of slow requests that is estimated comes close to the true one, and follows it.
func TestShareOfSlowRequests(t *testing.T) {
	for _, share := range []float64{0.002, 0.01, 0.05} {
		if l := after(false, 20_000, share, time.Microsecond); l.slow < share/2 || l.slow > 2*share {
			t.Errorf("the share is %v, the estimate %v", share, l.slow)
		}
	}
	l := after(false, 20_000, 0.05, time.Microsecond)
	for range 4 * remembered {
		l.note(1, time.Microsecond)
	}
	if l.slow > 0.05/40 {
		t.Errorf("there are none any more, and the estimate is %v", l.slow)
	}
}
