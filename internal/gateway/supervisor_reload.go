package gateway

import (
	"context"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// reloads is the reload that is under way, and those who want another one when it is done: what they have changed it may
// have missed.
type reloads struct {
	job  *reload
	next []func(error)
}

// reload is a new generation of workers that takes the place of the present one when it is complete.
type reload struct {
	generation *generation
	want       int // workers
	asked      bool
	waiters    []func(error)
}

// reload starts all workers anew. The present ones are retired when all new ones are ready; if one cannot be started, the
// present ones stay and the error tells why. Calls during a reload share the one after it.
func (s *supervisor) reload(ctx context.Context) error {
	done := make(chan error, 1)
	s.mail.send(func() { s.requestReload(func(err error) { done <- err }) })
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-s.over:
		select {
		case err := <-done:
			return err
		default:
			return errStopped
		}
	}
}

// concerns tells whether a process belongs to the reload that is under way.
func (r *reloads) concerns(m *member) bool { return r.job != nil && r.job.generation == m.generation }

// fail ends all reloads.
func (r *reloads) fail(err error) {
	if r.job != nil {
		r.next = append(r.job.waiters, r.next...)
	}
	for _, w := range r.next {
		w(err)
	}
	*r = reloads{}
}

func (s *supervisor) requestReload(waiter func(error)) {
	switch {
	case s.ending:
		waiter(errStopped)
	case s.reloads.job != nil:
		s.reloads.next = append(s.reloads.next, waiter)
	default:
		s.reloads.job = &reload{generation: newGeneration(), want: s.target, waiters: []func(error){waiter}}
		s.fillReload()
	}
}

// fillReload starts the processes of the new generation.
func (s *supervisor) fillReload() {
	job := s.reloads.job
	if job == nil || job.asked || !s.rooted(job.generation) {
		return
	}
	job.asked = true
	for range job.want {
		s.launch(job.generation, false)
	}
}

// advanceReload lets the new generation take over if it is complete.
func (s *supervisor) advanceReload() {
	job := s.reloads.job
	var complete []*member
	for m := range s.members {
		if m.generation == job.generation && m.state == loaded {
			complete = append(complete, m)
		}
	}
	if len(complete) < job.want {
		return
	}
	slices.SortFunc(complete, func(a, b *member) int { return a.number - b.number })
	s.reloads.job = nil
	s.current = job.generation
	s.halted = false
	s.backoff = backoff{round: s.backoff.round + 1}
	for _, m := range complete {
		s.admit(m)
	}
	for m := range s.members {
		switch {
		case m.root || m.generation == s.current:
		case m.state == serving:
			s.tally.restarts[reasonReload].Add(1)
			s.retire(m)
		case m.state < serving:
			s.discard(m)
		}
	}
	s.dismissRoots()
	s.watchFiles(nil)
	s.log.Info("application is reloaded", slog.Int("workers", len(complete)))
	s.concludeReload(job, nil)
	s.reconcile()
}

// abortReload ends a reload that has failed.
func (s *supervisor) abortReload(err error) {
	job := s.reloads.job
	s.reloads.job = nil
	for m := range s.members {
		if m.generation == job.generation {
			s.discard(m)
		}
	}
	s.noteFailure(err)
	s.concludeReload(job, err)
}

// concludeReload tells the outcome of a reload, and begins the next if one was asked for in the meantime.
func (s *supervisor) concludeReload(job *reload, err error) {
	next := s.reloads.next
	s.reloads.next = nil
	for _, w := range job.waiters {
		w(err)
	}
	for _, w := range next {
		s.requestReload(w)
	}
	if job := s.reloads.job; job != nil && len(next) > 0 {
		job.waiters = append(job.waiters, s.reloads.next...)
		s.reloads.next = nil
	}
}

// onChange reloads, since files of the application have changed.
func (s *supervisor) onChange(files []string) {
	s.log.Info("files have changed", slog.Any("files", files))
	s.requestReload(func(err error) {
		if err != nil && err != errStopped {
			s.log.Error("the application cannot be reloaded; the workers from before go on", causeOf(err)...)
		}
	})
}

// imported takes the answer of w to the question for its imported files. It may be called on any goroutine.
func (s *supervisor) imported(w *worker, payload []byte) {
	files, err := fileList(payload)
	if err != nil {
		s.log.Error("a worker breaks the protocol and is ended", "worker", w.number, "err", err)
		w.proc.kill()
		return
	}
	s.mail.send(func() {
		if m := s.workers[w]; m != nil {
			s.learn(m.generation, files)
		}
	})
}

// learn notes which files a generation has imported.
func (s *supervisor) learn(g *generation, files []string) {
	before := len(g.files)
	for _, f := range files {
		g.files[f] = struct{}{}
	}
	if g == s.current && len(g.files) > before {
		s.watchFiles(nil)
	}
}

// watchFiles watches the files that the application has imported, and those that a failure to load it comes from.
func (s *supervisor) watchFiles(failure *LoadError) {
	if s.watch == nil {
		return
	}
	files := slices.Collect(maps.Keys(s.current.files))
	if failure != nil {
		files = append(files, failure.files...)
		files = append(files, s.suspects()...)
	}
	for i, f := range files {
		if !filepath.IsAbs(f) {
			files[i] = filepath.Join(s.cfg.Dir, f)
		}
	}
	s.watch.set(files)
}

// suspects returns the files in which the application may be that cannot be loaded. They are relative to its folder, and
// not all of them need to exist.
func (s *supervisor) suspects() []string {
	dir := s.cfg.Dir
	if dir == "" {
		dir = "."
	}
	target, _, _ := strings.Cut(s.cfg.Target, ":")
	if strings.HasSuffix(target, ".py") {
		return []string{target}
	}
	module := filepath.FromSlash(strings.ReplaceAll(target, ".", "/"))
	files := []string{module + ".py", filepath.Join(module, "__init__.py")}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return files
	}
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), ".py") {
			files = append(files, e.Name())
		}
	}
	return files
}
