package forward

import "highball"

// family is the fields by which a kind of proxies speaks.
type family uint8

const (
	none     family = iota // no such field
	prefixed               // X-Forwarded-*
	standard               // Forwarded: RFC 7239
	strange                // what is never believed, but could be taken for one by an application
)

// familyOf returns the family of a field. An underscore is as good as a hyphen: to an application behind a gateway the two are the same.
func familyOf(name string) family {
	switch {
	case len(name) < len("Forwarded") || name[0]|0x20 != 'x' && name[0]|0x20 != 'f':
		return none // which settles nearly every name
	case sameName(name, "Forwarded"):
		return standard
	case sameName(name, "X-Real-IP"):
		return strange
	case len(name) > len("X-Forwarded-") && sameName(name[:len("X-Forwarded-")], "X-Forwarded-"):
		for i := range len(name) {
			if name[i] == '_' {
				return strange
			}
		}
		return prefixed
	}
	return none
}

// sameName compares names without regard to case, and to whether words are joined by hyphens, as in plain, or underscores.
func sameName(name, plain string) bool {
	if len(name) != len(plain) {
		return false
	}
	for i := range len(name) {
		a, b := name[i], plain[i]
		if a == '_' {
			a = '-'
		}
		if a != b && (a|0x20 != b|0x20 || b|0x20 < 'a' || b|0x20 > 'z') {
			return false
		}
	}
	return true
}

// strip removes the fields of every family but one, and reports whether any of that is there.
func strip(h *highball.Header, keep family) (kept bool) {
	for again := true; again; {
		again, kept = false, false
		for name := range h.All() {
			f := familyOf(name)
			if f == none {
				continue
			}
			if f == keep {
				kept = true
				continue
			}
			h.Del(name) // which moves the others, so begin anew
			again = true
			break
		}
	}
	return kept
}
