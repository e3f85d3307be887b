package observe

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

func TestBucketsAreSoughtAndFoundAlike(t *testing.T) {
	sought := func(d time.Duration) int {
		i, _ := slices.BinarySearch(durations.bounds[:], uint64(max(d, 0)))
		return i
	}
	check := func(d time.Duration) {
		t.Helper()
		if got, want := bucketOf(d), sought(d); got != want {
			t.Errorf("%v is in bucket %d, want %d", d, got, want)
		}
	}
	for _, d := range []time.Duration{math.MinInt64, -1, 0, 1, 999, math.MaxInt64} {
		check(d)
	}
	for _, bound := range durations.bounds {
		for d := time.Duration(bound) - 2; d <= time.Duration(bound)+2; d++ {
			check(d)
		}
	}
	r := rand.New(rand.NewPCG(1, 2))
	for range 100_000 {
		check(time.Duration(math.Pow(10, 2+11*r.Float64())))
	}
}

func TestBoundsAreNarrowAndWiderThanCells(t *testing.T) {
	if durations.bounds[0] != shortest || durations.bounds[fineBounds-1] != longest {
		t.Errorf("bounds go from %d to %d", durations.bounds[0], durations.bounds[fineBounds-1])
	}
	for i := 1; i < fineBounds; i++ {
		ratio := float64(durations.bounds[i]) / float64(durations.bounds[i-1])
		if ratio > 1.1 || ratio <= 1+1.0/cellsPerOctave {
			t.Errorf("bound %d is %v times the one before", durations.bounds[i], ratio)
		}
	}
}

func TestCoarseBucketsAreSumsOfFineOnes(t *testing.T) {
	bounds := CoarseBounds()
	if bounds[0] != 10*time.Microsecond || bounds[1] != 25*time.Microsecond || bounds[len(bounds)-1] != 100*time.Second {
		t.Errorf("bounds are %v", bounds)
	}
	for i, bound := range bounds {
		for d, want := range map[time.Duration]int{bound: i, bound + 1: i + 1} {
			var h Durations
			h.Observe(d)
			if c := h.Coarse(); c[want] != 1 {
				t.Errorf("%v is not in coarse bucket %d: %v", d, want, c)
			}
		}
	}
}

func TestQuantilesAreWithinFivePercent(t *testing.T) {
	qs := []float64{0.5, 0.9, 0.99, 0.999}
	r := rand.New(rand.NewPCG(3, 4))
	distributions := map[string]func() time.Duration{
		"uniform": func() time.Duration { return time.Millisecond + time.Duration(r.Int64N(int64(time.Second))) },
		"exponential": func() time.Duration {
			return time.Microsecond + time.Duration(r.ExpFloat64()*float64(20*time.Millisecond))
		},
		"every scale": func() time.Duration { return time.Duration(math.Pow(10, 3+9*r.Float64())) },
		"two humps": func() time.Duration {
			if r.IntN(20) == 0 {
				return 3*time.Second + time.Duration(r.Int64N(int64(time.Second)))
			}
			return 40*time.Microsecond + time.Duration(r.Int64N(int64(time.Microsecond)))
		},
		"one value": func() time.Duration { return 1234567 * time.Nanosecond },
	}
	for name, draw := range distributions {
		t.Run(name, func(t *testing.T) {
			var h Durations
			all := make([]time.Duration, 20_000)
			for i := range all {
				all[i] = draw()
				h.Observe(all[i])
			}
			slices.Sort(all)
			for i, got := range h.Quantiles(qs...) {
				want := all[int(math.Ceil(qs[i]*float64(len(all))))-1]
				if off := math.Abs(float64(got)/float64(want) - 1); off > 0.05 {
					t.Errorf("quantile %v is %v, want %v", qs[i], got, want)
				}
			}
		})
	}
}

func TestQuantilesOfFew(t *testing.T) {
	var h Durations
	for _, got := range h.Quantiles(0, 0.5, 1) {
		if got != 0 {
			t.Errorf("%v of nothing", got)
		}
	}
	h.Observe(time.Nanosecond)
	h.Observe(time.Hour)
	if got, want := h.Quantiles(0, 0.5, 0.51, 1), []time.Duration{time.Microsecond, time.Microsecond, 1000 * time.Second, 1000 * time.Second}; !slices.Equal(got, want) {
		t.Errorf("quantiles beyond the scale are %v, want %v", got, want)
	}
}
