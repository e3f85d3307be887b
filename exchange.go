package highball

import (
	"context"
	"errors"
	"io"
	"os"
	"time"

	"highball/internal/h1"
	"highball/internal/loop"
	"highball/internal/observe"
)

const (
	inputSize = 4 << 10   // a received message's first buffer
	keepSize  = 64 << 10  // buffers that have grown beyond it are not kept for the next exchange
	joinSize  = 16 << 10  // bytes up to which a body is copied behind its head rather than written by itself
	seenSize  = 1 << 10   // bytes of a body that records tell, where they do
	inlineMax = 256 << 10 // bytes of inline answers that are gathered before a loop writes
)

// exchange is a request and its response on an HTTP/1 connection, with their buffers. A connection has one only while
// bytes of a request are there, or while one is being answered; in between it goes back to the pool.
type exchange struct {
	conn *conn
	link loop.Link // nil while the exchange is answered inline
	head h1.Head
	req  Request
	res  Response

	in       []byte // received; the bytes before used are done with
	off      int
	behind   int    // bytes of the body that stand behind the head, of a request that a loop has read whole
	here     given  // these, while ServeLater may read them
	gathered int    // bytes of the body that an Arriving has got
	out      []byte // to be sent, before anything else

	rest     fileRest   // of an inline answer
	framing  h1.Framing // of the response
	begun    int64      // when the head was complete, on the server's clock
	timing   stopwatch  // runs where somebody wants to know
	sent     int64      // bytes of the response's body that were handed to the system
	reading  pace
	writing  pace
	readBy   dueTime // of the handler's, in place of a pace
	writeBy  dueTime
	flowing  bool            // the answer leaves piece by piece, though on a loop
	seen     []byte          // the head and the first bytes of the body that were sent, where records are to tell them
	seenBody int             // bytes of the body among them
	expected bool            // "100 Continue" was sent
	ctx      context.Context // the handler's, nil until asked for
}

// pace is how much patience is left with a client in one direction: a grace, and more for what it has moved.
type pace struct {
	grace  time.Duration // 0 or less: endless patience
	rate   int64         // bytes per second
	waited time.Duration
	moved  int64
}

// patience returns how long to wait for the next byte; 0 is for ever.
func (p *pace) patience() time.Duration {
	if p.grace <= 0 {
		return 0
	}
	return max(1, p.grace+time.Duration(float64(p.moved)/float64(p.rate)*float64(time.Second))-p.waited)
}

// enter begins a phase of the request, if these are measured, and returns the one before.
func (x *exchange) enter(p observe.Phase) observe.Phase {
	if !x.timing.running() {
		return p
	}
	return x.timing.enter(p, x.conn.srv.now())
}

// buffered implements source.
func (x *exchange) buffered() []byte { return x.in[x.off:] }

// consume implements source.
func (x *exchange) consume(n int) {
	if x.off += n; x.off == len(x.in) {
		x.in, x.off = x.in[:0], 0
	}
}

// room returns free space behind the buffered bytes.
func (x *exchange) room() []byte {
	if x.off > 0 {
		x.in, x.off = x.in[:copy(x.in, x.in[x.off:])], 0
	}
	if len(x.in) == cap(x.in) {
		grown := make([]byte, len(x.in), max(inputSize, 2*cap(x.in)))
		copy(grown, x.in)
		x.in = grown
	}
	return x.in[len(x.in):cap(x.in)]
}

// receive appends bytes that a loop has read.
func (x *exchange) receive(b []byte) {
	if need := len(x.buffered()) + len(b); need > cap(x.in) {
		x.in, x.off = append(make([]byte, 0, max(inputSize, need)), x.buffered()...), 0
	} else if x.off > 0 {
		x.in, x.off = x.in[:copy(x.in, x.in[x.off:])], 0
	}
	x.in = append(x.in, b...)
}

// fill implements source.
func (x *exchange) fill() error {
	n, err := x.read(x.room())
	x.in = x.in[:len(x.in)+n]
	return err
}

// read implements source.
func (x *exchange) read(p []byte) (int, error) {
	was := x.enter(observe.Body)
	if err := x.invite(); err != nil {
		return 0, err
	}
	n, waited, err := x.link.Read(p, x.readBy.patience(&x.reading))
	x.enter(was)
	x.reading.moved += int64(n)
	x.reading.waited += waited
	if err != nil && n == 0 {
		return 0, x.reason(err, 408)
	}
	return n, nil
}

// invite sends "100 Continue" to a client that waits for it, before the first read that waits for the client.
func (x *exchange) invite() error {
	if !x.head.Expect100 || x.expected || x.res.Started() {
		return nil
	}
	x.expected = true
	return x.transmit([]byte("HTTP/1.1 100 Continue\r\n\r\n"), nil)
}

