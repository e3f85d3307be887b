package forward

import (
	"strings"

	"highball"
)

// The Forwarded field, RFC 7239:
//
//	Forwarded         = 1#forwarded-element
//	forwarded-element = [ forwarded-pair ] *( ";" [ forwarded-pair ] )
//	forwarded-pair    = token "=" ( token / quoted-string )
//
// It is read strictly, from left to right since there are quoted strings, and a field that is malformed anywhere counts for nothing:
// one that a proxy has appended to what a client had left open would not mean what the proxy has said.

// element is what a proxy has told of one connection. Absent parameters are empty.
type element struct {
	client, scheme, host string // for, proto, host: without quotes
}

// elements are the last ones of a list, as many as are looked at.
type elements struct {
	ring  [maxElements]element
	count int // of all there were
}

// at returns the element that n others stand to the right of.
func (e *elements) at(n int) *element { return &e.ring[(e.count-1-n)%maxElements] }

// fromStandard reads Forwarded. An element is the word of the proxy that its right neighbour names, so scheme and host are those
// of the element at which the walk ends.
func fromStandard(trusted proxies, h *highball.Header) (o origin) {
	var list elements
	for value := range h.Values("Forwarded") {
		if !list.parse(value) {
			h.Del("Forwarded") // nobody else is to make something of it
			return origin{}
		}
	}
	for i := range min(list.count, maxElements) {
		e := list.at(i)
		o.scheme, o.host = schemeOf(e.scheme), e.host
		addr, ok := parseNode(e.client, forwardedPort)
		if !ok {
			break
		}
		if o.client = addr; !trusted.contains(addr.Addr()) {
			break
		}
	}
	return o
}

// forwardedPort reads a node-port (section 6): a number, or a hidden one, which stands for 0.
func forwardedPort(s string) (uint16, bool) {
	if s == "" || s[0] != '_' {
		return decimalPort(s)
	}
	for i := range len(s) {
		if c := s[i]; !isAlphanumeric(c) && c != '.' && c != '_' && c != '-' {
			return 0, false
		}
	}
	return 0, len(s) > 1
}

// parse appends the elements of a field line, and reports whether it is well-formed.
func (e *elements) parse(s string) bool {
	for {
		s = strings.TrimLeft(s, " \t")
		next := &e.ring[e.count%maxElements]
		e.count++
		var ok bool
		if *next, s, ok = cutElement(s); !ok {
			return false
		}
		if s = strings.TrimLeft(s, " \t"); s == "" {
			return true
		}
		if s[0] != ',' {
			return false
		}
		s = s[1:]
	}
}

// cutElement splits the element at the beginning of s off.
func cutElement(s string) (e element, rest string, ok bool) {
	var names [8]string // those of the element, of which none may stand twice (section 4)
	seen := names[:0]
	for {
		n := tokenLength(s)
		if n > 0 {
			name := s[:n]
			if s = s[n:]; s == "" || s[0] != '=' {
				return e, "", false
			}
			var value string
			if value, s, ok = cutValue(s[1:]); !ok {
				return e, "", false
			}
			for _, other := range seen {
				if strings.EqualFold(name, other) {
					return e, "", false
				}
			}
			if len(seen) == cap(seen) {
				return e, "", false // four parameters are known, and no others are registered
			}
			seen = append(seen, name)
			e.set(name, value)
		}
		if s == "" || s[0] != ';' {
			return e, s, true
		}
		s = s[1:]
	}
}

func (e *element) set(name, value string) {
	switch {
	case strings.EqualFold(name, "for"):
		e.client = value
	case strings.EqualFold(name, "proto"):
		e.scheme = value
	case strings.EqualFold(name, "host"):
		e.host = value
	}
}

// cutValue splits a token or a quoted string off, and takes the quotes away.
func cutValue(s string) (value, rest string, ok bool) {
	if s == "" || s[0] != '"' {
		n := tokenLength(s)
		return s[:n], s[n:], n > 0
	}
	var unescaped []byte // nil as long as the value stands in s as it is
	for i := 1; i < len(s); i++ {
		c := s[i]
		switch {
		case c == '"':
			if unescaped != nil {
				return string(unescaped), s[i+1:], true
			}
			return s[1:i], s[i+1:], true
		case c == '\\':
			if unescaped == nil {
				unescaped = append(make([]byte, 0, len(s)), s[1:i]...)
			}
			if i++; i == len(s) || !isQuotable(s[i]) {
				return "", "", false
			}
			unescaped = append(unescaped, s[i])
		case !isQuotable(c):
			return "", "", false
		case unescaped != nil:
			unescaped = append(unescaped, c)
		}
	}
	return "", "", false
}

// isQuotable reports whether c may stand in a quoted string, escaped if need be: RFC 9110, section 5.6.4.
func isQuotable(c byte) bool { return c == '\t' || c >= ' ' && c != 0x7f }

// tokenLength returns the length of the token that s starts with: RFC 9110, section 5.6.2.
func tokenLength(s string) int {
	for i := range len(s) {
		if c := s[i]; !isAlphanumeric(c) && strings.IndexByte("!#$%&'*+-.^_`|~", c) < 0 {
			return i
		}
	}
	return len(s)
}

func isAlphanumeric(c byte) bool { return c-'0' < 10 || c|0x20-'a' < 26 }
