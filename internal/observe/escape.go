package observe

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
func appendEscaped(dst []byte, s, prefix string, lowest byte) []byte {
	done := 0
	for i := plainPrefix(s, lowest); i < len(s); i++ {
		c := s[i]
		if isPlain(c, lowest) {
			continue
		}
		dst = append(dst, s[done:i]...)
		dst = append(dst, prefix...)
		dst = append(dst, hexDigits[c>>4], hexDigits[c&15])
		done = i + 1
	}
	return append(dst, s[done:]...)
}

func isPlain(c, lowest byte) bool {
	return c >= lowest && c < 0x7f && c != '"' && c != '\\'
}

// plainPrefix returns a length up to which every byte of s is plain. It looks
// at eight bytes at a time and may stop short of the first byte to escape by
// up to seven.
func plainPrefix(s string, lowest byte) int {
	lowests := eightOnes * uint64(lowest)
	i := 0
	for ; i+8 <= len(s); i += 8 {
		if !plainEight(loadEight(s[i:i+8]), lowests) {
			return i
		}
	}
	// The rest is the end of the last eight bytes, which overlap the ones
	// before.
	if i < len(s) && len(s) >= 8 && plainEight(loadEight(s[len(s)-8:]), lowests) {
		return len(s)
	}
	return i
}

// A uint64 of eight bytes that are all 0x01, and of eight that are 0x80.
const (
	eightOnes = 0x0101010101010101
	eightTops = 0x8080808080808080
)

// plainEight tells whether the eight bytes of x are plain; lowests is lowest
// eight times.
//
// A byte's top bit in mask is set when the byte needs an escape. Borrows
// between bytes can set further bits, but only above one that is rightly set,
// so mask is zero exactly when all eight bytes are plain.
func plainEight(x, lowests uint64) bool {
	quote, backslash, del := x^(eightOnes*'"'), x^(eightOnes*'\\'), x^(eightOnes*0x7f)
	mask := x | (x - lowests) | (quote - eightOnes) | (backslash - eightOnes) | (del - eightOnes)
	return mask&eightTops == 0
}

// loadEight returns the eight bytes of s as a number. The compiler makes it one
// load.
func loadEight(s string) uint64 {
	_ = s[7]
	return uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 |
		uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56
}
