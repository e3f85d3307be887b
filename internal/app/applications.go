package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"

	"highball"
	"highball/internal/config"
	"highball/internal/gateway"
)

// applications are the Python applications of a server, each with its pool of workers.
type applications []application

type application struct {
	name string
	*gateway.App
}

// inFlight returns the number of requests that are with workers, or wait for one, and that no handler's goroutine is at work on.
func (all applications) inFlight() (n int64) {
	for _, one := range all {
		n += int64(one.InFlight())
	}
	return n
}

// openApplications checks the applications of c and finds their interpreters. No worker runs yet. The error tells of all that
// cannot be used; the others are returned beside it.
func openApplications(c *config.Config, env Env, log *slog.Logger) (applications, error) {
	var all applications
	var errs []error
	for i := range c.Apps {
		a := &c.Apps[i]
		cfg, err := gatewayConfig(a)
		if err != nil {
			errs = append(errs, at(a.Pos, err))
			continue
		}
		cfg.Environ, cfg.Debug, cfg.Version, cfg.Logger = env.Environ, c.Debug, env.Version, log
		label := "worker"
		if len(c.Apps) > 1 {
			label = a.Name
		}
		cfg.Output = workerOutput(env.Stderr, terminalOf(env.Stderr, env.Environ), label)
		opened, err := gateway.New(cfg)
		if err != nil {
			errs = append(errs, at(a.Pos, err))
			continue
		}
		all = append(all, application{a.Name, opened})
	}
	return all, together(errs...)
}

// find returns the application of that name, or nil.
func (all applications) find(name string) *gateway.App {
	for _, a := range all {
		if a.name == name {
			return a.App
		}
	}
	return nil
}

// start starts the workers of each application and returns when each has one that is ready.
func (all applications) start(ctx context.Context, s *highball.Server) error {
	for _, a := range all {
		if err := a.Start(ctx, s); err != nil {
			return err
		}
	}
	return nil
}

// reload replaces the workers of each application. What comes of it is logged: success by package gateway.
func (all applications) reload(ctx context.Context, log *slog.Logger) {
	for _, a := range all {
		log.Info("reloading", "app", a.name)
		err := a.Reload(ctx)
		if err == nil || ctx.Err() != nil {
			continue
		}
		cause := []any{"app", a.name, "error", err}
		var load *gateway.LoadError
		if errors.As(err, &load) && load.Traceback != "" {
			cause = append(cause, "traceback", load.Traceback)
		}
		log.Error("the application cannot be reloaded; the workers from before go on", cause...)
	}
}

// stop ends all workers, those of all applications at once: when they have finished what they have, or by force when ctx ends.
func (all applications) stop(ctx context.Context) error {
	errs := make([]error, len(all))
	var stops sync.WaitGroup
	for i, a := range all {
		stops.Go(func() { errs[i] = a.Stop(ctx) })
	}
	stops.Wait()
	return errors.Join(errs...)
}

// gatewayConfig returns the application a in the terms of package gateway.
func gatewayConfig(a *config.App) (gateway.Config, error) {
	env := a.Env
	if a.EnvFile != "" {
		fromFile, err := config.LoadEnvFile(a.EnvFile)
		if err != nil {
			return gateway.Config{}, remedied(fmt.Errorf("the application's environment: %w", err), openRemedy(err))
		}
		env = append(fromFile, a.Env...)
	}
	target := a.WSGI
	if a.Classes != "" {
		target = a.Classes
	}
	return gateway.Config{
		Name:           a.Name,
		Target:         target,
		Classes:        a.Classes != "",
		Factory:        a.Factory,
		Dir:            a.Dir,
		Python:         a.Python,
		Env:            env,
		Workers:        a.Workers,
		MaxWorkers:     a.MaxWorkers,
		Threads:        a.Threads,
		Preload:        a.Preload,
		MaxRequests:    a.MaxRequests,
		RequestsJitter: a.RequestsJitter,
		MaxAge:         a.MaxAge,
		MaxMemory:      a.MaxMemory,
		QueueLimit:     a.QueueLimit,
		QueueDeadline:  a.QueueDeadline,
		MaxBody:        a.MaxBody,
		StopDeadline:   a.StopDeadline,
		Reload:         a.Reload,
	}, nil
}

// workerOutput returns a function that writes a line of a worker to w, in one piece, so that those of several workers do not mix. The label
// says whose workers they are.
func workerOutput(w io.Writer, t terminal, label string) func(worker int, line []byte) {
	return func(worker int, line []byte) {
		text := append([]byte(t.style(dim, fmt.Sprintf("[%s %d]", label, worker))), ' ')
		text = append(append(text, line...), '\n')
		_, _ = w.Write(text) // nobody could be told
	}
}
