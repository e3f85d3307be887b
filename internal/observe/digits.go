package observe

import (
	"encoding/binary"
	"math/bits"
	"strconv"
)

// digits are the two digits of all numbers below a hundred.
const digits = "00010203040506070809101112131415161718192021222324252627282930313233343536373839404142434445464748495051525354555657585960616263646566676869" +
	"707172737475767778798081828384858687888990919293949596979899"

// appendTwo appends the two digits of n, which is from 0 to 99.
func appendTwo(dst []byte, n int) []byte {
	i := 2 * uint(n)
	return append(dst, digits[i], digits[i+1])
}

// appendMicros appends the six digits of n, which is below a million.
func appendMicros(dst []byte, n int) []byte {
	dst = append(dst, "000000"...)
	putMicros(dst[len(dst)-6:], uint32(n))
	return dst
}

// putMicros puts the six digits of n, which is below a million, to the beginning of b.
func putMicros(b []byte, n uint32) {
	_ = b[5]
	high, low := n/10000, n%10000
	putTwo(b, high)
	putTwo(b[2:], low/100)
	putTwo(b[4:], low%100)
}

// putTwo puts the two digits of n, which is below a hundred, to the beginning of b.
func putTwo(b []byte, n uint32) {
	tens := n * 103 >> 10 // n/10
	binary.LittleEndian.PutUint16(b, uint16(tens|(n-10*tens)<<8|'0'|'0'<<8))
}

// appendInt appends n in decimal, small numbers in a hurry.
func appendInt(dst []byte, n int64) []byte {
	u := uint64(n)
	switch {
	case u < 10:
		return append(dst, byte('0'+u))
	case u < 100:
		return append(dst, digits[2*u], digits[2*u+1])
	case u < 1000:
		high, low := u/100, u%100
		return append(dst, byte('0'+high), digits[2*low], digits[2*low+1])
	case u < 10000:
		high, low := u/100, u%100
		return append(dst, digits[2*high], digits[2*high+1], digits[2*low], digits[2*low+1])
	case u < 100000:
		high := u / 10000
		u -= 10000 * high
		middle, low := u/100, u%100
		return append(dst, byte('0'+high), digits[2*middle], digits[2*middle+1], digits[2*low], digits[2*low+1])
	}
	return strconv.AppendInt(dst, n, 10)
}

// appendIPv4 appends an address of four bytes.
func appendIPv4(dst []byte, a [4]byte) []byte {
	start := len(dst)
	dst = append(dst, "255.255.255.255."...)
	b, n := dst[start:], 0
	for _, octet := range a {
		u := uint32(octet)
		switch {
		case u < 10:
			b[n] = byte('0' + u)
			n++
		case u < 100:
			putTwo(b[n:], u)
			n += 2
		default:
			b[n] = byte('0' + u/100)
			putTwo(b[n+1:], u%100)
			n += 3
		}
		b[n] = '.'
		n++
	}
	return dst[:start+n-1]
}

// appendHex appends n in hexadecimal.
func appendHex(dst []byte, n uint64) []byte {
	shift := max(bits.Len64(n)-1, 0) &^ 3
	for ; shift >= 0; shift -= 4 {
		dst = append(dst, hexDigits[n>>shift&15])
	}
	return dst
}
