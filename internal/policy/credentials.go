package policy

import (
	"bytes"
	"encoding/base64"
	"strings"

	"highball"
)

// maxCredentials is how many bytes a user name and a password have together. Some of the hashes take longer for long ones.
const maxCredentials = 1024

// credentials are a user name and a password (RFC 7617, section 2). They hold no string of a request.
type credentials struct {
	bytes [maxCredentials + 2]byte // what base64 writes is a multiple of three
	size  int
	colon int
}

// read takes what a request's header says, and reports whether it says it well: in one field, by the scheme Basic, without
// control characters.
func (c *credentials) read(h *highball.Header) bool {
	var value string
	count := 0
	for v := range h.Values("Authorization") {
		value = v
		count++
	}
	scheme, encoded, _ := strings.Cut(value, " ")
	encoded = strings.Trim(encoded, " ")
	if count != 1 || !strings.EqualFold(scheme, "Basic") || base64.StdEncoding.DecodedLen(len(encoded)) > len(c.bytes) {
		return false
	}
	var text [(maxCredentials + 2) / 3 * 4]byte
	n, err := base64.StdEncoding.Decode(c.bytes[:], text[:copy(text[:], encoded)])
	if err != nil || n > maxCredentials {
		return false
	}
	c.size = n
	c.colon = bytes.IndexByte(c.all(), ':')
	return c.colon > 0 && !hasControl(c.all())
}

func (c *credentials) all() []byte      { return c.bytes[:c.size] }
func (c *credentials) user() []byte     { return c.bytes[:c.colon] }
func (c *credentials) password() []byte { return c.bytes[c.colon+1 : c.size] }

// hasControl reports whether there is a control character of ASCII in b.
func hasControl[T []byte | string](b T) bool {
	for i := range len(b) {
		if b[i] < 0x20 || b[i] == 0x7f {
			return true
		}
	}
	return false
}
