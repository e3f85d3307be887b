package gateway

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"
)

// Server and worker speak in frames over a stream socket. A frame is a header of 16 bytes and a payload, whose first part
// is called its head:
//
//	size   u32  of the payload
//	id     u32  of the request that it belongs to; 0 where it belongs to none
//	head   u32  of the payload, the size of the head
//	kind   u8
//	flags  u8
//	slot   u16  of the arena, which a REQUEST gives to the worker; otherwise 0
//
// All numbers are little-endian. A request is one frame. A response is one WHOLE, SHARED or FILE, or a HEAD, any number of DATA and
// an END; in place of any of them a FAIL may come.

// frameHeader is the size of a frame's header.
const frameHeader = 16

// Kinds of frames from the server to a worker.
const (
	requestFrame byte = 1 // head: the environ; then the body
	stopFrame    byte = 2 // finish what was received, and exit
	listFrame    byte = 3 // answer with the files of all imported modules
	forkFrame    byte = 4 // become two, the id being the number of the new worker
	cancelFrame  byte = 5 // nobody wants the rest of an answer that has begun

	presetFrame byte = 6 // head: what many environs have in common; the id is its place
)

// Flags of requests.
const (
	flagBodyFile byte = 1 // the body is in a file, whose descriptor was sent before
	flagBodySlot byte = 2 // the body is in the request's slot, and its size, a u32, behind the environ
	flagPreset   byte = 4 // the head tells only what the environ does not have of a preset
)

// Kinds of frames from a worker to the server.
const (
	readyFrame    byte = 1  // the application is loaded
	wholeFrame    byte = 2  // head and body of a response
	headFrame     byte = 3  // head of a response, and the first bytes of its body
	dataFrame     byte = 4  // more of the body
	endFrame      byte = 5  // the end of the body
	fileFrame     byte = 6  // head of a response, and which part of a file is its body
	failFrame     byte = 7  // the application has failed
	loadFailFrame byte = 8  // the application cannot be loaded
	filesFrame    byte = 9  // the files of all imported modules
	forkedFrame   byte = 10 // a worker was forked
	exitedFrame   byte = 11 // a forked worker has ended
	sharedFrame   byte = 12 // head of a response, and the size, a u32, of its body, which is in the request's slot
)

// What a worker may send. Larger frames end it: its memory is not trusted more than its words.
const (
	maxWhole   = 256 << 10 // payload of a WHOLE
	maxHead    = 256 << 10 // head of a response
	maxPart    = 1 << 20   // payload of a HEAD or DATA
	maxMessage = 4 << 20   // payload of any other frame
)

// Sizes of what follows the head of a FILE, and of a SHARED.
const (
	fileFrameBody   = 16
	sharedFrameBody = 4
)

// frame is one frame, or part of a DATA frame.
type frame struct {
	kind       byte // no frame of a worker has flags
	id         uint32
	head, body []byte
}

// filePart returns which part of its file a FILE frame stands for; length is -1 for all from offset on.
func (f *frame) filePart() (offset, length int64, err error) {
	start := binary.LittleEndian.Uint64(f.body)
	length = int64(binary.LittleEndian.Uint64(f.body[8:]))
	if start > math.MaxInt64 || length < -1 || length > math.MaxInt64-int64(start) {
		return 0, 0, fmt.Errorf("a part of %d bytes at %d is in no file", length, start)
	}
	return int64(start), length, nil
}

// long reports whether the answer that f ends has a body for which a slot of the arena is of use.
func (f *frame) long() bool {
	switch f.kind {
	case sharedFrame:
		return true
	case fileFrame:
		_, n, err := f.filePart()
		return err == nil && n >= slotLeast && n <= slotSize
	}
	return len(f.body) >= slotLeast
}

// appendHeader appends the header of a frame with a payload of size bytes, the first head of which are its head.
func appendHeader(dst []byte, kind, flags byte, id uint32, head, size int) []byte {
	dst = binary.LittleEndian.AppendUint32(dst, uint32(size))
	dst = binary.LittleEndian.AppendUint32(dst, id)
	dst = binary.LittleEndian.AppendUint32(dst, uint32(head))
	return append(dst, kind, flags, 0, 0)
}

// appendFrame appends a frame.
func appendFrame(dst []byte, kind, flags byte, id uint32, head, body []byte) []byte {
	dst = appendHeader(dst, kind, flags, id, len(head), len(head)+len(body))
	dst = append(dst, head...)
	return append(dst, body...)
}

// setSizes completes the header that b starts with: head and body, which follow it to the end of b, were appended after
// it. It serves frames whose head is written straight behind their header.
func setSizes(b []byte, head int) {
	binary.LittleEndian.PutUint32(b, uint32(len(b)-frameHeader))
	binary.LittleEndian.PutUint32(b[8:], uint32(head))
}

// frames takes a worker's bytes apart. It copies none but those of a frame that did not come whole, and of DATA not even
// those: what has come is handed on, as a DATA frame of its own. The zero value is ready.
type frames struct {
	partial []byte // the start of a frame that is not whole
	data    uint32 // the id of the DATA frame whose payload is under way
	left    int    // of that payload
	err     error
}

