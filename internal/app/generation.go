package app

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"

	"highball"
	"highball/internal/config"
)

// generation is what one configuration describes: sites, and the applications and scripts that they lead to. A reload makes another one and
// puts it in the place of the present one, which is done away with when the last request that it has begun is over. Applications
// that are the same in both belong to both.
type generation struct {
	config  *config.Config // of one that can be read again without its routes
	limits  highball.Limits
	sites   *sites
	apps    applications
	handler highball.Handler
	inline  highball.InlineHandler // handler, or nil
	later   highball.LaterHandler  // handler, or nil

	inFlight atomic.Int64 // requests that a goroutine is at work on
	retired  atomic.Bool
	quiet    chan struct{} // has an element when inFlight has become zero, once retired
}

func newGeneration(c *config.Config) *generation {
	return &generation{config: c, limits: limits(c), quiet: make(chan struct{}, 1)}
}

// answer has h answer the requests of the generation.
func (g *generation) answer(h highball.Handler) {
	g.handler = h
	g.inline, _ = h.(highball.InlineHandler)
	g.later, _ = h.(highball.LaterHandler)
}

// thin gives up what has led to the handler and is asked for no more. Of very many routes it is as much as the handler itself.
func (g *generation) thin() {
	g.sites.places = nil
	c := *g.config
	c.Sites = slices.Clone(c.Sites)
	for i := range c.Sites {
		c.Sites[i].Routes = nil
	}
	g.config = &c
}

func (g *generation) leave() {
	if g.inFlight.Add(-1) == 0 && g.retired.Load() {
		select {
		case g.quiet <- struct{}{}:
		default:
		}
	}
}

// drain waits until the requests are over that goroutines are at work on. It is called when no new ones come.
func (g *generation) drain(ctx context.Context) error {
	g.retired.Store(true)
	for g.inFlight.Load() > 0 {
		select {
		case <-g.quiet:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return nil
}

// generate makes the generation that c describes, and takes over from the one before, which may be nil, what is the same in both. No worker runs
// yet, but those that did. What was made is given up by abandon.
func (a *App) generate(c *config.Config, before *generation) (*generation, error) {
	g := newGeneration(c)
	var had applications
	var hadSites *sites
	if before != nil {
		had, hadSites = before.apps, before.sites
	}
	var unusable, unopened error
	g.apps, unusable = openApplications(c, had, a.env, a.log)
	g.sites, unopened = reopenSites(c, hadSites, g.apps, a.env, a.log, a.seen)
	err := together(unusable, unopened)
	if err == nil {
		var h highball.Handler
		if h, err = g.sites.handler(); err == nil {
			g.answer(h)
			if a.source.file != "" {
				g.thin()
			}
			return g, nil
		}
	}
	return nil, errors.Join(err, a.abandon(g))
}

// hold counts g as a user of its applications.
func (a *App) hold(g *generation) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.generations = append(a.generations, g)
	for _, one := range g.apps {
		one.users++
	}
}

// unhold undoes hold, and returns the applications that nobody uses any more.
func (a *App) unhold(g *generation) (unused applications) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for i, other := range a.generations {
		if other == g {
			a.generations = append(a.generations[:i:i], a.generations[i+1:]...)
			for _, one := range g.apps {
				one.users--
			}
		}
	}
	for _, one := range g.apps {
		if one.users == 0 {
			unused = append(unused, one)
		}
	}
	return unused
}

// abandon does away with a generation that was never shown, or that nobody uses any more: with its folders, and with the applications that
// no other has.
func (a *App) abandon(g *generation) error {
	ctx, cancel := context.WithTimeout(a.hurry, a.drainDeadline)
	defer cancel()
	return a.release(ctx, g)
}

// release ends the workers and scripts that belong to g alone, when they have finished what they have or by force when ctx ends, and
// closes its folders.
func (a *App) release(ctx context.Context, g *generation) error {
	errs := []error{a.unhold(g).stop(ctx)}
	if g.sites != nil {
		errs = append(errs, g.sites.scripts.stop(ctx), g.sites.Close())
	}
	return errors.Join(errs...)
}

// retire waits, on a goroutine, for the end of what a generation has begun that is shown no more, and does away with it.
func (a *App) retire(g *generation) {
	a.retiring.Go(func() {
		err := g.drain(a.ending)
		if err == nil {
			err = a.exclusive(g).drain(a.ending)
		}
		if err != nil {
			a.log.Debug("the end of the former configuration's requests is not awaited", "error", err)
		}
		if err := a.abandon(g); err != nil {
			a.log.Error("the former configuration was not closed in order", "error", err)
			return
		}
		a.log.Debug("the former configuration is out of use")
	})
}

// exclusive returns the applications of g that no other generation has.
func (a *App) exclusive(g *generation) (all applications) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, one := range g.apps {
		if one.users == 1 {
			all = append(all, one)
		}
	}
	return all
}

// inFlight returns how many requests are being answered, of all generations.
func (a *App) inFlight() (n int64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	counted := make(map[*application]bool)
	for _, g := range a.generations {
		n += g.inFlight.Load()
		for _, one := range g.apps {
			if !counted[one] {
				counted[one] = true
				n += int64(one.InFlight())
			}
		}
	}
	return n
}

// start starts the applications of g that do not run yet, and returns when each has a worker that is ready.
func (g *generation) start(ctx context.Context, s *highball.Server) error {
	for _, one := range g.apps {
		if one.started {
			continue
		}
		if err := one.Start(ctx, s); err != nil {
			return &startError{one, err}
		}
		one.started = true
	}
	return nil
}

// startError tells that an application does not start.
type startError struct {
	app *application
	err error
}

// Error returns what has happened, without the application's name: at the start of a server it is plain which is meant.
func (e *startError) Error() string { return e.err.Error() }

func (e *startError) Unwrap() error { return e.err }
