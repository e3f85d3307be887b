package observe

import "encoding/binary"

// The escapes of the two families of text. What follows is always two
// lower-case hexadecimal digits.
const (
	escapeHex  = `\x`   // common, combined and the trace
	escapeJSON = `\u00` // JSON, where \x does not exist
)

// The lowest byte that may stand as it is.
const (
	keepSpace   = 0x20 // a quoted string, in which spaces are harmless
	escapeSpace = 0x21 // a word, which a space would split in two
)

const hexDigits = "0123456789abcdef"

// appendEscaped appends s with every byte replaced by prefix and two
// hexadecimal digits that is a control, a double quote, a backslash, DEL, 0x80
// or above, or below lowest. The result is printable ASCII and contains no
// quote, so it can stand between quotes; and since the backslash is escaped
// too, it can be turned back into exactly s.
func appendEscaped(dst, s []byte, prefix string, lowest byte) []byte {
	n := len(s)
	lowests := eightOnes * uint64(lowest)
	if n < 8 {
		if specials(loadFew(s), lowests) == 0 {
			return append(dst, s...)
		}
		return appendSpecial(dst, s, prefix, lowest)
	}
	if cap(dst)-len(dst) < n {
		return appendSpecial(dst, s, prefix, lowest)
	}
	// Almost always nothing is to be escaped. So the bytes are copied while
	// they are looked at, eight at a time; the last eight may overlap those before.
	out := dst[len(dst) : len(dst)+n]
	found := uint64(0)
	for i := 0; i+8 <= n; i += 8 {
		x := binary.LittleEndian.Uint64(s[i:])
		binary.LittleEndian.PutUint64(out[i:i+8], x)
		found |= specials(x, lowests)
	}
	x := binary.LittleEndian.Uint64(s[n-8:])
	binary.LittleEndian.PutUint64(out[n-8:], x)
	if found|specials(x, lowests) != 0 {
		return appendSpecial(dst, s, prefix, lowest)
	}
	return dst[:len(dst)+n]
}

// isPlain reports whether appendEscaped would change nothing of s.
func isPlain(s []byte, lowest byte) bool {
	n := len(s)
	lowests := eightOnes * uint64(lowest)
	if n < 8 {
		return specials(loadFew(s), lowests) == 0
	}
	found := specials(binary.LittleEndian.Uint64(s[n-8:]), lowests)
	for ; len(s) >= 8; s = s[8:] {
		found |= specials(binary.LittleEndian.Uint64(s), lowests)
	}
	return found == 0
}

// appendSpecial is appendEscaped byte by byte.
func appendSpecial(dst, s []byte, prefix string, lowest byte) []byte {
	done := 0
	for i := range len(s) {
		c := s[i]
		if c >= lowest && c < 0x7f && c != '"' && c != '\\' {
			continue
		}
		dst = append(dst, s[done:i]...)
		dst = append(dst, prefix...)
		dst = append(dst, hexDigits[c>>4], hexDigits[c&15])
		done = i + 1
	}
	return append(dst, s[done:]...)
}

// A uint64 of eight bytes that are all 0x01, and of eight that are 0x80.
const (
	eightOnes = 0x0101010101010101
	eightTops = 0x8080808080808080
)

// specials returns a number that is zero exactly when all eight bytes of x stay as they are; lowests is the lowest byte that does, eight times.
//
// A byte's top bit in the sum is set when the byte needs an escape. Borrows and carries
// between bytes can set or clear further bits, but only above one that is rightly set: a byte
// that is below lowest, equal to one of the others, or, for the carry, 0xff.
func specials(x, lowests uint64) uint64 {
	return (x | (x + eightOnes) | (x - lowests) | (x ^ eightOnes*'"' - eightOnes) | (x ^ eightOnes*'\\' - eightOnes)) & eightTops
}

// loadFew returns the bytes of s, of which there are less than eight, some of them more than once, and nothing else but plain bytes.
func loadFew(s []byte) uint64 {
	const plain = eightOnes * 'a'
	switch n := len(s); {
	case n >= 4:
		return uint64(binary.LittleEndian.Uint32(s)) | uint64(binary.LittleEndian.Uint32(s[n-4:]))<<32
	case n > 0:
		return uint64(s[0]) | uint64(s[n/2])<<8 | uint64(s[n-1])<<16 | plain&^0xffffff
	}
	return plain
}
