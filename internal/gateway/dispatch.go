package gateway

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/maphash"
	"log/slog"
	"math"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"highball"
)

// Why a request is not given to a worker.
var (
	errQueueFull = errors.New("too many requests wait for a worker")
	errTooLong   = errors.New("no worker was free in time")
	errStopping  = errors.New("the application is being stopped")
)

// cancelPatience is how long a worker may go on with an answer that nobody wants.
const cancelPatience = 30 * time.Second

// pool gives requests to workers: to one that has none, else to the one with the fewest as long as that is wise (see
// load), else they wait in a queue.
//
// Locks are taken in this order: the pool's, a spool's or peer's. None is held while a Later is used, since that may begin
// the connection's next request.
type pool struct {
	name     string
	log      *slog.Logger
	threads  int
	most     int           // requests that may wait
	patience time.Duration // for how long
	stuck    func(w *worker, r stuckRequest)
	slow     time.Duration // after which it is looked where a request is; 0 is never
	served   func(w *worker, n int)
	files    func(w *worker, list []byte)
	over     func() // the server has ended
	tickets  sync.Pool
	arriving atomic.Int64 // requests whose bodies are being read, of those that were begun on loops
	arena    *arena
	presets  presets
	base     time.Time
	errands  sync.WaitGroup

	mu      sync.Mutex // guards the following fields, and the fields of workers and tickets that say so
	workers []*worker  // that take requests
	alive   []*worker  // these, and those that have still to finish some
	queue   queue
	timer   *time.Timer // of the oldest in the queue
	load    load
	ended   bool
	expired int64         // requests that have waited for too long
	ending  chan struct{} // closed when ended is set
}

// worker is a process with its place in the pool.
type worker struct {
	number int
	proc   *process
	ready  *ready
	pool   *pool
	peer   *highball.Peer

	// guarded by the pool's lock
	flight   []*ticket // what it was given and has not answered, oldest first
	bytes    int       // of the frames of these
	lastID   uint32
	presets  [presetPlaces]*preset // that it knows
	granting int                   // requests that are still to get a slot, though nothing is known of their answers
	mark     time.Duration         // since when it is at work on flight[0], as far as is known
	retired  bool
	isStuck  bool
	drained  chan struct{} // closed when it is retired and has nothing in flight

	// of the goroutine that calls Receive
	turn     *highball.Turn
	frames   frames
	heads    heads
	each     func(frame)
	finished int           // in this call
	fed      []*ticket     // likewise, whose answers there is more of
	received time.Duration // when this call began

	paused atomic.Int32 // spools that want it to wait
}

var _ highball.Receiver = (*worker)(nil)

func newPool(cfg *Config) *pool {
	return &pool{
		name: cfg.Name, log: cfg.Logger, threads: cfg.Threads, most: cfg.QueueLimit, patience: cfg.QueueDeadline,
		slow: cfg.Slow, base: time.Now(), load: newLoad(cfg.MaxWorkers == 1), ending: make(chan struct{}),
		presets: presets{seed: maphash.MakeSeed()},
	}
}

func (p *pool) now() time.Duration { return time.Since(p.base) }

// admit gives requests to w from now on.
func (p *pool) admit(w *worker) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if w.retired {
		return fmt.Errorf("worker %d has ended already", w.number)
	}
	p.workers = append(p.workers, w)
	p.alive = append(p.alive, w)
	p.feedLocked(nil, w)
	return nil
}

// retire gives w no more requests. The channel is closed when it has answered those it has, or is dead.
func (p *pool) retire(w *worker) <-chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.removeLocked(w)
	return w.drained
}

func (p *pool) removeLocked(w *worker) {
	if i := slices.Index(p.workers, w); i >= 0 {
		p.workers = slices.Delete(p.workers, i, i+1)
	}
	if !w.retired {
		w.retired = true
		if len(w.flight) == 0 {
			close(w.drained)
		}
	}
}

// cut takes note that w will say no more. What it was given is settled when its process has ended, which is now seen to, since
// only then is it certain what it has not begun.
func (p *pool) cut(w *worker) {
	p.mu.Lock()
	p.removeLocked(w)
	left := len(w.flight)
	p.mu.Unlock()
	if left > 0 {
		w.proc.kill()
	}
}

