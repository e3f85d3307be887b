package highball

import "time"

// LaterHandler is an optional further interface of a Handler whose answers are made elsewhere, such as in another
// process, and sent when they come: no goroutine waits for them. It is an optimisation that no handler needs.
//
// ServeLater is called on an event loop, after ServeInline if the handler has that too, for requests without a body, and for those whose body, of a declared
// length, has arrived with the head: it can be read without waiting, until ServeLater returns. It must not block, and it must not keep r or any string from it. It returns nil to decline, and Serve is called
// on a goroutine instead; otherwise it returns what it has begun, and must see to it that l is used, after ServeLater has
// returned.
//
// It is called, too, for requests of which r.Arriving reports that the rest of their body, of 256 KiB at most, is still to come. Reading that fails, which is a
// reason to decline; or what ServeLater returns is an [Arriving].
type LaterHandler interface {
	Handler
	ServeLater(t *Turn, r *Request, l Later) Pending
}

// Pending is what a LaterHandler has begun for one request. Its methods are called on an event loop and must not block.
type Pending interface {
	// ClientLeft tells, once at most, that the client has ended its sending. Whether it still reads cannot be known; the
	// request still wants its Later to be used.
	ClientLeft(t *Turn)
	// Done is the last call, and comes exactly once. Without an error a use of the Later has taken effect. Else the answer
	// is not wanted any more, and no use will have an effect, not even one that is on its way from another goroutine:
	// after ErrHandlerDeadline, for which the client has got a 504, and ErrServerClosed, for a connection that is gone.
	Done(t *Turn, err error)
}

// Arriving is a Pending for a request whose body is still to come. The event loop reads it into memory of the handler's.
type Arriving interface {
	Pending
	// Room returns memory for the whole body, as long as Request.ContentLength. From its call, when ServeLater has returned, it is the loop's until Arrived
	// or Done is called. What is shorter declines, like any Pending that is no Arriving: Done is called, with ErrNoRoom, and then Handler.Serve.
	Room() []byte
	// Arrived gives the room back, with the first n bytes of the body. If that is all of it, the request begins now; else the client takes its time, or has ended its
	// sending, and Later.Serve is to be used: what it calls reads the rest from Request.Body. Arrived is called once at most.
	Arrived(t *Turn, n int)
}

// Sampled knows how far the program is with a request. A Pending may be one, see also Request.OnInterruption. Its methods are called, on an event loop, for
// a request that was answered in the place of whoever was to answer it, and must not block.
type Sampled interface {
	// Took returns how long the program has been at the request, as Later.Took tells it, or 0 if that is not known.
	Took() time.Duration
	// SlowStack returns where the program was when the request had become slow, as SetStack and WithStack tell it, or "".
	SlowStack() string
}

// Later is the right to answer one request, see LaterHandler. It is a value and may be copied; the first use counts. Its
// methods may be called from any goroutine: on an event loop with the turn that was passed to the caller, else with nil.
type Later struct {
	c      *conn
	serial uint32
	took   time.Duration
	stack  string
}

// Took returns l with the word that it took d to make the answer, or its beginning. What was before that was waiting for somebody to
// make it: for the logs, the phase queue and not app.
func (l Later) Took(d time.Duration) Later {
	l.took = d
	return l
}

// Send answers with the status and header of p, which PrepareHead made, and with body, which is copied. length is the
// length that the body has been declared to have, or -1: a longer body is cut, a shorter one cuts the connection; the
// answer to HEAD says it without a body.
func (l Later) Send(t *Turn, p *PreparedHead, length int64, body []byte) {
	l.use(t, letter{Later: l, head: p, length: length, body: body})
}

// Serve has f answer on a goroutine, as Handler.Serve does.
func (l Later) Serve(t *Turn, f func(w *Response, r *Request) error) {
	l.use(t, letter{Later: l, serve: f})
}

// Drop closes the connection without an answer.
func (l Later) Drop(t *Turn) {
	l.use(t, letter{Later: l})
}

// letter is a use of a Later: one of head, with a body or a flow, serve and more, or none of them to drop the request.
type letter struct {
	Later
	head   *PreparedHead
	length int64
	body   []byte
	flow   Flow
	more   bool
	serve  func(w *Response, r *Request) error
}

// Turn is the present turn of an event loop. It is valid only during the call that it was passed to.
type Turn struct{ onTurn }
