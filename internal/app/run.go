package app

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"time"

	"highball"
)

// ErrInterrupted is what Run returns when SIGINT cut the draining short.
var ErrInterrupted = errors.New("interrupted before everything in flight was finished")

// DrainDeadline is how long Run waits for what is in flight when it is told to stop.
const DrainDeadline = 30 * time.Second

// Listen binds all addresses of the configuration and returns them as bound, ports filled in. The error is a line that names the
// address and the reason, and what can be done about it.
func (a *App) Listen() ([]net.Addr, error) {
	for _, l := range a.listeners {
		addr, err := a.server.Listen(l.String())
		if err != nil {
			return nil, remedied(err, listenRemedy(l.Network, err))
		}
		a.addrs = append(a.addrs, addr)
	}
	return a.addrs, nil
}

// errStopped is what App.Start returns when a signal ended it.
var errStopped = errors.New("told to stop before the applications were ready")

// Start starts the applications' workers, and returns when each has one that is ready. It must be called after Listen. Signals to
// end the server end this too, with an error that says so.
func (a *App) Start(ctx context.Context, signals <-chan os.Signal) error {
	if len(a.apps) == 0 {
		return nil
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	started := make(chan error, 1)
	go func() { started <- a.apps.start(ctx, a.server) }()
	for {
		select {
		case err := <-started:
			return err
		case s := <-signals:
			if isReopen(s) {
				a.reopen()
				continue
			}
			cancel()
			<-started
			return errStopped
		}
	}
}

// Run serves what Listen bound and Start started until ctx is done or one of the signals ([Notify]) says so. It returns nil when the
// server has stopped in good order, and ErrInterrupted when a person did not want to wait for that. An App runs once.
func (a *App) Run(ctx context.Context, signals <-chan os.Signal) error {
	a.ran = true
	served := make(chan error, 1)
	go func() { served <- a.server.Run() }()
	reloads := a.apps.newReloader(a.log)
	defer reloads.close()
	for {
		select {
		case err := <-served:
			return err
		case <-ctx.Done():
			return a.drain(signals, served)
		case s := <-signals:
			if isReopen(s) {
				a.reopen()
				continue
			}
			if isHangup(s) && len(a.apps) > 0 {
				reloads.ask()
				continue
			}
			if isHangup(s) {
				a.log.Warn("ending on SIGHUP, which does not reload the configuration; restart the server for that")
			}
			return a.drain(signals, served)
		}
	}
}

// drain finishes what is in flight and returns when the server has ended.
func (a *App) drain(signals <-chan os.Signal, served <-chan error) error {
	if n := a.front.inFlight.Load() + a.apps.inFlight(); n > 0 {
		fmt.Fprintf(a.env.Stderr, "highball: finishing %s (at most %v), Ctrl-C again to stop now\n", counted(n, "request"), a.drainDeadline)
	}
	ctx, cancel := context.WithTimeout(context.Background(), a.drainDeadline)
	defer cancel()
	drained := make(chan error, 1)
	go func() {
		err := a.server.Shutdown(ctx)
		drained <- errors.Join(err, a.stopApplications(ctx))
	}()
	for {
		select {
		case err := <-drained:
			if errors.Is(err, context.DeadlineExceeded) {
				a.log.Warn("requests in flight were cut, since the time to finish them is over", "waited", a.drainDeadline)
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

// reopen opens the access log anew, after it was renamed.
func (a *App) reopen() {
	if a.accessFile == nil {
		a.log.Info("there is no log file to open anew")
		return
	}
	if err := a.accessFile.Reopen(); err != nil {
		a.log.Error("the access log could not be opened anew", "error", err)
		return
	}
	a.log.Info("opened the access log anew")
}

// counted returns "1 request", "2 requests".
func counted(n int64, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}
