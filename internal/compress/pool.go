package compress

import (
	"io"
	"sync"
	"sync/atomic"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"highball"
)

// Measured on HTML and JSON: see the package's documentation. The next level of each makes bodies shorter by a few per cent and takes
// a third longer, the one before saves no memory that would matter, but for Zstandard's fastest: it holds a megabyte
// less, and leaves 7 % more to be sent.
const (
	brotliLevel = 4
	gzipLevel   = 5
	zstdLevel   = zstd.SpeedDefault

	brotliWindow = 18        // base 2 logarithm of the size
	zstdWindow   = 256 << 10 // at most 8 MiB in HTTP: RFC 9659
)

// coder is what the three packages have in common.
type coder interface {
	io.Writer
	Flush() error
	Close() error
	Reset(dst io.Writer)
}

// newCoder returns an encoder, to be Reset before its use.
func newCoder(c coding) coder {
	switch c {
	case zstdCoding:
		e, err := zstd.NewWriter(nil,
			zstd.WithEncoderLevel(zstdLevel), zstd.WithWindowSize(zstdWindow), zstd.WithLowerEncoderMem(true),
			zstd.WithEncoderConcurrency(1), // so that it starts no goroutines
			zstd.WithEncoderCRC(false),     // the connection has checksums of its own
			zstd.WithZeroFrames(true))      // an empty body is a frame, too
		if err != nil {
			panic(err) // of the options, which are constant
		}
		return e
	case brotliCoding:
		return brotli.NewWriterOptions(io.Discard, brotli.WriterOptions{Quality: brotliLevel, LGWin: brotliWindow})
	}
	e, err := gzip.NewWriterLevel(io.Discard, gzipLevel)
	if err != nil {
		panic(err) // of the level
	}
	return e
}

// pool keeps encoders of one coding for the next response: to make one takes longer than to encode a page.
type pool struct {
	coding coding
	free   sync.Pool    // of *encoding
	taken  atomic.Int64 // encodings that are in use
}

// take returns an encoding that writes to dst.
func (p *pool) take(dst io.Writer) *encoding {
	p.taken.Add(1)
	e, ok := p.free.Get().(*encoding)
	if !ok {
		e = &encoding{pool: p, coder: newCoder(p.coding)}
	}
	e.out.dst, e.pending = dst, false
	e.coder.Reset(&e.out)
	return e
}

// encoding is an encoder at work on one body.
type encoding struct {
	pool    *pool
	coder   coder
	out     outlet
	pending bool // something was written since the last Flush
}

// outlet is what the encoder writes to. It keeps a response from being reachable by an encoder that waits for the
// next one, without another Reset, which is a good part of what a short body costs.
type outlet struct{ dst io.Writer }

func (o *outlet) Write(p []byte) (int, error) { return o.dst.Write(p) }

var _ highball.Encoding = (*encoding)(nil)

// Write implements highball.Encoding.
func (e *encoding) Write(p []byte) (int, error) {
	e.pending = e.pending || len(p) > 0
	return e.coder.Write(p)
}

// Flush implements highball.Encoding: the client can decode all that was written.
func (e *encoding) Flush() error {
	if !e.pending {
		return nil
	}
	e.pending = false
	return e.coder.Flush()
}

// Close implements highball.Encoding.
func (e *encoding) Close() error { return e.coder.Close() }

// Release implements highball.Encoding. e must not be used afterwards.
func (e *encoding) Release() {
	e.out.dst = nil
	e.pool.taken.Add(-1)
	e.pool.free.Put(e)
}
