package h1

import "bytes"

// splitTarget finds out the form and the parts of the target (RFC 9112, section 3.2), whose octets have been
// checked. Path and query stay as they are; CanonicalPath decodes.
func (h *Head) splitTarget(b []byte) *Error {
	target := h.Target.Bytes(b)
	from, to := int(h.Target.Off), int(h.Target.Off+h.Target.Len)
	switch {
	case h.Known == MethodConnect:
		h.Form = AuthorityForm
		h.Host = h.Target
		if !validHostPort(target) {
			return errBadAuthority
		}
		return nil
	case target[0] == '/':
		h.Form = OriginForm
	case len(target) == 1 && target[0] == '*' && h.Known == MethodOptions:
		h.Form = AsteriskForm
		return nil
	default:
		scheme := schemeLength(target)
		if scheme == 0 {
			return errBadTarget
		}
		h.Form = AbsoluteForm
		h.Scheme = span(from, from+scheme)
		from += scheme + len("://")
		host := from
		for from < to && b[from] != '/' && b[from] != '?' {
			from++
		}
		h.Host = span(host, from)
		if !validAuthority(h.Host.Bytes(b)) {
			return errBadAuthority
		}
	}
	h.Path = span(from, to)
	if mark := bytes.IndexByte(b[from:to], '?'); mark >= 0 {
		h.Path = span(from, from+mark)
		h.Query = span(from+mark+1, to)
		h.HasQuery = true
	}
	return nil
}

// schemeLength returns the length of the scheme of an absolute http or https URI, or 0.
func schemeLength(target []byte) int {
	n := bytes.IndexByte(target, ':')
	if n < 0 || !equalFold(target[:n], "http") && !equalFold(target[:n], "https") {
		return 0
	}
	if !bytes.HasPrefix(target[n:], []byte("://")) {
		return 0
	}
	return n
}

var (
	errBadTarget    = &Error{400, "target has no form that the method allows"}
	errBadAuthority = &Error{400, "target has an invalid authority"}
)
