package gateway

import (
	"bytes"
	"io"
	"slices"

	"highball"
)

// A response that a worker makes while it is sent is put into a spool, and the event loop of the client's connection takes it from there as the
// client does. It is told at the end of each of the worker's turns, and of what comes without one. When the client has fallen so far behind that
// the spool has begun a file, a goroutine goes on.

// A response that is whole and long stands in a slot of the arena, and is sent from there in the same way, so that no client has to take it at once for it
// not to be copied.
const (
	slotPiece = 256 << 10      // bytes of a slot that are sent at once
	slotsHeld = arenaSlots / 2 // slots that clients may keep by taking their time
)

var _ highball.Flow = (*ticket)(nil)

// Next implements highball.Flow.
func (tk *ticket) Next() ([]byte, error) {
	if tk.answer.spool != nil {
		tk.flow = tk.answer.spool
		return tk.flow.look()
	}
	b := tk.answer.body
	n := min(len(b), slotPiece)
	if tk.answer.body = b[n:]; n < len(b) {
		return b[:n], nil
	}
	tk.fromSlot = false
	return b, io.EOF
}

// answerLong has the client's loop send a response from its slot as the client takes it; or, when so many slots are with clients that others may be in
// want of them, from a spool.
func (w *worker) answerLong(tk *ticket, head *responseHead, body []byte) {
	tk.answer = answer{head: head, body: body}
	if tk.fromSlot = w.pool.arena.taken() <= slotsHeld; !tk.fromSlot {
		tk.kept = true
		s := newSpool(w.pause)
		for part := range slices.Chunk(body, spoolAtOnce) {
			_ = s.put(part) // whoever takes it will meet the error
		}
		s.end(nil)
		tk.leaveSlot()
		tk.answer = answer{head: head, spool: s}
	}
	length := head.length
	if length < 0 {
		length = int64(len(body))
	}
	tk.later.Took(tk.took).WithStack(tk.slowStack).Stream(w.turn, head.prepared, length, tk)
}

// keepBody has the rest of a response outlive its slot, for Serve.
func (tk *ticket) keepBody() {
	tk.fromSlot, tk.kept = false, true
	tk.answer.body = bytes.Clone(tk.answer.body)
}

// Serve implements highball.Flow.
func (tk *ticket) Serve(w *highball.Response, r *highball.Request) error { return tk.write(w, r) }

// feeds has the client's loop told at the end of the call of Receive that there is more of the response to tk.
func (w *worker) feeds(tk *ticket) {
	if last := len(w.fed) - 1; last < 0 || w.fed[last] != tk {
		w.fed = append(w.fed, tk)
	}
}

// tellFed tells the loops of those clients for which the worker has sent something.
func (w *worker) tellFed() {
	for i, tk := range w.fed {
		tk.tell(w.turn)
		w.fed[i] = nil
	}
	w.fed = w.fed[:0]
}

// tell begins with the response, or says that there is more of it, or that it has ended.
func (tk *ticket) tell(t *highball.Turn) {
	switch {
	case !tk.flows:
	case !tk.begun:
		tk.begun = true
		tk.later.Took(tk.took).WithStack(tk.SlowStack()).Stream(t, tk.answer.head.prepared, tk.answer.head.length, tk)
	case tk.answer.spool.awaited():
		tk.later.More(t)
	}
}
