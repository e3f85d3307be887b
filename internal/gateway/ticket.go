package gateway

import (
	"encoding/binary"
	"fmt"
	"os"
	"sync/atomic"
	"time"

	"highball"
)

// ticket is a request on its way through the pool.
//
//	stage      left by                                       to
//	queued     a worker that is free                         running
//	           the client leaves, waiting too long, the end  answered
//	running    the worker's answer, whole or failed          answered
//	           the start of its answer                       streaming
//	           the worker's death                            answered
//	streaming  the end of the worker's answer, its death     answered
//
// Who wants the answer and the pool hold a ticket each; when both have let go of it it is used again, if
// the answer was one that left nothing behind.
type ticket struct {
	pool     *pool
	preset   *preset // that the frame names, or nil
	key      []byte  // memory for that of a preset
	frame    []byte  // the request; its id is filled in for the worker that gets it
	input    *input  // the request's body, unless it stands in frame or slot
	reserved int64   // bytes of body that the frame holds, see bodies.reserve
	slot     slot    // of the arena, from before it is given to a worker until both have let go of it
	shared   int     // bytes of the request's body that the slot holds
	later    highball.Later
	handler  *handler      // of a request whose body is arriving, until it has; of the goroutine that reads it, as is room
	room     []byte        // for this body, or for what is missing of it when a goroutine goes on
	ready    chan struct{} // for a handler that waits, in place of later: gets a token with the answer
	waits    bool          // a handler does
	refs     atomic.Int32
	kept     bool // not to be used again

	method string
	target []byte
	ident  []byte // the request's id

	// guarded by the pool's lock
	stage     stage
	worker    *worker
	id        uint32
	since     time.Duration // when it came
	sent      time.Duration // when it was given to the worker
	took      time.Duration // from when the worker began, as far as is known, until its answer began; 0 while that is not known
	streamed  time.Duration // when its answer began, of one that is sent as it is made
	looked    bool          // it was slow, and it was looked where it is
	slowStack string        // what was seen then
	unwanted  bool          // nobody is there any more to whom an answer could be given
	left      bool          // the client had left when a worker was at it already
	again     bool          // a worker that had it has died before it began
	cancelled bool          // the worker was told that nobody wants the rest

	answer answer // of the worker's goroutine until it is handed over
	flows  bool   // the answer is for the client's loop to send while it is made; of the worker's goroutine, as is begun
	begun  bool   // that loop knows of it
	// fromSlot tells that this loop is sending the answer from the slot; of its goroutine, once it has begun.
	fromSlot bool
	flow     *spool // what that loop sends; of its goroutine
}

// stage is how far a request has come.
type stage uint8

const (
	queued stage = iota
	running
	streaming
	answered
)

// neverBegun is what took says of a request that no worker has begun with: all it did was wait.
const neverBegun = time.Nanosecond

// answer is what became of a request: one of file, spool, err, and else head with body.
type answer struct {
	head   *responseHead
	body   []byte
	spool  *spool
	file   *os.File
	offset int64
	length int64 // of the file's part, or -1 for all that follows
	err    error
}

// noInput is the body of requests that have none.
var noInput = &input{}

func (p *pool) newTicket() *ticket {
	tk, ok := p.tickets.Get().(*ticket)
	if !ok {
		tk = &ticket{pool: p, ready: make(chan struct{}, 1)}
	}
	tk.refs.Store(2)
	tk.input, tk.stage, tk.worker, tk.unwanted, tk.left, tk.waits = noInput, queued, nil, false, false, false
	tk.since, tk.sent, tk.took, tk.reserved, tk.shared, tk.again = 0, 0, 0, 0, 0, false
	tk.looked, tk.slowStack = false, ""
	tk.flow, tk.flows, tk.begun, tk.fromSlot = nil, false, false, false
	return tk
}

// encode makes the frame of r, whose body has n bytes.
func (tk *ticket) encode(c codec, r *highball.Request, mount string, n int64) {
	flags := byte(0)
	switch {
	case tk.input.file() != nil:
		flags = flagBodyFile
	case tk.shared > 0:
		flags = flagBodySlot
	}
	tk.method = methodName(r.Method())
	tk.target = append(tk.target[:0], r.Target()...)
	tk.ident = r.AppendID(tk.ident[:0])
	tk.preset, tk.key = tk.pool.presets.presetOf(tk.key, c, r, mount)
	if tk.preset != nil {
		flags |= flagPreset
	}
	b := appendHeader(tk.frame[:0], requestFrame, flags, 0, 0, 0)
	if tk.preset != nil {
		b = tk.preset.appendOwn(b, c, r, tk.ident, mount, n)
	} else {
		b = appendEnviron(b, c, r, tk.ident, mount, bodyLength(r, n))
	}
	head := len(b) - frameHeader
	b = append(b, tk.input.bytes()...)
	if tk.shared > 0 {
		b = binary.LittleEndian.AppendUint32(b, uint32(tk.shared))
	}
	setSizes(b, head)
	tk.frame = b
}

