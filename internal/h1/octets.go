package h1

import (
	"encoding/binary"
	"math/bits"
)

// octetString is what the grammar functions read: the read buffer, or a string copy of it.
type octetString interface{ ~string | ~[]byte }

// Classes of octets, as bits of octets.
const (
	tokenOctet = 1 << iota // tchar, RFC 9110 section 5.6.2
	valueOctet             // field-vchar, obs-text, SP, HTAB: section 5.5
	hostOctet              // unreserved and sub-delims of a reg-name, RFC 3986 section 3.2.2; not "%"
	pathOctet              // pchar and "/" of RFC 3986 section 3.3; not "%"
	digitOctet             // DIGIT
	hexOctet               // HEXDIG, either case
)

var octets = classifyOctets()

func classifyOctets() (table [256]uint8) {
	mark := func(set string, class uint8) {
		for i := range len(set) {
			table[set[i]] |= class
		}
	}
	const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	const digits = "0123456789"
	const subDelims = "!$&'()*+,;="
	mark(letters+digits+"!#$%&'*+-.^_`|~", tokenOctet)
	mark(letters+digits+"-._~"+subDelims, hostOctet|pathOctet)
	mark(":@/", pathOctet)
	mark(digits, digitOctet)
	mark(digits+"ABCDEFabcdef", hexOctet)
	for c := range table {
		if c == '\t' || c >= ' ' && c != 0x7f {
			table[c] |= valueOctet
		}
	}
	return table
}

func isOctet(c byte, class uint8) bool { return octets[c]&class != 0 }

// allOctets reports whether every octet of s is of the class.
func allOctets[S octetString](s S, class uint8) bool {
	for i := range len(s) {
		if !isOctet(s[i], class) {
			return false
		}
	}
	return true
}

// indexControl returns the index of the first octet of b at or after i that is DEL or less than floor, or
// len(b). It looks at eight octets at once: in each byte of the word the subtractions borrow into the high
// bit exactly where the condition holds, as far as the first such byte, and only the first is used.
func indexControl(b []byte, i int, floor byte) int {
	const ones, highs = 0x0101010101010101, 0x8080808080808080
	floors := uint64(floor) * ones
	for ; i+8 <= len(b); i += 8 {
		x := binary.LittleEndian.Uint64(b[i:])
		if hit := ((x - floors) | ((x ^ 0x7f*ones) - ones)) &^ x & highs; hit != 0 {
			return i + bits.TrailingZeros64(hit)>>3
		}
	}
	for ; i < len(b); i++ {
		if b[i] < floor || b[i] == 0x7f {
			break
		}
	}
	return i
}

// lower maps A-Z to a-z and leaves every other octet alone.
func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		c += 'a' - 'A'
	}
	return c
}

// equalFold compares two octet strings without regard to the case of ASCII letters.
func equalFold[A, B octetString](a A, b B) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range len(a) {
		if a[i] != b[i] && lower(a[i]) != lower(b[i]) {
			return false
		}
	}
	return true
}

// hexValue returns the value of a HEXDIG.
func hexValue(c byte) byte {
	if c <= '9' {
		return c - '0'
	}
	return lower(c) - 'a' + 10
}

// trimSpace removes optional white space (SP and HTAB) from both ends.
func trimSpace[S octetString](s S) S {
	for len(s) > 0 && isSpace(s[0]) {
		s = s[1:]
	}
	for len(s) > 0 && isSpace(s[len(s)-1]) {
		s = s[:len(s)-1]
	}
	return s
}

func isSpace(c byte) bool { return c == ' ' || c == '\t' }
