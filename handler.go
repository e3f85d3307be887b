package highball

import (
	"errors"
	"fmt"

	"highball/internal/h1"
)

// Handler answers requests. Serve runs on a goroutine of its own and may block for as long as the server's
// handler deadline allows; reads of the request's body and writes of the response block with back-pressure.
//
// A nil error ends the response. An error before anything was sent becomes an error page: its status is that of
// the first *Error in its chain, else 500; the client sees the status alone, the log has the cause. An error after
// the head was sent cuts the connection, so that the client sees an incomplete answer and no false end.
//
// w and r, and every string, slice and reader had from them in Serve, may be used until Serve returns; the strings
// stay valid for ever.
type Handler interface {
	Serve(w *Response, r *Request) error
}

// HandlerFunc is a function as a Handler.
type HandlerFunc func(w *Response, r *Request) error

// Serve calls f.
func (f HandlerFunc) Serve(w *Response, r *Request) error { return f(w, r) }

// InlineHandler is an optional further interface of a Handler that can answer some requests at once, without
// blocking, such as those for files in memory, redirects and refusals. It is an optimisation that no handler needs.
//
// ServeInline is called on an event loop, for requests without a body only. It must not block, and it must not keep
// w, r or any string from them: the strings alias the loop's read buffer and change once ServeInline returns.
// When it returns false it must not have written or set anything, and Serve is called on a goroutine instead.
type InlineHandler interface {
	Handler
	ServeInline(w *Response, r *Request) bool
}

// Error is an error with the HTTP status that answers it.
type Error struct {
	Status int   // 400 to 599
	Err    error // the cause, for the log only; may be nil
}

// Error returns the status, its text and the cause.
func (e *Error) Error() string {
	if e.Err == nil {
		return fmt.Sprintf("%d %s", e.Status, h1.StatusText(e.Status))
	}
	return fmt.Sprintf("%d %s: %v", e.Status, h1.StatusText(e.Status), e.Err)
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Errors that a handler meets or returns.
var (
	// ErrAbort, returned by a handler, cuts the connection without an answer and without a log record of its own.
	ErrAbort = errors.New("highball: exchange aborted by the handler")
	// ErrServerClosed is what Serve and ListenAndServe return after Shutdown or Close.
	ErrServerClosed = errors.New("highball: server closed")
	// ErrNoRoom is what a Pending is done with, before Serve is called, that has no room for a body which is still to come: see Arriving.
	ErrNoRoom = errors.New("highball: there is no room for the body of the request")
	// ErrBodyNotAllowed is what a write returns where the status or the method permits no body.
	ErrBodyNotAllowed = errors.New("highball: this response permits no body")
	// ErrContentLength is what a write returns that exceeds the declared Content-Length.
	ErrContentLength = errors.New("highball: write exceeds the declared Content-Length")
	// ErrHandlerDeadline is what reads and writes return after the handler's deadline.
	ErrHandlerDeadline = errors.New("highball: handler deadline exceeded")
	// ErrClientLeft is what reads and writes return when the client has closed or reset its connection.
	ErrClientLeft = errors.New("highball: the client has left")
	// ErrSlowClient is what reads and writes return when the client is slower than the limits allow.
	ErrSlowClient = errors.New("highball: the client is too slow")
	// ErrHijacked is what uses of a Response return after Hijack.
	ErrHijacked = errors.New("highball: connection was hijacked")
)

// statusOf returns the status that answers err.
func statusOf(err error) int {
	var e *Error
	if errors.As(err, &e) && e.Status >= 400 && e.Status <= 599 {
		return e.Status
	}
	return 500
}

// Status returns a handler that answers every request with the error page of the given status, 400 to 599.
func Status(code int) InlineHandler { return statusHandler(code) }

type statusHandler int

func (s statusHandler) Serve(*Response, *Request) error { return &Error{Status: int(s)} }

func (s statusHandler) ServeInline(w *Response, _ *Request) bool {
	w.ErrorPage(int(s))
	return true
}

// Redirect returns a handler that answers every request with a redirect to location, which must be a valid
// URI reference, with the given status: 301, 302, 303, 307 or 308.
func Redirect(status int, location string) InlineHandler {
	return redirectHandler{status, location}
}

type redirectHandler struct {
	status   int
	location string
}

func (h redirectHandler) Serve(w *Response, r *Request) error {
	h.ServeInline(w, r)
	return nil
}

func (h redirectHandler) ServeInline(w *Response, _ *Request) bool {
	w.Redirect(h.status, h.location)
	return true
}
