package highball

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// httpWriter is the http.ResponseWriter that a net/http handler writes to. It brings net/http's rules, where they differ, and
// leaves the rest to the Response.
type httpWriter struct {
	guest *guest

	mu       sync.Mutex  // guards the following fields, and what writes the Response
	response *Response   // nil once the handler has returned
	exchange *exchange   // nil when the request came by net/http's server
	header   http.Header // the handler's, made when it asks
	begun    bool        // the handler has called WriteHeader, or what calls it
	sniffing bool        // the Content-Type is to be guessed from the first bytes
}

var (
	_ http.ResponseWriter = (*httpWriter)(nil)

	errReturned = errors.New("highball: the handler has returned")
)

// sniffLength is how many bytes http.DetectContentType looks at.
const sniffLength = 512

// Header implements http.ResponseWriter.
func (e *httpWriter) Header() http.Header {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.header == nil {
		e.header = make(http.Header)
		if e.response != nil && !e.begun && e.response.header.Len() > 0 { // what handlers around this one have set
			for name, value := range e.response.header.All() {
				e.header.Add(name, value)
			}
		}
	}
	return e.header
}

// WriteHeader implements http.ResponseWriter.
func (e *httpWriter) WriteHeader(code int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if err := e.usable(); err != nil {
		e.guest.log.Warn("WriteHeader came too late", "status", code, "err", err)
		return
	}
	e.writeHeader(code)
}

// usable returns why the response cannot be used at all, if so.
func (e *httpWriter) usable() error {
	switch {
	case e.response == nil:
		return errReturned
	case e.response.stage == hijacked:
		return http.ErrHijacked
	}
	return nil
}

func (e *httpWriter) writeHeader(code int) {
	switch {
	case code < 100 || code > 999:
		panic(fmt.Sprintf("highball: invalid WriteHeader code %d", code))
	case e.begun:
		e.guest.log.Warn("superfluous WriteHeader", "status", code, "method", e.guest.request.Method,
			"target", e.guest.request.RequestURI)
	case code == 100:
		_ = e.inviteLocked() // the next write or read meets the same error
	case code < 200 && code != 101:
		h := Header{fields: e.fields(nil)}
		h.Del("Content-Length")
		if err := e.response.Informational(code, &h); err != nil {
			e.guest.log.Warn("informational response failed", "status", code, "err", err)
		}
	default:
		e.begun = true
		e.response.SetStatus(code)
		e.takeHeader()
	}
}

// takeHeader makes the header that the handler has set the Response's.
func (e *httpWriter) takeHeader() {
	w := e.response
	if e.header != nil {
		w.header.fields = e.fields(w.header.fields[:0])
		if w.header.Has("Content-Length") {
			e.takeLength()
		}
	}
	if w.status == 304 {
		w.header.Del("Content-Type")
	}
	e.sniffing = !w.header.Has("Content-Type") && !bodyless(w.status) && w.header.Value("Content-Encoding") == "" &&
		!w.header.Has("Transfer-Encoding")
	if e.sniffing {
		_, forbidden := e.header["Content-Type"] // a key without values
		e.sniffing = !forbidden
	}
}

// takeLength makes the Content-Length that the handler has set the Response's.
func (e *httpWriter) takeLength() {
	w := e.response
	if length := w.header.Value("Content-Length"); length != "" {
		n, err := strconv.ParseInt(length, 10, 64)
		if err == nil && n >= 0 {
			w.SetContentLength(n)
		} else {
			e.guest.log.Warn("the handler's Content-Length is no length", "value", length)
		}
	}
	w.header.Del("Content-Length")
}

// fields appends the handler's header to dst, sorted by name.
func (e *httpWriter) fields(dst []Field) []Field {
	if len(e.header) == 1 { // and so, mostly, without the pains of going through a map
		if types := e.header["Content-Type"]; len(types) == 1 {
			return append(dst, Field{"Content-Type", types[0]})
		}
	}
	for name, values := range e.header {
		if strings.HasPrefix(name, http.TrailerPrefix) {
			continue
		}
		for _, value := range values {
			dst = append(dst, Field{name, value})
		}
	}
	if len(dst) > 1 {
		slices.SortStableFunc(dst, func(a, b Field) int { return strings.Compare(a.Name, b.Name) })
	}
	return dst
}

// admit prepares for n more bytes of body, which may be too many.
func (e *httpWriter) admit(n int64) error {
	if err := e.usable(); err != nil {
		return err
	}
	if !e.begun {
		e.writeHeader(200)
	}
	w := e.response
	switch {
	case n == 0:
		return nil
	case bodyless(w.status):
		return http.ErrBodyNotAllowed
	case w.length >= 0 && n > w.length-w.accepted:
		return http.ErrContentLength
	case e.exchange != nil:
		return e.exchange.writeBy.passed()
	}
	return nil
}

