package h1

// Head is a parsed request head and the state of its parser. The zero value is ready for use. A Head belongs to one
// connection and is reused for its requests.
//
// ContentLength is 0 without a body and -1 when the body is chunked.
type Head struct {
	Message
	Method    Span
	Known     Method // Method as an index
	Target    Span   // the request target as received
	Path      Span   // its path, as received; empty in the asterisk and authority forms, and where the absolute form has none
	Query     Span   // what follows the first "?", without it
	HasQuery  bool   // there is a "?"; tells an empty query from none
	Form      Form
	Host      Span // authority in force: that of the target if it has one, else the Host field; may be empty on HTTP/1.0
	Scheme    Span // of the absolute form, else empty
	KeepAlive bool // an HTTP/1.0 client asked to keep the connection, and is to be told that it is kept
	Expect100 bool // the client waits for 100 Continue before it sends the body

	skipped int    // empty lines before the request line
	hasHost bool   // a Host field was seen
	host    Span   // its value
	singles single // fields seen that may stand once
}

// Form is the form of a request target (RFC 9112, section 3.2).
type Form uint8

// The forms.
const (
	OriginForm Form = iota
	AbsoluteForm
	AuthorityForm // with CONNECT only
	AsteriskForm  // with OPTIONS only
)

const (
	longestMethod   = 32
	mostEmptyLines  = 2
	versionTemplate = "HTTP/d.d" // d is any digit
)

// Reset makes h ready for the next request.
func (h *Head) Reset() {
	fields := h.Fields[:0]
	*h = Head{}
	h.Fields = fields
}

// Started reports whether a byte of the request line has been seen. A client that has sent nothing else than empty lines
// is idle rather than slow.
func (h *Head) Started() bool { return h.scan.at > atStartLF }

// Parse goes on parsing the request head in b. b starts with the first byte of the message and holds at least all bytes
// given before, though perhaps in another place. Parse keeps no reference to b: after Done, h.Size bytes
// of b are the head, the spans refer to b, and the body or the next request follows. A nil lim stands for
// all defaults.
func (h *Head) Parse(b []byte, lim *Limits) Verdict {
	l := lim.resolved()
	if h.scan.at < atLine && !h.parseRequestLine(b, &l) {
		if h.scan.at == atFailure {
			return Failed
		}
		return NeedData
	}
	for {
		f, event := h.scan.nextField(b, &l)
		switch event {
		case eventField:
			if err := h.addField(b, f, &l); err != nil {
				return h.fail(err)
			}
		case eventMore:
			return NeedData
		case eventEnd:
			if h.Size == 0 {
				if err := h.conclude(b); err != nil {
					return h.fail(err)
				}
				h.Size = h.scan.pos
			}
			return Done
		default:
			return Failed
		}
	}
}

// parseRequestLine reports whether the request line is complete. If not, either more bytes are needed or
// the scanner has failed.
func (h *Head) parseRequestLine(b []byte, l *Limits) bool {
	s := &h.scan
	w, bound := s.window(b, l)
	i, at := s.pos, s.at
	switch at {
	case atStart, atStartLF:
		i = h.skipEmptyLines(w, i)
		if s.at != inMethod {
			return false
		}
		w, bound = s.window(b, l)
		fallthrough

	case inMethod:
		at = inMethod
		for i < len(w) && i-s.line <= longestMethod && isOctet(w[i], tokenOctet) {
			i++
		}
		if i-s.line > longestMethod {
			s.fail(errLongMethod)
			return false
		}
		if i == len(w) {
			break
		}
		if w[i] != ' ' || i == s.line {
			s.fail(errBadMethod)
			return false
		}
		h.Method = span(s.line, i)
		h.Known = methodOf(w[s.line:i])
		if h.Known == MethodOther && hasLower(w[s.line:i]) {
			s.fail(errLowerMethod)
			return false
		}
		i++
		s.mark = i
		at = inTarget
		fallthrough

	case inTarget:
		i = indexControl(w, i, '!')
		if i == len(w) {
			break
		}
		if w[i] != ' ' || i == s.mark {
			s.fail(targetError(w[i]))
			return false
		}
		h.Target = span(s.mark, i)
		if err := h.splitTarget(w); err != nil {
			s.fail(err)
			return false
		}
		i++
		s.mark = i
		at = inVersion
		fallthrough

	default:
		const usual = "HTTP/1.1\r\n"
		if i == s.mark && len(w)-i >= len(usual) && string(w[i:i+len(usual)]) == usual {
			i += len(usual)
			h.Minor = 1
			s.at, s.pos, s.line = atLine, i, i
			return true
		}
		var err *Error
		if i, err = s.scanVersion(w, i, '\r'); err != nil {
			s.fail(err)
			return false
		}
		if i-s.mark < len(usual) {
			at = inVersion
			break
		}
		if h.Minor, err = minorVersion(w[s.mark:]); err != nil {
			s.fail(err)
			return false
		}
		s.at, s.pos, s.line = atLine, i, i
		return true
	}
	s.pause(at, i, bound, errLongRequestLine)
	return false
}

// skipEmptyLines skips what some clients send after a body (RFC 9112, section 2.2) and returns where it stopped.
// The scanner then stands at the method if there is one.
func (h *Head) skipEmptyLines(w []byte, i int) int {
	s := &h.scan
	for ; i < len(w); i++ {
		switch {
		case s.at == atStartLF && w[i] != '\n':
			s.fail(errBareCR)
			return i
		case s.at == atStartLF:
			s.at = atStart
			s.line = i + 1
		case w[i] == '\r' && h.skipped < mostEmptyLines:
			h.skipped++
			s.at = atStartLF
		default:
			s.at = inMethod
			return i
		}
	}
	s.pos = i
	return i
}

