package observe

import "bytes"

// lineMasker masks the secrets in the lines of one head, given one after the
// other. The heads of refused requests are traced too, so it does not rely on
// their being well-formed.
type lineMasker struct {
	masks   *Masks
	started bool   // the start line has passed
	secret  bool   // the last line was, or continued, a secret field
	split   bool   // the last line ended in a lone carriage return
	scratch []byte // the line returned last
}

// line returns the line with its secrets masked. The result is valid until the
// next call.
func (m *lineMasker) line(line []byte) []byte {
	if len(line) == 0 {
		return line
	}
	// Readers of malformed heads differ on whether a folded line, or what
	// follows a lone carriage return, still belongs to the field before.
	continued := m.split || line[0] == ' ' || line[0] == '\t'
	m.split = line[len(line)-1] == '\r'
	started := m.started
	m.started = true
	if continued && m.secret {
		m.scratch = append(m.scratch[:0], masked...)
		return m.scratch
	}
	name, _, found := bytes.Cut(line, []byte{':'})
	m.secret = found && m.masks.isField(bytes.TrimSpace(name))
	switch {
	case m.secret: // also as the first line, if there is no start line
		m.scratch = append(m.scratch[:0], name...)
		m.scratch = append(m.scratch, ": "+masked...)
	case !started:
		m.startLine(line)
	default:
		m.scratch = maskText(m.masks, m.scratch[:0], line, firstParameter(line))
	}
	return m.scratch
}

// startLine masks a request or status line. All but a version at the end is
// taken for the target, since a secret must not show because of a space in it.
func (m *lineMasker) startLine(line []byte) {
	end := bytes.LastIndexByte(line, ' ')
	if end < 0 || !bytes.HasPrefix(line[end:], []byte(" HTTP/")) {
		end = len(line)
	}
	m.scratch = maskText(m.masks, m.scratch[:0], line[:end], firstParameter(line[:end]))
	m.scratch = append(m.scratch, line[end:]...)
}

// cutLine splits off the first line of b without its line end. A lone carriage
// return ends a line as well but is kept, so that it is seen: what follows may
// be a field of its own for some readers, and is masked like one.
func cutLine(b []byte) (line, rest []byte) {
	end := bytes.IndexAny(b, "\r\n")
	switch {
	case end < 0:
		return b, nil
	case b[end] == '\n':
		return b[:end], b[end+1:]
	case end+1 < len(b) && b[end+1] == '\n':
		return b[:end], b[end+2:]
	}
	return b[:end+1], b[end+1:]
}
