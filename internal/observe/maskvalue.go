package observe

import "bytes"

// isParameterStart tells the bytes after which a parameter's name can begin: the
// query, the next parameter of either separator, and the fragment, where some
// protocols put access tokens.
func isParameterStart(c byte) bool { return c == '?' || c == '&' || c == ';' || c == '#' }

// firstParameter returns where the first parameter of a text with URLs in it may begin, its length for none. Whatever comes before is none.
func firstParameter[T string | []byte](text T) int {
	for i := range len(text) {
		if isParameterStart(text[i]) {
			return i + 1
		}
	}
	return len(text)
}

// nextSecret returns where the next secret value of a text begins and ends, if there is one. A parameter may begin at the given offset. A
// secret extends to the next "&" or line end: readers of queries differ on what else ends a value, so nothing else does here.
func nextSecret[T string | []byte](m *Masks, text T, at int) (from, to int, found bool) {
	if m == nil || len(m.parameters) == 0 {
		return 0, 0, false
	}
	name := at
	for i := at; i < len(text); i++ {
		switch c := text[i]; {
		case c == '=':
			if isParameter(m, text[name:i]) {
				return i + 1, endOfSecret(text, i+1), true
			}
			name = i + 1
		case isParameterStart(c) || c == '\r' || c == '\n':
			name = i + 1
		}
	}
	return 0, 0, false
}

func endOfSecret[T string | []byte](text T, at int) int {
	for ; at < len(text); at++ {
		if c := text[at]; c == '&' || c == '\r' || c == '\n' {
			break
		}
	}
	return at
}

// maskText appends text, in which a parameter may begin at the given offset, with its secrets masked.
func maskText[T string | []byte](m *Masks, dst []byte, text T, at int) []byte {
	done := 0
	for {
		from, to, found := nextSecret(m, text, at)
		if !found {
			return append(dst, text[done:]...)
		}
		dst = append(append(dst, text[done:from]...), masked...)
		done, at = to, to
	}
}

// appendEscaped is maskText for a text with URLs in it, and escapes what it appends.
func (m *Masks) appendEscaped(dst, text []byte, prefix string, lowest byte) []byte {
	done, at := 0, firstParameter(text)
	for {
		from, to, found := nextSecret(m, text, at)
		if !found {
			return appendEscaped(dst, text[done:], prefix, lowest)
		}
		dst = append(appendEscaped(dst, text[done:from], prefix, lowest), masked...)
		done, at = to, to
	}
}

// hiding is how a log shows one of the strings of a record.
type hiding struct {
	masks *Masks // for the parameters in it
	whole bool   // nothing of it is shown
}

// append appends a value, escaped, with what is to be hidden masked.
func (h hiding) append(dst, value []byte, prefix string, lowest byte) []byte {
	switch {
	case h.whole && len(value) > 0:
		return append(dst, masked...)
	case h.masks == nil || bytes.IndexByte(value, '=') < 0: // no parameter has a value
		return appendEscaped(dst, value, prefix, lowest)
	}
	return h.masks.appendEscaped(dst, value, prefix, lowest)
}

// appendString is append for a line of JSON. plain tells that nothing of the value is to be escaped.
func (h hiding) appendString(dst, value []byte, plain bool) []byte {
	if plain && !h.whole && (h.masks == nil || bytes.IndexByte(value, '=') < 0) {
		return append(dst, value...)
	}
	return h.append(dst, value, escapeJSON, keepSpace)
}

func (m *Masks) target() hiding {
	if m == nil {
		return hiding{}
	}
	return m.hideTarget
}

func (m *Masks) referer() hiding {
	if m == nil {
		return hiding{}
	}
	return m.hideReferer
}

func (m *Masks) userAgent() hiding {
	if m == nil {
		return hiding{}
	}
	return m.hideUserAgent
}
