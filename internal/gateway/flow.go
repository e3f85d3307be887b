package gateway

import "highball"

// A response that a worker makes while it is sent is put into a spool, and the event loop of the client's connection takes it from there as the
// client does. It is told at the end of each of the worker's turns, and of what comes without one. When the client has fallen so far behind that
// the spool has begun a file, a goroutine goes on.

var _ highball.Flow = (*ticket)(nil)

// Next implements highball.Flow.
func (tk *ticket) Next() ([]byte, error) {
	tk.flow = tk.answer.spool
	return tk.flow.look()
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
