package highball

import (
	"context"
	"net/netip"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"highball/internal/h1"
	"highball/internal/loop"
	"highball/internal/observe"
)

// A connection's story. It waits for bytes, parses heads, has requests answered, and starts over. Who tells the story
// changes in mid-sentence: as long as nothing can block, it is the event loop, by way of the methods of loop.Session
// below; it answers inline what can be, all pipelined requests with one write, at the end of its turn. The first request that cannot be answered
// inline is handed, with all that was received behind it, to a goroutine, which runs serve: it tells the same story in
// blocking style, until the client has nothing more to say at the moment; then the loop listens again. Where there is
// no event loop, serve tells all of it.
//
//	told by    waiting for       ends with
//	loop       a request         bytes: parse; idle deadline: close
//	loop       rest of a head    bytes: parse; head deadline: 408 and linger
//	loop       rest of a body    the body: hand it over; the end, a moment passed: a goroutine
//	loop       client to read    written: next request, linger or close; write deadline: abort
//	goroutine  handler           its return; handler deadline, by the loop: 504 or abort
//	goroutine  body, writing     see pace; too slow: 408 or abort
//	loop       client to leave   lingering after the last answer, if it may have sent more than was read

// The phase of an exchange as far as the handler's deadline is concerned. The deadline and the handler race for the
// right to answer; compare-and-swap decides.
const (
	phaseNone    = iota // no handler runs
	phaseOpen           // a handler runs and nothing was sent
	phaseStarted        // the handler's response has begun
	phaseExpired        // the deadline has answered by 504
	phaseCut            // the deadline has cut the response
)

const (
	// requestsPerTurn bounds what one connection gets answered before the others get their turn.
	requestsPerTurn = 64
	// drainGrace is how long a drain waits for the next request of a connection that was just accepted, or had an answer just now: it
	// may be on the way, and to close the connection would lose it.
	drainGrace = time.Second
)

// conn is a connection's protocol state. An idle one holds nothing else.
type conn struct {
	onLoop // what ties it to an event loop; zero with a goroutine per connection

	srv      *Server
	link     loop.Link
	id       uint64
	count    uint32    // of requests
	named    string    // the present request's id if it was given one; guarded by expiry for the deadline
	names    [32]byte  // what the ids of its requests begin with
	namesEnd int       // bytes of names
	x        *exchange // of the teller; nil when idle
	fate     fate
	fresh    bool // no request has begun yet

	driver  *blockingDriver // without a loop
	waiting atomic.Bool     // without a loop: for a request; a drain that takes the mark away closes the connection
	phase   atomic.Uint32
	expiry  sync.Mutex                              // held by the deadline while it answers in the handler's place: x must stay what it is
	leave   atomic.Pointer[context.CancelCauseFunc] // of the running handler's context
	report  atomic.Pointer[func()]                  // the running handler's, see Request.OnDeadline

	book   *book         // nil unless somebody wants to read it
	ending atomic.Uint32 // see ends
	killed atomic.Bool   // the request has been ended by hand
	owed   *owed         // what is told of the last answer when the client has taken it

	remote     netip.AddrPort
	told       netip.AddrPort // the client's address as a proxy has told it for the present request; guarded by expiry for the deadline
	remoteText string         // remote as net/http writes it, made on first use
	local      netip.AddrPort
}

// fate is what becomes of a connection once its output is written.
type fate uint8

const (
	fateNext   fate = iota // the next request
	fateClose              // close
	fateLinger             // linger, then close
)

// refuse answers a request whose head broke the rules. What was told of the one before it is forgotten already.
func (c *conn) refuse(x *exchange, b []byte, cause *h1.Error) {
	// What was parsed of the head is not to be trusted, and a client that failed at its first line gets an answer in
	// the form that the version it may have meant has in common with ours.
	raw := ""
	c.count++
	x.head.Reset()
	x.req.begin(&x.head, raw, x)
	x.res.begin(&x.req, x)
	x.res.closing = true
	x.sent, x.writing = 0, c.srv.writePace()
	x.head.Minor = 1
	if t := c.srv.state.tracer; t != nil {
		t.Request(c.id, c.peer(), b)
	}
	x.res.ErrorPage(cause.Status)
	_ = x.res.finish() // the connection ends in any case
	c.srv.state.log.Debug("request refused", "client", c.peer(), "status", cause.Status, "reason", cause.Reason)
	if cause.Status == 408 {
		c.ends(endSlowHead)
	}
	c.ends(endMalformed)
	c.srv.recordRefusal(c, x, b, cause.Status)
	x.head.Reset()
	x.res.header.Reset()
}

// setName makes what the ids of the connection's requests begin with.
func (c *conn) setName() {
	first := observe.RequestID{Epoch: c.srv.state.epoch, Connection: c.id}
	c.namesEnd = len(first.AppendStart(c.names[:0])) // for which there is room
}

// appendID appends the present request's id.
func (c *conn) appendID(dst []byte) []byte {
	if c.named != "" {
		return append(dst, c.named...)
	}
	return strconv.AppendUint(append(dst, c.names[:c.namesEnd]...), uint64(c.count), 10)
}

// requestID names the present request.
func (c *conn) requestID() observe.RequestID {
	return observe.RequestID{Given: c.named, Epoch: c.srv.state.epoch, Connection: c.id, Number: c.count}
}

// tell keeps what a proxy has told of the client and of the request, for the deadline.
func (c *conn) tell(client netip.AddrPort, id string) {
	c.expiry.Lock()
	defer c.expiry.Unlock()
	c.told, c.named = client, id
}

// untell forgets it, for the next request.
func (c *conn) untell() {
	if c.told.IsValid() || c.named != "" {
		c.tell(netip.AddrPort{}, "")
	}
}

// peer names the client for logs.
func (c *conn) peer() string {
	if c.remote.IsValid() {
		return c.remote.String()
	}
	return "unix"
}

// start claims the right to answer, and reports whether the handler still has it.
func (c *conn) start() bool {
	return c.phase.CompareAndSwap(phaseOpen, phaseStarted) || c.phase.Load() < phaseExpired
}

// cancel ends the running handler's context.
func (c *conn) cancel(cause error) {
	if f := c.leave.Load(); f != nil {
		(*f)(cause)
	}
}
