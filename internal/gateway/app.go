// Package gateway runs Python applications: it maps requests to a WSGI environ, and supervises the processes that
// answer them.
package gateway

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync/atomic"
	"time"

	"highball"
)

// Config is what an App is made of.
type Config struct {
	Name    string // of the app, for logs
	Target  string // "module:attr.sub", "module:factory()", "file.py:app", "module", or the path of a manage.py
	Factory bool   // the target is called without arguments to get the application
	Classes bool   // the target is a folder of modules instead, of whose classes the URL names one

	Dir     string    // working directory of the workers; "" is the server's
	Python  string    // the interpreter, or the folder of a virtual environment; "" is searched
	Env     []string  // K=V, over Environ
	Environ []string  // of the server
	As      *Identity // to run the workers as, which takes root; nil is the server's own

	Workers    int // 0 is one per processor
	MaxWorkers int // 0 is Workers: no scaling
	Threads    int // requests that a worker answers at once; 0 is 1
	Preload    bool

	MaxRequests    int           // requests after which a worker is replaced; 0 is never
	RequestsJitter int           // up to so many requests more, by chance
	MaxAge         time.Duration // 0 is never
	MaxMemory      int64         // resident bytes; 0 is never

	QueueLimit    int           // requests that wait for a worker; 0 is 1024
	QueueDeadline time.Duration // 0 is 10 s
	MaxBody       int64         // of a request, in bytes; 0 is 1 GiB, less is no limit
	StopDeadline  time.Duration // for a worker to finish what it has; 0 is 10 s

	// Slow is the time after which the record of a request tells where its worker was then: see highball.Request.SetStack. 0 is never.
	Slow time.Duration

	Debug   bool // tracebacks in the browser
	Reload  bool // new workers when a file that the app has imported changes
	Version string
	Logger  *slog.Logger
	Output  func(worker int, line []byte) // takes each line of a worker's standard output and error, without its end

	arena *arena // of Start, until Stop; nil where memory cannot be shared
}

// Identity is a user with its groups, by their numbers.
type Identity struct {
	User, Group uint32
	Groups      []uint32 // further ones
}

// App is an application with its pool of workers. It is made by New, and its methods may be called from any goroutine.
type App struct {
	cfg        Config
	python     *interpreter
	server     *highball.Server
	pool       *pool
	supervisor *supervisor
	bodies     bodies
	known      atomic.Pointer[ready] // of the worker that was ready last
	full       atomic.Int64          // requests that were refused since the queue was full
}

// Description is what there is to say of an App.
type Description struct {
	Interpreter string // path
	Version     string // "CPython 3.11.7"
	App         string // as it was found: "shop.wsgi:application"
	Workers     int
	Threads     int
}

// New checks cfg and finds the interpreter. Its errors say what to do.
func New(cfg Config) (*App, error) {
	if cfg.Target == "" {
		return nil, errors.New("an application needs a target, such as shop.wsgi:application, or a folder of classes")
	}
	if cfg.MaxWorkers > 0 && cfg.MaxWorkers < cfg.Workers {
		return nil, fmt.Errorf("at most %d workers are less than %d: raise the one or lower the other", cfg.MaxWorkers, cfg.Workers)
	}
	cfg.Name = cmp.Or(cfg.Name, cfg.Target)
	cfg.Workers = cmp.Or(cfg.Workers, highball.Processors())
	cfg.MaxWorkers = cmp.Or(cfg.MaxWorkers, cfg.Workers)
	cfg.Threads = cmp.Or(cfg.Threads, 1)
	cfg.QueueLimit = cmp.Or(cfg.QueueLimit, 1024)
	cfg.QueueDeadline = cmp.Or(cfg.QueueDeadline, 10*time.Second)
	cfg.MaxBody = cmp.Or(cfg.MaxBody, 1<<30)
	cfg.StopDeadline = cmp.Or(cfg.StopDeadline, 10*time.Second)
	if cfg.Logger == nil {
		cfg.Logger = slog.Default()
	}
	a := &App{cfg: cfg}
	var err error
	if a.python, err = findInterpreter(context.Background(), &a.cfg); err != nil {
		return nil, err
	}
	a.pool = newPool(&a.cfg)
	a.supervisor = newSupervisor(&a.cfg, a.python, hooks{
		admit:     a.admit,
		retire:    a.pool.retire,
		stop:      func(w *worker) { w.peer.Send(nil, appendFrame(nil, stopFrame, 0, 0, nil, nil)) },
		files:     func(w *worker) { w.peer.Send(nil, appendFrame(nil, listFrame, 0, 0, nil, nil)) },
		lost:      a.lost,
		queueWait: a.pool.queueWait,
		idle:      a.pool.idle,
	})
	a.pool.served = a.supervisor.served
	a.pool.files = a.supervisor.imported
	a.pool.stuck = a.stuck
	a.pool.over = func() { a.supervisor.mail.send(a.supervisor.end) }
	return a, nil
}

// Start starts the workers, and returns when the first is ready to answer requests of s. The error is a *LoadError if the
// application cannot be loaded; with Config.Reload it is nil then, and the application is tried again when its files change.
func (a *App) Start(ctx context.Context, s *highball.Server) error {
	a.server = s
	a.cfg.arena = newArena()
	a.pool.arena = a.cfg.arena
	err := a.supervisor.start(ctx)
	if err != nil {
		a.cfg.arena.close()
	}
	if err == nil && a.pool.slow > 0 {
		a.pool.errands.Go(a.pool.lookForSlow)
	}
	return err
}

