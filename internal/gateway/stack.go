package gateway

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// Stack is where the Python program that answers a request is.
type Stack struct {
	Worker int
	PID    int
	Taken  time.Time
	Line   string // the innermost frame: "shop/views.py:12 in checkout", with the path below Config.Dir if it lies there; or "outside of the application"
	Text   string // all threads, that of the request first; of each the innermost frame last, as tracebacks have it
}

// Why there is no stack of a request. Any other error of App.Stack is a failure to take it.
var (
	ErrNoRequest  = errors.New("the application has no such request")
	ErrNotRunning = errors.New("no worker is at the request")
)

// errFreeThreaded is why no worker of a free-threaded interpreter is asked: without a lock that all threads need, their frames change while
// they are read.
var errFreeThreaded = errors.New("the stacks of a free-threaded interpreter cannot be taken while it goes on")

// looks is how often it is looked at a worker that is between two requests, or with one just before the application.
const looks = 3

// Stack tells where the worker is that is at the request of an id. The worker goes on undisturbed. It takes a few milliseconds, and about half
// a second if the worker is within C code that keeps the interpreter to itself. The error is ErrNoRequest, ErrNotRunning if the request waits, be it
// with a worker that has not begun with it, the cause of ctx's end, or tells why the stack could not be taken.
func (a *App) Stack(ctx context.Context, id string) (Stack, error) {
	w, number, err := a.pool.whereIs(id)
	if err != nil {
		return Stack{}, err
	}
	if w.ready.FreeThreaded {
		return Stack{}, errFreeThreaded
	}
	var all []thread
	var t *thread
	for range looks {
		if all, err = w.proc.snapshot(ctx); err != nil {
			return Stack{}, err
		}
		if t = threadAt(all, number); t != nil && len(t.Frames) > 0 {
			break
		}
		if _, _, err := a.pool.whereIs(id); err != nil {
			return Stack{}, err // it is done meanwhile
		}
	}
	if t == nil {
		return Stack{}, ErrNotRunning
	}
	return Stack{Worker: w.number, PID: w.proc.pid, Taken: time.Now(), Line: t.place(a.folder()), Text: formatThreads(all, number)}, nil
}

// whereIs returns the worker that has the request of an id, and the request's number there.
func (p *pool) whereIs(id string) (*worker, uint32, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, w := range p.alive {
		for _, tk := range w.flight {
			if string(tk.ident) == id {
				return w, tk.id, nil
			}
		}
	}
	if slices.ContainsFunc(p.queue.waiting[p.queue.first:], func(tk *ticket) bool { return string(tk.ident) == id }) {
		return nil, 0, ErrNotRunning
	}
	return nil, 0, ErrNoRequest
}

// folder returns the folder of the application as its interpreter knows it.
func (a *App) folder() string {
	dir, err := filepath.Abs(a.cfg.Dir)
	if err != nil {
		return string(os.PathSeparator)
	}
	if real, err := filepath.EvalSymlinks(dir); err == nil {
		return real
	}
	return dir
}
