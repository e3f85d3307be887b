package h1

import "bytes"

// CanonicalPath returns the one form of a request path that routes, access rules and the file system are to be asked
// about: every %XX is decoded once, then repeated slashes are merged and dot segments removed, so that an
// encoded slash or dot is as good as a plain one. A slash at the end stays; a dot segment at the end leaves one.
// The empty path of an absolute-form target is "/" (RFC 9110, section 4.2.3).
//
// It reports false for a path that does not start with a slash, climbs above the root, holds NUL or has
// a malformed escape. A path that is canonical already is returned as it is, without allocating.
//
// The result is not to be decoded again, and needs AppendPath to become part of a URI.
func CanonicalPath(raw string) (path string, ok bool) {
	if raw == "" {
		return "/", true
	}
	if raw[0] != '/' {
		return "", false
	}
	if isCanonical(raw) {
		return raw, true
	}
	var room [256]byte
	decoded, ok := appendDecoded(room[:0], raw)
	if !ok {
		return "", false
	}
	canonical, ok := removeDots(decoded)
	return string(canonical), ok
}

// isCanonical reports whether CanonicalPath has nothing to change or refuse in s, which starts with a slash.
func isCanonical(s string) bool {
	for i := range len(s) {
		switch s[i] {
		case '%', 0:
			return false
		case '/':
			if i+1 < len(s) && !isSegment(s[i+1:]) {
				return false
			}
		}
	}
	return true
}

// isSegment reports whether s, what follows a slash, starts with a segment that is not empty, "." or "..".
func isSegment(s string) bool {
	n := 0
	for n < len(s) && n < 2 && s[n] == '.' {
		n++
	}
	if n < len(s) {
		return s[n] != '/'
	}
	return false
}

// appendDecoded decodes the escapes of s, once.
func appendDecoded(dst []byte, s string) ([]byte, bool) {
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c == '%' {
			if i+2 >= len(s) || !isOctet(s[i+1], hexOctet) || !isOctet(s[i+2], hexOctet) {
				return nil, false
			}
			c = hexValue(s[i+1])<<4 | hexValue(s[i+2])
			i += 2
		}
		if c == 0 {
			return nil, false
		}
		dst = append(dst, c)
	}
	return dst, true
}

// removeDots merges slashes and removes dot segments, in place: what it writes never overtakes what it reads. It
// reports false when the path climbs above the root.
func removeDots(path []byte) ([]byte, bool) {
	out := path[:0]
	slash := false // the path ends in a slash so far
	for rest := path; len(rest) > 0; {
		if rest[0] == '/' {
			rest = rest[1:]
			slash = true
			continue
		}
		end := bytes.IndexByte(rest, '/')
		if end < 0 {
			end = len(rest)
		}
		segment := rest[:end]
		rest = rest[end:]
		switch string(segment) {
		case ".":
			slash = true
		case "..":
			if len(out) == 0 {
				return nil, false
			}
			out = out[:bytes.LastIndexByte(out, '/')]
			slash = true
		default:
			out = append(append(out, '/'), segment...)
			slash = false
		}
	}
	if slash {
		out = append(out, '/')
	}
	return out, true
}

// AppendPath appends a decoded path in the form that a URI needs: what is neither a pchar nor a slash becomes %XX
// (RFC 3986, section 3.3).
func AppendPath(dst []byte, path string) []byte {
	const digits = "0123456789ABCDEF"
	for i := range len(path) {
		c := path[i]
		if isOctet(c, pathOctet) {
			dst = append(dst, c)
		} else {
			dst = append(dst, '%', digits[c>>4], digits[c&15])
		}
	}
	return dst
}
