package h1

// single is a set of request fields that may stand only once (RFC 9110, section 5.3) and whose repetition recipients
// resolve in different ways: the first, the last, or both joined by a comma. Repeated, they are refused.
// Host, Content-Length and Transfer-Encoding have rules of their own; Range is left to its reader, who may ignore it.
type single uint8

const (
	singleAuthorization single = 1 << iota
	singleContentType
	singleIfModifiedSince
	singleIfRange
	singleIfUnmodifiedSince
	singleMaxForwards
)

// singleOf returns the field called name, or none.
func singleOf(name []byte) single {
	switch len(name) {
	case len("if-range"):
		if equalFold(name, "if-range") {
			return singleIfRange
		}
	case len("content-type"):
		if equalFold(name, "content-type") {
			return singleContentType
		}
		if equalFold(name, "max-forwards") {
			return singleMaxForwards
		}
	case len("authorization"):
		if equalFold(name, "authorization") {
			return singleAuthorization
		}
	case len("if-modified-since"):
		if equalFold(name, "if-modified-since") {
			return singleIfModifiedSince
		}
	case len("if-unmodified-since"):
		if equalFold(name, "if-unmodified-since") {
			return singleIfUnmodifiedSince
		}
	}
	return 0
}
