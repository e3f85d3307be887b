package highball

import (
	"bytes"
	"io"
	"os"

	"highball/internal/h1"
	"highball/internal/observe"
)

// fileRest is the file that an inline answer goes on with.
type fileRest struct {
	answer *Prepared
	file   *os.File
	fd     int
	done   io.Closer

	start   int    // where the answer begins in what the exchange is to send
	moved   int64  // bytes of the file that were sent
	ahead   []byte // of the head, that were not
	closing bool   // the connection ends with it, as the head has said
	head    []byte // for the record, where that tells of it
}

// SendFileInline is SendFileAs for ServeInline, with the whole of f, which p was prepared for. The file is sent when ServeInline has returned: until done is
// closed, on whichever goroutine, it must stay open with the descriptor fd. It is sent on the event loop, for a second and as long as its bytes are
// in memory, in the file system's cache; the first 256 KiB should be. Then a goroutine goes on. If SendFileInline returns false, it has done nothing
// and keeps nothing, and ServeInline is to return false.
func (w *Response) SendFileInline(p *Prepared, f *os.File, fd uintptr, done io.Closer) bool {
	x, ok := w.wire.(*exchange)
	if !ok || x.link != nil || x.conn.srv.state.tracer != nil || w.req.edits.editing() || w.headOnly() || w.header.Len() > 0 || p.length == 0 {
		return false
	}
	if w.sendHead(p, p.length) != nil {
		return false
	}
	x.rest = fileRest{answer: p, file: f, fd: int(fd), done: done}
	return true
}

func (r *fileRest) there() bool { return r.done != nil }

// drop lets go of the file.
func (r *fileRest) drop() {
	_ = r.done.Close() // it was only to be read
	*r = fileRest{}
}

// goOn sends what is left, in blocking style. It is called once.
func (r *fileRest) goOn(w *Response, _ *Request) error {
	defer r.drop()
	x := w.wire.(*exchange)
	x.enter(observe.Stream)
	w.status, w.stage, w.accepted, w.closing = r.answer.status, finished, r.answer.length, r.closing
	x.framing, x.sent, x.seen = h1.Length, r.moved, append(x.seen[:0], r.head...)
	x.out = append(x.out[:0], r.ahead...)
	return w.fail(x.file(r.file, r.moved, r.answer.length-r.moved))
}

// later returns r for the time after its turn, when out and what it aliases are used again.
func (r *fileRest) later(out []byte, sent int, capture bool) *fileRest {
	kept := *r
	kept.ahead = bytes.Clone(out[sent:])
	if capture {
		kept.head = bytes.Clone(out[r.start:])
	}
	return &kept
}