// lost fails what a worker was at whose process has ended, and gives to others what it had not begun with; but no request twice, for it may be
// the request that ends them.
func (p *pool) lost(t *highball.Turn, w *worker) {
	p.mu.Lock()
	flight := w.flight
	w.flight, w.bytes = nil, 0
	if w.retired && len(flight) > 0 {
		close(w.drained)
	}
	p.removeLocked(w)
	p.alive = slices.DeleteFunc(p.alive, func(one *worker) bool { return one == w })
	var failed, again []*ticket
	begun := w.begunOf(flight)
	for i, tk := range flight {
		tk.loseSlot(w)
		switch {
		case i < begun:
			tk.beganBeforeLocked(p.now())
			failed = append(failed, tk)
		case tk.unwanted || tk.left || tk.again || p.ended:
			tk.took = neverBegun
			failed = append(failed, tk)
		default:
			tk.stage, tk.worker, tk.took, tk.again = queued, nil, 0, true
			again = append(again, tk)
		}
	}
	p.queue.unshift(again)
	if len(again) > 0 {
		if p.timer == nil {
			p.timer = time.AfterFunc(p.patience, p.expire)
		}
		for _, other := range p.workers {
			p.feedLocked(t, other)
		}
	}
	p.mu.Unlock()
	for _, tk := range failed {
		tk.fail(t, &highball.Error{Status: 502, Err: &deadWorkerError{w.number, w.proc.pid}})
	}
}

// begunOf returns how many of the requests, oldest first, the worker has begun with. Of one whose process has not ended, and of one with several threads, which
// may have answered a request whose answer was not read, it is supposed that it has begun with all.
func (w *worker) begunOf(flight []*ticket) int {
	if w.pool.threads > 1 || len(flight) == 0 || !w.proc.ended() {
		return len(flight)
	}
	last := w.proc.last
	if !last.known {
		return len(flight)
	}
	return 1 + slices.IndexFunc(flight, func(tk *ticket) bool { return tk.id == last.id })
}

// submit gives tk to a worker or has it wait. An error means that neither was possible.
func (p *pool) submit(t *highball.Turn, tk *ticket) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ended {
		return errStopping
	}
	if w := p.pickLocked(t, len(tk.frame)); w != nil {
		p.assignLocked(t, w, tk)
		return nil
	}
	if p.queue.len() >= p.most {
		return errQueueFull
	}
	tk.since = p.now()
	p.queue.push(tk)
	if p.timer == nil {
		p.timer = time.AfterFunc(p.patience, p.expire)
	}
	return nil
}

// pickLocked returns the worker that the next request is for, if there is one: one that has none, else that with the fewest,
// where one whose answers come on another loop than t's counts as if it had some more. Behind a request that turns out to be a slow
// one, no other is put.
func (p *pool) pickLocked(t *highball.Turn, size int) (best *worker) {
	depth, fewest := p.depthLocked(), math.MaxInt
	now := time.Duration(-1)
	for _, w := range p.workers {
		n := len(w.flight)
		switch {
		case n >= depth || w.isStuck || !w.hasRoomLocked(size):
			continue
		case n > 0 && p.threads == 1:
			if now < 0 {
				now = p.now()
			}
			if now-w.mark > slow {
				continue
			}
			n++ // so that one far away that has none comes first
		}
		if !w.peer.Near(t) {
			if n++; n > 1 {
				n += p.load.far
			}
		}
		if n < fewest {
			best, fewest = w, n
		}
	}
	return best
}

// hasRoomLocked reports whether a worker may have another request of that size.
func (w *worker) hasRoomLocked(size int) bool {
	return len(w.flight) == 0 || w.pool.threads > 1 || w.bytes+size <= fullBytes
}

// depthLocked returns how many requests a worker may have.
func (p *pool) depthLocked() int {
	if p.threads > 1 {
		return p.threads
	}
	return p.load.depth
}

