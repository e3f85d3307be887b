package gateway

import "time"

// How many requests may a worker have at once? A worker that answers one at a time is fastest if the next ones are there
// already when it is done with one, and if many answers leave with one system call. But what stands behind a slow
// request waits, even while other workers are idle. So a worker has one request at a time until the application
// has shown that it is quick, and never so many that slow ones would hold up more than a few of the others.
const (
	slow       = 5 * time.Millisecond // what takes longer may hold others up
	heldUp     = 0.003                // the share of requests that slow ones may hold up
	fullBatch  = 4 * time.Millisecond // of work that is given to a worker at once
	deepest    = 64
	carrying   = 50 * time.Microsecond // what it costs to carry an answer to another loop, with the wake-up
	firstGuess = 0.01                  // of the share of slow requests
	slowWeight = 1. / 4096             // of one request in the estimate of that share
	meanWeight = 1. / 64               // of one request in the mean time
)

// load is what is known of an application's requests.
type load struct {
	mean  float64 // nanoseconds for one of the quick ones
	slow  float64 // the share of the slow ones
	depth int     // requests that a worker may have
	far   int     // requests for which a worker on the same loop is worth waiting
}

func newLoad() load { return load{mean: float64(fullBatch), slow: firstGuess, depth: 1} }

// note learns that a worker has answered n requests, one after another, in the given time.
func (l *load) note(n int, took time.Duration) {
	if n == 0 {
		return
	}
	for range min(n, deepest) {
		l.slow -= l.slow * slowWeight
	}
	if took > slow {
		l.slow += slowWeight
	} else {
		l.mean += (float64(took)/float64(n) - l.mean) * min(1, meanWeight*float64(n))
	}
	l.depth = int(min(heldUp/l.slow, float64(fullBatch)/max(l.mean, 1), deepest))
	l.depth = max(l.depth, 1)
	l.far = min(int(float64(carrying)/max(l.mean, 1)), l.depth/2)
}
