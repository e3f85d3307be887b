package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"

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

// openApplications checks the applications of c and finds their interpreters. No worker runs yet.
func openApplications(c *config.Config, env Env, log *slog.Logger) (applications, error) {
	var all applications
	for i := range c.Apps {
		a := &c.Apps[i]
		cfg, err := gatewayConfig(a)
		if err != nil {
			return nil, err
		}
		cfg.Environ, cfg.Debug, cfg.Version, cfg.Logger = env.Environ, c.Debug, env.Version, log
		cfg.Output = workerOutput(env.Stderr, terminalOf(env.Stderr, env.Environ))
		opened, err := gateway.New(cfg)
		if err != nil {
			return nil, err
		}
		all = append(all, application{a.Name, opened})
	}
	return all, nil
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

// stop ends all workers: when they have finished what they have, or by force when ctx ends.
func (all applications) stop(ctx context.Context) error {
	var errs []error
	for _, a := range all {
		errs = append(errs, a.Stop(ctx))
	}
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
	return gateway.Config{
		Name:           a.Name,
		Target:         a.WSGI,
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

// workerOutput returns a function that writes a line of a worker to w, in one piece, so that those of several workers do not mix.
func workerOutput(w io.Writer, t terminal) func(worker int, line []byte) {
	return func(worker int, line []byte) {
		text := append([]byte(t.style(dim, fmt.Sprintf("[worker %d]", worker))), ' ')
		text = append(append(text, line...), '\n')
		_, _ = w.Write(text) // nobody could be told
	}
}