// shareWith gives the request a slot, if there is one, for the worker that is to have it, in case that its answer is as long as others were. To a worker that
// does not share the arena the body goes with the frame. The caller holds the pool's lock.
func (tk *ticket) shareWith(w *worker) {
	arena := tk.pool.arena
	switch {
	case w.ready.Arena:
		if tk.slot == 0 && w.granting > 0 {
			w.granting--
			tk.slot = arena.take()
		}
	case tk.shared > 0:
		b := append(tk.frame[:len(tk.frame)-sharedFrameBody], arena.bytes(tk.slot)[:tk.shared]...)
		setSizes(b, len(b)-frameHeader-tk.shared)
		b[13] &^= flagBodySlot
		tk.frame = b
		fallthrough
	default:
		tk.leaveSlot()
	}
}

// loseSlot is leaveSlot for a request whose worker is lost. One that is still alive, since it has only closed its stream, may go on to write there.
func (tk *ticket) loseSlot(w *worker) {
	if tk.slot == 0 || w.proc.ended() {
		return
	}
	lost := tk.slot
	tk.slot = 0
	go func() {
		<-w.proc.done()
		tk.pool.arena.give(lost)
	}()
}

// leaveSlot gives the slot back.
func (tk *ticket) leaveSlot() {
	if tk.slot != 0 {
		tk.pool.arena.give(tk.slot)
		tk.slot, tk.shared = 0, 0
	}
}

// methodName returns a copy of a method that outlives the request, without allocating for the usual ones.
func methodName(m string) string {
	for _, known := range [...]string{"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"} {
		if m == known {
			return known
		}
	}
	return string([]byte(m))
}

// release lets go of the ticket.
func (tk *ticket) release() {
	if tk.refs.Add(-1) > 0 {
		return
	}
	tk.leaveSlot()
	if tk.kept {
		return
	}
	select {
	case <-tk.ready: // an answer that nobody waited for any more
	default:
	}
	tk.answer = answer{}
	tk.later = highball.Later{}
	tk.worker = nil
	if cap(tk.frame) > 4*maxInputMemory {
		tk.frame = nil
	}
	tk.pool.tickets.Put(tk)
}

// discard lets go of a ticket that the pool has not taken.
func (tk *ticket) discard() {
	tk.refs.Store(1)
	tk.release()
}

// ClientLeft implements highball.Pending: a request that waits for a worker is dropped.
func (tk *ticket) ClientLeft(t *highball.Turn) {
	later := tk.later
	if tk.pool.abandon(tk, highball.ErrClientLeft) {
		later.Drop(t)
	}
}

// Done implements highball.Pending.
func (tk *ticket) Done(_ *highball.Turn, err error) {
	if tk.room != nil {
		if err != nil { // else readOn goes on
			tk.endRoom()
			tk.discard()
		}
		return
	}
	if err != nil {
		tk.pool.abandon(tk, err)
		tk.dropFile()
	}
	if tk.flow != nil {
		tk.flow.done(err == nil)
	}
	if err == nil && tk.fromSlot { // Serve goes on
		tk.keepBody()
	}
	tk.release()
}

// dropFile closes the file of an answer that nobody will write.
func (tk *ticket) dropFile() {
	tk.pool.mu.Lock()
	defer tk.pool.mu.Unlock()
	if tk.answer.file != nil {
		_ = tk.answer.file.Close() // it was only to be read
		tk.answer.file = nil
	}
}

// handOver has the answer written by the handler's goroutine, a new one if none waits for it.
func (tk *ticket) handOver(t *highball.Turn) {
	if tk.waits {
		tk.ready <- struct{}{}
		return
	}
	tk.kept = true // write comes after Done
	tk.later.Took(tk.took).WithStack(tk.SlowStack()).Serve(t, tk.write)
}

// fail ends a request whose answer will not come, or not to its end.
func (tk *ticket) fail(t *highball.Turn, err error) {
	if s := tk.answer.spool; s != nil {
		s.end(err)
		tk.tell(t)
	} else {
		tk.answer.err = err
		tk.handOver(t)
	}
	tk.release()
}

// deadWorkerError is why requests fail whose worker has died.
type deadWorkerError struct{ worker, pid int }

func (e *deadWorkerError) Error() string {
	return fmt.Sprintf("worker %d (process %d) has died while it was at this request", e.worker, e.pid)
}