// scanVersion checks an HTTP version and the octet after it, which is '\r' on a request line and then followed by LF,
// as far as w goes. It returns the index of the first octet that is missing or wrong, or behind it all.
func (s *scanner) scanVersion(w []byte, i int, after byte) (int, *Error) {
	for ; i < len(w); i++ {
		at, c := i-s.mark, w[i]
		switch {
		case at < len(versionTemplate):
			want := versionTemplate[at]
			if c != want && (want != 'd' || !isOctet(c, digitOctet)) || c == 'd' {
				return i, errBadVersion
			}
		case at == len(versionTemplate):
			if c != after {
				return i, errBadVersion
			}
			if c == ' ' {
				return i + 1, nil
			}
		case c != '\n':
			return i, errBareCR
		default:
			return i + 1, nil
		}
	}
	return i, nil
}

// minorVersion returns the minor version of the well-formed version that b starts with, if the major one is 1.
func minorVersion(b []byte) (uint8, *Error) {
	major, minor := b[len("HTTP/")], b[len("HTTP/d.")]
	if major != '1' || minor > '1' {
		return 0, errVersion
	}
	return minor - '0', nil
}

// addField keeps a field line and takes in what it says. One look at the length of the name tells that most fields say
// nothing to a parser.
func (h *Head) addField(b []byte, f Field, l *Limits) *Error {
	if err := h.keep(f, l); err != nil {
		return err
	}
	name, value := f.Name.Bytes(b), f.Value.Bytes(b)
	switch len(name) {
	case len("host"):
		if equalFold(name, "host") {
			return h.setHost(f.Value, value)
		}
	case len("expect"):
		if equalFold(name, "expect") {
			return h.setExpectation(value)
		}
	case len("upgrade"), len("connection"), len("content-length"):
		return h.interpret(name, value)
	case len("transfer-encoding"): // and if-modified-since
		if err := h.interpret(name, value); err != nil {
			return err
		}
		return h.addSingle(name)
	case len("if-range"), len("content-type"), len("authorization"), len("if-unmodified-since"):
		return h.addSingle(name)
	}
	return nil
}

// setExpectation takes in an Expect field (RFC 9110, section 10.1.1). HTTP/1.0 has no expectations.
func (h *Head) setExpectation(value []byte) *Error {
	if h.Minor == 0 {
		return nil
	}
	if !equalFold(value, "100-continue") {
		return errExpectation
	}
	h.Expect100 = true
	return nil
}

// addSingle refuses the second of the fields that may stand once.
func (h *Head) addSingle(name []byte) *Error {
	field := singleOf(name)
	if h.singles&field != 0 {
		return errRepeated
	}
	h.singles |= field
	return nil
}

func (h *Head) setHost(at Span, value []byte) *Error {
	if h.hasHost {
		return errTwoHosts
	}
	if !validAuthority(value) && (len(value) > 0 || h.Minor == 1) {
		return errBadHost
	}
	h.hasHost, h.host = true, at
	return nil
}

// conclude checks what only the whole head can tell.
func (h *Head) conclude(b []byte) *Error {
	if !h.hasHost && h.Minor == 1 {
		return errNoHost
	}
	if h.Host.Len == 0 {
		h.Host = h.host
	} else if h.hasHost && !equalFold(h.Host.Bytes(b), h.host.Bytes(b)) {
		return errHostsDiffer
	}
	if err := h.checkFraming(); err != nil {
		return err
	}
	switch {
	case h.coding == codingChunked:
		h.Framing, h.ContentLength = ChunkedBody, -1
	case h.ContentLength > 0:
		h.Framing = Length
	default:
		h.Expect100 = false
	}
	if h.Minor == 0 && !h.hasLength && (h.Known == MethodPost || h.Known == MethodPut) {
		return errLengthRequired
	}
	if h.Known == MethodTrace && h.Framing != NoBody {
		return errTraceBody
	}
	h.KeepAlive = h.concludeConnection()
	return nil
}

// targetError says why octet c cannot stand where a target is or ends.
func targetError(c byte) *Error {
	switch c {
	case ' ':
		return errSpaces
	case '\r':
		return errNoVersion
	}
	return controlError(c)
}

var (
	errLongMethod      = &Error{501, "method too long"}
	errLowerMethod     = &Error{501, "method with lower-case letters"}
	errBadMethod       = &Error{400, "method is not a token before one space"}
	errSpaces          = &Error{400, "more than one space on the request line"}
	errNoVersion       = &Error{400, "request line without a version"}
	errBadVersion      = &Error{400, "malformed HTTP version"}
	errVersion         = &Error{505, "HTTP version other than 1.0 and 1.1"}
	errLongRequestLine = &Error{414, "request line too long"}
	errNoHost          = &Error{400, "no Host"}
	errTwoHosts        = &Error{400, "more than one Host"}
	errBadHost         = &Error{400, "Host is not a host with an optional port"}
	errHostsDiffer     = &Error{400, "Host differs from the authority of the target"}
	errRepeated        = &Error{400, "a field that may stand once is repeated"}
	errExpectation     = &Error{417, "unknown expectation"}
	errTraceBody       = &Error{400, "TRACE with a body"}
	errLengthRequired  = &Error{411, "a request with a body states no length on HTTP/1.0"} // RFC 1945, section 8.3
)
