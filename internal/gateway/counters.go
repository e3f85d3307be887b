package gateway

import "sync/atomic"

// reason is why a worker is replaced, or a request is given up.
type reason uint8

const (
	reasonDied     reason = iota // it ended by itself
	reasonStuck                  // a request was not done at its deadline
	reasonKilled                 // a request was ended by hand
	reasonUnwanted               // it goes on with what nobody wants
	reasonRequests
	reasonAge
	reasonMemory
	reasonReload
	reasons int = iota
)

func (r reason) String() string {
	return [reasons]string{"died", "deadline", "killed", "unwanted", "requests", "age", "memory", "reload"}[r]
}

// atOnce tells whether a worker is not waited for that is replaced for r.
func (r reason) atOnce() bool { return r == reasonStuck || r == reasonKilled || r == reasonUnwanted }

// tally counts what a supervisor has done with workers. Any goroutine may read it.
type tally struct {
	restarts [reasons]atomic.Int64
	failed   atomic.Int64
}

// Counters counts since the start of the application, but for what says otherwise.
type Counters struct {
	Restarts     map[string]int64 // workers that were replaced, by reason: see App.Counters. No reason is ever missing
	FailedStarts int64            // workers that ended, or were given up, before they could serve
	Waiting      int              // requests that wait for a worker now
	QueueLimit   int              // how many may
	QueueFull    int64            // requests that were refused (503), since so many waited already
	QueueExpired int64            // requests that were refused (503), since they had waited for Config.QueueDeadline
}

// Counters counts what has become of workers and of requests that wanted one. Workers are replaced for these reasons:
//
//	died      it ended by itself, or broke the protocol and was ended
//	deadline  a request was not done at its deadline
//	killed    a request was ended by hand, see highball.ErrKilled
//	unwanted  it went on for long with an answer that nobody wanted
//	requests  Config.MaxRequests
//	age       Config.MaxAge
//	memory    Config.MaxMemory
//	reload    App.Reload, or a change of files with Config.Reload
//
// A worker counts when it goes, or begins to finish what it has.
func (a *App) Counters() Counters {
	c := Counters{
		Restarts: make(map[string]int64, reasons), FailedStarts: a.supervisor.tally.failed.Load(),
		QueueLimit: a.cfg.QueueLimit, QueueFull: a.full.Load(),
	}
	for r := range a.supervisor.tally.restarts {
		c.Restarts[reason(r).String()] = a.supervisor.tally.restarts[r].Load()
	}
	a.pool.mu.Lock()
	defer a.pool.mu.Unlock()
	c.Waiting, c.QueueExpired = a.pool.queue.len(), a.pool.expired
	return c
}

// countFull counts a request that err refuses, if that is since the queue is full.
func (a *App) countFull(err error) {
	if err == errQueueFull {
		a.full.Add(1)
	}
}
