package observe

import "math"

// sampler chooses the requests that get a line, evenly: of any hundred that may be
// left out in a row, as many as of any other hundred, give or take one. No chance is
// in it, so that a test knows the outcome. Its owner guards it.
type sampler struct {
	step    uint64 // the part that gets a line, in 2^-64; 0 leaves out nothing, unless none is set
	sum     uint64 // of the steps so far; whenever it overflows, a request gets a line
	none    bool   // all are left out
	leftOut int64
}

func newSampler(leaveOut float64) (s sampler) {
	s.configure(leaveOut)
	return s
}

// configure has the sampler leave out a part of the requests from now on. The next one gets a line.
func (s *sampler) configure(leaveOut float64) {
	kept := math.Ceil((1 - leaveOut) * (1 << 64))
	s.step, s.none = 0, kept <= 0
	if kept > 0 && kept < 1<<64 {
		s.step = uint64(kept)
	}
	s.sum = -s.step
}

// keeps reports whether a request gets a line, and counts it otherwise.
func (s *sampler) keeps(r *Record) bool {
	if s.step == 0 && !s.none || r.Status < 200 || r.Status > 399 || r.Aborted {
		return true
	}
	before := s.sum
	s.sum += s.step
	if s.sum < before {
		return true
	}
	s.leftOut++
	return false
}
