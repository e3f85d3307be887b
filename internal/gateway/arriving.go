package gateway

import (
	"io"

	"highball"
)

// A body that is still to come is read by the event loop of its client, straight to where the worker gets it from: a slot of the arena, or behind the environ in
// the request's frame. When its client is slow a goroutine goes on.

var _ highball.Arriving = (*ticket)(nil)

// encodeRoom makes the frame of r with room for its body, of n bytes, and reports whether there is any. The ticket counts as in flight from then on.
func (h *handler) encodeRoom(tk *ticket, r *highball.Request, n int64) bool {
	if tk.room = h.encodeSlot(tk, r, n); tk.room == nil {
		if n > maxInputMemory {
			return false
		}
		var ok bool
		if tk.reserved, ok = h.app.bodies.reserve(r, h.app.cfg.MaxBody); !ok {
			return false
		}
		tk.room = h.encodeFrame(tk, r, n)
	}
	tk.handler = h
	tk.pool.arriving.Add(1)
	return true
}

// Room implements highball.Arriving.
func (tk *ticket) Room() []byte { return tk.room }

// Arrived implements highball.Arriving.
func (tk *ticket) Arrived(t *highball.Turn, n int) {
	if n < len(tk.room) {
		tk.room = tk.room[n:]
		tk.later.Serve(t, tk.readOn)
		return
	}
	h := tk.handler
	tk.endRoom()
	if err := tk.pool.submit(t, tk); err != nil {
		h.app.countFull(err)
		tk.fail(t, &highball.Error{Status: 503, Err: err})
	}
}

// endRoom notes that the body has arrived, or is not wanted any more.
func (tk *ticket) endRoom() {
	tk.handler.app.bodies.free(tk.reserved)
	tk.pool.arriving.Add(-1)
	tk.room, tk.reserved, tk.handler = nil, 0, nil
}

// readOn goes on with a request of whose body a part has arrived.
func (tk *ticket) readOn(w *highball.Response, r *highball.Request) error {
	h := tk.handler
	defer h.app.bodies.free(tk.reserved)
	defer tk.pool.arriving.Add(-1)
	_, err := io.ReadFull(r.Body(), tk.room)
	tk.room, tk.handler = nil, nil
	if err != nil {
		tk.discard()
		return err
	}
	return h.await(tk, w, r)
}
