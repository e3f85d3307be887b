package highball

import (
	"fmt"
	"io"
	"net"
	"os"
	"strconv"

	"highball/internal/h1"
)

// bufferSize is how much of a body a Response gathers before it sends: a body that fits leaves with its head in one
// write, and with a Content-Length.
const bufferSize = 8 << 10

// Response is the answer to one request, written by its handler. The status is 200 and the header empty at first; both
// leave with the first bytes of the body: when more than some KiB were written, on Flush, or when the handler returns.
//
// How the end of the body is marked is decided then: by Content-Length if the handler has declared one or has finished,
// else by chunks, and for HTTP/1.0 by closing the connection. Where no body is permitted (HEAD, 204, 304) none is sent.
//
// Writes wait for the client. A Response is for the handler's goroutine alone.
type Response struct {
	req      *Request
	wire     wire
	header   Header
	trailer  Header
	buf      []byte // body bytes that wire has not got
	spare    []byte // in place of buf while that is encoded
	status   int
	stage    stage
	closing  bool  // the connection ends with this response
	length   int64 // declared, or -1
	accepted int64 // bytes of body taken from the handler
	err      error // why nothing more can be written

	encoding      Encoding // of the body; nil while it is sent as it is
	encodes       bool     // the length of what is sent is encodedLength
	encodedLength int64    // or -1
}

// stage is how far a response has come.
type stage uint8

const (
	gathering stage = iota // nothing but the buffer is filled
	streaming              // the head has left, or stands before the body on its way
	finished               // the end has left
	hijacked               // the connection belongs to the handler
)

// wire takes a response's parts, after its rules were applied, to where the client is.
type wire interface {
	// begin takes the head. complete tells that the body is w.buf and no more.
	begin(w *Response, complete bool) error
	// data takes bytes of the body, which it does not keep.
	data(p []byte) error
	// file takes bytes of the body from a file.
	file(f *os.File, offset, n int64) error
	// flush has everything sent that was taken.
	flush() error
	// end marks the end of the body and flushes. It is called once.
	end(w *Response) error
	// prepared takes the head of p in place of begin.
	prepared(w *Response, p *Prepared) error
	// informational sends an interim response.
	informational(status int, h *Header) error
	// hijack takes the connection from the server, with the bytes that were received and not read.
	hijack() (net.Conn, []byte, error)
}

// begin makes w the answer to r.
func (w *Response) begin(r *Request, out wire) {
	w.req, w.wire = r, out
	w.status, w.stage, w.length, w.accepted, w.err, w.closing = 200, gathering, -1, 0, nil, false
	w.buf = w.buf[:0]
	w.trailer.Reset()
	w.endEncoding()
	w.encodes = false
}

// clear drops what w refers to.
func (w *Response) clear() {
	w.header.Reset()
	w.trailer.Reset()
	w.endEncoding()
	w.req, w.wire, w.err = nil, nil, nil
}

// Header returns the header fields to be sent, for changing them until they are sent. Date and Server are added if
// missing; one of them that is there with an empty value is not sent at all. "Connection: close" ends the connection after this response; the other fields that frame a message or speak
// of the connection are dropped, since they are the server's to set.
func (w *Response) Header() *Header { return &w.header }

// Trailer returns the fields to be sent after a chunked body, for changing them until the handler returns. They are
// sent when the response is chunked: it is to an HTTP/1.1 client unless its length is declared, or known for want of
// trailer fields when its first bytes are sent. A field named Trailer in Header announces them.
func (w *Response) Trailer() *Header { return &w.trailer }

// SetStatus sets the status code, 200 to 599; or 101, before Hijack.
func (w *Response) SetStatus(code int) { w.status = code }

// Status returns the status code.
func (w *Response) Status() int { return w.status }

// SetContentLength declares the length of the body in bytes. A longer body is cut with ErrContentLength; a shorter one
// ends the connection, so that the client sees it is not complete.
func (w *Response) SetContentLength(n int64) { w.length = n }

// CloseAfter has the connection closed after this response.
func (w *Response) CloseAfter() { w.closing = true }

// Started reports whether the head has left: it is then too late for another status.
func (w *Response) Started() bool { return w.stage != gathering }

// Write writes a part of the body.
func (w *Response) Write(p []byte) (int, error) {
	take, err := w.accept(int64(len(p)))
	if take == 0 || w.headOnly() {
		return int(take), err
	}
	p = p[:take]
	if len(w.buf)+len(p) <= bufferSize {
		w.buf = append(w.buf, p...)
		return len(p), err
	}
	if sendErr := w.send(p); sendErr != nil {
		return 0, sendErr
	}
	return len(p), err
}

// WriteString writes a part of the body.
func (w *Response) WriteString(s string) (int, error) {
	take, err := w.accept(int64(len(s)))
	if take == 0 || w.headOnly() {
		return int(take), err
	}
	if len(w.buf)+int(take) <= bufferSize {
		w.buf = append(w.buf, s[:take]...)
		return int(take), err
	}
	if sendErr := w.send([]byte(s[:take])); sendErr != nil {
		return 0, sendErr
	}
	return int(take), err
}

