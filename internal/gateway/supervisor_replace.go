package gateway

import "log/slog"

// replace has another worker take the place of w, which is retired when that is up, or killed at once if the reason is one for that. It
// may be called on any goroutine, an event loop's included.
func (s *supervisor) replace(w *worker, reason reason) {
	s.mail.send(func() {
		if m := s.workers[w]; m != nil {
			s.succeed(m, reason)
		}
	})
}

// served counts n requests that w has answered. It may be called on any goroutine.
func (s *supervisor) served(w *worker, n int) {
	answered := w.proc.answered.Add(int64(n))
	limit := w.proc.limit.Load()
	if limit > 0 && answered >= limit && w.proc.limit.CompareAndSwap(limit, 0) {
		s.replace(w, reasonRequests)
	}
}

// succeed has another worker take the place of m.
func (s *supervisor) succeed(m *member, reason reason) {
	if reason.atOnce() {
		if m.state.become(stopping) {
			s.tally.restarts[reason].Add(1)
			s.log.Info("worker is replaced", s.who(m), slog.String("reason", reason.String()))
			m.proc.kill()
		}
	} else if m.state == serving && !m.outgoing {
		m.outgoing, m.reason = true, reason
	}
	s.reconcile()
}

// reconcile starts the processes that are missing.
func (s *supervisor) reconcile() {
	if s.ending {
		return
	}
	s.fillReload()
	if s.first != nil && s.firstError != nil {
		return // the others of the first round may yet succeed: only then it goes on
	}
	if s.halted || s.backoff.waiting || !s.rooted(s.current) {
		return
	}
	for s.count(s.current) < s.target {
		s.launch(s.current, false)
	}
}

// rooted tells whether workers of a generation can be started, and if not starts what they need.
func (s *supervisor) rooted(g *generation) bool {
	if !s.cfg.Preload {
		return true
	}
	if g.root == nil {
		s.launch(g, true)
	}
	return g.root.state == serving && g.root.parent.forks() // or its death will be told
}

// count returns how many workers of a generation there are or will be, apart from those that are to be replaced.
func (s *supervisor) count(g *generation) (n int) {
	for m := range s.members {
		if m.generation == g && !m.root && !m.outgoing && m.state <= serving {
			n++
		}
	}
	return n
}

// relieve retires workers that are to be replaced as far as others have taken their places.
func (s *supervisor) relieve() {
	for {
		n := 0
		var next *member
		for m := range s.members {
			if m.root || m.generation != s.current || m.state != serving {
				continue
			}
			n++
			if m.outgoing && (next == nil || m.since.Before(next.since)) {
				next = m
			}
		}
		if next == nil || n <= s.target {
			return
		}
		s.tally.restarts[next.reason].Add(1)
		s.log.Info("worker is replaced", s.who(next), slog.String("reason", next.reason.String()))
		s.retire(next)
	}
}
