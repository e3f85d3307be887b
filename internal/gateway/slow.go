package gateway

import (
	"context"
	"time"
)

// A request that is with a worker for longer than Config.Slow is looked at once, by the gentle way of stacks.go alone: what slows it down has
// time, and nothing is worth a risk for it. One goroutine looks at what all workers have from time to time; requests have no timers.
const (
	slowLooks    = 8 // in the time after which a request is slow
	shortestLook = 5 * time.Millisecond
	longestLook  = time.Second
	slowPatience = 2 * time.Second // for an answer
)

// lookForSlow looks at requests that are slow until the pool is at its end.
func (p *pool) lookForSlow() {
	again := time.NewTicker(min(max(p.slow/slowLooks, shortestLook), longestLook))
	defer again.Stop()
	for {
		select {
		case <-again.C:
		case <-p.ending:
			return
		}
		for w, all := range p.newlySlow() {
			p.errands.Go(func() { p.lookAt(w, all) })
		}
	}
}

// newlySlow returns the requests, by their workers, that are slow and were not looked at. They count as looked at from then on.
func (p *pool) newlySlow() map[*worker][]uint32 {
	p.mu.Lock()
	defer p.mu.Unlock()
	found := make(map[*worker][]uint32)
	if p.ended {
		return nil
	}
	now := p.now()
	for _, w := range p.alive {
		var begun map[uint32]bool
		for _, tk := range w.flight {
			if tk.looked || now-tk.sent < p.slow {
				continue
			}
			if begun == nil {
				begun = w.proc.begun()
			}
			if w.stageLocked(tk, begun) != ahead && now-w.sinceLocked(tk) >= p.slow {
				tk.looked = true
				found[w] = append(found[w], tk.id)
			}
		}
	}
	return found
}

// lookAt has the records of a worker's requests tell where the worker is.
func (p *pool) lookAt(w *worker, requests []uint32) {
	if w.ready.FreeThreaded {
		return // see errFreeThreaded
	}
	ctx, cancel := context.WithTimeout(context.Background(), slowPatience)
	defer cancel()
	all, err := w.proc.look(ctx)
	if err != nil {
		return // nobody has asked for it
	}
	for _, id := range requests {
		if threadAt(all, id) == nil {
			continue // it is done meanwhile
		}
		text := formatThreads(all, id)
		p.mu.Lock()
		if i := w.indexLocked(id); i >= 0 {
			w.flight[i].slowStack = text
		}
		p.mu.Unlock()
	}
}

// Took implements highball.Sampled: it returns how long a worker has been at tk, or was until its answer began.
func (tk *ticket) Took() time.Duration {
	tk.pool.mu.Lock()
	defer tk.pool.mu.Unlock()
	switch w := tk.worker; {
	case tk.took > 0:
		return tk.took
	case tk.stage == running && w.stageLocked(tk, w.proc.begun()) != ahead:
		return max(tk.pool.now()-w.sinceLocked(tk), neverBegun)
	}
	return neverBegun
}

// SlowStack implements highball.Sampled: it returns where the worker was when tk had become slow, "" if it had not.
func (tk *ticket) SlowStack() string {
	if tk.pool.slow == 0 {
		return ""
	}
	tk.pool.mu.Lock()
	defer tk.pool.mu.Unlock()
	return tk.slowStack
}
