package gateway

import (
	"errors"
	"log/slog"
	"time"
)

const (
	shortLife    = time.Second            // a worker that ends so soon, without an answer to a request, has failed
	firstDelay   = 100 * time.Millisecond // after the first failure
	longestDelay = 10 * time.Second
)

// backoff spaces the attempts to start workers that fail one after the other. Workers that were started together fail
// together, which counts once; they are a round.
type backoff struct {
	round    int  // of the workers that are started now
	failures int  // rounds in a row
	waiting  bool // no worker is to be started now
}

// failed tells that a worker of a round has failed. If it is the first of its round, waiting begins, for the time that is
// returned.
func (b *backoff) failed(round int) (delay time.Duration, news bool) {
	if round != b.round {
		return 0, false
	}
	b.round++
	delay = longestDelay
	if b.failures < 7 {
		delay = min(firstDelay<<b.failures, longestDelay)
	}
	b.failures++
	b.waiting = true
	return delay, true
}

// recovered tells that a worker does its work.
func (b *backoff) recovered() { b.failures = 0 }

// lament tells of a process that could not be started or that ended at once, and puts off the next attempt. Of attempts
// that fail one after the other only the first is told.
func (s *supervisor) lament(what string, m *member, err error) {
	if s.halted {
		return // by another one's failure, which is this one's too
	}
	s.noteFailure(err)
	if s.first != nil {
		s.failFirst(err)
		return
	}
	before := s.backoff.failures
	delay, news := s.backoff.failed(m.round)
	if !news {
		return
	}
	if before == 0 {
		s.log.Error(what+"; it is tried again, more and more seldom", append(causeOf(err), s.who(m))...)
	} else {
		s.log.Debug(what, s.who(m), slog.Duration("retry", delay), slog.Any("error", err))
	}
	round := s.backoff.round
	s.clock.after(delay, func() {
		s.mail.send(func() {
			if s.backoff.round == round {
				s.backoff.waiting = false
				s.reconcile()
			}
		})
	})
}

// failFirst has start fail, at once if the application cannot be loaded, which is true of all workers; otherwise when none
// is left that could succeed. With cfg.Reload, start does not fail, but nothing happens until the application changes.
func (s *supervisor) failFirst(err error) {
	if s.firstError == nil {
		s.firstError = err
	}
	if !isLoadError(err) && len(s.members) > 0 {
		return
	}
	s.halted = true
	for m := range s.members {
		s.discard(m)
	}
	if !s.cfg.Reload {
		s.answerFirst(s.firstError)
		return
	}
	s.log.Error("the application cannot be started; it is tried again when its files change", causeOf(s.firstError)...)
	s.answerFirst(nil)
}

// noteFailure keeps an error for loadError, and watches the files that it comes from.
func (s *supervisor) noteFailure(err error) {
	var load *LoadError
	if !errors.As(err, &load) {
		load = &LoadError{Kind: "died", Message: err.Error()}
		if death := (*deathError)(nil); errors.As(err, &death) {
			load.Traceback = death.output
		}
	}
	s.setFailure(load)
	s.watchFiles(load)
}

func isLoadError(err error) bool {
	var load *LoadError
	return errors.As(err, &load)
}

// causeOf returns what the log is to say of an error.
func causeOf(err error) []any {
	all := []any{slog.Any("error", err)}
	if load := (*LoadError)(nil); errors.As(err, &load) && load.Traceback != "" {
		all = append(all, slog.String("traceback", load.Traceback))
	}
	if death := (*deathError)(nil); errors.As(err, &death) && death.output != "" {
		all = append(all, slog.String("output", death.output))
	}
	return all
}
