package gateway

import (
	"errors"
	"log/slog"
	"time"
)

// member is one process of the application, or the attempt to have one.
type member struct {
	number     int
	generation *generation
	root       bool // workers are forked from it
	round      int  // of the backoff

	state    state
	since    time.Time // when it began to serve
	outgoing bool      // another one is to take its place
	reason   reason    // why
	expected bool      // its end is no news
	proc     *process  // nil until it is launched
	worker   *worker   // nil until it has loaded the application
	parent   *parent   // what a root becomes then
}

// generation is the workers that were started between one reload and the next. With cfg.Preload they are forked from one
// parent, or, if that dies, from its successor.
type generation struct {
	root  *member             // nil without
	files map[string]struct{} // that its processes have imported
}

func newGeneration() *generation { return &generation{files: make(map[string]struct{})} }

// launch adds a process.
func (s *supervisor) launch(g *generation, root bool) {
	m := &member{generation: g, root: root, round: s.backoff.round}
	if root {
		g.root = m
	} else {
		m.number = s.freeNumber()
	}
	s.members[m] = struct{}{}
	var from *parent
	if !root && g.root != nil {
		from = g.root.parent
	}
	s.minds.Add(1)
	go s.mind(m, from)
}

// freeNumber returns the lowest number that no worker has.
func (s *supervisor) freeNumber() int {
	used := make(map[int]bool)
	for m := range s.members {
		used[m.number] = true
	}
	for n := 1; ; n++ {
		if !used[n] {
			return n
		}
	}
}

// mind accompanies a process from its start to its end. It runs on a goroutine of its own.
func (s *supervisor) mind(m *member, from *parent) {
	defer s.minds.Done()
	p, err := s.create(m, from)
	if err != nil {
		s.mail.send(func() { s.onFailed(m, err) })
		return
	}
	s.mail.send(func() {
		m.proc = p
		if m.expected {
			p.kill() // it was given up in the meantime
		}
	})
	r, err := p.await(s.ctx)
	var files []string
	if err == nil && s.cfg.Reload {
		files, err = p.imports(s.ctx)
	}
	if err != nil {
		p.kill()
		<-p.done()
		s.mail.send(func() { s.onFailed(m, err) })
		return
	}
	s.mail.send(func() { s.onLoaded(m, r, files) })
	<-p.done()
	s.mail.send(func() { s.onDead(m) })
}

// create starts the process.
func (s *supervisor) create(m *member, from *parent) (*process, error) {
	spec, err := s.recipe(m.number, m.root)
	if err != nil {
		return nil, err
	}
	spec.worker = m.number
	spec.spawner = s.spawner
	if out := s.cfg.Output; out != nil {
		spec.output = func(line []byte) { out(m.number, line) }
	}
	if from != nil {
		return from.fork(s.ctx, spec)
	}
	return launch(spec)
}

// onLoaded takes a process that has loaded the application.
func (s *supervisor) onLoaded(m *member, r *ready, files []string) {
	if !m.state.become(loaded) {
		return
	}
	s.learn(m.generation, files)
	if m.root {
		m.state.become(serving)
		m.since = s.clock.now()
		m.parent = becomeParent(m.proc)
		s.reconcile()
		return
	}
	m.worker = &worker{number: m.number, proc: m.proc, ready: r}
	if s.reloads.concerns(m) {
		s.advanceReload()
		return
	}
	s.admit(m)
	s.relieve()
	s.reconcile()
}

// admit has the pool give requests to a worker.
func (s *supervisor) admit(m *member) {
	if n := s.cfg.MaxRequests; n > 0 {
		if s.cfg.RequestsJitter > 0 {
			n += s.jitter(s.cfg.RequestsJitter + 1)
		}
		m.proc.limit.Store(int64(n))
	}
	m.state.become(serving)
	m.since = s.clock.now()
	s.workers[m.worker] = m
	if err := s.hooks.admit(m.worker); err != nil {
		delete(s.workers, m.worker)
		if m.proc.ended() {
			return // which will be told
		}
		s.log.Error("worker is not admitted", s.who(m), slog.Any("error", err))
		m.state.become(stopping)
		m.proc.kill()
		return
	}
	s.log.Debug("worker ready", s.who(m))
	s.clock.after(shortLife, func() {
		s.mail.send(func() {
			if m.state == serving {
				s.backoff.recovered()
			}
		})
	})
	s.setFailure(nil)
	s.answerFirst(nil)
}

