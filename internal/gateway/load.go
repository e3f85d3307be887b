package gateway

import "time"

// How many requests may a worker have at once? A worker that answers one at a time is fastest if the next ones are there
// already when it is done with one, and if many answers leave with one system call. But what stands behind a slow
// request waits, even while other workers are idle. So a worker has one request at a time until the application
// has shown that it is quick, and never so many that slow ones would hold up more than a few of the others. Where there is
// one worker, and will never be another, nobody is held up who could be served elsewhere.
const (
	slow       = 5 * time.Millisecond // what takes longer may hold others up
	heldUp     = 0.003                // the share of requests that slow ones may hold up
	fullBatch  = 4 * time.Millisecond // of work that is given to a worker at once
	deepest    = 64
	fullBytes  = 256 << 10             // of requests that are given to a worker at once: more lie in nobody's cache when their turn comes
	carrying   = 50 * time.Microsecond // what it costs to carry an answer to another loop, with the wake-up
	firstGuess = 0.01                  // of the share of slow requests,
	guessed    = 1 / firstGuess        // and of how many requests it stands for
	remembered = 4096                  // requests that the estimate of the share is made of
	meanWeight = 1. / 64               // of one request in the mean time
)

// load is what is known of an application's requests.
type load struct {
	mean  float64 // nanoseconds for one of the quick ones
	slow  float64 // the share of the slow ones
	seen  float64 // requests that the share is made of, those guessed included
	alone bool    // there is one worker only
	depth int     // requests that a worker may have
	far   int     // requests for which a worker on the same loop is worth waiting
}

func newLoad(alone bool) load {
	return load{mean: float64(fullBatch), slow: firstGuess, seen: guessed, alone: alone, depth: 1}
}

// note learns that a worker has answered n requests, one after another, in the given time.
func (l *load) note(n int, took time.Duration) {
	if n == 0 {
		return
	}
	l.seen = min(l.seen+float64(n), remembered)
	l.slow -= l.slow * min(1, float64(n)/l.seen)
	if took > slow {
		l.slow += 1 / l.seen
	} else {
		l.mean += (float64(took)/float64(n) - l.mean) * min(1, meanWeight*float64(n))
	}
	depth := min(float64(fullBatch)/max(l.mean, 1), deepest)
	if !l.alone {
		depth = min(depth, heldUp/l.slow)
	}
	l.depth = max(int(depth), 1)
	l.far = min(int(float64(carrying)/max(l.mean, 1)), l.depth/2)
}