func (p *pool) assignLocked(t *highball.Turn, w *worker, tk *ticket) {
	w.lastID++
	if w.lastID == 0 {
		w.lastID++ // 0 belongs to no request
	}
	tk.id, tk.worker, tk.stage = w.lastID, w, running
	tk.shareWith(w)
	binary.LittleEndian.PutUint32(tk.frame[4:], tk.id)
	binary.LittleEndian.PutUint16(tk.frame[14:], uint16(tk.slot))
	if len(w.flight) == 0 || p.threads > 1 {
		now := p.now()
		tk.sent = now
		if len(w.flight) == 0 {
			w.mark = now
		}
	} else {
		tk.sent = w.flight[len(w.flight)-1].sent // nearly
	}
	if tk.since == 0 {
		tk.since = tk.sent
	}
	w.flight = append(w.flight, tk)
	w.bytes += len(tk.frame)
	if f := tk.input.file(); f != nil {
		if err := w.proc.sendDescriptor(f); err != nil {
			p.log.Error("cannot hand a request's body to a worker", "worker", w.number, "err", err)
			w.proc.kill() // which fails the request
			return
		}
	}
	if known := tk.preset; known != nil && w.presets[known.place] != known {
		w.presets[known.place] = known
		w.peer.Send(t, known.frame)
	}
	w.peer.Send(t, tk.frame)
}

// feedLocked gives w what waits, as far as it takes it.
func (p *pool) feedLocked(t *highball.Turn, w *worker) {
	for p.queue.len() > 0 && !w.retired && !w.isStuck && len(w.flight) < p.depthLocked() && w.hasRoomLocked(len(p.queue.front().frame)) {
		p.assignLocked(t, w, p.queue.pop())
	}
}

// finish takes a request from its worker, which has answered it, and gives the worker the next one. long tells that a slot was, or would have been,
// of use.
func (p *pool) finish(t *highball.Turn, w *worker, id uint32, long bool) *ticket {
	p.mu.Lock()
	defer p.mu.Unlock()
	i := w.indexLocked(id)
	if i < 0 {
		return nil
	}
	tk := w.flight[i]
	tk.beganLocked()
	if long {
		w.granting = grants
	}
	w.flight = slices.Delete(w.flight, i, i+1)
	w.bytes -= len(tk.frame)
	tk.stage = answered
	w.finished++
	p.feedLocked(t, w)
	if w.retired && len(w.flight) == 0 {
		close(w.drained)
	}
	return tk
}

func (w *worker) indexLocked(id uint32) int {
	for i, tk := range w.flight {
		if tk.id == id {
			return i
		}
	}
	return -1
}

// find returns a request that its worker is at.
func (p *pool) find(w *worker, id uint32) *ticket {
	p.mu.Lock()
	defer p.mu.Unlock()
	i := w.indexLocked(id)
	if i < 0 {
		return nil
	}
	w.flight[i].beganLocked()
	return w.flight[i]
}

// beganLocked notes how long the worker has been at tk whose answer begins to arrive. What was answered together counts as begun
// together.
func (tk *ticket) beganLocked() { tk.beganBeforeLocked(tk.worker.received) }

// beganBeforeLocked notes how long tk's worker had been at it at now, unless that is known already.
func (tk *ticket) beganBeforeLocked(now time.Duration) {
	if tk.took == 0 {
		tk.took = max(now-tk.worker.sinceLocked(tk), neverBegun)
	}
}

// noteFinished learns from the requests that w has answered at once how many it may be given.
func (p *pool) noteFinished(w *worker) {
	p.mu.Lock()
	now := p.now()
	if p.threads == 1 {
		p.load.note(w.finished, now-w.mark)
	}
	w.mark = now
	p.mu.Unlock()
	p.served(w, w.finished)
	w.finished = 0
}

// abandon takes note that nobody wants the answer to tk any more, for the given cause. It reports whether tk had not been
// given to a worker, and will not.
func (p *pool) abandon(tk *ticket, cause error) (unbegun bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch tk.stage {
	case queued:
		if p.queue.remove(tk) {
			tk.stage = answered
			tk.release() // by the pool
			return true
		}
	case running, answered:
		if errors.Is(cause, highball.ErrClientLeft) {
			tk.left = true // it may have ended its sending only, and still read
		} else {
			tk.unwanted = true
		}
	case streaming:
		tk.unwanted = true
		tk.answer.spool.abandon()
		p.cancelLocked(tk)
	}
	switch {
	case errors.Is(cause, highball.ErrKilled):
		p.giveUpOnceLocked(tk, reasonKilled)
	case errors.Is(cause, highball.ErrHandlerDeadline) && p.now()-tk.sent >= tk.sent-tk.since:
		// One that has waited for long and begun late may well get done.
		p.giveUpLocked(tk, reasonStuck)
	}
	return false
}

