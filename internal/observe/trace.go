package observe

import (
	"io"
	"strconv"
	"sync"
	"sync/atomic"
)

// traceBodyBound is how many bytes of a body a trace shows.
const traceBodyBound = 256

// UnknownLength is the total of a body whose length is not known (yet).
const UnknownLength int64 = -1

// Tracer prints exchanges as they go over the wire, in the manner of "curl -v"
// but seen from the server: lines that came in begin with "<", lines that go
// out with ">". Each call prints one block, which begins with a line naming
// the connection and is written by one Write, so that the blocks of concurrent
// exchanges do not mix. Bytes outside printable ASCII are escaped. Methods may
// be called by any goroutine.
//
// A trace is for looking at a server while developing; it waits for its
// writer, and what the writer refuses is lost without notice.
type Tracer struct {
	mask  Mask
	masks atomic.Pointer[Masks]

	mu      sync.Mutex // guards the following fields
	w       io.Writer
	block   []byte // the block being made; its memory is kept
	scratch []byte // a line or body with its secrets masked
}

// NewTracer returns a tracer that prints to w.
func NewTracer(w io.Writer, mask Mask) *Tracer {
	t := &Tracer{mask: mask, w: w}
	t.masks.Store(DefaultMasks())
	return t
}

// Hide has the tracer mask what m names from now on, if it masks anything.
func (t *Tracer) Hide(m *Masks) { t.masks.Store(m) }

// Request prints the head of a request as received on connection id from peer:
// request line, fields and the empty line, or as much of it as there is. An
// empty peer, as unix sockets have, is shown as "-".
func (t *Tracer) Request(id uint64, peer string, head []byte) {
	t.head(id, peer, '<', head)
}

// RequestBody prints the beginning of a request's body. Body holds its first
// bytes, of which 256 are shown; total is its length, or [UnknownLength].
func (t *Tracer) RequestBody(id uint64, peer string, body []byte, total int64) {
	t.body(id, peer, '<', body, total)
}

// Response prints the head of a response, interim ones included, as sent.
func (t *Tracer) Response(id uint64, peer string, head []byte) {
	t.head(id, peer, '>', head)
}

// ResponseBody prints the beginning of a response's body as RequestBody does.
func (t *Tracer) ResponseBody(id uint64, peer string, body []byte, total int64) {
	t.body(id, peer, '>', body, total)
}

func (t *Tracer) head(id uint64, peer string, arrow byte, head []byte) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.beginLocked(id, peer)
	m := lineMasker{masks: t.masks.Load(), scratch: t.scratch}
	for rest := head; len(rest) > 0; {
		var line []byte
		line, rest = cutLine(rest)
		if t.mask == MaskSecrets {
			line = m.line(line)
		}
		t.block = append(t.block, arrow)
		if len(line) > 0 {
			t.block = append(t.block, ' ')
			t.block = appendTraceLine(t.block, line)
		}
		t.block = append(t.block, '\n')
	}
	t.scratch = m.scratch
	t.writeLocked()
}

func (t *Tracer) body(id uint64, peer string, arrow byte, body []byte, total int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.beginLocked(id, peer)
	shown := body[:min(len(body), traceBodyBound)]
	cut := len(shown) < len(body) || total > int64(len(body))
	t.block = append(t.block, arrow)
	t.block = append(t.block, " [body "...)
	if total < 0 {
		t.block = strconv.AppendInt(t.block, int64(len(body)), 10)
		t.block = append(t.block, '+')
	} else {
		t.block = strconv.AppendInt(t.block, total, 10)
	}
	t.block = append(t.block, " bytes] "...)
	if t.mask == MaskSecrets {
		t.scratch = t.masks.Load().AppendForm(t.scratch[:0], shown)
		shown = t.scratch
	}
	t.block = strconv.AppendQuoteToASCII(t.block, string(shown))
	if cut {
		t.block = append(t.block, "..."...)
	}
	t.block = append(t.block, '\n')
	t.writeLocked()
}

func (t *Tracer) beginLocked(id uint64, peer string) {
	t.block = append(t.block[:0], "* connection "...)
	t.block = strconv.AppendUint(t.block, id, 10)
	t.block = append(t.block, " from "...)
	if peer == "" {
		peer = "-"
	}
	t.block = appendTraceLine(t.block, []byte(peer))
	t.block = append(t.block, '\n')
}

func (t *Tracer) writeLocked() {
	_, _ = t.w.Write(t.block)
}

// appendTraceLine appends line with the bytes escaped that could do something
// to a terminal, and the backslash, so that an escape is recognisable. Quotes
// stay: fields are full of them, and here nothing stands between quotes.
func appendTraceLine(dst, line []byte) []byte {
	for _, c := range line {
		if c >= 0x20 && c < 0x7f && c != '\\' {
			dst = append(dst, c)
			continue
		}
		dst = append(dst, escapeHex...)
		dst = append(dst, hexDigits[c>>4], hexDigits[c&15])
	}
	return dst
}