// ReadFrom copies src into the body until its end. It implements io.ReaderFrom.
func (w *Response) ReadFrom(src io.Reader) (int64, error) {
	type onlyWriter struct{ io.Writer }
	return io.CopyBuffer(onlyWriter{w}, src, make([]byte, 32<<10))
}

// SendFile writes n bytes of f at offset to the body, without copying them through the program where the system can do
// so. It fails with io.ErrUnexpectedEOF, and the connection is cut, when f turns out shorter. The caller closes f.
func (w *Response) SendFile(f *os.File, offset, n int64) error {
	take, err := w.accept(n)
	if take == 0 || w.headOnly() {
		return err
	}
	if sendErr := w.send(nil); sendErr != nil {
		return sendErr
	}
	if sendErr := w.file(f, offset, take); sendErr != nil {
		return sendErr
	}
	return err
}

// Flush sends what was written so far, the head first.
func (w *Response) Flush() error {
	if w.err != nil {
		return w.err
	}
	if err := w.send(nil); err != nil {
		return err
	}
	if w.encoding != nil {
		if err := w.fail(w.encoding.Flush()); err != nil {
			return err
		}
	}
	return w.fail(w.wire.flush())
}

// Send sends p as the whole response. Status and header set before are dropped.
func (w *Response) Send(p *Prepared) error {
	if w.req.edits.editing() {
		return w.sendEdited(p, nil, 0)
	}
	if err := w.sendHead(p, int64(len(p.body))); err != nil {
		return err
	}
	if len(p.body) > 0 && !w.headOnly() {
		if err := w.fail(w.wire.data(p.body)); err != nil {
			return err
		}
	}
	return w.fail(w.wire.flush())
}

// SendFileAs sends p, which was prepared with a Content-Length and no body, as the whole response, with a body of that
// length from f at offset; otherwise it is like SendFile and Send. It spares a handler that sends the same files again and
// again the formatting of their heads.
func (w *Response) SendFileAs(p *Prepared, f *os.File, offset int64) error {
	if w.req.edits.editing() {
		return w.sendEdited(p, f, offset)
	}
	if err := w.sendHead(p, p.length); err != nil {
		return err
	}
	if p.length > 0 && !w.headOnly() {
		if err := w.fail(w.wire.file(f, offset, p.length)); err != nil {
			return err
		}
	}
	return w.fail(w.wire.flush())
}

// sendEdited sends p by the long way, with its body, or from f where there is a file.
func (w *Response) sendEdited(p *Prepared, f *os.File, offset int64) error {
	if err := w.mayStart(); err != nil {
		return err
	}
	w.unfold(p.status, p.fields)
	w.header.Del("Content-Length")
	w.buf, w.accepted, w.length = w.buf[:0], 0, -1
	if !bodyless(p.status) {
		w.length = max(p.length, int64(len(p.body)))
	}
	var err error
	switch {
	case f != nil && p.length > 0:
		err = w.SendFile(f, offset, p.length)
	case len(p.body) > 0:
		_, err = w.Write(p.body)
	}
	if err != nil {
		return err
	}
	return w.finish()
}

// mayStart returns why a whole response cannot be sent any more.
func (w *Response) mayStart() error {
	if w.err != nil {
		return w.err
	}
	if w.stage != gathering {
		return fmt.Errorf("highball: Send after the response has begun")
	}
	return nil
}

// sendHead hands the head of p to the wire.
func (w *Response) sendHead(p *Prepared, length int64) error {
	if err := w.mayStart(); err != nil {
		return err
	}
	w.buf = w.buf[:0]
	w.status, w.stage, w.accepted = p.status, finished, length
	return w.fail(w.wire.prepared(w, p))
}

// Informational sends an interim response: 103 (Early Hints) or another status from 102 to 199, with the fields of h.
// HTTP/1.0 clients get none (RFC 9110, section 15.2).
func (w *Response) Informational(status int, h *Header) error {
	if status < 102 || status > 199 {
		return fmt.Errorf("highball: %d is no informational status for handlers", status)
	}
	if w.err != nil || w.stage != gathering || w.req.head.Minor == 0 {
		return w.err
	}
	if err := checkFields(h); err != nil {
		return err
	}
	return w.fail(w.wire.informational(status, h))
}

// Redirect answers with a redirect to location, a valid URI reference, and a short page that links to it.
func (w *Response) Redirect(status int, location string) {
	w.header.Set("Location", location)
	w.page(status)
}

// ErrorPage answers with the server's page for status. Fields that were set stay, but for those of a body.
func (w *Response) ErrorPage(status int) {
	for _, name := range [...]string{"Content-Length", "Content-Encoding", "Content-Range", "ETag", "Last-Modified", "Cache-Control"} {
		w.header.Del(name)
	}
	w.page(status)
}

