package gateway

import (
	"context"
	"errors"
	"io"
	"slices"
	"strings"

	"highball"
)

// handler answers the requests below a mount point by the application.
type handler struct {
	app   *App
	mount string
}

var (
	_ highball.Handler      = (*handler)(nil)
	_ highball.LaterHandler = (*handler)(nil)
)

// ServeLater implements highball.LaterHandler: requests without a body, or with one that is there already or is short, go to a worker, and from it to the client, without a
// goroutine.
func (h *handler) ServeLater(t *highball.Turn, r *highball.Request, l highball.Later) highball.Pending {
	p := h.app.pool
	if h.app.broken(r) != nil {
		return nil // Serve shows it
	}
	n := r.ContentLength()
	if limit := h.app.cfg.MaxBody; limit >= 0 && n > limit {
		return nil // likewise
	}
	tk := p.newTicket()
	tk.later = l
	if r.Arriving() {
		if !h.encodeRoom(tk, r, n) {
			tk.discard()
			return nil // Serve has other places for it
		}
		return tk
	}
	if err := h.encodeArrived(tk, r, n); err != nil {
		tk.discard()
		return nil // likewise
	}
	if err := p.submit(t, tk); err != nil {
		tk.discard()
		return nil // Serve says so
	}
	return tk
}

// encodeArrived makes the frame of r, whose body of n bytes is there to be read.
func (h *handler) encodeArrived(tk *ticket, r *highball.Request, n int64) error {
	if n == 0 {
		tk.encode(h.app.codec(), r, h.mount, 0)
		return nil
	}
	room := h.encodeSlot(tk, r, n)
	if room == nil {
		room = h.encodeFrame(tk, r, n)
	}
	_, err := io.ReadFull(r.Body(), room)
	return err
}

// encodeSlot makes the frame of r, and returns room for its body, of n bytes, in a slot of the arena; or nil if there is none, or the length is not for one.
func (h *handler) encodeSlot(tk *ticket, r *highball.Request, n int64) (room []byte) {
	arena := tk.pool.arena
	if n < slotLeast || n > slotBody {
		return nil
	}
	if tk.slot = arena.takeForBody(int(n)); tk.slot == 0 {
		return nil
	}
	tk.shared = int(n)
	tk.encode(h.app.codec(), r, h.mount, n)
	return arena.bytes(tk.slot)[:n]
}

// encodeFrame makes the frame of r, and returns the room in it for its body, of n bytes.
func (h *handler) encodeFrame(tk *ticket, r *highball.Request, n int64) (room []byte) {
	tk.encode(h.app.codec(), r, h.mount, n)
	head := len(tk.frame)
	tk.frame = slices.Grow(tk.frame, int(n))[:head+int(n)]
	setSizes(tk.frame, head-frameHeader)
	return tk.frame[head:]
}

// Serve implements highball.Handler.
func (h *handler) Serve(w *highball.Response, r *highball.Request) error {
	p := h.app.pool
	if failure := h.app.broken(r); failure != nil {
		return failure.writePage(w, r)
	}
	tk := p.newTicket()
	if err := h.encodeWhole(tk, r); err != nil {
		tk.discard()
		return err
	}
	defer tk.input.close()
	defer h.app.bodies.free(tk.reserved)
	return h.await(tk, w, r)
}

// await has a worker answer the request of tk, and waits for that.
func (h *handler) await(tk *ticket, w *highball.Response, r *highball.Request) error {
	p := h.app.pool
	tk.waits = true
	expired := make(chan struct{})
	r.OnDeadline(func() {
		p.abandon(tk, highball.ErrHandlerDeadline)
		close(expired)
	})
	r.OnInterruption(tk)
	if err := p.submit(nil, tk); err != nil {
		h.app.countFull(err)
		tk.discard()
		return refusal(w, &highball.Error{Status: 503, Err: err})
	}
	defer tk.release()
	defer r.OnInterruption(nil) // the ticket may be another request's by the time that it would be asked
	left := r.Context().Done()
	for {
		select {
		case <-tk.ready:
			r.Took(tk.took)
			r.SetStack(tk.SlowStack())
			return tk.write(w, r)
		case <-expired:
			return highball.ErrHandlerDeadline
		case <-left:
			cause := highball.ErrClientLeft
			if errors.Is(context.Cause(r.Context()), highball.ErrKilled) {
				cause = highball.ErrKilled
			}
			if p.abandon(tk, cause) || cause == highball.ErrKilled {
				return cause
			}
			left = nil // a worker is at it: the client may still be there to read
		}
	}
}

// encodeWhole reads the body of r and makes the frame of both. Without an error, the caller closes the input and frees
// what is reserved.
func (h *handler) encodeWhole(tk *ticket, r *highball.Request) error {
	if n := r.ContentLength(); h.app.cfg.MaxBody < 0 || n <= h.app.cfg.MaxBody {
		if room := h.encodeSlot(tk, r, n); room != nil {
			_, err := io.ReadFull(r.Body(), room)
			return err
		}
	}
	if n, ok := h.app.bodies.reserve(r, h.app.cfg.MaxBody); ok {
		if _, err := io.ReadFull(r.Body(), h.encodeFrame(tk, r, n)); err != nil {
			h.app.bodies.free(n)
			return err
		}
		tk.reserved = n
		return nil
	}
	in, err := h.app.bodies.read(r, h.app.cfg.MaxBody)
	if err != nil {
		return err
	}
	tk.input = in
	tk.encode(h.app.codec(), r, h.mount, in.size())
	return nil
}

// bodyLength returns the CONTENT_LENGTH of a request that was read whole and has n bytes of body, or -1 if it has none because
// it has no body.
func bodyLength(r *highball.Request, n int64) int64 {
	if n == 0 && noLength(r) {
		return -1
	}
	return n
}

// noLength reports whether a request does not say that it has a body, nor that it has an empty one.
func noLength(r *highball.Request) bool {
	return r.ContentLength() == 0 && !r.Header().Has("Content-Length")
}

// broken returns why the application cannot be loaded any more, for a browser that asks for a page while it is being
// developed: its files have changed, and the workers that still answer have the old ones.
func (h *App) broken(r *highball.Request) *appError {
	if !h.cfg.Reload {
		return nil
	}
	failure := h.supervisor.loadError()
	if failure == nil || !strings.Contains(r.Header().Value("Accept"), "text/html") {
		return nil
	}
	return &appError{Summary: failure.Message, Traceback: failure.Traceback, Debug: &debugInfo{}}
}
