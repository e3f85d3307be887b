package config

import (
	"net/netip"
	"strings"
)

// parseHost reads the name of a virtual host and returns it as requests are compared with it: in
// lower case and without the final dot of a fully qualified name.
func parseHost(s string) (string, error) {
	if strings.Trim(s, ".") == "" {
		return "", fault("write the name that browsers ask for", "the host name %q is empty", s)
	}
	host := strings.TrimSuffix(strings.ToLower(s), ".")
	if bare, ok := strings.CutPrefix(host, "["); ok {
		bare, closed := strings.CutSuffix(bare, "]")
		if addr, err := netip.ParseAddr(bare); closed && err == nil && addr.Is6() && addr.Zone() == "" {
			return "[" + addr.String() + "]", nil
		}
	}
	if addr, err := netip.ParseAddr(host); err == nil && addr.Is6() {
		return "", fault("write IPv6 addresses in brackets: \"["+host+"]\"", "%q is not a host name", s)
	}
	name := strings.TrimPrefix(host, "*.")
	switch {
	case isHostName(name):
		return host, nil
	case strings.Contains(name, "/"):
		return "", fault("write the name alone, without scheme and path", "%q is not a host name", s)
	case strings.Contains(name, ":"):
		return "", fault("write the name without a port: a site answers at every address the server listens at", "%q is not a host name", s)
	case strings.Contains(name, "*"):
		return "", fault(`a "*" stands for whole labels at the beginning: "*.example.org"`, "%q is not a host name", s)
	case strings.IndexFunc(name, func(r rune) bool { return r >= 0x80 }) >= 0:
		return "", fault(`write it as browsers send it, in ASCII ("xn--...")`, "%q is not a host name", s)
	}
	return "", fault("write letters, digits, hyphens and dots", "%q is not a host name", s)
}

// isHostName reports whether s is made of labels of at most 63 letters, digits, hyphens and (as
// real names have them) underscores, and of no more than 253 bytes.
func isHostName(s string) bool {
	if len(s) > 253 {
		return false
	}
	for label := range strings.SplitSeq(s, ".") {
		if label == "" || len(label) > 63 || strings.Trim(label, "-") != label {
			return false
		}
		for _, c := range []byte(label) {
			if !isLetterOrDigit(c) && c != '-' && c != '_' {
				return false
			}
		}
	}
	return true
}

func isLetterOrDigit(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
}
