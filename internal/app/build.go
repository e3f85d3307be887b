package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"time"

	"highball"
	"highball/internal/config"
	"highball/internal/observe"
)

// App is a server with all that belongs to it. It is made by [Build] and owned by whoever called that.
type App struct {
	env           Env
	log           *slog.Logger
	server        *highball.Server
	front         *front
	sites         *sites
	apps          applications
	stopped       bool          // the applications are
	accessFile    *observe.File // nil where the access log has no file
	listeners     []config.Listener
	addrs         []net.Addr // what Listen has bound
	ran           bool       // Run was called, and closes the server
	drainDeadline time.Duration
}

// Build makes the server that c describes. It opens the sites' folders and the access log's file and finds the applications'
// interpreters, but binds no address and starts no worker. An App that was built must be closed.
func Build(c *config.Config, env Env) (*App, error) {
	a, err := assemble(c, env)
	if err == nil {
		err = a.openAccessLog(c.Log)
	}
	if err != nil {
		return nil, errors.Join(err, a.Close())
	}
	return a, nil
}

// assemble makes all of an App but its access log, whose file would be made by that. The App must be closed in any case.
func assemble(c *config.Config, env Env) (*App, error) {
	a := &App{
		env:           env,
		log:           terminalOf(env.Stderr, env.Environ).logger(env.Stderr, level(c.Debug)),
		listeners:     c.Listen,
		drainDeadline: DrainDeadline,
	}
	return a, a.assemble(c)
}

func (a *App) assemble(c *config.Config) error {
	var unusable, unopened error
	a.apps, unusable = openApplications(c, a.env, a.log)
	a.sites, unopened = openSites(c, a.apps, a.env, a.log)
	if err := together(unusable, unopened); err != nil {
		return err
	}
	next, err := a.sites.handler()
	if err != nil {
		return err
	}
	a.front = newFront(next)
	a.server = &highball.Server{
		Handler:      a.front,
		Deadlines:    highball.Deadlines(c.Timeouts),
		Limits:       limits(c),
		Logger:       a.log,
		AccessFormat: c.Log.Access,
	}
	if c.Trace {
		a.server.Trace = a.env.Stderr
	}
	return nil
}

func (a *App) openAccessLog(l config.Log) (err error) {
	switch {
	case l.Access == "off":
		a.server.AccessFormat = ""
	case l.AccessFile == "":
		a.server.AccessLog = a.env.Stdout
	default:
		if a.accessFile, err = observe.OpenFile(l.AccessFile); err != nil {
			return remedied(fmt.Errorf("access log: %w", err), openRemedy(err))
		}
		a.server.AccessLog = a.accessFile
	}
	return nil
}

// limits returns the server's limits. The configuration's limit for bodies holds for every site but those that
// take uploads, which have a limit of their own, as applications have; the server's has to let all of them pass.
func limits(c *config.Config) highball.Limits {
	body := c.Limits.Body
	for i := range c.Sites {
		if s := &c.Sites[i]; s.Upload && body != config.Off {
			body = larger(body, s.UploadLimit)
		}
	}
	for i := range c.Apps {
		body = larger(body, c.Apps[i].MaxBody)
	}
	if body == config.Off {
		body = 0
	}
	return highball.Limits{Line: c.Limits.Line, Head: c.Limits.Head, Fields: c.Limits.Fields, Body: body}
}

// larger returns the limit that permits more.
func larger(a, b int64) int64 {
	if a == config.Off || b == config.Off {
		return config.Off
	}
	return max(a, b)
}

// Close releases what Build, Listen and Start opened. It must not be called while Run is under way.
func (a *App) Close() error {
	var errs []error
	if a.server != nil && !a.ran {
		errs = append(errs, a.server.Close())
	}
	ctx, cancel := context.WithTimeout(context.Background(), a.drainDeadline)
	defer cancel()
	errs = append(errs, a.stopApplications(ctx))
	if a.sites != nil {
		errs = append(errs, a.sites.Close())
	}
	if a.accessFile != nil {
		errs = append(errs, a.accessFile.Close())
	}
	return errors.Join(errs...)
}

// stopApplications ends the workers and the scripts, once.
func (a *App) stopApplications(ctx context.Context) error {
	if a.stopped {
		return nil
	}
	a.stopped = true
	var scripts error
	if a.sites != nil {
		scripts = a.sites.scripts.stop(ctx)
	}
	return errors.Join(a.apps.stop(ctx), scripts)
}
