package h1

import "math"

// Message is what request and response heads have in common. Spans refer to the buffer that was parsed.
type Message struct {
	Minor  uint8   // HTTP/1.Minor, 0 or 1
	Fields []Field // in the order of the message; the slice is reused by the next one

	Framing       Framing
	ContentLength int64 // bytes of the body as stated; see Head and ResponseHead for the other cases
	Close         bool  // the sender ends the connection with this message
	Upgrade       bool  // Upgrade is present and Connection lists it; never on HTTP/1.0
	Size          int   // bytes of the head, with the empty line and with empty lines skipped before it

	scan         scanner
	coding       transferCoding
	hasLength    bool // a Content-Length was seen
	hasUpgrade   bool // an Upgrade field was seen
	listsUpgrade bool // options listed by Connection
	listsClose   bool
	listsAlive   bool
}

// transferCoding is what the Transfer-Encoding field, of which there may be one, asks for.
type transferCoding uint8

const (
	codingNone    transferCoding = iota
	codingChunked                // exactly "chunked"
	codingUnknown                // well formed, but asks for a coding that nothing here can undo
)

// Err returns the broken rule after Failed, and nil before.
func (m *Message) Err() *Error { return m.scan.err }

// Find returns the value of the first field called name, in any case. head is a string copy of the parsed buffer.
func (m *Message) Find(head, name string) (value string, ok bool) {
	for _, f := range m.Fields {
		if int(f.Name.Len) == len(name) && equalFold(f.Name.String(head), name) {
			return f.Value.String(head), true
		}
	}
	return "", false
}

// Lookup is Find for the parsed buffer itself; the value aliases b.
func (m *Message) Lookup(b []byte, name string) (value []byte, ok bool) {
	for _, f := range m.Fields {
		if int(f.Name.Len) == len(name) && equalFold(f.Name.Bytes(b), name) {
			return f.Value.Bytes(b), true
		}
	}
	return nil, false
}

func (m *Message) fail(err *Error) Verdict {
	m.scan.fail(err)
	return Failed
}

// keep adds a field line to the fields.
func (m *Message) keep(f Field, l *Limits) *Error {
	if len(m.Fields) >= l.Fields {
		return errTooManyFields
	}
	m.Fields = append(m.Fields, f)
	return nil
}

// interpret takes in what a field says about the framing and the connection, in both roles.
func (m *Message) interpret(name, value []byte) *Error {
	switch len(name) {
	case len("upgrade"):
		m.hasUpgrade = m.hasUpgrade || equalFold(name, "upgrade")
	case len("connection"):
		if equalFold(name, "connection") {
			m.addOptions(value)
		}
	case len("content-length"):
		if equalFold(name, "content-length") {
			return m.setLength(value)
		}
		if equalFold(name, "content_length") {
			return errUnderscoredFraming
		}
	case len("transfer-encoding"):
		if equalFold(name, "transfer-encoding") {
			return m.setCoding(value)
		}
		if equalFold(name, "transfer_encoding") {
			return errUnderscoredFraming
		}
	}
	return nil
}

// addOptions takes in a Connection field (RFC 9110, section 7.6.1). Options add up over several fields.
func (m *Message) addOptions(value []byte) {
	for len(value) > 0 {
		var option []byte
		option, value = nextElement(value)
		switch len(option) {
		case len("close"):
			m.listsClose = m.listsClose || equalFold(option, "close")
		case len("upgrade"):
			m.listsUpgrade = m.listsUpgrade || equalFold(option, "upgrade")
		case len("keep-alive"):
			m.listsAlive = m.listsAlive || equalFold(option, "keep-alive")
		}
	}
}

// nextElement splits the first element off a comma-separated list.
func nextElement(list []byte) (element, rest []byte) {
	for i, c := range list {
		if c == ',' {
			return trimSpace(list[:i]), list[i+1:]
		}
	}
	return trimSpace(list), nil
}

// setLength takes in a Content-Length field (RFC 9110, section 8.6). A second one is refused even where it agrees
// with the first: no honest client sends two, and the next hop may read them in another way.
func (m *Message) setLength(value []byte) *Error {
	if m.hasLength {
		return errTwoLengths
	}
	if len(value) == 0 || !allOctets(value, digitOctet) {
		return errBadLength
	}
	var n int64
	for _, c := range value {
		digit := int64(c - '0')
		if n > (math.MaxInt64-digit)/10 {
			return errBadLength
		}
		n = n*10 + digit
	}
	m.ContentLength, m.hasLength = n, true
	return nil
}

// setCoding takes in a Transfer-Encoding field (RFC 9112, section 6.1). A value that another recipient
// might take for chunked, but that is not exactly that, is refused as malformed.
func (m *Message) setCoding(value []byte) *Error {
	if m.coding != codingNone {
		return errTwoCodings
	}
	if equalFold(value, "chunked") {
		m.coding = codingChunked
		return nil
	}
	for rest := value; ; {
		var coding []byte
		coding, rest = nextElement(rest)
		if len(coding) == 0 || !allOctets(coding, tokenOctet) {
			return errBadCoding
		}
		if rest == nil {
			break
		}
		if equalFold(coding, "chunked") {
			return errChunkedNotLast
		}
	}
	m.coding = codingUnknown
	return nil
}

// concludeConnection decides, at the end of the head, what becomes of the connection (RFC 9112, section 9.3).
// It reports whether an HTTP/1.0 sender has asked to keep it.
func (m *Message) concludeConnection() (keepAlive bool) {
	m.Upgrade = m.hasUpgrade && m.listsUpgrade && m.Minor == 1
	keepAlive = m.Minor == 0 && m.listsAlive && !m.listsClose
	m.Close = m.listsClose || m.Minor == 0 && !keepAlive
	return keepAlive
}

// checkFraming refuses framings that are ambiguous or unknown (RFC 9112, sections 6.1 and 6.3).
func (m *Message) checkFraming() *Error {
	switch {
	case m.coding == codingNone:
		return nil
	case m.hasLength:
		return errLengthAndCoding
	case m.Minor == 0:
		return errCodingOn10
	case m.coding == codingUnknown:
		return errUnknownCoding
	}
	return nil
}

var (
	// A gateway that maps names to variables, as CGI does, would take these for the framing. Nobody honest sends them.
	errUnderscoredFraming = &Error{400, "Content-Length or Transfer-Encoding spelt with an underscore"}

	errTwoLengths      = &Error{400, "more than one Content-Length"}
	errBadLength       = &Error{400, "Content-Length is not a number of bytes"}
	errTwoCodings      = &Error{400, "more than one Transfer-Encoding"}
	errBadCoding       = &Error{400, "malformed Transfer-Encoding"}
	errChunkedNotLast  = &Error{400, "chunked is not the only and last transfer coding"}
	errLengthAndCoding = &Error{400, "Content-Length with Transfer-Encoding"}
	errCodingOn10      = &Error{400, "Transfer-Encoding on HTTP/1.0"}
	errUnknownCoding   = &Error{501, "unknown transfer coding"}
)
