package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"reflect"
	"slices"
	"sync"

	"highball/internal/config"
	"highball/internal/gateway"
)

// applications are Python applications, each with its pool of workers.
type applications []*application

type application struct {
	name string
	*gateway.App
	from    config.App // what it was made from
	env     []string   // with its file
	debug   bool
	started bool
	users   int // generations; guarded by the lock of the server's App
}

// same reports whether an application as it is described by from would be this one.
func (one *application) same(from config.App, env []string, debug bool) bool {
	mine := one.from
	mine.Pos, from.Pos = config.Pos{}, config.Pos{}
	return debug == one.debug && slices.Equal(env, one.env) && reflect.DeepEqual(mine, from)
}

// openApplications checks the applications of c and finds their interpreters, but for those that are the same as one of had, which is taken. No
// worker runs yet of the others. The error tells of all that cannot be used; the others are returned beside it.
func openApplications(c *config.Config, had applications, env Env, log *slog.Logger) (applications, error) {
	var all applications
	var errs []error
	for i := range c.Apps {
		a := &c.Apps[i]
		cfg, err := gatewayConfig(a)
		if err == nil && c.User != "" && a.User != "" && a.User != c.User {
			err = fmt.Errorf("its workers cannot be the user %q, since the server becomes %q: leave one of the two out", a.User, c.User)
		}
		if err != nil {
			errs = append(errs, at(a.Pos, err))
			continue
		}
		if i := slices.IndexFunc(had, func(one *application) bool { return one.same(*a, cfg.Env, c.Debug) }); i >= 0 {
			all = append(all, had[i])
			continue
		}
		cfg.Environ, cfg.Debug, cfg.Version, cfg.Logger = env.Environ, c.Debug, env.Version, log
		if c.Log.Slow != config.Off {
			cfg.Slow = c.Log.Slow
		}
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
		all = append(all, &application{name: a.Name, App: opened, from: *a, env: cfg.Env, debug: c.Debug})
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

// reload replaces the workers of each application. Success is logged by package gateway; the error tells of those whose workers from before
// go on.
func (all applications) reload(ctx context.Context, log *slog.Logger) error {
	var errs []error
	for _, one := range all {
		log.Info("reloading", "app", one.name)
		err := one.Reload(ctx)
		switch {
		case err == nil:
		case ctx.Err() != nil:
			return context.Cause(ctx)
		default:
			logFailure(log, "the application cannot be reloaded; the workers from before go on", one.name, err)
			errs = append(errs, fmt.Errorf("the application %s: %w; its workers from before go on", quoted(one.name), err))
		}
	}
	return together(errs...)
}

// logFailure logs why an application does not start, with the traceback if there is one.
func logFailure(log *slog.Logger, message, app string, err error) {
	cause := []any{"app", app, "error", err}
	var load *gateway.LoadError
	if errors.As(err, &load) && load.Traceback != "" {
		cause = append(cause, "traceback", load.Traceback)
	}
	log.Error(message, cause...)
}

// drain waits until no request is with a worker or waits for one. It is called when no new ones come.
func (all applications) drain(ctx context.Context) error {
	for _, one := range all {
		if err := one.Drain(ctx); err != nil {
			return err
		}
	}
	return nil
}

// stop ends all workers, those of all applications at once: when they have finished what they have, or by force when ctx ends.
func (all applications) stop(ctx context.Context) error {
	errs := make([]error, len(all))
	var stops sync.WaitGroup
	for i, one := range all {
		stops.Go(func() { errs[i] = one.Stop(ctx) })
	}
	stops.Wait()
	return errors.Join(errs...)
}

// gatewayConfig returns the application a in the terms of package gateway.
func gatewayConfig(a *config.App) (gateway.Config, error) {
	as, env, err := workerIdentity(a)
	if err != nil {
		return gateway.Config{}, err
	}
	if a.EnvFile != "" {
		fromFile, err := config.LoadEnvFile(a.EnvFile)
		if err != nil {
			return gateway.Config{}, remedied(fmt.Errorf("the application's environment: %w", err), openRemedy(err))
		}
		env = append(env, fromFile...)
	}
	env = append(env, a.Env...)
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
		As:             as,
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
