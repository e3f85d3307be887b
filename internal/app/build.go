package app

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"highball"
	"highball/internal/config"
)

// App is a server with all that belongs to it for as long as the process lives: what its configuration describes is a [generation], of which
// one takes the place of the other. It is made by [Build] and owned by whoever called that.
type App struct {
	env           Env
	environ       []string // as this process has got it, for one that takes over
	program       string   // path of the program, "" if that is not known
	log           *slog.Logger
	level         *slog.LevelVar
	server        *highball.Server
	front         *front
	logs          *logs // nil until they are open
	seen          *observing
	listening     []listening
	inherited     *inheritance
	source        source   // of the configuration
	control       *control // nil where there is none
	web           *control // likewise, at a TCP address
	token         string   // of web
	manager       manager
	ran           bool // Run was called, and closes the server
	drainDeadline time.Duration

	operating sync.Mutex      // held while the configuration, the workers or the program is replaced
	serving   context.Context // ends when the server begins to end, and with it what is under way to replace something
	quit      context.CancelFunc
	ending    context.Context // ends when nothing in flight is to be awaited any more
	end       context.CancelFunc
	hurry     context.Context // ends when nothing is to be finished any more
	cut       context.CancelFunc
	retiring  sync.WaitGroup // generations that are out of use
	handed    bool           // another process goes on with the sockets; guarded by operating
	stops     chan stopOrder // by the control socket
	started   time.Time

	mu          sync.Mutex    // guards the following fields
	generations []*generation // that are not done away with, the present one last
	outcome     outcome       // of the last reload
	told        []listening   // a copy of listening, which is guarded by operating
}

// Build makes the server that c describes. It opens the logs' files and the sites' folders and finds the applications'
// interpreters, but binds no address and starts no worker. An App that was built must be closed.
func Build(c *config.Config, env Env) (*App, error) {
	a := newApp(c, env)
	err := a.openLogs(c.Log)
	if err == nil {
		a.observe()
		err = a.load(c)
	}
	if err != nil {
		return nil, errors.Join(err, a.Close())
	}
	return a, nil
}

// newApp makes all of an App that lives as long as the process, with nothing open yet.
func newApp(c *config.Config, env Env) *App {
	spareProcessor()
	a := &App{env: env, level: new(slog.LevelVar), front: new(front), seen: newObserving(c), drainDeadline: DrainDeadline, stops: make(chan stopOrder, 1), started: time.Now()}
	a.serving, a.quit = context.WithCancel(context.Background())
	a.ending, a.end = context.WithCancel(context.Background())
	a.hurry, a.cut = context.WithCancel(context.Background())
	a.level.Set(level(c.Debug))
	a.log = terminalOf(env.Stderr, env.Environ).logger(env.Stderr, a.level)
	a.server = &highball.Server{
		Handler:    a.front,
		Deadlines:  highball.Deadlines(c.Timeouts),
		Limits:     limits(c),
		Logger:     a.log,
		RequestIDs: true,
	}
	if c.Trace {
		a.server.Trace = env.Stderr
	}
	for _, l := range c.Listen {
		a.listening = append(a.listening, listening{Listener: l})
	}
	return a
}

// load makes the first generation and has it answer.
func (a *App) load(c *config.Config) error {
	g, err := a.generate(c, nil)
	if err != nil {
		return err
	}
	a.hold(g)
	a.front.show(g)
	return nil
}

// limits returns the server's limits. The configuration's limit for bodies holds for every site but those that
// take uploads, which have a limit of their own, as applications have; the server's has to let all of them pass.
func limits(c *config.Config) highball.Limits {
	body := c.Limits.Body
	for i := range c.Sites {
		s := &c.Sites[i]
		if s.Upload && body != config.Off {
			body = larger(body, s.UploadLimit)
		}
		for j := range s.Routes {
			if own := s.Routes[j].Policy.MaxBody; own != nil {
				body = larger(body, *own)
			}
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
	if !a.ran {
		errs = append(errs, a.server.Close())
	}
	ctx, cancel := context.WithTimeout(a.hurry, a.drainDeadline)
	defer cancel()
	defer a.cut()
	errs = append(errs, a.control.close(), a.web.close(), a.releaseAll(ctx))
	a.closeTraces()
	if a.logs != nil {
		errs = append(errs, a.logs.Close())
	}
	a.inherited.close()
	return errors.Join(errs...)
}

// releaseAll does away with every generation, the workers of all applications at once.
func (a *App) releaseAll(ctx context.Context) error {
	a.quit()
	a.end()
	a.retiring.Wait()
	a.mu.Lock()
	all := a.generations
	a.mu.Unlock()
	var errs []error
	for _, g := range all {
		errs = append(errs, a.release(ctx, g))
	}
	return errors.Join(errs...)
}
