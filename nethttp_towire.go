package highball

import (
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
)

// httpWire takes a Response to an http.ResponseWriter.
type httpWire struct {
	writer  http.ResponseWriter
	control *http.ResponseController
}

var _ wire = (*httpWire)(nil)

func (o *httpWire) begin(w *Response, complete bool) error {
	length := w.wireLength(complete)
	header := o.writer.Header()
	for i := range w.header.fields {
		f := &w.header.fields[i]
		switch {
		case withheld(f):
			header[http.CanonicalHeaderKey(f.Name)] = nil // nor is net/http to add it
		case !framingField(f.Name) && !sameName(f.Name, "Content-Length"):
			header.Add(f.Name, f.Value)
		}
	}
	o.settle(w)
	if length >= 0 && !bodyless(w.status) {
		header.Set("Content-Length", strconv.FormatInt(length, 10))
	} else if !bodyless(w.status) {
		o.announce(w)
	}
	if (w.status == 101 || w.status == 426) && w.header.Has("Upgrade") {
		header.Set("Upgrade", w.header.Value("Upgrade"))
		header.Set("Connection", "Upgrade")
	}
	o.writer.WriteHeader(w.status)
	return nil
}

// settle sets what depends on the connection, and forbids what net/http would add.
func (o *httpWire) settle(w *Response) {
	header := o.writer.Header()
	if w.closing || hasToken(w.header.Values("Connection"), "close") {
		w.closing = true
		header.Set("Connection", "close")
	}
	if _, typed := header["Content-Type"]; !typed {
		header["Content-Type"] = nil // not to be guessed
	}
}

// announce sends a Trailer field, which net/http takes for a wish of chunks.
func (o *httpWire) announce(w *Response) {
	header := o.writer.Header()
	for names := range w.header.Values("Trailer") {
		header.Add("Trailer", names)
	}
	if w.trailer.Len() > 0 && !w.header.Has("Trailer") {
		for name := range w.trailer.All() {
			header.Add("Trailer", name)
		}
	}
}

func (o *httpWire) data(p []byte) error {
	_, err := o.writer.Write(p)
	return left(err)
}

// file copies: a descriptor's offset may be shared, so that net/http's way to sendfile is barred.
func (o *httpWire) file(f *os.File, offset, n int64) error {
	section := &countedReader{r: io.NewSectionReader(f, offset, n)}
	_, err := io.Copy(o.writer, section)
	switch {
	case section.err != nil:
		return section.err
	case err == nil && section.n < n:
		return io.ErrUnexpectedEOF
	}
	return left(err)
}

// countedReader tells a failed read from a failed write.
type countedReader struct {
	r   io.Reader
	n   int64
	err error
}

func (c *countedReader) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	if err != nil && err != io.EOF {
		c.err = err
	}
	return n, err
}

func (o *httpWire) flush() error {
	if err := o.control.Flush(); !errors.Is(err, http.ErrNotSupported) {
		return left(err)
	}
	return nil // a writer that cannot flush sends when it likes
}

func (o *httpWire) end(w *Response) error {
	if err := checkFields(&w.trailer); err != nil {
		return err
	}
	for name, value := range w.trailer.All() {
		if !framingField(name) && !sameName(name, "Content-Length") {
			o.writer.Header().Add(http.TrailerPrefix+name, value)
		}
	}
	return nil
}

func (o *httpWire) prepared(w *Response, p *Prepared) error {
	header := o.writer.Header()
	for line := range strings.SplitSeq(string(p.fields), "\r\n") {
		if name, value, ok := strings.Cut(line, ": "); ok {
			header.Add(name, value)
		}
	}
	o.settle(w)
	o.writer.WriteHeader(p.status)
	return nil
}

// informational has net/http send h and no more of the header that is there.
func (o *httpWire) informational(status int, h *Header) error {
	header := o.writer.Header()
	before := header.Clone()
	clear(header)
	for name, value := range h.All() {
		header.Add(name, value)
	}
	o.writer.WriteHeader(status)
	clear(header)
	for name, values := range before {
		header[name] = values
	}
	return nil
}

func (o *httpWire) hijack() (net.Conn, []byte, error) {
	nc, buffered, err := o.control.Hijack()
	if err != nil {
		return nil, nil, err
	}
	received, _ := buffered.Reader.Peek(buffered.Reader.Buffered()) // it comes from memory
	return nc, slices.Clone(received), nil
}

// left is the error of a write: net/http's server fails one when the client is gone.
func left(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, os.ErrDeadlineExceeded):
		return &Error{408, ErrSlowClient}
	case errors.Is(err, http.ErrHandlerTimeout):
		return ErrHandlerDeadline
	}
	return errors.Join(ErrClientLeft, err)
}
