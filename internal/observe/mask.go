package observe

import (
	"bytes"
	"strings"
)

// Mask says what a trace does with passwords and the like.
type Mask uint8

const (
	// MaskSecrets replaces by *** the values of the fields Authorization,
	// Proxy-Authorization, Cookie, Set-Cookie and X-Api-Key, and the values of
	// parameters named token, password, secret, key, api_key and access_token
	// in request targets, in field values (Referer and Location repeat
	// targets) and in form bodies. Names are compared without regard to case.
	// Other bodies, such as JSON and multipart, are shown as they are.
	MaskSecrets Mask = iota

	// ShowSecrets shows everything.
	ShowSecrets
)

const masked = "***"

// isSecretField tells whether the value of the field of that name is a secret.
func isSecretField(name []byte) bool {
	switch strings.ToLower(string(name)) {
	case "authorization", "proxy-authorization", "cookie", "set-cookie", "x-api-key":
		return true
	}
	return false
}

// isSecretParameter tells whether the value of the parameter of that name,
// still percent-encoded, is a secret.
func isSecretParameter(name []byte) bool {
	switch strings.ToLower(percentDecoded(name)) {
	case "token", "password", "secret", "key", "api_key", "access_token":
		return true
	}
	return false
}

func percentDecoded(name []byte) string {
	var b strings.Builder
	for i := 0; i < len(name); i++ {
		c := name[i]
		if c == '%' && i+2 < len(name) {
			high, low := hexValue(name[i+1]), hexValue(name[i+2])
			if high >= 0 && low >= 0 {
				c = byte(high<<4 | low)
				i += 2
			}
		}
		b.WriteByte(c)
	}
	return b.String()
}

func hexValue(c byte) int {
	switch {
	case c >= '0' && c <= '9':
		return int(c - '0')
	case c >= 'a' && c <= 'f':
		return int(c-'a') + 10
	case c >= 'A' && c <= 'F':
		return int(c-'A') + 10
	}
	return -1
}

// maskTarget appends the target, or any other text with URLs in it, with its
// secret parameters masked. Whatever comes before the first delimiter is no
// parameter.
func maskTarget(dst, text []byte) []byte {
	start := bytes.IndexAny(text, parameterStarts)
	if start < 0 {
		return append(dst, text...)
	}
	dst = append(dst, text[:start+1]...)
	return maskForm(dst, text[start+1:])
}

// parameterStarts are the bytes after which a parameter's name can begin: the
// query, the next parameter of either separator, and the fragment, where some
// protocols put access tokens.
const parameterStarts = "?&;#"

// maskForm appends text, which begins with a parameter, with its secret
// parameters masked. A secret extends to the next "&" or line end: readers of
// queries differ on what else ends a value, so nothing else does here.
func maskForm(dst, text []byte) []byte {
	for {
		end := bytes.IndexAny(text, parameterStarts+"=\r\n")
		if end < 0 {
			return append(dst, text...)
		}
		name := text[:end]
		dst = append(dst, text[:end+1]...)
		secret := text[end] == '=' && isSecretParameter(name)
		text = text[end+1:]
		if !secret {
			continue
		}
		dst = append(dst, masked...)
		end = bytes.IndexAny(text, "&\r\n")
		if end < 0 {
			return dst
		}
		text = text[end:]
	}
}