// reason names what ended a wait for the client; status answers a client that is too slow.
func (x *exchange) reason(err error, status int) error {
	switch {
	case x.conn.phase.Load() >= phaseExpired:
		return ErrHandlerDeadline
	case err == loop.ErrPatience:
		return &Error{status, ErrSlowClient}
	case err == io.EOF:
		return err
	}
	return ErrClientLeft
}

// send writes what stands in x.out, then p.
func (x *exchange) send(p []byte) error {
	if x.link == nil {
		x.out = append(x.out, p...)
		return nil
	}
	if !x.conn.start() {
		return ErrHandlerDeadline
	}
	out := x.out
	x.out = x.out[:0]
	return x.transmit(out, p)
}

// sendBefore writes what stands in x.out, with more to follow at once.
func (x *exchange) sendBefore() error {
	if !x.conn.start() {
		return ErrHandlerDeadline
	}
	if len(x.out) == 0 {
		return nil
	}
	was := x.enter(observe.Send)
	defer func() { x.enter(was) }()
	for rest := x.out; len(rest) > 0; {
		n, waited, err := x.link.WriteMore(rest, x.writeBy.patience(&x.writing))
		x.writing.moved += int64(n)
		x.writing.waited += waited
		rest = rest[n:]
		if err != nil {
			return x.reason(err, 408)
		}
	}
	x.out = x.out[:0]
	return nil
}

// transmit writes a, then b, in as few writes as the client allows.
func (x *exchange) transmit(a, b []byte) error {
	if len(a)+len(b) == 0 {
		return nil
	}
	was := x.enter(observe.Send)
	defer func() { x.enter(was) }() // not between two writes: the client may have begun to take its time
	for len(a)+len(b) > 0 {
		n, waited, err := x.link.Write(a, b, x.writeBy.patience(&x.writing))
		x.writing.moved += int64(n)
		x.writing.waited += waited
		if n < len(a) {
			a = a[n:]
		} else {
			a, b = nil, b[n-len(a):]
		}
		if err != nil {
			return x.reason(err, 408)
		}
	}
	return nil
}

// begin implements wire: it composes the head and chooses the framing.
func (x *exchange) begin(w *Response, complete bool) error {
	if x.link != nil {
		x.enter(observe.Stream)
	}
	head := &x.head
	noBody := w.headOnly() || bodyless(w.status)
	length := w.wireLength(complete)
	switch {
	case noBody:
		x.framing = h1.NoBody
	case length >= 0:
		x.framing = h1.Length
	case head.Minor == 0:
		x.framing = h1.UntilClose
		w.closing = true
	default:
		x.framing = h1.ChunkedBody
	}
	x.decideClose(w)
	start := len(x.out)
	out := h1.AppendStatusLine(x.out, w.status)
	out = x.conn.srv.appendStamp(out, x.conn.now(x), &w.header)
	for i := range w.header.fields {
		f := &w.header.fields[i]
		if !framingField(f.Name) && !sameName(f.Name, "Content-Length") && !withheld(f) {
			out = h1.AppendField(out, f.Name, f.Value)
		}
	}
	if length >= 0 && !bodyless(w.status) {
		out = h1.AppendFieldInt(out, "Content-Length", length)
	}
	if x.framing == h1.ChunkedBody {
		out = append(out, chunkedField...)
		for names := range w.header.Values("Trailer") {
			out = h1.AppendField(out, "Trailer", names)
		}
	}
	if x.conn.srv.RequestIDs && !w.header.Has(requestIDField) {
		out = x.appendIDField(out)
	}
	if (w.status == 101 || w.status == 426) && w.header.Has("Upgrade") {
		out = h1.AppendField(out, "Upgrade", w.header.Value("Upgrade"))
		out = h1.AppendField(out, "Connection", "Upgrade")
	}
	x.out = x.appendEnd(out, w)
	x.see(start)
	return nil
}

// chunkedField is the field of a head whose body comes in chunks.
const chunkedField = "Transfer-Encoding: chunked\r\n"

// requestIDField is where a request's id stands, in either direction.
const requestIDField = "X-Request-ID"

// appendIDField appends the field that says the request's id.
func (x *exchange) appendIDField(out []byte) []byte {
	out = append(out, requestIDField+": "...)
	out = x.conn.appendID(out)
	return append(out, "\r\n"...)
}

