package h1

// forbiddenTrailers are the fields that decide, before a body is read, where it ends, who has sent it and what becomes of
// it (RFC 9110, section 6.5.1). A peer that sends them that late hopes that somebody merges them. Other fields that have
// no meaning in a trailer section are let through: nobody here takes them for those of the head.
var forbiddenTrailers = [...]string{
	"authorization", "connection", "content-encoding", "content-length", "content-range", "cookie", "expect", "forwarded",
	"host", "keep-alive", "max-forwards", "range", "te", "trailer", "transfer-encoding", "upgrade",
}

// forbiddenTrailerPrefixes are families of such fields.
var forbiddenTrailerPrefixes = [...]string{"if-", "proxy-", "x-forwarded-", "x-real-"}

// allowedInTrailer reports whether a field may stand in a trailer section.
func allowedInTrailer(name []byte) bool {
	for _, forbidden := range forbiddenTrailers {
		if equalFold(name, forbidden) {
			return false
		}
	}
	for _, prefix := range forbiddenTrailerPrefixes {
		if len(name) >= len(prefix) && equalFold(name[:len(prefix)], prefix) {
			return false
		}
	}
	return true
}
