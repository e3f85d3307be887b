package gateway

import (
	"log/slog"
	"time"
)

const (
	fastLook  = 100 * time.Millisecond // at the queue, if the number of workers may change
	slowLook  = time.Second            // at the workers themselves
	longQueue = 100 * time.Millisecond // that a request may wait before another worker is thought of
	longLooks = 3                      // in a row at which the queue is too long before one is started
	longIdle  = 30 * time.Second       // after which a worker that is never needed goes
)

// scaling is what was seen of the queue.
type scaling struct {
	long     int       // looks in a row at which it was long
	idle     bool      // at the last look a worker had nothing to do
	since    time.Time // when it became idle
	nextSlow time.Time
}

// schedule has the next look taken.
func (s *supervisor) schedule() {
	var d time.Duration
	switch {
	case s.ending:
		return
	case s.scales():
		d = fastLook
	case s.cfg.MaxAge > 0 || s.cfg.MaxMemory > 0 || s.cfg.Reload:
		d = slowLook
	default:
		return
	}
	s.clock.after(d, func() {
		s.mail.send(func() {
			s.look()
			s.schedule()
		})
	})
}

// scales tells whether the number of workers may change.
func (s *supervisor) scales() bool { return s.cfg.MaxWorkers > max(1, s.cfg.Workers) }

func (s *supervisor) look() {
	if s.ending {
		return
	}
	now := s.clock.now()
	if s.scales() {
		s.lookAtQueue(now)
	}
	if !now.Before(s.scale.nextSlow) {
		s.scale.nextSlow = now.Add(slowLook)
		s.lookAtWorkers(now)
	}
}

// lookAtQueue starts a worker if requests wait for long, and retires one if none was needed for long.
func (s *supervisor) lookAtQueue(now time.Time) {
	q := &s.scale
	if s.hooks.queueWait() > longQueue {
		q.long++
	} else {
		q.long = 0
	}
	if idle := s.hooks.idle() > 0; !idle || !q.idle {
		q.idle, q.since = idle, now
	}
	switch {
	case q.long >= longLooks && s.target < s.cfg.MaxWorkers && s.settled():
		q.long = 0
		s.target++
		s.log.Info("worker is added, since requests wait", slog.Int("workers", s.target))
		s.reconcile()
	case q.idle && now.Sub(q.since) >= longIdle && s.target > max(1, s.cfg.Workers) && s.settled():
		q.since = now
		s.target--
		s.log.Info("worker is removed, since it has nothing to do", slog.Int("workers", s.target))
		s.removeOne()
	}
}

// settled tells whether there are as many workers as there are to be.
func (s *supervisor) settled() bool {
	if s.reloads.job != nil {
		return false
	}
	n := 0
	for m := range s.members {
		switch {
		case m.root:
		case m.state < serving || m.outgoing:
			return false
		case m.state == serving:
			n++
		}
	}
	return n == s.target
}

// removeOne retires the youngest worker.
func (s *supervisor) removeOne() {
	var youngest *member
	for m := range s.members {
		if m.root || m.state != serving {
			continue
		}
		if youngest == nil || m.since.After(youngest.since) || m.since.Equal(youngest.since) && m.number > youngest.number {
			youngest = m
		}
	}
	if youngest != nil {
		s.retire(youngest)
	}
}

// lookAtWorkers replaces a worker that is too old or too large: one at a time, since they have often grown together.
func (s *supervisor) lookAtWorkers(now time.Time) {
	replacing := false
	for m := range s.members {
		replacing = replacing || m.outgoing && m.state == serving
	}
	for m := range s.members {
		if m.root || m.state != serving {
			continue
		}
		if s.cfg.Reload && s.hooks.files != nil {
			s.hooks.files(m.worker)
		}
		if replacing || m.generation != s.current {
			continue
		}
		switch {
		case s.cfg.MaxAge > 0 && now.Sub(m.since) >= s.cfg.MaxAge:
			replacing = true
			s.succeed(m, reasonAge)
		case s.cfg.MaxMemory > 0 && m.proc.memory() > s.cfg.MaxMemory:
			replacing = true
			s.succeed(m, reasonMemory)
		}
	}
}
