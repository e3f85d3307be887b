package highball

import (
	"errors"
	"fmt"
	"io"
	"math"

	"highball/internal/h1"
)

// body reads a request's body.
type body struct {
	source  source
	framing h1.Framing
	size    int64 // declared, or -1
	left    int64 // of a declared length
	limit   int64 // -1 is none
	got     int64
	chunks  h1.Chunked
	ready   int // bytes of payload that chunks has passed and that are still buffered
	trailer Header
	err     error // the end of all reading; io.EOF once complete

	seen []byte // the first bytes, if there is room for any
}

// source is where a body's bytes come from.
type source interface {
	// buffered returns bytes that have been received already.
	buffered() []byte
	// consume marks the first n of them as used up.
	consume(n int)
	// fill waits for more and adds it to what buffered returns.
	fill() error
	// read waits for bytes, while none are buffered, and reads no more than fits into p.
	read(p []byte) (int, error)
}

// begin makes b the body that head describes. A limit of 0 is none.
func (b *body) begin(head *h1.Head, src source, limit int64, lim *h1.Limits) {
	b.source, b.framing, b.size, b.left, b.limit = src, head.Framing, head.ContentLength, head.ContentLength, limit
	if b.limit == 0 {
		b.limit = -1
	}
	b.got, b.ready, b.err = 0, 0, nil
	switch b.framing {
	case h1.NoBody:
		b.err = io.EOF
	case h1.ChunkedBody:
		b.chunks.Reset(lim)
	}
}

// skip notes that the next n bytes of a body of a declared length were read by somebody else.
func (b *body) skip(n int64) {
	b.got += n
	if b.left -= n; b.left == 0 {
		b.err = io.EOF
	}
}

func (b *body) end() {
	b.source, b.err = nil, io.EOF
	b.trailer.Reset()
}

// becomeStream makes b a body of n bytes, or -1 for unknown, whose source has undone the framing: it ends with its source,
// which must have the whole length.
func (b *body) becomeStream(n int64) {
	if n == 0 {
		b.err = io.EOF
		return
	}
	b.framing, b.size, b.left, b.err = h1.UntilClose, n, math.MaxInt64, nil
}

// length is what Request.ContentLength returns.
func (b *body) length() int64 { return b.size }

// complete reports whether the whole body was read.
func (b *body) complete() bool { return b.err == io.EOF }

// Read implements io.Reader.
func (b *body) Read(p []byte) (n int, err error) {
	if b.err != nil {
		return 0, b.err
	}
	if len(p) == 0 {
		return 0, nil
	}
	if b.framing == h1.ChunkedBody {
		n, err = b.readChunked(p)
	} else {
		n, err = b.readLength(p)
	}
	b.got += int64(n)
	if free := cap(b.seen) - len(b.seen); free > 0 {
		b.seen = append(b.seen, p[:min(n, free)]...)
	}
	if err != nil {
		b.err = err
	} else if b.limit >= 0 && b.got > b.limit {
		n, b.err = 0, &Error{413, fmt.Errorf("the body exceeds the limit of %d bytes", b.limit)}
		return n, b.err
	}
	return n, err
}

func (b *body) readLength(p []byte) (n int, err error) {
	if int64(len(p)) > b.left {
		p = p[:b.left]
	}
	if have := b.source.buffered(); len(have) > 0 {
		n = copy(p, have)
		b.source.consume(n)
	} else if n, err = b.source.read(p); err != nil {
		if b.framing == h1.UntilClose {
			return n, err
		}
		return n, early(err)
	}
	b.left -= int64(n)
	if b.left == 0 {
		b.err = io.EOF
	}
	return n, nil
}

func (b *body) readChunked(p []byte) (int, error) {
	for {
		have := b.source.buffered()
		switch {
		case b.ready > 0:
			n := copy(p, have[:b.ready])
			b.source.consume(n)
			b.ready -= n
			return n, nil
		case len(have) == 0:
			if err := b.source.fill(); err != nil {
				return 0, early(err)
			}
			continue
		}
		payload, n, verdict := b.chunks.Decode(have)
		b.source.consume(n - len(payload)) // payload is the end of what was decoded
		b.ready = len(payload)
		switch verdict {
		case h1.Done:
			b.takeTrailer()
			return 0, io.EOF
		case h1.Failed:
			err := b.chunks.Err()
			return 0, &Error{err.Status, err}
		}
	}
}

func (b *body) takeTrailer() {
	section, fields := b.chunks.Trailers()
	if len(fields) == 0 {
		return
	}
	text := string(section)
	for _, f := range fields {
		b.trailer.Add(f.Name.String(text), f.Value.String(text))
	}
}

// early makes the end of the stream within a body an unexpected one.
func early(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
