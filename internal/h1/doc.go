// Package h1 is the HTTP/1 codec: bytes in, heads and payload out; heads and payload in, bytes out. It opens no socket,
// reads no clock and starts no goroutine, so that every rule of RFC 9110 and RFC 9112 that is about bytes can be
// tested with bytes alone.
//
// # The caller's loop
//
// A server keeps the bytes of an incomplete head together and calls Parse with all of them:
//
//	for {
//		switch head.Parse(buf, limits) {
//		case h1.NeedData:
//			buf = append(buf, more()...) // and try again
//		case h1.Failed:
//			answer(head.Err().Status) // then close: nothing behind an error can be trusted
//			return
//		case h1.Done:
//			text := string(buf[:head.Size]) // one copy, if spans are to outlive the buffer
//			serve(head.Path.String(text))
//			buf = buf[head.Size:] // the body, then the next request
//			head.Reset()
//		}
//	}
//
// The body follows as Head.Framing says: nothing, ContentLength bytes, or chunks, for which Chunked.Decode is called with the
// bytes as they come, and which alone copies anything (trailers). A client uses ResponseHead in the same way.
// The Append functions write; they never allocate beyond the growth of the caller's slice.
//
// A value of one of the parsers belongs to one connection and may be used by one goroutine at a time. All bytes and spans that
// it hands out refer to the caller's buffer, except the trailers.
//
// # Theory of operation
//
// Each parser is a state machine that looks at every byte once. What it has seen is never looked at again, except to
// resolve a complete element, so that a peer who sends single bytes costs no more than one who sends all at
// once. A byte is judged when it is first seen and every rule is checked at the first byte that can break it. Hence three
// properties, which the tests hold it to:
//
//   - the outcome does not depend on how the bytes were split;
//   - garbage is refused at once, even if no line end ever comes;
//   - limits apply before anything is stored.
//
// Nothing is repaired. A message that two readers could understand differently is refused, because the other
// reader may be the proxy before this server or the application behind it.
//
// A head is read by a scanner (scan.go), in these states:
//
//	state        reads                      goes to                       fails with
//	atStart      CR of an empty line        atStartLF, at most twice
//	             anything else              inMethod
//	atStartLF    LF                         atStart                       400
//	inMethod     token, SP                  inTarget                      400; 501 over 32 bytes or lower-case
//	inTarget     no control, no SP; SP      inVersion                     400; 414 over the line limit
//	inVersion    HTTP/d.d CR LF             atLine                        400; 505 unless 1.0 or 1.1
//	atLine       CR                         atEndLF
//	             anything else              inName
//	inName       token, ":"                 inSpace                       400; 431 over a limit, also below
//	inSpace      SP, HTAB                   inValue
//	inValue      no control but HTAB; CR    atValueLF                     400
//	atValueLF    LF: a field is complete    atLine                        400; 417, 431 by what it says
//	atEndLF      LF: the head is complete   atEnd                         400, 501 by what it says
//	atFailure    nothing more
//
// A status line goes from inVersion (HTTP/d.d SP) by inStatus, inReason and atReasonLF to atLine. A trailer section starts at
// atLine.
//
// A chunked body is read by the table in chunksteps.go, which is its own documentation; in short:
//
//	state                  reads                              goes to
//	atSize, inSize         HEXDIG; CR or ";"                  inSize, atSizeLF, the extension states
//	extension states       ";" name [ "=" value ]; CR         atSizeLF
//	atSizeLF               LF                                 inPayload, or inTrailer after the size 0
//	inPayload              as many bytes as the size says     atPayloadCR
//	atPayloadCR, -LF       CR LF                              atSize
//	inTrailer              field lines, an empty line         atBodyEnd
//
// Paths and hosts have one canonical form each, CanonicalPath and CanonicalHost. Whoever routes, checks access or opens files
// asks about that form and no other, so that no two of them can disagree.
package h1
