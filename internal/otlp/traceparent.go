package otlp

import (
	"encoding/hex"
	"strings"
)

// sampled is the flag by which a caller says that it records the trace (W3C Trace Context, section 3.2.2.5.1).
const sampled = 0x01

// parent is the span of a caller.
type parent struct {
	trace [16]byte
	span  [8]byte
	flags byte
}

// parseTraceparent reads the value of a Traceparent field (W3C Trace Context, section 3.2). Whatever is not as the specification has it means that the caller
// has said nothing. Of versions to come it takes what is the same in them (section 3.2.4).
func parseTraceparent(s string) (p parent, ok bool) {
	const length = len("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
	if len(s) < length || s[2] != '-' || s[35] != '-' || s[52] != '-' {
		return parent{}, false
	}
	var version, flags [1]byte
	whole := fromHex(version[:], s[:2]) && fromHex(p.trace[:], s[3:35]) && fromHex(p.span[:], s[36:52]) && fromHex(flags[:], s[53:55])
	p.flags = flags[0]
	switch {
	case !whole, version[0] == 0xff, p.trace == [16]byte{}, p.span == [8]byte{}:
		return parent{}, false
	case version[0] == 0 && len(s) > length:
		return parent{}, false
	case len(s) > length && s[length] != '-':
		return parent{}, false
	}
	return p, true
}

// fromHex decodes lower-case digits.
func fromHex(into []byte, s string) bool {
	_, err := hex.Decode(into, []byte(s))
	return err == nil && !strings.ContainsAny(s, "ABCDEF")
}

const (
	tracestateMembers = 32
	tracestateBound   = 512 // bytes that everybody has to pass on
)

// parseTracestate returns the value of a Tracestate field as it is to be kept: "" if it is not as the specification has it (W3C Trace Context, section 3.3), or longer
// than has to be passed on, from whose end whole members are left out.
func parseTracestate(s string) string {
	var kept []string
	length, members := 0, 0
	for member := range strings.SplitSeq(s, ",") {
		member = strings.Trim(member, " \t")
		if member == "" {
			continue
		}
		key, value, found := strings.Cut(member, "=")
		if members++; !found || members > tracestateMembers || !isStateKey(key) || !isStateValue(value) {
			return ""
		}
		if length += len(member) + 1; length <= tracestateBound+1 {
			kept = append(kept, member)
		}
	}
	return strings.Join(kept, ",")
}

// isStateKey reports whether s is a simple key, or one of a tenant and a system.
func isStateKey(s string) bool {
	tenant, system, multi := strings.Cut(s, "@")
	if multi {
		return isStateWord(tenant, 241) && (tenant[0] >= '0' && tenant[0] <= '9' || isLower(tenant[0])) && isStateWord(system, 14) && isLower(system[0])
	}
	return isStateWord(s, 256) && isLower(s[0])
}

func isStateWord(s string, most int) bool {
	for i := range len(s) {
		if c := s[i]; !isLower(c) && (c < '0' || c > '9') && strings.IndexByte("_-*/", c) < 0 {
			return false
		}
	}
	return s != "" && len(s) <= most
}

func isLower(c byte) bool { return c >= 'a' && c <= 'z' }

// isStateValue reports whether s is up to 256 printable characters without comma and equals sign.
func isStateValue(s string) bool {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c > '~' || c == ',' || c == '=' {
			return false
		}
	}
	return s != "" && len(s) <= 256 && s[len(s)-1] != ' '
}
