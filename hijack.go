package highball

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net"
	"slices"
)

// Hijack takes the connection from the server, for a protocol other than HTTP; the handler closes it. The reader begins
// with the bytes that were received behind the head. What was written of the response leaves first, if its head has left
// already; else nothing is sent. After Hijack the server knows neither limits nor deadlines for the connection and does not
// wait for it in Shutdown; Response and the request's body answer with ErrHijacked.
func (w *Response) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	switch {
	case w.err != nil:
		return nil, nil, w.err
	case w.stage == finished:
		return nil, nil, errors.New("highball: Hijack after the end of the response")
	case w.stage == streaming:
		if err := w.Flush(); err != nil {
			return nil, nil, err
		}
	}
	nc, received, err := w.wire.hijack()
	if err != nil {
		return nil, nil, err
	}
	w.stage, w.err = hijacked, ErrHijacked
	w.req.body.err = ErrHijacked
	return nc, bufio.NewReadWriter(readerBehind(received, nc), bufio.NewWriter(nc)), nil
}

// readerBehind returns a reader of nc that has buffered what was received before.
func readerBehind(received []byte, nc net.Conn) *bufio.Reader {
	if len(received) == 0 {
		return bufio.NewReader(nc)
	}
	r := bufio.NewReaderSize(io.MultiReader(bytes.NewReader(received), nc), max(4<<10, len(received)))
	_, _ = r.Peek(len(received)) // it comes from memory
	return r
}

// hijack implements wire. What remains of the exchange goes to a conn of its own, since the one it had is the next
// client's as soon as its link is released.
func (x *exchange) hijack() (net.Conn, []byte, error) {
	if x.link == nil {
		return nil, nil, errors.New("highball: an inline answer cannot hijack")
	}
	if err := x.flush(); err != nil {
		return nil, nil, err
	}
	c, phase := x.conn, x.conn.phase.Load()
	if !c.settleAlone() {
		return nil, nil, ErrHandlerDeadline
	}
	c.ends(endHijacked)
	own := &conn{srv: c.srv, id: c.id, count: c.count, named: c.named, x: x, remote: c.remote, local: c.localAddr()}
	own.setName()
	leave, driver := c.leave.Swap(nil), c.driver
	own.leave.Store(leave)
	c.x = nil
	nc, ahead, err := c.link.Release()
	if err != nil {
		c.x = x
		c.leave.Store(leave)
		c.ending.Store(uint32(endUnknown))
		c.phase.Store(phase)
		return nil, nil, err
	}
	if driver != nil {
		driver.remove(c)
	}
	received := append(slices.Clone(x.buffered()), ahead...)
	x.conn, x.link = own, nil
	x.consume(len(x.buffered()))
	return nc, received, nil
}
