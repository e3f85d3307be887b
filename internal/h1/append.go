package h1

import "strconv"

// The writer appends to a slice of the caller's, in both roles. It does not allocate unless the slice has to grow.

// ValidFieldName reports whether s is a token and so may be a field name or a method (RFC 9110, section 5.6.2).
func ValidFieldName(s string) bool { return s != "" && allOctets(s, tokenOctet) }

// ValidFieldValue reports whether s holds no control character other than HTAB (RFC 9110, section 5.5), and so can
// neither end its line nor be read differently by another hop. It is also the rule for reason phrases.
func ValidFieldValue(s string) bool { return allOctets(s, valueOctet) }

// AppendRequestLine appends an HTTP/1.1 request line. The caller answers for both parts: a token, and a target without
// white space and control characters.
func AppendRequestLine(dst []byte, method, target string) []byte {
	dst = append(dst, method...)
	dst = append(dst, ' ')
	dst = append(dst, target...)
	return append(dst, " HTTP/1.1\r\n"...)
}

// AppendField appends a field line. The caller has checked the name and the value.
func AppendField(dst []byte, name, value string) []byte {
	dst = append(dst, name...)
	dst = append(dst, ": "...)
	dst = append(dst, value...)
	return append(dst, "\r\n"...)
}

// AppendFieldInt is AppendField for a decimal number, such as a Content-Length.
func AppendFieldInt(dst []byte, name string, value int64) []byte {
	dst = append(dst, name...)
	dst = append(dst, ": "...)
	dst = strconv.AppendInt(dst, value, 10)
	return append(dst, "\r\n"...)
}

// AppendEnd appends the empty line that ends a head, or a trailer section.
func AppendEnd(dst []byte) []byte { return append(dst, "\r\n"...) }

// AppendChunk appends payload as one chunk (RFC 9112, section 7.1), and nothing for an empty payload, since an empty chunk is
// the last one.
func AppendChunk(dst, payload []byte) []byte {
	if len(payload) == 0 {
		return dst
	}
	dst = AppendChunkSize(dst, len(payload))
	dst = append(dst, payload...)
	return append(dst, "\r\n"...)
}

// AppendChunkSize appends the line before a chunk of n > 0 bytes, for a payload that is written from elsewhere. CRLF follows
// the payload.
func AppendChunkSize(dst []byte, n int) []byte {
	dst = strconv.AppendUint(dst, uint64(n), 16)
	return append(dst, "\r\n"...)
}

// AppendLastChunk appends the last chunk and an empty trailer section.
func AppendLastChunk(dst []byte) []byte { return append(dst, "0\r\n\r\n"...) }

// AppendTrailerStart appends the last chunk. Field lines and AppendEnd follow.
func AppendTrailerStart(dst []byte) []byte { return append(dst, "0\r\n"...) }
