package app

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"highball"
)

// ErrInterrupted is what Run returns when SIGINT cut the draining short.
var ErrInterrupted = errors.New("interrupted before everything in flight was finished")

// DrainDeadline is how long Run waits for what is in flight when it is told to stop.
const DrainDeadline = 30 * time.Second

// errStopped is what App.Start returns when a signal ended it.
var errStopped = errors.New("told to stop before the applications were ready")

// Start starts the applications' workers, and returns when each has one that is ready. It must be called after Listen. Signals to
// end the server end this too, with an error that says so.
func (a *App) Start(ctx context.Context, signals <-chan os.Signal) error {
	g := a.front.current.Load()
	if len(g.apps) == 0 {
		return nil
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	started := make(chan error, 1)
	go func() { started <- g.start(ctx, a.server) }()
	for {
		select {
		case err := <-started:
			return err
		case s := <-signals:
			switch {
			case isReopen(s):
				a.reopen()
				continue
			case isUpgrade(s), isHangup(s) && a.source.file != "":
				a.log.Warn("the server is about to start; the signal is of no effect", "signal", s)
				continue
			}
			cancel()
			<-started
			return errStopped
		}
	}
}

// stopOrder asks for the end of the server.
type stopOrder struct {
	deadline time.Duration // for what is in flight
}

// Run serves what Listen bound and Start started until ctx is done or one of the signals ([Notify]) says so, or the control socket, or
// another process has taken over. It returns nil when the
// server has stopped in good order, and ErrInterrupted when a person did not want to wait for that. An App runs once.
func (a *App) Run(ctx context.Context, signals <-chan os.Signal) error {
	a.ran = true
	defer a.logs.flush()
	defer a.tick()()
	served := make(chan error, 1)
	go func() { served <- a.server.Run() }()
	todo := newErrands(a.serving, a.reloadOnSignal, a.upgradeOnSignal)
	defer func() { <-todo.over }()
	defer a.quit()
	for {
		select {
		case err := <-served:
			return err
		case <-ctx.Done():
			return a.drain(signals, served, a.drainDeadline)
		case order := <-a.stops:
			return a.drain(signals, served, order.deadline)
		case s := <-signals:
			switch {
			case isReopen(s):
				a.reopen()
			case isUpgrade(s):
				ask(todo.upgrade)
			case isHangup(s) && a.reloads():
				ask(todo.reload)
			case isHangup(s):
				a.log.Warn("ending on SIGHUP, since there is no configuration file to read again, and no application")
				return a.drain(signals, served, a.drainDeadline)
			default:
				return a.drain(signals, served, a.drainDeadline)
			}
		}
	}
}

// reloads reports whether there is anything that a reload could replace.
func (a *App) reloads() bool {
	return a.source.file != "" || len(a.front.current.Load().apps) > 0
}

// reloadOnSignal does what SIGHUP asks for. What comes of it is logged.
func (a *App) reloadOnSignal(ctx context.Context) { _, _ = a.Reload(ctx, ReloadWorkers) }

// drain finishes what is in flight, for as long as the deadline, and returns when the server has ended.
func (a *App) drain(signals <-chan os.Signal, served <-chan error, deadline time.Duration) error {
	a.quit()
	a.operating.Lock() // until whoever replaces something has given up
	handed := a.handed
	a.operating.Unlock()
	if !handed {
		a.manager.stopping()
	}
	if n := a.inFlight(); n > 0 && !handed {
		fmt.Fprintf(a.env.Stderr, "highball: finishing %s (at most %v), Ctrl-C again to stop now\n", counted(n, "request"), deadline)
	}
	ctx, cancel := context.WithTimeout(context.Background(), deadline)
	defer cancel()
	context.AfterFunc(ctx, a.cut)
	drained := make(chan error, 1)
	go func() {
		err := a.server.Shutdown(ctx)
		if !handed {
			for _, l := range a.listening {
				l.removeOrphan()
			}
		}
		drained <- errors.Join(err, a.releaseAll(ctx))
	}()
	for {
		select {
		case err := <-drained:
			if errors.Is(err, context.DeadlineExceeded) {
				a.log.Warn("requests in flight were cut, since the time to finish them is over", "waited", deadline)
				err = nil
			}
			return errors.Join(err, closedInOrder(<-served))
		case s := <-signals:
			if s == os.Interrupt {
				cancel() // Shutdown cuts what remains
				<-drained
				<-served
				return ErrInterrupted
			}
			if isReopen(s) {
				a.reopen()
			}
		}
	}
}

// closedInOrder returns err unless it says only that the server was told to stop.
func closedInOrder(err error) error {
	if errors.Is(err, highball.ErrServerClosed) {
		return nil
	}
	return err
}

// counted returns "1 request", "2 requests".
func counted(n int64, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}
