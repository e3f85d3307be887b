package highball

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"slices"
	"time"
)

// What an http.ResponseWriter can do besides writing, by itself or by way of http.ResponseController.
var (
	_ http.Flusher    = (*httpWriter)(nil)
	_ http.Hijacker   = (*httpWriter)(nil)
	_ io.ReaderFrom   = (*httpWriter)(nil)
	_ io.StringWriter = (*httpWriter)(nil)
)

// Hijack implements http.Hijacker.
func (e *httpWriter) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	if body := e.guest.body; body != nil {
		if !body.mu.TryLock() {
			return nil, nil, errors.New("highball: Hijack while the request's body is read")
		}
		defer body.mu.Unlock()
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if err := e.usable(); err != nil {
		return nil, nil, err
	}
	if e.begun {
		e.sniff(nil)
		if err := e.response.send(nil); err != nil {
			return nil, nil, httpError(err)
		}
	}
	e.guest.context.mu.Lock() // it must not look for the connection now
	defer e.guest.context.mu.Unlock()
	return e.response.Hijack()
}

// EnableFullDuplex is for http.ResponseController. It has nothing to do.
func (e *httpWriter) EnableFullDuplex() error { return nil }

// SetReadDeadline is for http.ResponseController.
func (e *httpWriter) SetReadDeadline(t time.Time) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	switch {
	case e.usable() != nil:
		return e.usable()
	case e.exchange == nil:
		return http.ErrNotSupported
	}
	e.exchange.readBy.set(t)
	return nil
}

// SetWriteDeadline is for http.ResponseController. A handler that is given more time for writing is given it for
// working, too: net/http knows no other deadline for that.
func (e *httpWriter) SetWriteDeadline(t time.Time) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	switch {
	case e.usable() != nil:
		return e.usable()
	case e.exchange == nil:
		return http.ErrNotSupported
	}
	x := e.exchange
	x.writeBy.set(t)
	if t.IsZero() {
		x.extendDeadline(-1)
	} else if given := x.conn.srv.settings().deadlines.Handler; given > 0 && time.Until(t) > given-time.Duration(x.conn.srv.now()-x.begun) {
		x.extendDeadline(time.Until(t))
	}
	return nil
}

// ReadFrom implements io.ReaderFrom. Files, and parts of files as io.CopyN makes them, go by sendfile: those of
// http.FileServer and http.ServeContent.
func (e *httpWriter) ReadFrom(src io.Reader) (int64, error) {
	if n, err, done := e.sendFile(src); done {
		return n, err
	}
	return io.Copy(struct{ io.Writer }{e}, src) // src may be the request's body: no lock is held while it is read
}

// sendFile sends what is left of a file, and reports whether src is one that can be sent.
func (e *httpWriter) sendFile(src io.Reader) (n int64, err error, done bool) {
	limited, _ := src.(*io.LimitedReader)
	if limited != nil {
		src = limited.R
	}
	f, ok := src.(*os.File)
	if !ok {
		return 0, nil, false
	}
	info, err := f.Stat()
	if err != nil || !info.Mode().IsRegular() {
		return 0, nil, false
	}
	offset, err := f.Seek(0, io.SeekCurrent)
	if err != nil {
		return 0, nil, false
	}
	n = info.Size() - offset
	if limited != nil {
		n = min(n, limited.N)
	}
	if n <= 0 {
		return 0, nil, false // some files have no size, and yet content
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.admit(n) != nil {
		return 0, nil, false // the first write meets the error, after what can be written
	}
	if err := e.copyFile(f, offset, n); err != nil {
		return 0, httpError(err), true
	}
	if _, err := f.Seek(offset+n, io.SeekStart); err != nil {
		return n, err, true
	}
	if limited != nil {
		limited.N -= n
	}
	return n, nil, true
}

// copyFile writes n bytes of f: through the buffer what fits, so that head and body leave with one write.
func (e *httpWriter) copyFile(f *os.File, offset, n int64) error {
	w := e.response
	if e.sniffing && e.leaves(int(min(n, bufferSize+1))) {
		var first [sniffLength]byte
		got, err := f.ReadAt(first[:min(n, sniffLength)], offset)
		if err != nil && err != io.EOF {
			return err
		}
		e.sniff(first[:got])
	}
	have := len(w.buf)
	if w.headOnly() || n > int64(bufferSize-have) {
		return w.SendFile(f, offset, n)
	}
	w.buf = slices.Grow(w.buf, int(n))
	if _, err := f.ReadAt(w.buf[have:have+int(n)], offset); err != nil {
		return err
	}
	take, err := w.accept(n)
	w.buf = w.buf[:have+int(take)]
	return err
}
