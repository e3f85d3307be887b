package compress

import (
	"strings"

	"highball"
)

// Negotiation by Accept-Encoding: RFC 9110, section 12.5.3.

// coding is a content coding.
type coding uint8

const (
	zstdCoding coding = iota
	brotliCoding
	gzipCoding
	codings // their number
)

// tokens are the names of the codings on the wire.
var tokens = [codings]string{"zstd", "br", "gzip"}

// codingNamed returns the coding of a token, or codings.
func codingNamed(token string) coding {
	for c, name := range tokens {
		if strings.EqualFold(token, name) {
			return coding(c)
		}
	}
	if strings.EqualFold(token, "x-gzip") { // section 8.4.1.3
		return gzipCoding
	}
	return codings
}

// weight is a quality value in thousandths (section 12.4.2); 0 is not acceptable.
type weight int16

// unnamed is the weight of what the client has not spoken of.
const unnamed weight = -1

// acceptance is what a client says of the codings.
type acceptance struct {
	weights  [codings]weight
	identity weight // of no coding at all
	rest     weight // of "*": everything that is unnamed
}

func acceptanceOf(h *highball.Header) acceptance {
	a := acceptance{identity: unnamed, rest: unnamed}
	for c := range a.weights {
		a.weights[c] = unnamed
	}
	for list := range h.Values("Accept-Encoding") {
		for list != "" {
			var element string
			element, list, _ = strings.Cut(list, ",")
			a.add(element)
		}
	}
	return a
}

// add takes an element of the list. One with a syntax error counts for nothing.
func (a *acceptance) add(element string) {
	token, parameter, weighted := strings.Cut(element, ";")
	q, ok := weight(1000), true
	if weighted {
		q, ok = parseWeight(trimSpace(parameter))
	}
	token = trimSpace(token)
	switch c := codingNamed(token); {
	case !ok:
	case c < codings:
		a.weights[c] = q
	case token == "*":
		a.rest = q
	case strings.EqualFold(token, "identity"):
		a.identity = q
	}
}

// best returns the most welcome coding, of those in order, which is that of preference among equal ones; and false if
// the client accepts none, or prefers the body as it is.
func (a *acceptance) best(order []coding) (chosen coding, ok bool) {
	most := weight(0)
	for _, c := range order {
		w := a.weights[c]
		if w == unnamed {
			w = a.rest
		}
		if w > most {
			chosen, most = c, w
		}
	}
	return chosen, most > 0 && most >= a.identity
}

// refusesPlain reports whether the client does not take a body as it is.
func (a *acceptance) refusesPlain() bool {
	return a.identity == 0 || a.identity == unnamed && a.rest == 0
}

// parseWeight reads a weight without the white space around it: "q=" and a number from 0 to 1 with up to three decimals.
func parseWeight(s string) (weight, bool) {
	if len(s) < 3 || len(s) > 7 || s[0]|0x20 != 'q' || s[1] != '=' {
		return 0, false
	}
	s = s[2:]
	if s[0] != '0' && s[0] != '1' || len(s) > 1 && s[1] != '.' {
		return 0, false
	}
	q := weight(s[0]-'0') * 1000
	unit := weight(100)
	for i := 2; i < len(s); i++ {
		if s[i] < '0' || s[i] > '9' {
			return 0, false
		}
		q += weight(s[i]-'0') * unit
		unit /= 10
	}
	return q, q <= 1000
}

// trimSpace removes optional white space (section 5.6.3) from both ends.
func trimSpace(s string) string { return strings.Trim(s, " \t") }
