package h1

// Method is a request method as an index, for switches and tables (RFC 9110 section 9, RFC 5789).
type Method uint8

// The methods that a server may be expected to know. Methods are case-sensitive.
const (
	MethodOther Method = iota // any other token; Head.Method says which
	MethodGet
	MethodHead
	MethodPost
	MethodPut
	MethodDelete
	MethodConnect
	MethodOptions
	MethodTrace
	MethodPatch
)

// String returns the method's token, and "OTHER" for MethodOther.
func (m Method) String() string {
	switch m {
	case MethodGet:
		return "GET"
	case MethodHead:
		return "HEAD"
	case MethodPost:
		return "POST"
	case MethodPut:
		return "PUT"
	case MethodDelete:
		return "DELETE"
	case MethodConnect:
		return "CONNECT"
	case MethodOptions:
		return "OPTIONS"
	case MethodTrace:
		return "TRACE"
	case MethodPatch:
		return "PATCH"
	}
	return "OTHER"
}

// MethodOf returns the index of a method's token.
func MethodOf(token string) Method { return methodOf(token) }

func methodOf[S octetString](token S) Method {
	switch string(token) {
	case "GET":
		return MethodGet
	case "HEAD":
		return MethodHead
	case "POST":
		return MethodPost
	case "PUT":
		return MethodPut
	case "DELETE":
		return MethodDelete
	case "CONNECT":
		return MethodConnect
	case "OPTIONS":
		return MethodOptions
	case "TRACE":
		return MethodTrace
	case "PATCH":
		return MethodPatch
	}
	return MethodOther
}

// hasLower reports whether a token has lower-case letters. No registered method has; "get" is a mistake that one hop
// may mend and the next may not, so such methods are refused.
func hasLower(token []byte) bool {
	for _, c := range token {
		if 'a' <= c && c <= 'z' {
			return true
		}
	}
	return false
}
