package app

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"highball"
	"highball/internal/config"
)

// Scope says what a reload replaces.
type Scope uint8

// The scopes of a reload.
const (
	ReloadConfiguration Scope = iota // what differs between the configuration in force and the one that is read
	ReloadWorkers                    // and the workers of applications that are the same in both
)

// loadDeadline bounds how long a reload waits for applications, which the next one waits for in turn.
const loadDeadline = 10 * time.Minute

// source is where the configuration comes from.
type source struct {
	order *Order // nil where it cannot be read again
	file  string // absolute path; "" where it was made of the command line alone
}

func sourceOf(order Order, subject string) source {
	s := source{order: &order}
	if extension := strings.ToLower(filepath.Ext(subject)); filepath.IsAbs(subject) && (extension == ".toml" || extension == ".conf") && isFile(subject) {
		s.file = subject
	}
	return s
}

// outcome is what has become of the last reload.
type outcome struct {
	at      time.Time
	err     error
	reloads int // those that have succeeded
}

// errEnding is what is told whoever wants something of a server that ends.
var errEnding = errors.New("the server is about to end")

// Reload reads the configuration again and goes over to it: it opens what is new in it, binds its addresses and starts its applications,
// and has it answer when all of that is done. What is the same in both goes on. On an error, which tells of all that is wrong, everything is as it was.
// A server that runs no file has nothing to read; then only the workers are replaced, which the log says. The notices are for a person, a line each. Several calls
// are served one after the other. The end of ctx ends what is under way, as if it had failed.
func (a *App) Reload(ctx context.Context, scope Scope) (notices []string, err error) {
	a.operating.Lock()
	defer a.operating.Unlock()
	if a.handed || ctx.Err() != nil {
		return nil, errEnding
	}
	a.manager.reloading()
	begun := time.Now()
	notices, err = a.reload(ctx, scope)
	a.mu.Lock()
	a.outcome.at, a.outcome.err = time.Now(), err
	if err == nil {
		a.outcome.reloads++
	}
	a.mu.Unlock()
	a.manager.ready(a.statusLine())
	for _, notice := range notices {
		a.log.Warn(notice)
	}
	if err != nil {
		a.log.Error("reload failed; everything is as it was", "error", err)
		return notices, err
	}
	a.log.Info("reloaded", "took", time.Since(begun).Round(time.Millisecond))
	return notices, nil
}

func (a *App) reload(ctx context.Context, scope Scope) (notices []string, err error) {
	before := a.front.current.Load()
	c := before.config
	if a.source.file != "" {
		if c, _, notices, err = a.source.order.Configuration(a.env.Environ); err != nil {
			return nil, err
		}
		notices = append(notices, a.standing(before.config, c)...)
	} else {
		a.log.Info("there is no configuration file to read again, so only the workers of applications are replaced")
		scope = ReloadWorkers
	}
	ctx, cancel := context.WithTimeoutCause(ctx, loadDeadline, fmt.Errorf("the applications have not started within %v", loadDeadline))
	defer cancel()
	if a.source.file != "" || a.changed(c, before) {
		if err := a.change(ctx, c, before); err != nil {
			return notices, err
		}
	}
	if scope == ReloadWorkers {
		return notices, a.front.current.Load().apps.common(before.apps).reload(ctx, a.log)
	}
	return notices, nil
}

// changed reports whether the applications of c would be others than those of before, as they are when a file of variables has changed. What
// is wrong with one is for who starts them to say.
func (a *App) changed(c *config.Config, before *generation) bool {
	for i := range c.Apps {
		cfg, err := gatewayConfig(&c.Apps[i])
		if err != nil || i >= len(before.apps) || !before.apps[i].same(c.Apps[i], cfg.Env, c.Debug) {
			return true
		}
	}
	return false
}

// common returns the applications that are in both.
func (all applications) common(others applications) (both applications) {
	for _, one := range all {
		for _, other := range others {
			if one == other {
				both = append(both, one)
			}
		}
	}
	return both
}

// change goes over to the generation that c describes.
func (a *App) change(ctx context.Context, c *config.Config, before *generation) (err error) {
	next, err := a.generate(c, before)
	if err != nil {
		return err
	}
	logs, err := a.logs.plan(c.Log)
	if err != nil {
		return errors.Join(err, a.abandon(next))
	}
	addresses, err := a.bind(c.Listen)
	if err != nil {
		return errors.Join(err, a.logs.drop(logs), a.abandon(next))
	}
	if err := next.start(ctx, a.server); err != nil {
		return errors.Join(a.explain(err), a.unlisten(addresses.added), a.logs.drop(logs), a.abandon(next))
	}
	a.hold(next)
	a.front.show(next)
	a.configure(next)
	if err := a.server.Begin(); err != nil {
		a.front.show(before)
		a.configure(before)
		a.server.Quiesce()
		a.retire(next)
		return errors.Join(err, a.unlisten(addresses.added), a.logs.drop(logs))
	}
	listened := a.listening
	a.listening = addresses.after
	a.tellListening()
	a.logs.take(logs)
	// From here on it is done; what still goes wrong is told, and changes nothing.
	for _, err := range []error{a.setModes(listened), a.unlisten(addresses.dropped)} {
		if err != nil {
			a.log.Error("reload", "error", err)
		}
	}
	a.server.Quiesce()
	a.retire(before)
	return nil
}

// explain says why an application does not start, and logs its traceback.
func (a *App) explain(err error) error {
	var failed *startError
	if !errors.As(err, &failed) {
		return err
	}
	logFailure(a.log, "the application does not start", failed.app.name, failed.err)
	return at(failed.app.from.Pos, fmt.Errorf("the application %s does not start: %w", quoted(failed.app.name), failed.err))
}

// configure has the server keep to g in what concerns no site.
func (a *App) configure(g *generation) {
	a.level.Set(level(g.config.Debug))
	if err := a.server.Reconfigure(highball.Deadlines(g.config.Timeouts), g.limits); err != nil {
		a.log.Error("the deadlines and limits could not be changed", "error", err)
	}
}

// standing returns a notice for each setting that differs between two configurations and that takes a new start to come into force.
func (a *App) standing(was, is *config.Config) (notices []string) {
	const later = " takes effect when the server is started anew"
	if was.User != is.User || was.Group != is.Group {
		notices = append(notices, "another user or group"+later)
	}
	if was.Admin.Socket != is.Admin.Socket {
		notices = append(notices, "another socket in [admin]"+later)
	}
	if was.Admin.Listen != is.Admin.Listen || was.Admin.Token != is.Admin.Token {
		notices = append(notices, "another address or token in [admin]"+later)
	}
	if was.Metrics != is.Metrics {
		notices = append(notices, "another enabled in [metrics]"+later)
	}
	if was.Recorder != is.Recorder {
		notices = append(notices, "another size in [recorder]"+later)
	}
	if !sameTracing(was.OTLP, is.OTLP) {
		notices = append(notices, "what [otlp] says"+later)
	}
	if is.Log.StatsFile != "" && !a.logs.watching {
		notices = append(notices, "stats_file in [log]"+later)
	}
	if was.Trace != is.Trace {
		notices = append(notices, "trace"+later)
	}
	return notices
}