// feed takes the next bytes and calls each with the frames that are complete by them, in order. Their bytes are valid during
// that call only. An error means that the worker breaks the protocol; it is final.
func (f *frames) feed(b []byte, each func(frame)) error {
	for len(b) > 0 && f.err == nil {
		switch {
		case f.left > 0:
			b = f.takeData(b, each)
		case len(f.partial) > 0:
			b = f.takePartial(b, each)
		default:
			b = f.take(b, each)
		}
	}
	return f.err
}

// take takes the frame that b starts with, and returns what follows.
func (f *frames) take(b []byte, each func(frame)) []byte {
	if len(b) < frameHeader {
		f.partial = append(f.partial, b...)
		return nil
	}
	h := f.parse(b)
	total := frameHeader + h.size
	switch {
	case f.err != nil:
		return nil
	case total <= len(b):
		each(h.frame(b[frameHeader:total]))
		return b[total:]
	case h.kind == dataFrame:
		f.data, f.left = h.id, h.size
		return b[frameHeader:]
	}
	f.partial = append(slices.Grow(f.partial, total), b...)
	return nil
}

// takePartial takes what b has of the frame that partial starts, and returns what follows.
func (f *frames) takePartial(b []byte, each func(frame)) []byte {
	b = f.fill(b, frameHeader)
	if len(f.partial) < frameHeader {
		return nil
	}
	h := f.parse(f.partial)
	if f.err != nil {
		return nil
	}
	if h.kind == dataFrame {
		f.data, f.left = h.id, h.size
		f.partial = f.partial[:0]
		if h.size == 0 {
			each(h.frame(nil))
		}
		return b
	}
	total := frameHeader + h.size
	b = f.fill(b, total)
	if len(f.partial) < total {
		return nil
	}
	each(h.frame(f.partial[frameHeader:]))
	f.partial = f.partial[:0]
	if cap(f.partial) > 2*maxWhole {
		f.partial = nil // such a size is not to be expected again
	}
	return b
}

// fill moves bytes from b to partial, up to a size of n, and returns the others.
func (f *frames) fill(b []byte, n int) []byte {
	n = min(max(n-len(f.partial), 0), len(b))
	f.partial = append(f.partial, b[:n]...)
	return b[n:]
}

// takeData takes what b has of the payload of a DATA frame, and returns what follows.
func (f *frames) takeData(b []byte, each func(frame)) []byte {
	n := min(f.left, len(b))
	f.left -= n
	each(frame{kind: dataFrame, id: f.data, body: b[:n]})
	return b[n:]
}

// header is a frame's header.
type header struct {
	size, head int
	id         uint32
	kind       byte
}

// frame returns the frame with its payload.
func (h *header) frame(payload []byte) frame {
	return frame{kind: h.kind, id: h.id, head: payload[:h.head], body: payload[h.head:]}
}

// parse reads the header that b starts with. It leaves an error if no worker may send such a frame.
func (f *frames) parse(b []byte) header {
	size, head := binary.LittleEndian.Uint32(b), binary.LittleEndian.Uint32(b[8:])
	kind := b[12]
	limits, known := limitsOf(kind)
	switch {
	case !known:
		f.err = fmt.Errorf("the worker has sent a frame of unknown kind %d", kind)
	case b[13] != 0 || b[14] != 0 || b[15] != 0:
		f.err = fmt.Errorf("the worker has sent a frame of kind %d with unknown flags % x", kind, b[13:frameHeader])
	case size > limits.size || head > limits.head || head > size:
		f.err = fmt.Errorf("the worker has sent a frame of kind %d with %d bytes, %d of them head, against a limit of %d and %d",
			kind, size, head, limits.size, limits.head)
	case kind == fileFrame && size-head != fileFrameBody:
		f.err = fmt.Errorf("the worker has sent a file frame with a body of %d bytes", size-head)
	case kind == sharedFrame && size-head != sharedFrameBody:
		f.err = fmt.Errorf("the worker has sent a shared frame with a body of %d bytes", size-head)
	}
	return header{size: int(size), head: int(head), id: binary.LittleEndian.Uint32(b[4:]), kind: kind}
}

// frameLimits bound the payload of a frame, and the head within it.
type frameLimits struct{ size, head uint32 }

// limitsOf returns the limits of a kind that workers send.
func limitsOf(kind byte) (limits frameLimits, known bool) {
	switch kind {
	case wholeFrame:
		return frameLimits{maxWhole, maxHead}, true
	case headFrame:
		return frameLimits{maxPart, maxHead}, true
	case fileFrame:
		return frameLimits{maxHead + fileFrameBody, maxHead}, true
	case sharedFrame:
		return frameLimits{maxHead + sharedFrameBody, maxHead}, true
	case dataFrame:
		return frameLimits{maxPart, 0}, true
	case endFrame:
		return frameLimits{}, true
	case readyFrame, failFrame, loadFailFrame, filesFrame, forkedFrame, exitedFrame:
		return frameLimits{maxMessage, 0}, true
	}
	return frameLimits{}, false
}
