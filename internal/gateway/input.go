package gateway

import (
	"fmt"
	"io"
	"os"
	"sync"
	"sync/atomic"

	"highball"
)

// maxInputMemory is the size up to which the body of a request is kept in memory in any case.
const maxInputMemory = 64 << 10

// A body that declares to be longer is kept in memory as well, up to direct bytes of it, as long as all such bodies together have
// no more than directTotal: to make a file and to remove it costs more than to copy what would be in it.
const (
	direct      = 1 << 20
	directTotal = 64 << 20
)

// inputBuffer is what a body is read into.
type inputBuffer [maxInputMemory]byte

// bodies reads the bodies of requests. Its zero value is ready; any number of goroutines may use it.
type bodies struct {
	scratch scratch
	buffers sync.Pool    // of *inputBuffer
	held    atomic.Int64 // bytes of the bodies that reserve has let in
}

// reserve reports whether the body of r is to be kept in memory though it may be longer than maxInputMemory, and returns its length. If so, the caller calls free
// with it when the body is no longer held.
func (b *bodies) reserve(r *highball.Request, limit int64) (n int64, ok bool) {
	n = r.ContentLength()
	if n <= 0 || n > direct || limit >= 0 && n > limit {
		return 0, false
	}
	if b.held.Add(n) > directTotal {
		b.held.Add(-n)
		return 0, false
	}
	return n, true
}

func (b *bodies) free(n int64) { b.held.Add(-n) }

// input is the whole body of a request, in one of buf and f. It is for one goroutine at a time.
type input struct {
	from *bodies
	buf  *inputBuffer
	f    *os.File
	n    int64
}

// bytes returns the body, or nil if it is in a file. It is valid until close.
func (in *input) bytes() []byte {
	if in.buf == nil {
		return nil
	}
	return in.buf[:in.n]
}

// file returns the file that has the body, with its offset at the start, or nil if it is in memory. The input closes it.
func (in *input) file() *os.File { return in.f }

// size returns the length of the body.
func (in *input) size() int64 { return in.n }

// close frees what the input has, and may be called again.
func (in *input) close() {
	if in.buf != nil {
		in.from.buffers.Put(in.buf)
		in.buf = nil
	}
	if in.f != nil {
		_ = in.f.Close() // nobody wants its contents any more
		in.f = nil
	}
}

// read reads the whole body of r, waiting for the client: into memory, or into a file without a name if it is longer than
// maxInputMemory. A body of more than limit bytes is refused, before any of it is read if its length is declared; a
// negative limit is none. Errors are those of Request.Body, and a *highball.Error of status 413, or 507 or 500 if the body
// cannot be stored. The caller closes the input.
func (b *bodies) read(r *highball.Request, limit int64) (*input, error) {
	declared := r.ContentLength()
	switch {
	case declared == 0:
		return &input{from: b}, nil
	case limit >= 0 && declared > limit:
		return nil, tooLarge(limit)
	}
	buf, _ := b.buffers.Get().(*inputBuffer)
	if buf == nil {
		buf = new(inputBuffer)
	}
	in := &input{from: b, buf: buf}
	if err := in.readAll(r.Body(), declared, limit); err != nil {
		in.close()
		return nil, err
	}
	if in.f != nil {
		in.buf = nil
		b.buffers.Put(buf)
	}
	return in, nil
}

// readAll reads body, which has been declared to have a length or -1, into buf, and every time that this is full, into a
// file.
func (in *input) readAll(body io.Reader, declared, limit int64) error {
	n := 0 // bytes in buf
	for {
		got, err := body.Read(in.buf[n:])
		n += got
		in.n += int64(got)
		if limit >= 0 && in.n > limit {
			return tooLarge(limit)
		}
		if err != nil && err != io.EOF {
			return err
		}
		ended := err == io.EOF || in.n == declared
		if ended && in.n == int64(n) {
			return nil
		}
		if ended || n == len(in.buf) {
			if err := in.store(in.buf[:n]); err != nil {
				return storageError(fmt.Errorf("cannot store the body of a request: %w", err))
			}
			n = 0
		}
		if ended {
			return nil
		}
	}
}

// store appends p, the last bytes that count in in.n, to the file.
func (in *input) store(p []byte) error {
	if in.f == nil {
		f, err := in.from.scratch.create()
		if err != nil {
			return err
		}
		in.f = f
	}
	// Written at an offset, the file's own stays where its reader begins.
	_, err := in.f.WriteAt(p, in.n-int64(len(p)))
	return err
}

// tooLarge is the error for a body beyond the limit.
func tooLarge(limit int64) error {
	return &highball.Error{Status: 413, Err: fmt.Errorf("the body exceeds the application's limit of %d bytes", limit)}
}
