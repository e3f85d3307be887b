package gateway

import (
	"cmp"
	"slices"
	"time"
)

// Running is a request that waits for a worker or is with one.
type Running struct {
	ID      string // as highball.Request.ID
	Method  string
	Target  string        // as the client has sent it: secrets are not masked
	Worker  int           // that it is with; 0 for none
	PID     int           // of that worker; 0 for none
	Stage   string        // "queued", "ahead", "running" or "streaming", see App.Running
	InStage time.Duration // how long it has been there
}

// Running tells of all requests that wait for a worker or are with one, those that came first first. The stages are:
//
//	queued     it waits for a worker that has room
//	ahead      a worker has it, to begin with it when done with those before
//	running    a worker is at it, and has not begun to answer
//	streaming  the worker has sent the beginning of the answer, and goes on with it
//
// It costs two system calls for each worker that has requests, and is meant to be called when somebody looks.
func (a *App) Running() []Running { return a.pool.present() }

// ahead is the stage of a request that its worker has not begun with. Tickets are never in it, since the worker does not tell when it begins: it is
// what is found when somebody looks.
const ahead stage = answered + 1

func (s stage) String() string {
	return [...]string{"queued", "running", "streaming", "answered", "ahead"}[s]
}

// present lists what waits and what workers have.
func (p *pool) present() []Running {
	type entry struct {
		Running
		since time.Duration
	}
	var all []entry
	p.mu.Lock()
	now := p.now()
	for _, w := range p.alive {
		if len(w.flight) == 0 {
			continue
		}
		begun := w.proc.begun()
		for _, tk := range w.flight {
			r := tk.tellLocked()
			s, from := w.stageLocked(tk, begun), tk.sent
			switch s {
			case running:
				from = w.sinceLocked(tk)
			case streaming:
				from = tk.streamed
			}
			r.Worker, r.PID, r.Stage, r.InStage = w.number, w.proc.pid, s.String(), max(0, now-from)
			all = append(all, entry{r, tk.since})
		}
	}
	for _, tk := range p.queue.waiting[p.queue.first:] {
		r := tk.tellLocked()
		r.Stage, r.InStage = queued.String(), now-tk.since
		all = append(all, entry{r, tk.since})
	}
	p.mu.Unlock()
	slices.SortStableFunc(all, func(a, b entry) int { return cmp.Compare(a.since, b.since) })
	told := make([]Running, len(all))
	for i := range all {
		told[i] = all[i].Running
	}
	return told
}

func (tk *ticket) tellLocked() Running {
	return Running{ID: string(tk.ident), Method: tk.method, Target: string(tk.target)}
}

// stageLocked returns how far a worker is with tk, which it has, if begun is what process.begun tells. A worker that answers one request after
// the other may have answered those before the one that it is at: their answers wait to leave together.
func (w *worker) stageLocked(tk *ticket, begun map[uint32]bool) stage {
	switch {
	case tk.stage != running || begun[tk.id]:
		return tk.stage
	case w.pool.threads > 1:
		return ahead
	}
	at := slices.IndexFunc(w.flight, func(one *ticket) bool { return begun[one.id] })
	if slices.Index(w.flight, tk) < at {
		return running
	}
	return ahead
}

// sinceLocked returns since when a worker is at tk, as far as is known.
func (w *worker) sinceLocked(tk *ticket) time.Duration {
	if w.pool.threads == 1 {
		return max(tk.sent, w.mark)
	}
	return tk.sent
}
