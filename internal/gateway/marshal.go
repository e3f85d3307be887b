package gateway

import (
	"encoding/binary"
	"unicode/utf8"
)

// A request travels to its worker as one value that the interpreter decodes in C: the marshal format, which CPython keeps
// its compiled modules in. It is not a promised format, so a worker proves at its start that it understands a sample,
// and the plain codec takes over where it does not.
//
// Text stands for bytes: each byte of a Go string is the code point of the same number, as PEP 3333 has it. Of marshal's
// codes for strings none that interns or that numbers its objects is used: an interned string is immortal
// from CPython 3.12 on, and clients choose the names of header fields.

// codec is a form in which a request travels to its worker.
type codec uint8

const (
	marshalCodec codec = iota // a tuple in CPython's marshal format
	plainCodec                // every text as its length in 32 bits and its bytes, nothing else
)

// codecNamed returns the codec by the name that workers know it by.
func codecNamed(name string) (c codec, ok bool) {
	switch name {
	case "marshal":
		return marshalCodec, true
	case "plain":
		return plainCodec, true
	}
	return 0, false
}

// Codes of marshal, as Python/marshal.c names them.
const (
	typeNull       = '0' // ends a dict
	typeNone       = 'N'
	typeInt        = 'i' // and its value in 32 bits
	typeDict       = '{' // keys and values in turn
	typeSmallTuple = ')' // and the number of items in 8 bits
	typeShortASCII = 'z' // and the length in 8 bits
	typeASCII      = 'a' // and the length in 32 bits
	typeUnicode    = 'u' // and the length of its UTF-8 in 32 bits
)

// plainNone is the length that the plain codec writes for None.
const plainNone = 1<<32 - 1

// appendTuple appends the start of a tuple of n items, which follow.
func (c codec) appendTuple(dst []byte, n uint8) []byte {
	if c == plainCodec {
		return dst
	}
	return append(dst, typeSmallTuple, n)
}

// appendDict appends the start of a dict, whose keys and values follow in turn.
func (c codec) appendDict(dst []byte) []byte {
	if c == plainCodec {
		return dst
	}
	return append(dst, typeDict)
}

// appendDictEnd appends the end of a dict.
func (c codec) appendDictEnd(dst []byte) []byte {
	if c == plainCodec {
		return dst
	}
	return append(dst, typeNull)
}

// appendNone appends None.
func (c codec) appendNone(dst []byte) []byte {
	if c == plainCodec {
		return binary.LittleEndian.AppendUint32(dst, plainNone)
	}
	return append(dst, typeNone)
}

// appendInt appends an int, which only marshal has.
func appendInt(dst []byte, n int32) []byte {
	return binary.LittleEndian.AppendUint32(append(dst, typeInt), uint32(n))
}

// appendASCIIStart appends what precedes n bytes of ASCII text.
func (c codec) appendASCIIStart(dst []byte, n int) []byte {
	switch {
	case c == plainCodec:
	case n < 1<<8:
		return append(dst, typeShortASCII, byte(n))
	default:
		dst = append(dst, typeASCII)
	}
	return binary.LittleEndian.AppendUint32(dst, uint32(n))
}

// appendText appends text of any bytes.
func appendText[S string | []byte](dst []byte, c codec, s S) []byte {
	before := len(dst)
	dst = c.appendASCIIStart(dst, len(s))
	start := len(dst)
	dst = append(dst, s...)
	if c == plainCodec || isASCII(dst[start:]) {
		return dst
	}
	return appendLatin1(dst[:before], s)
}

// appendLatin1 appends s as marshal's TYPE_UNICODE.
func appendLatin1[S string | []byte](dst []byte, s S) []byte {
	dst = append(dst, typeUnicode, 0, 0, 0, 0)
	start := len(dst)
	for i := range len(s) {
		dst = utf8.AppendRune(dst, rune(s[i]))
	}
	binary.LittleEndian.PutUint32(dst[start-4:], uint32(len(dst)-start))
	return dst
}

// isASCII reports whether no byte is above 0x7f.
func isASCII(b []byte) bool {
	const tops = 0x8080808080808080
	if len(b) >= 8 {
		for i := 0; i < len(b)-8; i += 8 {
			if binary.LittleEndian.Uint64(b[i:])&tops != 0 {
				return false
			}
		}
		return binary.LittleEndian.Uint64(b[len(b)-8:])&tops == 0
	}
	all := byte(0)
	for _, c := range b {
		all |= c
	}
	return all < utf8.RuneSelf
}