// Write implements io.Writer.
func (e *httpWriter) Write(p []byte) (int, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if err := e.admit(int64(len(p))); err != nil {
		return 0, err
	}
	if e.sniffing && e.leaves(len(p)) {
		e.sniff(p)
	}
	n, err := e.response.Write(p)
	return n, httpError(err)
}

// WriteString implements io.StringWriter.
func (e *httpWriter) WriteString(s string) (int, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if err := e.admit(int64(len(s))); err != nil {
		return 0, err
	}
	if e.sniffing && e.leaves(len(s)) {
		e.sniff([]byte(s[:min(len(s), sniffLength)]))
	}
	n, err := e.response.WriteString(s)
	return n, httpError(err)
}

// leaves reports whether the head leaves with the next n bytes of body, or is settled by them.
func (e *httpWriter) leaves(n int) bool {
	w := e.response
	return n > 0 && (w.headOnly() || len(w.buf)+n > bufferSize)
}

// sniff sets the Content-Type, if it is to be guessed, from the bytes that were written and those that are about to be.
func (e *httpWriter) sniff(next []byte) {
	if !e.sniffing {
		return
	}
	e.sniffing = false
	first := e.response.buf
	if len(first) < sniffLength && len(next) > 0 {
		if len(first) == 0 {
			first = next
		} else {
			first = append(make([]byte, 0, sniffLength), first...)
			first = append(first, next[:min(len(next), sniffLength-len(first))]...)
		}
	}
	if len(first) > 0 {
		e.response.header.Add("Content-Type", http.DetectContentType(first))
	}
}

// Flush implements http.Flusher.
func (e *httpWriter) Flush() { _ = e.FlushError() } // the interface has no way to tell

// FlushError is Flush for http.ResponseController.
func (e *httpWriter) FlushError() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if err := e.admit(0); err != nil {
		return err
	}
	e.sniff(nil)
	return httpError(e.response.Flush())
}

// finish ends the response after the handler has returned.
func (e *httpWriter) finish() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.usable() != nil {
		return nil // hijacked
	}
	if !e.begun {
		e.writeHeader(200)
	}
	e.sniff(nil)
	if e.response.header.Has("Trailer") {
		if err := e.response.send(nil); err != nil { // before the end is known: a trailer section needs chunks
			return err
		}
	}
	e.takeTrailer()
	return e.response.finish()
}

// takeTrailer makes the trailer fields that the handler has set, in either way, the Response's.
func (e *httpWriter) takeTrailer() {
	trailer := &e.response.trailer
	for names := range e.response.header.Values("Trailer") {
		for name := range listed([]string{names}) {
			name = http.CanonicalHeaderKey(name)
			for _, value := range e.header[name] {
				trailer.Add(name, value)
			}
		}
	}
	if e.response.length >= 0 || e.asTaken() {
		return
	}
	for name, values := range e.header {
		if name, ok := strings.CutPrefix(name, http.TrailerPrefix); ok {
			for _, value := range values {
				trailer.Add(name, value)
			}
		}
	}
}

// asTaken reports whether it is certain that the header's keys are still those that takeHeader has found, none of which
// was a trailer's: the fields taken are as many, all different since in strict order, and all there. For the few fields
// that most responses have, this is faster than to go through the map.
func (e *httpWriter) asTaken() bool {
	fields := e.response.header.fields
	if len(fields) != len(e.header) {
		return false
	}
	for i := range fields {
		name := fields[i].Name
		if _, ok := e.header[name]; !ok || i > 0 && name <= fields[i-1].Name {
			return false
		}
	}
	return true
}

// end cuts the handler off.
func (e *httpWriter) end() {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.exchange != nil {
		e.exchange.readBy.reset()
		e.exchange.writeBy.reset()
	}
	e.response, e.exchange = nil, nil
}

// invite sends "100 Continue", if the client waits for it, on behalf of a goroutine that is about to read the body.
func (e *httpWriter) invite() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.inviteLocked()
}

func (e *httpWriter) inviteLocked() error {
	x := e.exchange
	if x == nil {
		return nil
	}
	if err := x.readBy.passed(); err != nil {
		return err
	}
	if !x.head.Expect100 || x.expected {
		return nil
	}
	if e.response.Started() || len(x.buffered()) > 0 {
		x.expected = true // and too late, or needless: the body that is coming will be read
		return nil
	}
	return x.invite()
}