// appendEnd closes a head: with what it says of the phases and the connection, and the empty line.
func (x *exchange) appendEnd(out []byte, w *Response) []byte {
	if x.req.edits.timed && x.timing.running() {
		out = x.timing.appendServerTiming(out, x.conn.srv.now())
	}
	switch {
	case w.closing:
		out = append(out, "Connection: close\r\n"...)
	case x.head.KeepAlive:
		out = append(out, "Connection: keep-alive\r\n"...)
	}
	out = append(out, "\r\n"...)
	if t := x.conn.srv.state.tracer; t != nil {
		t.Response(x.conn.id, x.conn.peer(), out[len(x.out):])
	}
	return out
}

// decideClose settles whether the connection ends with this response.
func (x *exchange) decideClose(w *Response) {
	switch {
	case x.head.Close:
		x.conn.ends(endByRequest)
		w.closing = true
	case x.conn.srv.state.draining.Load():
		x.conn.ends(endDrain)
		w.closing = true
	case hasToken(w.header.Values("Connection"), "close"):
		w.closing = true
	}
	if x.head.Framing == h1.NoBody {
		return
	}
	if err := x.req.body.err; err != nil && err != io.EOF {
		w.closing = true // where the body ends will never be known
	}
	// A client that still waits for "100 Continue" may or may not send the body: nobody could tell where it ends.
	if x.head.Expect100 && !x.expected && !x.req.body.complete() && len(x.buffered()) == 0 {
		w.closing = true
	}
}

// prepared implements wire.
func (x *exchange) prepared(w *Response, p *Prepared) error {
	if x.link != nil {
		x.enter(observe.Stream)
	}
	x.decideClose(w)
	start := len(x.out)
	out := append(x.out, p.line...)
	out = x.conn.srv.appendStamp(out, x.conn.now(x), nil)
	out = append(out, p.fields...)
	if x.conn.srv.RequestIDs && !p.named {
		out = x.appendIDField(out)
	}
	x.out = x.appendEnd(out, w)
	x.see(start)
	x.framing = h1.Length
	return nil
}

// preparedHead is prepared for a head whose body follows in that framing, of the given length; less is none that is known.
func (x *exchange) preparedHead(w *Response, p *PreparedHead, framing h1.Framing, length int64) {
	x.decideClose(w)
	out := append(x.out, p.line...)
	out = x.conn.srv.appendStamp(out, x.conn.now(x), nil)
	out = append(out, p.fields...)
	if length >= 0 && !bodyless(p.status) {
		out = h1.AppendFieldInt(out, "Content-Length", length)
	}
	if framing == h1.ChunkedBody {
		out = append(out, chunkedField...)
	}
	if x.conn.srv.RequestIDs && !p.named {
		out = x.appendIDField(out)
	}
	x.out = x.appendEnd(out, w)
	x.framing = framing
}

// data implements wire.
func (x *exchange) data(p []byte) error {
	x.sent += int64(len(p))
	x.traceBody(p)
	x.seeBody(p)
	if x.framing == h1.ChunkedBody {
		x.out = h1.AppendChunkSize(x.out, len(p))
		if len(p) > joinSize && x.link != nil {
			if err := x.send(p); err != nil {
				return err
			}
			x.out = append(x.out, "\r\n"...)
			return nil
		}
		x.out = append(append(x.out, p...), "\r\n"...)
	} else if len(p) > joinSize && x.link != nil {
		return x.send(p)
	} else {
		x.out = append(x.out, p...)
	}
	if len(x.out) > joinSize {
		return x.send(nil)
	}
	return nil
}

// given is the source of a body of which all bytes are there.
type given struct{ rest []byte }

func (g *given) buffered() []byte         { return g.rest }
func (g *given) consume(n int)            { g.rest = g.rest[n:] }
func (g *given) fill() error              { return io.EOF }
func (g *given) read([]byte) (int, error) { return 0, io.EOF }

// tookBody notes that b, which the body of the request begins with or all of it, has been read.
func (x *exchange) tookBody(b []byte) {
	body := &x.req.body
	body.skip(int64(len(b)))
	if x.conn.srv.state.capture {
		if cap(body.seen) == 0 {
			body.seen = make([]byte, 0, seenSize)
		}
		body.seen = append(body.seen[:0], b[:min(len(b), seenSize)]...)
	}
}

// beginSeeing makes room for what records are to tell of the wire.
func (x *exchange) beginSeeing() {
	if !x.conn.srv.state.capture {
		return
	}
	x.seen, x.seenBody = x.seen[:0], 0
	switch b := &x.req.body; {
	case b.err == nil && cap(b.seen) == 0:
		b.seen = make([]byte, 0, seenSize)
	case x.gathered == 0:
		b.seen = b.seen[:0]
	}
}

