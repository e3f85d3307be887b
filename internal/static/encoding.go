package static

import "strings"

// Selection of a representation by Accept-Encoding: RFC 9110, section 12.5.3.

// coding is a content coding that a file may lie in beside the plain one.
type coding int

// The codings in the order of preference among equal weights.
const (
	brotli coding = iota
	zstd
	gzip
	identity
	codings // their number
)

// suffixes are what the names of the variants end in.
var suffixes = [codings]string{brotli: ".br", zstd: ".zst", gzip: ".gz", identity: ""}

// tokens are the names of the codings on the wire.
var tokens = [codings]string{brotli: "br", zstd: "zstd", gzip: "gzip", identity: "identity"}

// weight is a quality value in thousandths: section 12.4.2.
type weight uint16

// codingWeights says how welcome each coding is to a client; 0 is not acceptable.
type codingWeights [codings]weight

// anyCoding is what a request without Accept-Encoding accepts. The plain representation is the one that
// is sure to be understood.
var anyCoding = codingWeights{identity: 1000}

// parseAcceptEncoding reads the value of the field. Elements with a syntax error count for nothing.
func parseAcceptEncoding(value string) codingWeights {
	var weights codingWeights
	var named [codings]bool
	rest, restNamed := weight(0), false
	for value != "" {
		var element string
		element, value, _ = strings.Cut(value, ",")
		token, q, ok := cutWeight(element)
		if !ok || token == "" {
			continue
		}
		if token == "*" {
			rest, restNamed = q, true
			continue
		}
		if c := codingNamed(token); c < codings {
			weights[c], named[c] = q, true
		}
	}
	for c := range weights {
		switch {
		case named[c]:
		case restNamed:
			weights[c] = rest
		case coding(c) == identity:
			weights[c] = 1 // acceptable since it was not excluded, but less than anything that was asked for
		}
	}
	return weights
}

// codingNamed returns the coding of a token, or codings. The length leaves at most two to compare.
func codingNamed(token string) coding {
	switch len(token) {
	case len("br"):
		if strings.EqualFold(token, "br") {
			return brotli
		}
	case len("gzip"):
		if strings.EqualFold(token, "gzip") {
			return gzip
		}
		if strings.EqualFold(token, "zstd") {
			return zstd
		}
	case len("x-gzip"):
		if strings.EqualFold(token, "x-gzip") {
			return gzip
		}
	case len("identity"):
		if strings.EqualFold(token, "identity") {
			return identity
		}
	}
	return codings
}

// best returns the most welcome of the codings that available reports, and false if none is acceptable.
func (w *codingWeights) best(available func(coding) bool) (coding, bool) {
	chosen := codings
	for c := range codings {
		if w[c] > 0 && available(c) && (chosen == codings || w[c] > w[chosen]) {
			chosen = c
		}
	}
	return chosen, chosen != codings
}

// cutWeight splits an element of a negotiation field into its value and its weight, which is 1000 if none is given.
// Other parameters are passed over.
func cutWeight(element string) (value string, q weight, ok bool) {
	value, parameters, ok := strings.Cut(element, ";")
	if !ok {
		return trimSpace(value), 1000, true
	}
	q = 1000
	for parameters != "" {
		var parameter string
		parameter, parameters, _ = strings.Cut(parameters, ";")
		parameter = trimSpace(parameter)
		if len(parameter) >= 2 && (parameter[0] == 'q' || parameter[0] == 'Q') && parameter[1] == '=' {
			if q, ok = parseWeight(parameter[2:]); !ok {
				return "", 0, false
			}
		}
	}
	return trimSpace(value), q, true
}

// trimSpace removes optional white space (RFC 9110, section 5.6.3) from both ends.
func trimSpace(s string) string {
	for s != "" && (s[0] == ' ' || s[0] == '\t') {
		s = s[1:]
	}
	for s != "" && (s[len(s)-1] == ' ' || s[len(s)-1] == '\t') {
		s = s[:len(s)-1]
	}
	return s
}

// parseWeight reads a qvalue: "0", "1", and up to three decimals.
func parseWeight(s string) (weight, bool) {
	if s == "" || len(s) > 5 || s[0] > '1' || s[0] < '0' || len(s) > 1 && s[1] != '.' {
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

// mediaWeight returns the weight that an Accept field's value gives to a media type such as "text/html" (section
// 12.5.1), the most specific range deciding, and whether that range names the type itself.
func mediaWeight(accept, mediaType string) (q weight, named bool) {
	major, _, _ := strings.Cut(mediaType, "/")
	specific := 0
	for accept != "" {
		var element string
		element, accept, _ = strings.Cut(accept, ",")
		value, w, ok := cutWeight(element)
		if !ok {
			continue
		}
		level := 0
		switch {
		case strings.EqualFold(value, mediaType):
			level = 3
		case len(value) == len(major)+2 && strings.HasSuffix(value, "/*") && strings.EqualFold(value[:len(major)], major):
			level = 2
		case value == "*/*":
			level = 1
		}
		if level > specific {
			specific, q = level, w
		}
	}
	return q, specific == 3
}
