package highball

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"sync"
)

// httpBody is the Body of a net/http request. Goroutines that read it may outlive the handler, as those of
// httputil.ReverseProxy do.
type httpBody struct {
	guest *guest

	mu     sync.Mutex // guards the following fields, and is held while a read waits
	body   *body
	closed bool
}

// Read implements io.Reader.
func (b *httpBody) Read(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return 0, http.ErrBodyReadAfterClose
	}
	if err := b.guest.writer.invite(); err != nil {
		return 0, httpError(err)
	}
	n, err := b.body.Read(p)
	if b.body.complete() {
		b.takeTrailer()
		b.guest.context.bodyReceived()
	}
	if err != nil && err != io.EOF {
		err = httpError(err)
	}
	return n, err
}

// takeTrailer adds the trailer fields to the request.
func (b *httpBody) takeTrailer() {
	fields := b.body.trailer.fields
	if len(fields) == 0 {
		return
	}
	req := &b.guest.request
	if req.Trailer == nil {
		req.Trailer = make(http.Header)
	}
	for i := range fields {
		req.Trailer.Add(fields[i].Name, fields[i].Value)
	}
	b.body.trailer.Reset() // once
}

// Close implements io.Closer. What was not read, the server drops.
func (b *httpBody) Close() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed = true
	return nil
}

// end cuts the readers off.
func (b *httpBody) end() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed, b.body = true, nil
}

// httpError is an error in net/http's terms.
func httpError(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, ErrSlowClient):
		return fmt.Errorf("%w: %w", err, os.ErrDeadlineExceeded)
	case errors.Is(err, ErrBodyNotAllowed):
		return http.ErrBodyNotAllowed
	case errors.Is(err, ErrContentLength):
		return http.ErrContentLength
	case errors.Is(err, ErrHijacked):
		return http.ErrHijacked
	}
	return err
}
