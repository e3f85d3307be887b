package observe

import (
	"math/bits"
	"time"
)

// Theory of operation. The bounds between the buckets are decimal, so that those which people ask for (1 ms, 2.5 s) are among them and a coarse
// histogram is an exact sum of fine buckets. To find a bucket without a search, the durations are also cut into binary cells, sixteen for each power of
// two. A cell is narrower than any bucket, so at most one bound lies in it: the table has the bucket where the cell begins, and one
// comparison tells whether the duration is beyond the bound.

const (
	bucketsPerDecade = 30
	decades          = 9                                 // from a microsecond to a thousand seconds
	fineBounds       = bucketsPerDecade*decades + 1      // the last bucket has none
	shortest         = uint64(time.Microsecond)          // the first bound
	longest          = uint64(1000 * time.Second)        // the last bound
	cellsPerOctave   = 16                                // of durations
	firstOctave      = 9                                 // 512 ns
	octaves          = 40 - firstOctave                  // up to 2^40 ns, which is beyond longest
	coarsePerDecade  = 3                                 // 1, 2.5, 5
	coarseDecades    = 7                                 // from 10 µs to 100 s
	coarseBounds     = coarsePerDecade*coarseDecades + 1 // the last bucket has none
)

// Durations counts durations in buckets, each at most 10 % wider than where it begins, from a microsecond to a thousand seconds; what is shorter or
// longer is in the first and the last. The zero value is empty.
type Durations [fineBounds + 1]uint64

// CoarseDurations counts durations in buckets for people to look at: those of [CoarseBounds].
type CoarseDurations [coarseBounds + 1]uint64

// mantissas are the bounds of one decade, times a hundred. No two that follow each other are further apart than by a factor of 1.1, nor nearer
// than by 1.0625, which is the width of the widest cell.
func mantissas() [bucketsPerDecade]uint64 {
	return [...]uint64{
		100, 108, 117, 125, 135, 145, 155, 170, 185, 200,
		215, 230, 250, 270, 290, 310, 335, 360, 390, 420,
		460, 500, 540, 580, 630, 680, 740, 800, 860, 930,
	}
}

// scale is what finds buckets. It is made once and only read.
type scale struct {
	bounds [fineBounds]uint64               // in nanoseconds; the i-th is the last duration of bucket i
	cells  [octaves * cellsPerOctave]uint16 // the bucket in which a cell begins
	coarse [fineBounds + 1]uint8            // the coarse bucket in which a fine one is
	ends   [coarseBounds]uint16             // the last fine bucket in each coarse one
}

var durations = newScale()

func newScale() *scale {
	s := new(scale)
	decade := shortest
	for i := range fineBounds {
		s.bounds[i] = mantissas()[i%bucketsPerDecade] * decade / 100
		if i%bucketsPerDecade == bucketsPerDecade-1 {
			decade *= 10
		}
	}
	bucket := 0
	for i := range s.cells {
		octave := i/cellsPerOctave + firstOctave
		begin := uint64(cellsPerOctave+i%cellsPerOctave) << octave / cellsPerOctave
		for bucket < fineBounds && begin >= s.bounds[bucket] {
			bucket++
		}
		s.cells[i] = uint16(bucket)
	}
	coarse := 0
	for i := range s.coarse {
		s.coarse[i] = uint8(coarse)
		if i < fineBounds && coarse < coarseBounds && s.bounds[i] == uint64(coarseBound(coarse)) {
			s.ends[coarse] = uint16(i)
			coarse++
		}
	}
	return s
}

// coarseBound returns the i-th bound of coarse buckets.
func coarseBound(i int) time.Duration {
	d := 10 * time.Microsecond
	for range i / coarsePerDecade {
		d *= 10
	}
	return d * [...]time.Duration{100, 250, 500}[i%coarsePerDecade] / 100
}

// CoarseBounds returns the bounds of [CoarseDurations], ascending: a bucket has what is longer than the bound before its own, and not longer than its own. The
// last bucket has none.
func CoarseBounds() []time.Duration {
	all := make([]time.Duration, coarseBounds)
	for i := range all {
		all[i] = coarseBound(i)
	}
	return all
}

// bucketOf returns the bucket of a duration.
func bucketOf(d time.Duration) int {
	switch {
	case d <= time.Duration(shortest):
		return 0
	case d > time.Duration(longest):
		return fineBounds
	}
	n := uint64(d) - 1 // a bound belongs to the bucket that it ends
	octave := bits.Len64(n) - 1
	i := int(durations.cells[(octave-firstOctave)*cellsPerOctave+int(n>>(octave-4))&(cellsPerOctave-1)])
	if n >= durations.bounds[i] {
		i++
	}
	return i
}

// Observe counts a duration.
func (h *Durations) Observe(d time.Duration) { h[bucketOf(d)]++ }

// Add adds what other has counted.
func (h *Durations) Add(other *Durations) {
	for i, n := range other {
		h[i] += n
	}
}

// Count returns how many durations were counted.
func (h *Durations) Count() (n uint64) {
	for _, bucket := range h {
		n += bucket
	}
	return n
}

// Coarse returns the same in coarse buckets, exactly.
func (h *Durations) Coarse() (c CoarseDurations) {
	for i, n := range h {
		c[durations.coarse[i]] += n
	}
	return c
}

// Quantiles returns for each q, from 0 to 1 and ascending, a duration that the share q of those counted does not exceed, within 5 % of the true one if that is
// from a microsecond to a thousand seconds. Without any it is 0.
func (h *Durations) Quantiles(qs ...float64) []time.Duration {
	all := make([]time.Duration, len(qs))
	total := h.Count()
	if total == 0 {
		return all
	}
	bucket, passed := 0, h[0]
	for i, q := range qs {
		rank := rankOf(q, total)
		for passed < rank {
			bucket++
			passed += h[bucket]
		}
		all[i] = middle(bucket)
	}
	return all
}

// rankOf returns which of total durations in ascending order, counted from 1, the quantile q is.
func rankOf(q float64, total uint64) uint64 {
	exact := q * float64(total)
	rank := uint64(exact)
	if float64(rank) < exact {
		rank++
	}
	return min(max(rank, 1), total)
}

// middle returns the duration whose relative distance from both ends of a bucket is the same.
func middle(bucket int) time.Duration {
	switch bucket {
	case 0:
		return time.Duration(shortest)
	case fineBounds:
		return time.Duration(longest)
	}
	low, high := float64(durations.bounds[bucket-1]), float64(durations.bounds[bucket])
	return time.Duration(2 * low * high / (low + high))
}