// Handler returns the handler of the application mounted at a path, "" or such as "/shop".
func (a *App) Handler(mount string) highball.Handler { return &handler{a, mount} }

// Reload replaces all workers by new ones, and returns when these take the requests. If the application cannot be loaded any
// more, the old ones stay, and the error is a *LoadError.
func (a *App) Reload(ctx context.Context) error { return a.supervisor.reload(ctx) }

// Stop refuses requests that wait for a worker, and ends the workers when they have answered what they have, by force after
// Config.StopDeadline or when ctx ends. Afterwards no process is left.
func (a *App) Stop(ctx context.Context) error {
	a.pool.end()
	defer a.cfg.arena.close()
	return a.supervisor.stop(ctx)
}

// Drain returns when no worker has a request and none waits for one, or when ctx ends, which is its error then. It is for the time after
// the last request was given to the handlers.
func (a *App) Drain(ctx context.Context) error {
	const look = 10 * time.Millisecond
	again := time.NewTicker(look)
	defer again.Stop()
	for a.pool.busy() {
		select {
		case <-again.C:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return nil
}

// InFlight returns how many requests wait for a worker or for its answer while no handler runs for them.
func (a *App) InFlight() int { return a.pool.inFlight() }

// Describe tells what runs. It is complete once Start has returned.
func (a *App) Describe() Description {
	d := Description{
		Interpreter: a.python.Path, Version: a.python.Implementation + " " + a.python.Version, App: a.cfg.Target,
		Workers: a.cfg.Workers, Threads: a.cfg.Threads,
	}
	if r := a.known.Load(); r != nil {
		d.App = r.App
	}
	return d
}

// WorkerStatus is what there is to say of a worker.
type WorkerStatus struct {
	Number   int
	PID      int
	State    string // "starting", "loaded", "serving", "retiring" or "stopping"
	Requests int64  // answered
	InFlight int    // requests that it has
	Memory   int64  // resident bytes; -1 where that is not known
	Age      time.Duration
}

// Workers tells of each worker, by number, and of how many requests wait for one. After Stop there are none.
func (a *App) Workers() (all []WorkerStatus, waiting int) {
	told := make(chan []WorkerStatus, 1)
	a.supervisor.mail.send(func() { told <- a.supervisor.tell() })
	select {
	case all = <-told:
	case <-a.supervisor.over:
	}
	for i := range all {
		all[i].InFlight = a.pool.flightOf(all[i].PID)
	}
	return all, a.pool.waiting()
}

// tell describes the workers.
func (s *supervisor) tell() (all []WorkerStatus) {
	for m := range s.members {
		if m.root || m.proc == nil {
			continue
		}
		w := WorkerStatus{Number: m.number, PID: m.proc.pid, State: m.state.String(), Requests: m.proc.answered.Load(), Memory: m.proc.memory()}
		if !m.since.IsZero() {
			w.Age = s.clock.now().Sub(m.since)
		}
		all = append(all, w)
	}
	slices.SortFunc(all, func(a, b WorkerStatus) int { return a.Number - b.Number })
	return all
}

// busy reports whether a request waits for its body or for a worker, or is with one.
func (p *pool) busy() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.arriving.Load() > 0 || p.queue.len() > 0 || slices.ContainsFunc(p.alive, func(w *worker) bool { return len(w.flight) > 0 })
}

// waiting returns how many requests wait for a worker.
func (p *pool) waiting() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.queue.len()
}

// flightOf returns how many requests the worker of that process has.
func (p *pool) flightOf(pid int) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, w := range p.alive {
		if w.proc.pid == pid {
			return len(w.flight)
		}
	}
	return 0
}

// admit has a worker that is ready take part.
func (a *App) admit(w *worker) error {
	if _, ok := codecNamed(w.ready.Codec); !ok {
		return fmt.Errorf("worker %d wants its requests in an unknown form %q", w.number, w.ready.Codec)
	}
	a.known.Store(w.ready)
	w.pool, w.drained, w.each = a.pool, make(chan struct{}), w.take
	peer, err := a.server.AddPeer(w.proc.takeMain(), w)
	if err != nil {
		return err
	}
	w.peer = peer
	return a.pool.admit(w)
}

func (a *App) lost(w *worker) {
	a.pool.lost(nil, w)
	if w.peer != nil {
		w.peer.Close()
	}
}

// codec returns the form that workers want requests in, which is the same for all, since they run the same interpreter.
func (a *App) codec() codec {
	c := marshalCodec
	if r := a.known.Load(); r != nil {
		c, _ = codecNamed(r.Codec)
	}
	return c
}

// stuck tells of a request that its worker does not get done, or is not to get done, and has the worker replaced.
func (a *App) stuck(w *worker, r stuckRequest) {
	level, message := slog.LevelError, "a request is stuck, its worker is replaced"
	switch r.reason {
	case reasonKilled:
		level, message = slog.LevelWarn, "a request was ended by hand, its worker is replaced"
	case reasonUnwanted:
		message = "a worker goes on with a request that nobody wants, it is replaced"
	}
	a.cfg.Logger.Log(context.Background(), level, message, "app", a.cfg.Name, "worker", w.number, "pid", w.proc.pid,
		"id", r.id, "method", r.method, "target", r.target, "queue", r.waited, r.phase(), r.ran, "stacks", w.proc.lastStacks(r.number))
	a.supervisor.replace(w, r.reason)
}
