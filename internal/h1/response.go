package h1

// ResponseHead is a parsed response head and the state of its parser, for the client role. It must be Reset with the
// method of the request that it answers before it is used, and for each further response to that request after a
// 1xx one.
//
// ContentLength is -1 when the response does not state a length. Close is also set when only the end of
// the connection ends the body.
type ResponseHead struct {
	Message
	Status int  // 100 to 999
	Reason Span // often empty, never to be relied on

	request Method
}

// Reset makes r ready for a response to a request with the method.
func (r *ResponseHead) Reset(request Method) {
	fields := r.Fields[:0]
	*r = ResponseHead{request: request}
	r.Fields = fields
}

// Parse goes on parsing the response head in b, under the contract of Head.Parse.
func (r *ResponseHead) Parse(b []byte, lim *Limits) Verdict {
	l := lim.resolved()
	if r.scan.at < atLine && !r.parseStatusLine(b, &l) {
		if r.scan.at == atFailure {
			return Failed
		}
		return NeedData
	}
	for {
		f, event := r.scan.nextField(b, &l)
		switch event {
		case eventField:
			err := r.keep(f, &l)
			if err == nil {
				err = r.interpret(f.Name.Bytes(b), f.Value.Bytes(b))
			}
			if err != nil {
				return r.fail(err)
			}
		case eventMore:
			return NeedData
		case eventEnd:
			if r.Size == 0 {
				if err := r.conclude(); err != nil {
					return r.fail(err)
				}
				r.Size = r.scan.pos
			}
			return Done
		default:
			return Failed
		}
	}
}

// parseStatusLine reports whether the status line is complete (RFC 9112, section 4). If not, either more bytes are needed
// or the scanner has failed. The space before an empty reason may be missing: old servers leave it out.
func (r *ResponseHead) parseStatusLine(b []byte, l *Limits) bool {
	s := &r.scan
	w, bound := s.window(b, l)
	i, at := s.pos, s.at
	switch at {
	case atStart, inVersion:
		at = inVersion
		var err *Error
		if i, err = s.scanVersion(w, i, ' '); err != nil {
			s.fail(err)
			return false
		}
		if i <= len(versionTemplate) {
			break
		}
		if r.Minor, err = minorVersion(w); err != nil {
			s.fail(err)
			return false
		}
		s.mark = i
		at = inStatus
		fallthrough

	case inStatus:
		for i < len(w) && i-s.mark < 3 && isOctet(w[i], digitOctet) {
			r.Status = r.Status*10 + int(w[i]-'0')
			i++
		}
		at = inStatus
		if i == len(w) {
			break
		}
		if i-s.mark < 3 || r.Status < 100 || w[i] != ' ' && w[i] != '\r' {
			s.fail(errBadStatus)
			return false
		}
		if w[i] == ' ' {
			i++
		}
		s.mark = i
		at = inReason
		fallthrough

	case inReason:
		i = indexControl(w, i, ' ')
		for i < len(w) && w[i] == '\t' {
			i = indexControl(w, i+1, ' ')
		}
		if i == len(w) {
			break
		}
		if w[i] != '\r' {
			s.fail(controlError(w[i]))
			return false
		}
		r.Reason = span(s.mark, i)
		i++
		at = atReasonLF
		fallthrough

	default:
		if i == len(w) {
			break
		}
		if w[i] != '\n' {
			s.fail(errBareCR)
			return false
		}
		s.at, s.pos, s.line = atLine, i+1, i+1
		return true
	}
	s.pause(at, i, bound, errLongStatusLine)
	return false
}

// conclude decides the framing by RFC 9112, section 6.3.
func (r *ResponseHead) conclude() *Error {
	if err := r.checkFraming(); err != nil {
		return err
	}
	r.concludeConnection()
	if !r.hasLength {
		r.ContentLength = -1
	}
	switch {
	case r.request == MethodHead, r.Status < 200, r.Status == 204, r.Status == 304,
		r.request == MethodConnect && r.Status < 300:
		r.Framing = NoBody
	case r.coding == codingChunked:
		r.Framing = ChunkedBody
	case r.ContentLength > 0:
		r.Framing = Length
	case r.ContentLength < 0:
		r.Framing = UntilClose
		r.Close = true
	}
	return nil
}

var (
	errBadStatus      = &Error{400, "malformed status code"}
	errLongStatusLine = &Error{400, "status line too long"}
)
