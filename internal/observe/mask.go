package observe

import (
	"slices"
	"strings"
)

// Mask says what a trace does with passwords and the like.
type Mask uint8

const (
	// MaskSecrets replaces by *** what the [Masks] of the trace name, which are
	// [DefaultMasks] at first: values of header fields, and of parameters in
	// request targets, in field values (Referer and Location repeat
	// targets) and in form bodies. Other bodies, such as JSON and multipart, are shown as they are.
	MaskSecrets Mask = iota

	// ShowSecrets shows everything.
	ShowSecrets
)

const masked = "***"

// DefaultSecretFields returns the header fields that no log shows unless it is told to.
func DefaultSecretFields() []string {
	return []string{"authorization", "proxy-authorization", "cookie", "set-cookie", "x-api-key"}
}

// DefaultSecretParameters returns the parameters of targets and forms that no log shows unless it is told to.
func DefaultSecretParameters() []string {
	return []string{"token", "password", "secret", "key", "api_key", "access_token"}
}

// DefaultMasks returns the masks of [DefaultSecretParameters] and [DefaultSecretFields].
func DefaultMasks() *Masks {
	return NewMasks(DefaultSecretParameters(), DefaultSecretFields())
}

// Masks are the names of what logs and traces must not show: of parameters in
// targets and forms, and of header fields. Their values are replaced by ***. Names are
// compared without regard to case, those of parameters as they read when they are decoded.
// A nil *Masks has none. Masks do not change, and may be used by any goroutine.
type Masks struct {
	parameters []string // in lower case
	longest    int      // of parameters
	fields     []string // in lower case

	hideTarget, hideReferer, hideUserAgent hiding
}

// NewMasks returns the masks of the given names.
func NewMasks(parameters, fields []string) *Masks {
	m := new(Masks)
	for _, name := range parameters {
		m.parameters = append(m.parameters, strings.ToLower(name))
		m.longest = max(m.longest, len(name))
	}
	for _, name := range fields {
		m.fields = append(m.fields, strings.ToLower(name))
	}
	m.hideTarget = hiding{masks: m}
	m.hideReferer = hiding{masks: m, whole: slices.Contains(m.fields, "referer")}
	m.hideUserAgent = hiding{whole: slices.Contains(m.fields, "user-agent")}
	return m
}

// AppendTarget appends a request target, or another text with URLs in it, with its secrets masked.
func (m *Masks) AppendTarget(dst []byte, target string) []byte {
	return maskText(m, dst, target, firstParameter(target))
}

// AppendForm appends a form (application/x-www-form-urlencoded), or the beginning of one, with its secrets masked.
func (m *Masks) AppendForm(dst, form []byte) []byte { return maskText(m, dst, form, 0) }

// AppendHead appends a head, or the beginning of one, with its secrets masked. It need not be well-formed.
func (m *Masks) AppendHead(dst, head []byte) []byte {
	lines := lineMasker{masks: m}
	for len(head) > 0 {
		line, rest := cutLine(head)
		end := head[len(line) : len(head)-len(rest)]
		dst = append(append(dst, lines.line(line)...), end...)
		head = rest
	}
	return dst
}

// isField tells whether the value of the field of that name is a secret.
func (m *Masks) isField(name []byte) bool {
	return m != nil && slices.ContainsFunc(m.fields, func(secret string) bool { return len(secret) == len(name) && strings.EqualFold(secret, string(name)) })
}

// isParameter tells whether the value of the parameter of that name,
// still percent-encoded, is a secret.
func isParameter[T string | []byte](m *Masks, name T) bool {
	if len(name) < 1 || len(name) > 3*m.longest {
		return false
	}
	for _, secret := range m.parameters {
		if decodesTo(name, secret) {
			return true
		}
	}
	return false
}

// decodesTo reports whether a percent-encoded name is one in lower case but for its case.
func decodesTo[T string | []byte](name T, want string) bool {
	at := 0
	for i := 0; i < len(name); i++ {
		c := name[i]
		if c == '%' && i+2 < len(name) {
			if high, low := hexValue(name[i+1]), hexValue(name[i+2]); high >= 0 && low >= 0 {
				c = byte(high<<4 | low)
				i += 2
			}
		}
		if c >= 'A' && c <= 'Z' {
			c += 'a' - 'A'
		}
		if at == len(want) || want[at] != c {
			return false
		}
		at++
	}
	return at == len(want)
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
