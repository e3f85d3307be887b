package highball

import (
	"strconv"
	"sync/atomic"
	"time"

	"highball/internal/observe"
)

// stopwatch measures the phases of one request. It belongs to the teller of the connection's story, but for present, which may be called by
// anybody. Moments are nanoseconds on the server's clock.
type stopwatch struct {
	began int64 // the first byte
	spans observe.Spans
	mark  atomic.Uint64 // the present phase and when it began; zero while nothing is measured
}

const phaseShift = 60 // a moment fits into the bits below for 36 years

// running reports whether a request is measured.
func (s *stopwatch) running() bool { return s.mark.Load() != 0 }

// start begins to measure a request whose first byte came at now.
func (s *stopwatch) start(now int64) {
	s.began, s.spans = now, observe.Spans{}
	s.mark.Store(marked(observe.Head, now))
}

// startQueued begins to measure a request whose first byte was there at there, and which has had to wait for its turn until now.
func (s *stopwatch) startQueued(there, now int64) {
	s.start(there)
	if now > there {
		s.spans[observe.Queue] = time.Duration(now - there)
		s.mark.Store(marked(observe.Head, now))
	}
}

// marked packs a phase and a moment. It is never zero.
func marked(p observe.Phase, now int64) uint64 { return uint64(p+1)<<phaseShift | uint64(now) }

// present returns the phase that the request is in, and since when. ok is false if there is no request.
func (s *stopwatch) present() (p observe.Phase, since int64, ok bool) {
	m := s.mark.Load()
	if m == 0 {
		return 0, 0, false
	}
	return observe.Phase(m>>phaseShift) - 1, int64(m & (1<<phaseShift - 1)), true
}

// enter ends the present phase and begins p, and returns which one it was.
func (s *stopwatch) enter(p observe.Phase, now int64) observe.Phase {
	was, since, ok := s.present()
	if !ok {
		return p
	}
	now = max(now, since) // an event loop's time is that of its last wake-up
	s.spans[was] += time.Duration(now - since)
	s.mark.Store(marked(p, now))
	return was
}

// took makes waiting of what App has been so far, but for d.
func (s *stopwatch) took(d time.Duration, now int64) {
	p, since, ok := s.present()
	if !ok || d <= 0 {
		return
	}
	app := s.spans[observe.App]
	if p == observe.App {
		app += time.Duration(max(0, now-since)) // which is added to the span when the phase ends
	}
	toQueue(&s.spans, app-d)
}

// toQueue makes d of what App has been waiting. A span below zero is made up for when the phase ends.
func toQueue(spans *observe.Spans, d time.Duration) {
	if d > 0 {
		spans[observe.App] -= d
		spans[observe.Queue] += d
	}
}

// readFor makes d of what Send has been so far Stream: in sending from a file, what was not waiting for the client was waiting for the disk.
func (s *stopwatch) readFor(d time.Duration) {
	if d > 0 {
		s.spans[observe.Send] -= d
		s.spans[observe.Stream] += d
	}
}

// stop ends the measurement and returns the phases, whose sum is the time since the request began.
func (s *stopwatch) stop(now int64) observe.Spans {
	s.enter(observe.Head, now)
	s.mark.Store(0)
	return s.spans
}

// appendServerTiming appends a field that says the phases so far, in milliseconds (W3C Server Timing).
func (s *stopwatch) appendServerTiming(dst []byte, now int64) []byte {
	spans := s.spans
	if p, since, ok := s.present(); ok {
		spans[p] += time.Duration(max(0, now-since))
	}
	dst = append(dst, "Server-Timing: "...)
	for p := observe.Head; p <= observe.App; p++ {
		if p > 0 {
			dst = append(dst, ", "...)
		}
		dst = append(append(dst, p.String()...), ";dur="...)
		dst = strconv.AppendFloat(dst, float64(spans[p])/1e6, 'f', 3, 64)
	}
	return append(dst, "\r\n"...)
}

// take makes s what other was, which stops.
func (s *stopwatch) take(other *stopwatch) {
	s.began, s.spans = other.began, other.spans
	s.mark.Store(other.mark.Swap(0))
}

// now returns the moment on the server's clock.
func (s *Server) now() int64 { return s.state.clock() }

// wall returns the time of day at a moment.
func (s *Server) wall(moment int64) time.Time {
	t := s.state.stamp.Load()
	if t == nil {
		t = s.newStamp(moment)
	}
	return t.wall.Add(time.Duration(moment - t.moment))
}
