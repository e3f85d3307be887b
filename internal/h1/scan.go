package h1

// A head or a trailer section is scanned by one scanner that stops at the end of the bytes it has and goes
// on from there. It looks at every octet once and judges it at once, never at the end of the line, so that
// the verdict and the error cannot depend on how the octets were split.

// position is the grammar element in which a scanner stands.
type position uint8

const (
	atStart    position = iota // before the start line
	atStartLF                  // within an empty line before the start line
	inMethod                   // request line
	inTarget                   //
	inVersion                  // request line or status line, up to and with the version
	inStatus                   // status line
	inReason                   //
	atReasonLF                 //
	atLine                     // first octet of a field line or of the empty line that ends the section
	inName                     // field line
	inSpace                    // white space between the colon and the value
	inValue                    //
	atValueLF                  //
	atEndLF                    // within the empty line that ends the section
	atEnd                      // after it
	atFailure                  // for good
)

// event is what nextField has come to.
type event uint8

const (
	eventField event = iota // one more field line is complete
	eventMore               // the bytes are used up
	eventEnd                // the section is complete
	eventFailed
)

// scanner is the resumable part of a parser. Its zero value stands before a start line.
type scanner struct {
	at   position
	pos  int  // the next octet to look at
	line int  // first octet of the current line
	mark int  // first octet of the current element
	name Span // of the current field line
	err  *Error
}

func (s *scanner) fail(err *Error) {
	s.at, s.err = atFailure, err
}

// window returns b up to where the current line, or the head, becomes too long.
func (s *scanner) window(b []byte, l *Limits) (w []byte, bound int) {
	bound = min(s.line+l.Line, l.Head)
	return b[:min(len(b), bound)], bound
}

// pause stops the scanner at octet i within the element at. When i is the bound, no continuation can be within the
// limits and the scanner fails with tooLong. It reports whether more bytes may help.
func (s *scanner) pause(at position, i, bound int, tooLong *Error) bool {
	s.at, s.pos = at, i
	if i < bound {
		return true
	}
	s.fail(tooLong)
	return false
}

// nextField scans up to the end of the next field line, of the section or of b, whichever comes first.
// The scanner stands at atLine or behind. b is what it was at earlier calls, with more bytes at its end.
func (s *scanner) nextField(b []byte, l *Limits) (Field, event) {
	w, bound := s.window(b, l)
	i, at := s.pos, s.at
	switch at {
	case atLine:
		if i < len(w) && w[i] == '\r' {
			i++
			return s.endSection(w, i, bound)
		}
		at = inName
		fallthrough

	case inName:
		for i < len(w) && isOctet(w[i], tokenOctet) {
			i++
		}
		if i == len(w) {
			break
		}
		if w[i] != ':' || i == s.line {
			s.fail(nameError(w[i], i == s.line))
			return Field{}, eventFailed
		}
		s.name = span(s.line, i)
		i++
		at = inSpace
		fallthrough

	case inSpace:
		for i < len(w) && isSpace(w[i]) {
			i++
		}
		s.mark = i
		if i == len(w) {
			break
		}
		at = inValue
		fallthrough

	case inValue:
		i = indexControl(w, i, ' ')
		for i < len(w) && w[i] == '\t' {
			i = indexControl(w, i+1, ' ')
		}
		if i == len(w) {
			break
		}
		if w[i] != '\r' {
			s.fail(controlError(w[i]))
			return Field{}, eventFailed
		}
		i++
		at = atValueLF
		fallthrough

	case atValueLF:
		if i == len(w) {
			break
		}
		if w[i] != '\n' {
			s.fail(errBareCR)
			return Field{}, eventFailed
		}
		end := i - 1
		for end > s.mark && isSpace(w[end-1]) {
			end--
		}
		s.at, s.pos, s.line = atLine, i+1, i+1
		return Field{s.name, span(s.mark, end)}, eventField

	case atEndLF:
		return s.endSection(w, i, bound)

	case atEnd:
		return Field{}, eventEnd

	default:
		return Field{}, eventFailed
	}
	if at == inName && i == s.line {
		at = atLine
	}
	if s.pause(at, i, bound, errFieldsTooLarge) {
		return Field{}, eventMore
	}
	return Field{}, eventFailed
}

// endSection expects the LF of the empty line at octet i.
func (s *scanner) endSection(w []byte, i, bound int) (Field, event) {
	if i == len(w) {
		if s.pause(atEndLF, i, bound, errFieldsTooLarge) {
			return Field{}, eventMore
		}
		return Field{}, eventFailed
	}
	if w[i] != '\n' {
		s.fail(errBareCR)
		return Field{}, eventFailed
	}
	s.at, s.pos = atEnd, i+1
	return Field{}, eventEnd
}

// nameError says why octet c cannot stand where a field name is or ends.
func nameError(c byte, first bool) *Error {
	switch {
	case first && isSpace(c):
		return errFolded
	case isSpace(c):
		return errSpaceBeforeColon
	case c == '\n':
		return errBareLF
	case c == '\r':
		return errNoColon
	}
	return errBadName
}

// controlError says why octet c cannot stand in a value or target.
func controlError(c byte) *Error {
	if c == '\n' {
		return errBareLF
	}
	return errControl
}

var (
	errBareCR           = &Error{400, "CR without LF"}
	errBareLF           = &Error{400, "LF without CR"}
	errControl          = &Error{400, "control character"}
	errFolded           = &Error{400, "field line starts with white space"}
	errSpaceBeforeColon = &Error{400, "white space in or after a field name"}
	errNoColon          = &Error{400, "field line without a colon"}
	errBadName          = &Error{400, "field name is not a token"}
	errFieldsTooLarge   = &Error{431, "field section or one of its lines too long"}
	errTooManyFields    = &Error{431, "too many field lines"}
)