func (w *Response) page(status int) {
	w.SetStatus(status)
	w.header.Set("Content-Type", "text/html; charset=utf-8")
	w.header.Set("X-Content-Type-Options", "nosniff")
	w.buf, w.accepted, w.length = w.buf[:0], 0, -1
	w.WriteString(pageText(status))
}

// pageText is the page that stands for a status without content of its own.
func pageText(status int) string {
	title := strconv.Itoa(status) + " " + h1.StatusText(status)
	return `<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">` +
		"<title>" + title + "</title><h1>" + title + "</h1></html>\n"
}

// accept says how much of n more bytes of body the response takes, and the error for the rest.
func (w *Response) accept(n int64) (int64, error) {
	switch {
	case w.err != nil:
		return 0, w.err
	case n == 0:
		return 0, nil
	case bodyless(w.status):
		return 0, ErrBodyNotAllowed
	case w.stage == finished:
		return 0, fmt.Errorf("highball: write after the end of the response")
	}
	if w.stage == gathering && w.accepted == 0 {
		if err := w.readLength(); err != nil {
			return 0, err
		}
	}
	var err error
	if w.length >= 0 && n > w.length-w.accepted {
		n, err = w.length-w.accepted, ErrContentLength
	}
	w.accepted += n
	return n, err
}

// readLength takes a Content-Length that the handler has put into the header.
func (w *Response) readLength() error {
	if w.length >= 0 || !w.header.Has("Content-Length") {
		return nil
	}
	n, err := strconv.ParseUint(w.header.Value("Content-Length"), 10, 63)
	if err != nil {
		return w.fail(fmt.Errorf("highball: the handler's Content-Length %q is no length", w.header.Value("Content-Length")))
	}
	w.length = int64(n)
	return nil
}

// headOnly reports whether the body is taken but not sent.
func (w *Response) headOnly() bool { return w.req.head.Known == h1.MethodHead }

// send hands the head, the buffer and p to the wire.
func (w *Response) send(p []byte) error {
	if w.err != nil {
		return w.err
	}
	if w.stage == gathering {
		if err := w.commit(false); err != nil {
			return err
		}
	}
	if len(w.buf) > 0 && !w.headOnly() {
		if len(w.buf)+len(p) <= cap(w.buf) {
			w.buf = append(w.buf, p...)
			p = nil
		}
		if err := w.data(w.buf); err != nil {
			return err
		}
		w.buf = w.buf[:0]
	}
	if len(p) > 0 {
		return w.data(p)
	}
	return nil
}

// commit checks the head and hands it to the wire.
func (w *Response) commit(complete bool) error {
	if err := w.readLength(); err != nil {
		return err
	}
	if w.status < 200 && w.status != 101 || w.status > 599 {
		return w.fail(fmt.Errorf("highball: the handler's status %d is not one of a final response", w.status))
	}
	if w.req.edits.editing() {
		if err := w.edit(complete); err != nil {
			return w.fail(err)
		}
	}
	if err := checkFields(&w.header); err != nil {
		return w.fail(err)
	}
	w.stage = streaming
	return w.fail(w.wire.begin(w, complete))
}

// finish ends the response after the handler has returned without an error.
func (w *Response) finish() error {
	if w.err != nil || w.stage == finished || w.stage == hijacked {
		return w.err
	}
	if w.stage == gathering {
		if err := w.commit(w.trailer.Len() == 0); err != nil {
			return err
		}
	}
	if len(w.buf) > 0 && !w.headOnly() {
		if err := w.data(w.buf); err != nil {
			return err
		}
	}
	if w.length >= 0 && w.accepted < w.length && !w.headOnly() && !bodyless(w.status) {
		return w.fail(fmt.Errorf("highball: the handler wrote %d of %d declared bytes", w.accepted, w.length))
	}
	if w.encoding != nil {
		if err := w.fail(w.encoding.Close()); err != nil {
			return err
		}
		w.endEncoding()
	}
	w.stage = finished
	return w.fail(w.wire.end(w))
}

// fail notes err, if there is one, as the end of all writing.
func (w *Response) fail(err error) error {
	if err != nil && w.err == nil {
		w.err = err
	}
	return w.err
}

// restart makes w empty again for an error page; nothing has left yet.
func (w *Response) restart() {
	w.header.Reset()
	w.trailer.Reset()
	w.begin(w.req, w.wire)
}

// checkFields refuses fields that would break the message or smuggle another one in.
func checkFields(h *Header) error {
	for i := range h.fields {
		f := &h.fields[i]
		if !h1.ValidFieldName(f.Name) || !h1.ValidFieldValue(f.Value) {
			return fmt.Errorf("highball: the handler set an invalid field %q: %q", f.Name, f.Value)
		}
	}
	return nil
}
