package gateway

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"
)

// A supervisor decides when the processes of an application start and end. All its state belongs to one goroutine, which
// does what the mailbox holds, one thing after the other; the goroutines that start processes and wait for their end do
// nothing but send it mail. Whatever happens, each piece of mail leaves it to reconcile to start what is missing.
//
//	supervisor.go          start, stop, and the goroutine
//	supervisor_state.go    the states of a worker
//	supervisor_member.go   one worker: from its start to its death
//	supervisor_replace.go  how many there are to be, and which are to go
//	supervisor_scale.go    what is looked at from time to time
//	supervisor_backoff.go  failing starts
//	supervisor_reload.go   all anew
type supervisor struct {
	cfg     *Config
	hooks   hooks
	log     *slog.Logger
	clock   clock
	jitter  func(n int) int // at random, from 0 to n-1
	recipe  func(number int, preload bool) (*launchSpec, error)
	spawner *spawner
	mail    *mailbox
	over    chan struct{} // closed when nothing is left
	tally   tally

	ctx    context.Context // of all that start; ends when the application stops
	cancel context.CancelFunc
	minds  sync.WaitGroup // goroutines that mind a process

	// Only the goroutine may use the following fields.

	members    map[*member]struct{} // all that are not dead
	workers    map[*worker]*member  // those that were admitted
	current    *generation          // new workers belong to it
	target     int                  // number of workers there are to be
	first      chan<- error         // takes the outcome of start, once
	firstError error                // of the first worker that has failed before
	halted     bool                 // no worker is to be started until a reload
	ending     bool                 // no worker is to be started any more
	forced     bool                 // workers had to be killed at the end
	backoff    backoff
	scale      scaling
	reloads    reloads
	watch      *watcher

	failureMu sync.Mutex // guards seen
	seen      *LoadError // of the last attempt
}

// hooks are how a supervisor reaches the pool. It calls them on its goroutine: they must not wait for it.
type hooks struct {
	admit     func(w *worker) error           // it is ready: give it requests
	retire    func(w *worker) <-chan struct{} // give it no more; closed when it has none in flight, or is dead
	stop      func(w *worker)                 // send STOP on MAIN
	lost      func(w *worker)                 // it is dead: whatever it had is failed
	queueWait func() time.Duration            // age of the oldest request that waits for a worker, 0 without
	idle      func() int                      // workers without a request
	files     func(w *worker)                 // ask it for its imported files; may be nil
}

// newSupervisor returns a supervisor that has not started. cfg must not change any more.
func newSupervisor(cfg *Config, python *interpreter, h hooks) *supervisor {
	s := &supervisor{
		cfg:     cfg,
		hooks:   h,
		log:     cfg.Logger,
		clock:   systemClock(),
		jitter:  rand.IntN,
		mail:    newMailbox(),
		over:    make(chan struct{}),
		members: make(map[*member]struct{}),
		workers: make(map[*worker]*member),
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	s.recipe = func(number int, preload bool) (*launchSpec, error) { return workerRecipe(cfg, python, number, preload) }
	s.ctx, s.cancel = context.WithCancel(context.Background())
	return s
}

// start starts the workers and returns when the first is admitted. If none can be, the error is a *LoadError or tells how
// the first has died, and nothing is left; but with cfg.Reload the error is nil, loadError tells it, and a change of the
// application's files starts the workers anew. It may be called once.
func (s *supervisor) start(ctx context.Context) error {
	s.spawner = newSpawner()
	if s.cfg.Reload {
		w, err := newWatcher(s.clock, func(files []string) { s.mail.send(func() { s.onChange(files) }) })
		if err != nil {
			s.log.Warn("files cannot be watched: changes are not seen", "error", err)
		}
		s.watch = w
	}
	first := make(chan error, 1)
	s.mail.send(func() {
		s.first = first
		s.target = max(1, s.cfg.Workers)
		s.current = newGeneration()
		s.reconcile()
		s.schedule()
	})
	go s.run()
	var err error
	select {
	case err = <-first:
	case <-ctx.Done():
		err = context.Cause(ctx)
	}
	if err != nil {
		at, cancel := context.WithCancel(context.Background())
		cancel()
		_ = s.stop(at)
	}
	return err
}

// stop ends the workers when they have answered what they have, and by force at cfg.StopDeadline or when ctx ends, which
// is its error then. Afterwards no process, goroutine or descriptor is left. It may be called at any time after start, by
// several goroutines.
func (s *supervisor) stop(ctx context.Context) error {
	if s.spawner == nil {
		return nil // never started
	}
	s.mail.send(s.end)
	cancelled := context.AfterFunc(ctx, func() { s.mail.send(s.force) })
	<-s.over
	cancelled()
	if s.forced && ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return nil
}

func (s *supervisor) run() {
	defer close(s.over)
	for !s.ending || len(s.members) > 0 {
		for _, f := range s.mail.receive() {
			f()
		}
	}
	s.mail.close()
	s.answerFirst(errStopped)
	s.reloads.fail(errStopped)
	s.minds.Wait()
	s.watch.close()
	s.spawner.close()
}

var errStopped = errors.New("the application is stopping")

// end begins the end.
func (s *supervisor) end() {
	if s.ending {
		return
	}
	s.ending = true
	s.cancel() // those that start
	s.reloads.fail(errStopped)
	for m := range s.members {
		switch {
		case m.root:
		case m.state == serving:
			s.retire(m)
		case m.state == starting || m.state == loaded:
			s.discard(m)
		}
	}
	s.dismissRoots()
	s.clock.after(s.stopDeadline(), func() { s.mail.send(s.force) })
}

// force ends what has not ended by itself.
func (s *supervisor) force() {
	if !s.ending {
		return
	}
	for m := range s.members {
		s.forced = true
		s.discard(m)
	}
}

func (s *supervisor) stopDeadline() time.Duration {
	if s.cfg.StopDeadline > 0 {
		return s.cfg.StopDeadline
	}
	return 10 * time.Second
}

// answerFirst has start return.
func (s *supervisor) answerFirst(err error) {
	if s.first != nil {
		s.first <- err
		s.first = nil
	}
}

// loadError tells why the application could not be loaded the last time that this was tried, nil if it could.
func (s *supervisor) loadError() *LoadError {
	s.failureMu.Lock()
	defer s.failureMu.Unlock()
	return s.seen
}

func (s *supervisor) setFailure(e *LoadError) {
	s.failureMu.Lock()
	defer s.failureMu.Unlock()
	s.seen = e
}