// see keeps the head that begins at start in x.out, for a record. Of what is answered on a loop at once, x.out has it all until that record is made.
func (x *exchange) see(start int) {
	if x.conn.srv.state.capture && (x.link != nil || x.flowing) {
		x.seen = append(x.seen[:0], x.out[start:]...)
		x.seenBody = 0
	}
}

// seesBody reports whether more of the body is to be kept.
func (x *exchange) seesBody() bool {
	return x.conn.srv.state.capture && (x.link != nil || x.flowing) && x.seenBody < seenSize
}

// seeBody keeps the first bytes of the body, in their chunk if they are sent in one.
func (x *exchange) seeBody(p []byte) {
	if !x.seesBody() {
		return
	}
	chunked := x.framing == h1.ChunkedBody && len(p) > 0
	if chunked {
		x.seen = h1.AppendChunkSize(x.seen, len(p))
	}
	p = p[:min(len(p), seenSize-x.seenBody)]
	x.seen, x.seenBody = append(x.seen, p...), x.seenBody+len(p)
	if chunked {
		x.seen = append(x.seen, "\r\n"...)
	}
}

// seeFile is seeBody for n bytes of a file from offset.
func (x *exchange) seeFile(f *os.File, offset, n int64) {
	if !x.seesBody() {
		return
	}
	p := make([]byte, min(n, int64(seenSize-x.seenBody)))
	read, _ := f.ReadAt(p, offset) // what cannot be read cannot be sent
	x.seeBody(p[:read])
}

func (x *exchange) traceBody(p []byte) {
	if t := x.conn.srv.state.tracer; t != nil && len(p) > 0 {
		t.ResponseBody(x.conn.id, x.conn.peer(), p, int64(len(p)))
	}
}

// file implements wire.
func (x *exchange) file(f *os.File, offset, n int64) error {
	if x.link == nil {
		return errors.New("highball: a file cannot be sent from ServeInline, since that may block")
	}
	if x.framing == h1.ChunkedBody {
		x.out = h1.AppendChunkSize(x.out, int(n))
	}
	if err := x.sendBefore(); err != nil {
		return err
	}
	x.seeFile(f, offset, n)
	for n > 0 {
		was := x.enter(observe.Send)
		before := x.timing.spans[observe.Send]
		moved, waited, err := x.link.SendFile(f, offset, n, x.writeBy.patience(&x.writing))
		x.enter(was)
		x.timing.readFor(x.timing.spans[observe.Send] - before - waited)
		x.writing.moved += moved
		x.writing.waited += waited
		x.sent += moved
		offset += moved
		n -= moved
		switch {
		case err == io.ErrUnexpectedEOF:
			return err
		case err != nil:
			return x.reason(err, 408)
		}
	}
	if x.framing == h1.ChunkedBody {
		x.out = append(x.out, "\r\n"...)
	}
	return nil
}

// flush implements wire.
func (x *exchange) flush() error {
	if len(x.out) == 0 {
		return nil
	}
	return x.send(nil)
}

// end implements wire.
func (x *exchange) end(w *Response) error {
	if x.framing == h1.ChunkedBody {
		if err := checkFields(&w.trailer); err != nil {
			return err
		}
		x.out = h1.AppendTrailerStart(x.out)
		for i := range w.trailer.fields {
			if f := &w.trailer.fields[i]; !framingField(f.Name) && !sameName(f.Name, "Content-Length") {
				x.out = h1.AppendField(x.out, f.Name, f.Value)
			}
		}
		x.out = h1.AppendEnd(x.out)
	}
	return x.flush()
}

// informational implements wire.
func (x *exchange) informational(status int, h *Header) error {
	out := h1.AppendStatusLine(x.out, status)
	for i := range h.fields {
		out = h1.AppendField(out, h.fields[i].Name, h.fields[i].Value)
	}
	x.out = h1.AppendEnd(out)
	if x.link == nil {
		return nil
	}
	out, x.out = x.out, x.out[:0]
	return x.transmit(out, nil)
}

// reset makes x ready for the pool.
func (x *exchange) reset() {
	x.head.Reset()
	x.req.end()
	x.res.clear()
	x.conn, x.link = nil, nil
	x.timing.mark.Store(0)
	x.off, x.behind, x.gathered, x.here.rest = 0, 0, 0, nil
	x.in = kept(x.in)
	x.out = kept(x.out)
	x.res.buf = kept(x.res.buf)
	x.seen = kept(x.seen)
}

// kept returns an empty buffer, p's own unless it has grown large.
func kept(p []byte) []byte {
	if cap(p) > keepSize {
		return nil
	}
	return p[:0]
}