// giveUpOnceLocked is giveUpLocked if a worker is at tk. Behind another request it is only one that nobody wants: when the worker has come to it, it
// may go on with it for a while.
func (p *pool) giveUpOnceLocked(tk *ticket, reason reason) {
	w, id := tk.worker, tk.id
	if tk.stage == answered || w == nil {
		return
	}
	if w.stageLocked(tk, w.proc.begun()) != ahead {
		p.giveUpLocked(tk, reason)
		return
	}
	time.AfterFunc(cancelPatience, func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		if i := w.indexLocked(id); i >= 0 { // else tk may be used for another one
			p.giveUpOnceLocked(w.flight[i], reasonUnwanted)
		}
	})
}

// cancelLocked tells the worker that nobody wants the rest of an answer, and sees to it that the worker comes to an end.
func (p *pool) cancelLocked(tk *ticket) {
	tk.worker.peer.Send(nil, appendFrame(nil, cancelFrame, 0, tk.id, nil, nil))
	if !tk.cancelled {
		tk.cancelled = true
		time.AfterFunc(cancelPatience, func() {
			p.mu.Lock()
			defer p.mu.Unlock()
			p.giveUpLocked(tk, reasonUnwanted)
		})
	}
}

// giveUpLocked has the worker of a request replaced that does not get done.
func (p *pool) giveUpLocked(tk *ticket, reason reason) {
	w := tk.worker
	if tk.stage != running && tk.stage != streaming || w.isStuck || p.ended {
		return
	}
	w.isStuck = true
	r := stuckRequest{
		number: tk.id, id: string(tk.ident), method: tk.method, target: string(tk.target),
		waited: tk.sent - tk.since, ran: p.now() - tk.sent, stage: tk.stage, reason: reason,
	}
	p.errands.Go(func() { p.stuck(w, r) })
}

// stuckRequest is what is known of a request that a worker did not answer in time.
type stuckRequest struct {
	number         uint32 // as its worker knows it
	id             string
	method, target string
	waited, ran    time.Duration
	stage          stage
	reason         reason // why it is given up
}

// phase names the phase that the request is stuck in.
func (r *stuckRequest) phase() string {
	if r.stage == streaming {
		return "stream"
	}
	return "app"
}

// expire refuses what has waited too long.
func (p *pool) expire() {
	var late []*ticket
	p.mu.Lock()
	now := p.now()
	for p.queue.len() > 0 && now-p.queue.front().since >= p.patience {
		tk := p.queue.pop()
		tk.stage, tk.took = answered, neverBegun
		late = append(late, tk)
	}
	p.expired += int64(len(late))
	p.timer = nil
	if p.queue.len() > 0 && !p.ended {
		p.timer = time.AfterFunc(p.patience-(now-p.queue.front().since), p.expire)
	}
	p.mu.Unlock()
	for _, tk := range late {
		tk.fail(nil, &highball.Error{Status: 503, Err: errTooLong})
	}
}

// end refuses what waits and what comes.
func (p *pool) end() {
	p.mu.Lock()
	if !p.ended {
		p.ended = true
		close(p.ending)
	}
	if p.timer != nil {
		p.timer.Stop()
	}
	var all []*ticket
	for p.queue.len() > 0 {
		tk := p.queue.pop()
		tk.stage, tk.took = answered, neverBegun
		all = append(all, tk)
	}
	p.mu.Unlock()
	for _, tk := range all {
		tk.fail(nil, &highball.Error{Status: 503, Err: errStopping})
	}
	p.errands.Wait()
}

// queueWait returns how long the oldest request has waited for a worker.
func (p *pool) queueWait() time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.queue.len() == 0 {
		return 0
	}
	return p.now() - p.queue.front().since
}

// inFlight returns how many requests wait for a worker or for its answer, but for those whose handler waits with them.
func (p *pool) inFlight() (n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	count := func(tickets []*ticket) {
		for _, tk := range tickets {
			if tk != nil && !tk.waits {
				n++
			}
		}
	}
	for _, w := range p.alive {
		count(w.flight)
	}
	count(p.queue.waiting)
	return n + int(p.arriving.Load())
}

// idle returns the number of workers without a request.
func (p *pool) idle() (n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, w := range p.workers {
		if len(w.flight) == 0 {
			n++
		}
	}
	return n
}
