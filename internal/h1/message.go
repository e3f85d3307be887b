package h1

// Span is a range of the buffer that a head was parsed from. It holds offsets and not a slice, so that one
// parsed head can be resolved against the read buffer or against a string copy of it, and stays valid when
// the buffer moves.
type Span struct{ Off, Len int32 }

// Bytes returns the span's part of b, the buffer that was parsed. It aliases b.
func (s Span) Bytes(b []byte) []byte { return b[s.Off : s.Off+s.Len] }

// String returns the span's part of head, a string copy of the buffer that was parsed, without allocating.
func (s Span) String(head string) string { return head[s.Off : s.Off+s.Len] }

func span(from, to int) Span { return Span{int32(from), int32(to - from)} }

// Field is one field line. Value has no optional white space around it.
type Field struct{ Name, Value Span }

// Verdict is the outcome of one call of a parser. Needing more bytes is an outcome like the others, not an error.
type Verdict uint8

// The verdicts.
const (
	NeedData Verdict = iota // all is well so far; call again with more bytes
	Done                    // the element is complete
	Failed                  // the element breaks a rule; Err says which, and every later call fails likewise
)

// Framing says how the end of a message body is found (RFC 9112, section 6.3).
type Framing uint8

// The framings. Only a response can be UntilClose.
const (
	NoBody      Framing = iota // there is no body, or one of zero bytes
	Length                     // ContentLength bytes
	ChunkedBody                // chunks; the type Chunked decodes them
	UntilClose                 // all bytes until the peer closes
)

// Error is a broken rule of the protocol. Status is what a server answers (RFC 9110, section 15); a gateway
// that reads a broken response answers 502 whatever Status says. Reason is meant for the log, not for the client.
type Error struct {
	Status int
	Reason string
}

// Error returns the reason.
func (e *Error) Error() string { return e.Reason }

// Limits bound what a peer may make a parser keep. A zero value stands for the default,
// and a Line or Head below 16 for 16.
type Limits struct {
	Line          int // bytes of one line with its CRLF; 8 KiB
	Head          int // bytes of a whole head; 64 KiB
	Fields        int // field lines of one section; 100
	Trailer       int // bytes of a trailer section; 8 KiB
	ChunkOverhead int // bytes of chunk framing beyond four for each byte of payload; 16 KiB
}

// smallestLine leaves room for the empty lines that may stand before a request line.
const smallestLine = 16

// resolved returns the limits in force. A nil l stands for all defaults.
func (l *Limits) resolved() Limits {
	if l == nil {
		l = &Limits{}
	}
	return Limits{
		Line:          max(orDefault(l.Line, 8<<10), smallestLine),
		Head:          max(orDefault(l.Head, 64<<10), smallestLine),
		Fields:        orDefault(l.Fields, 100),
		Trailer:       orDefault(l.Trailer, 8<<10),
		ChunkOverhead: orDefault(l.ChunkOverhead, 16<<10),
	}
}

func orDefault(n, standard int) int {
	if n <= 0 {
		return standard
	}
	return n
}
