package gateway

import (
	"context"
	"errors"
	"io"

	"highball"
)

// write writes the answer, as a Handler does. It is called once.
func (tk *ticket) write(w *highball.Response, r *highball.Request) error {
	a := &tk.answer
	switch {
	case a.err != nil:
		return tk.writeFailure(w, r)
	case a.spool != nil:
		return tk.writeStream(w, r)
	case a.file != nil:
		return a.writeFile(w)
	}
	a.head.apply(w)
	if a.head.bodyless() {
		return nil
	}
	if a.head.length < 0 && len(a.body) > 0 { // else it is the answer to HEAD
		w.SetContentLength(int64(len(a.body)))
	}
	_, err := w.Write(a.body)
	return tolerated(err)
}

// tolerated passes over what PEP 3333 lets applications do: bodies where none is sent, and bodies longer than declared.
func tolerated(err error) error {
	if errors.Is(err, highball.ErrContentLength) || errors.Is(err, highball.ErrBodyNotAllowed) {
		return nil
	}
	return err
}

// writeStream writes an answer that is still being made. Whatever ends it, the worker hears of it.
func (tk *ticket) writeStream(w *highball.Response, r *highball.Request) error {
	a := &tk.answer
	r.OnDeadline(func() { tk.pool.abandon(tk, highball.ErrHandlerDeadline) })
	r.OnInterruption(tk)
	if a.head != nil && !w.Started() {
		a.head.apply(w)
	}
	err := tolerated(a.spool.writeTo(r.Context(), w))
	if tk.pool.slow > 0 {
		r.SetStack(tk.SlowStack())
	}
	if err != nil {
		if cause := context.Cause(r.Context()); errors.Is(cause, highball.ErrKilled) {
			err = cause // which a failed write does not tell
		}
		tk.pool.abandon(tk, err)
		var failure *appError
		if errors.As(err, &failure) && !w.Started() {
			tk.answer = answer{err: failure}
			return tk.writeFailure(w, r)
		}
	}
	return err
}

// writeFile writes a part of a file.
func (a *answer) writeFile(w *highball.Response) error {
	defer a.file.Close()
	n, err := a.partOf(a.file)
	if err != nil {
		return err
	}
	a.head.apply(w)
	if a.head.bodyless() {
		return nil
	}
	if a.head.length < 0 {
		w.SetContentLength(n)
	} else {
		n = min(n, a.head.length)
	}
	return tolerated(w.SendFile(a.file, a.offset, n))
}

// writeFailure answers for a request that has failed.
func (tk *ticket) writeFailure(w *highball.Response, r *highball.Request) error {
	err := tk.answer.err
	var failure *appError
	if errors.As(err, &failure) {
		tk.pool.log.Error("the application has failed", "app", tk.pool.name, "id", r.ID(), "method", r.Method(), "target", r.Target(), "err", failure)
		if failure.Debug == nil {
			w.ErrorPage(500)
			return nil
		}
		return failure.writePage(w, r)
	}
	return refusal(w, err)
}

// refusal returns err for the server to answer with.
func refusal(w *highball.Response, err error) error {
	var refused *highball.Error
	if errors.As(err, &refused) && refused.Status == 503 {
		w.Header().Set("Retry-After", "1")
	}
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return &highball.Error{Status: 502, Err: err}
	}
	return err
}
