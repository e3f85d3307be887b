package h1

import (
	"bytes"
	"math"
)

// Chunked decodes a chunked body (RFC 9112, section 7.1), of either role. The zero value is ready for use with the
// default limits. It keeps a copy of the trailer section and nothing else.
type Chunked struct {
	at     chunkPosition
	digits int    // of the chunk size
	left   int64  // chunk size so far, then payload bytes of the chunk still to come
	excess int64  // framing bytes so far beyond payloadCredit for each payload byte
	limits Limits // zero before the first Reset
	err    *Error

	trailer scanner
	buf     []byte // the trailer section
	fields  []Field
}

const (
	payloadCredit = 4  // framing bytes that a payload byte earns: chunks of two bytes are never too small
	longestSize   = 16 // digits of a chunk size
)

// Reset makes d ready for another body. A nil lim stands for all defaults.
func (d *Chunked) Reset(lim *Limits) {
	*d = Chunked{at: atSize, limits: lim.resolved(), buf: d.buf[:0], fields: d.fields[:0]}
}

// Decode decodes the bytes that follow those of the last call. It returns the payload found next, which aliases b and may
// be empty, and how many bytes of b it has used up, the payload included.
//
//   - NeedData: go on with b[n:], and with more bytes when that is empty.
//   - Done: the last chunk and the trailer section are complete; b[n:] is no part of the body.
//   - Failed: Err says why; n says nothing.
func (d *Chunked) Decode(b []byte) (payload []byte, n int, v Verdict) {
	if d.limits == (Limits{}) {
		d.Reset(nil)
	}
	for d.at != atBodyFailure && d.at < inTrailer {
		if n == len(b) {
			return nil, n, NeedData
		}
		if d.at == inPayload {
			take := int(min(d.left, int64(len(b)-n)))
			d.left -= int64(take)
			d.excess -= payloadCredit * int64(take)
			if d.left == 0 {
				d.at = atPayloadCR
			}
			return b[n : n+take], n + take, NeedData
		}
		d.step(b[n])
		n++
	}
	switch d.at {
	case inTrailer:
		used, v := d.decodeTrailer(b[n:])
		return nil, n + used, v
	case atBodyEnd:
		return nil, n, Done
	}
	return nil, n, Failed
}

// Err returns the broken rule after Failed, and nil before.
func (d *Chunked) Err() *Error { return d.err }

// Trailers returns the trailer section after Done: the fields, and the bytes that their spans refer to. Both are
// valid until Reset. Trailer fields are not to be merged into the fields of the head.
func (d *Chunked) Trailers() (section []byte, fields []Field) { return d.buf, d.fields }

func (d *Chunked) fail(err *Error) {
	d.at, d.err = atBodyFailure, err
}

// step takes in one octet of framing.
func (d *Chunked) step(c byte) {
	if d.excess++; d.excess > int64(d.limits.ChunkOverhead) {
		d.fail(errChunkOverhead)
		return
	}
	next := chunkSteps[d.at][chunkClasses[c]]
	if next == atBodyFailure {
		d.fail(chunkError(d.at, c))
		return
	}
	switch {
	case next == inSize:
		if d.digits == longestSize || d.left > math.MaxInt64>>4 {
			d.fail(errChunkTooLarge)
			return
		}
		d.digits++
		d.left = d.left<<4 | int64(hexValue(c))
	case next == inPayload && d.left == 0:
		next = inTrailer
		d.trailer.at = atLine
	case next == atSize:
		d.digits = 0
	}
	d.at = next
}

// decodeTrailer takes in lines of the trailer section, and no byte behind it.
func (d *Chunked) decodeTrailer(b []byte) (n int, v Verdict) {
	l := d.limits
	l.Head = l.Trailer
	for n < len(b) {
		line := b[n:]
		if lf := bytes.IndexByte(line, '\n'); lf >= 0 {
			line = line[:lf+1]
		}
		line = line[:min(len(line), l.Head-len(d.buf))]
		d.buf = append(d.buf, line...)
		n += len(line)
		f, event := d.trailer.nextField(d.buf, &l)
		switch event {
		case eventField:
			d.addTrailer(f)
		case eventEnd:
			d.at = atBodyEnd
			return n, Done
		case eventFailed:
			d.fail(d.trailer.err)
		}
		if d.at == atBodyFailure {
			return n, Failed
		}
	}
	return n, NeedData
}

func (d *Chunked) addTrailer(f Field) {
	switch {
	case len(d.fields) >= d.limits.Fields:
		d.fail(errTooManyFields)
	case !allowedInTrailer(f.Name.Bytes(d.buf)):
		d.fail(errBadTrailer)
	default:
		d.fields = append(d.fields, f)
	}
}

// chunkError says why octet c cannot stand at the position.
func chunkError(at chunkPosition, c byte) *Error {
	switch {
	case c == '\n':
		return errBareLF
	case at == atSizeLF, at == atPayloadLF:
		return errBareCR
	case at == atPayloadCR:
		return errChunkLength
	case at <= inSize:
		return errChunkSize
	}
	return errChunkExtension
}

var (
	errChunkSize      = &Error{400, "malformed chunk size"}
	errChunkTooLarge  = &Error{400, "chunk size too large"}
	errChunkExtension = &Error{400, "malformed chunk extension"}
	errChunkLength    = &Error{400, "chunk is longer than its size"}
	errChunkOverhead  = &Error{400, "too much chunk framing for too little payload"}
	errBadTrailer     = &Error{400, "field not allowed in a trailer section"}
)