// retire has the pool give no more requests to a worker, which is to stop when it has answered those it has.
func (s *supervisor) retire(m *member) {
	if !m.state.become(retiring) {
		return
	}
	idle := s.hooks.retire(m.worker)
	s.minds.Add(1)
	go func() {
		defer s.minds.Done()
		select {
		case <-idle:
		case <-m.proc.done():
		}
		s.mail.send(func() { s.dismiss(m) })
	}()
}

// dismiss has a process exit, and kills it if it does not.
func (s *supervisor) dismiss(m *member) {
	if !m.state.become(stopping) {
		return
	}
	if m.root {
		_ = m.proc.tell(appendFrame(nil, stopFrame, 0, 0, nil, nil)) // if it cannot take it, it is killed below
	} else {
		s.hooks.stop(m.worker)
	}
	s.clock.after(s.stopDeadline(), func() {
		s.mail.send(func() {
			if m.state == dead {
				return
			}
			s.log.Warn("worker does not exit and is killed", s.who(m))
			m.proc.kill()
		})
	})
}

// discard kills a process.
func (s *supervisor) discard(m *member) {
	m.state.become(stopping)
	m.expected = true
	if m.proc != nil {
		m.proc.kill()
	}
}

// dismissRoots has those parents exit from which no worker will be forked any more, and of whose workers none is left.
func (s *supervisor) dismissRoots() {
	inhabited := make(map[*generation]bool)
	for m := range s.members {
		if !m.root {
			inhabited[m.generation] = true
		}
	}
	for m := range s.members {
		if !m.root || inhabited[m.generation] || !s.ending && (m.generation == s.current || s.reloads.concerns(m)) {
			continue
		}
		if m.state == serving {
			s.dismiss(m)
		} else if m.state != stopping {
			s.discard(m)
		}
	}
}

// onFailed takes the end of a process that was never ready.
func (s *supervisor) onFailed(m *member, err error) {
	wanted := m.state == starting && !s.ending
	s.remove(m)
	if wanted && !errors.Is(err, errParentGone) {
		s.tally.failed.Add(1)
	}
	switch {
	case !wanted:
	case s.reloads.concerns(m):
		s.abortReload(err)
	case errors.Is(err, errParentGone): // whose end is told
	default:
		s.lament("worker cannot be started", m, err)
	}
	s.reconcile()
}

// onDead takes the end of a process that was ready.
func (s *supervisor) onDead(m *member) {
	wanted := m.state != stopping && !m.expected
	s.remove(m)
	if wanted && !m.root {
		s.tally.restarts[reasonDied].Add(1)
	}
	err := &deathError{worker: m.number, pid: m.proc.pid, how: m.proc.state(), output: m.proc.out.tail()}
	if m.proc.answered.Load() > 0 {
		s.backoff.recovered()
	}
	switch {
	case !wanted:
	case s.reloads.concerns(m):
		s.abortReload(err)
	case s.ending || m.proc.answered.Load() > 0 || s.clock.now().Sub(m.since) >= shortLife:
		s.log.Error("worker died", s.who(m), slog.String("how", err.how), slog.String("output", err.output))
	default:
		s.lament("worker died at once", m, err)
	}
	s.reconcile()
}

// remove forgets a process that is no more.
func (s *supervisor) remove(m *member) {
	m.state.become(dead)
	delete(s.members, m)
	if m.generation.root == m {
		m.generation.root = nil
	}
	if m.worker != nil && s.workers[m.worker] == m {
		delete(s.workers, m.worker)
		s.hooks.lost(m.worker)
	}
	s.dismissRoots()
}

// who names a process in the log.
func (s *supervisor) who(m *member) slog.Attr {
	pid := 0
	if m.proc != nil {
		pid = m.proc.pid
	}
	return slog.Group("", slog.Int("worker", m.number), slog.Int("pid", pid))
}
