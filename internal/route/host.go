package route

import (
	"net/netip"
	"strings"
)

// maxHost is the length of the longest domain name (RFC 1035, section 2.3.4, in
// text form). It also bounds what a lookup spends on the labels of a Host field.
const maxHost = 253

// parseHost reads the host text[at:stop]. Requests are looked up with a host in
// lower case and without a port, so a pattern that no such host can match is a
// mistake.
func (p *parser) parseHost(at, stop int) error {
	host := p.text[at:stop]
	p.pattern.host = strings.ToLower(host)
	switch {
	case host == "":
		return nil
	case len(host) > maxHost:
		return p.errorf(at, "the host is longer than %d octets: shorten it", maxHost)
	case host[0] == '[':
		return p.checkIPv6(at, stop)
	case host == "*":
		return p.errorf(at, "%q alone is no host: leave it out to match every host", host)
	}
	if strings.HasPrefix(host, "*.") {
		at += len("*.")
	}
	return p.checkName(at, stop)
}

// checkName sees that text[at:stop] is a domain name or an IPv4 address: labels
// of letters, digits, hyphens and underscores.
func (p *parser) checkName(at, stop int) error {
	label := at
	for i := at; i < stop; i++ {
		switch c := p.text[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '-', c == '_':
		case c == '.':
			if i == label {
				return p.errorf(i, "the host has an empty label: remove this dot")
			}
			label = i + 1
		case c == ':':
			return p.errorf(i, "the host has a port: remove it, as requests are matched on every port")
		case c == '*':
			return p.errorf(i, "%q must be the whole first label of a host, as in *.example.org", "*")
		case c == '{':
			return p.errorf(i, "a host cannot hold a wildcard in braces: write *.example.org, or begin a path with %q", "/")
		case c >= 0x80:
			return p.errorf(i, "the host is not ASCII: write its xn-- form")
		default:
			return p.errorf(i, "%q cannot be part of a host: remove it", c)
		}
	}
	if label == stop {
		return p.errorf(stop-1, "the host ends in a dot: remove it")
	}
	return nil
}

// checkIPv6 sees that text[at:stop] is an IPv6 address in brackets with nothing
// after them.
func (p *parser) checkIPv6(at, stop int) error {
	closing := strings.IndexByte(p.text[at:stop], ']')
	if closing < 0 {
		return p.errorf(stop, "the address is not closed: add %q", "]")
	}
	closing += at
	if closing+1 < stop {
		return p.errorf(closing+1, "the host has a port: remove it, as requests are matched on every port")
	}
	addr, err := netip.ParseAddr(p.text[at+1 : closing])
	if err != nil || !addr.Is6() || addr.Zone() != "" {
		return p.errorf(at+1, "%q is no IPv6 address: write one like ::1, without a zone", p.text[at+1:closing])
	}
	return nil
}
