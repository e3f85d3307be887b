package forward

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"highball"
)

// maxElements is how many elements of a list are looked at: more proxies do not stand in a row.
const maxElements = 32

// fromPrefixed reads X-Forwarded-For, X-Forwarded-Proto and X-Forwarded-Host, which no standard describes. Of the scheme and the
// host the last element counts: it is the one that the peer, which is trusted, has written.
func fromPrefixed(trusted proxies, h *highball.Header) (o origin) {
	var room [4]string
	lines := slices.AppendSeq(room[:0], h.Values("X-Forwarded-For"))
	looked := 0
walk:
	for _, line := range slices.Backward(lines) {
		for more := true; more; {
			if looked++; looked > maxElements {
				break walk
			}
			var element string
			if i := strings.LastIndexByte(line, ','); i >= 0 {
				line, element = line[:i], line[i+1:]
			} else {
				element, more = line, false
			}
			addr, ok := parseElement(strings.Trim(element, " \t"))
			if !ok {
				break walk
			}
			o.client = addr
			if !trusted.contains(addr.Addr()) {
				break walk
			}
		}
	}
	o.scheme = schemeOf(lastElement(h, "X-Forwarded-Proto"))
	o.host = lastElement(h, "X-Forwarded-Host")
	return o
}

// lastElement returns the last element of the lists with a name.
func lastElement(h *highball.Header, name string) (element string) {
	for value := range h.Values(name) {
		element = value
	}
	return strings.Trim(element[strings.LastIndexByte(element, ',')+1:], " \t")
}

// schemeOf returns the scheme that is named, or "" for any other.
func schemeOf(name string) string {
	switch {
	case strings.EqualFold(name, "https"):
		return "https"
	case strings.EqualFold(name, "http"):
		return "http"
	}
	return ""
}

// parseElement reads an address as proxies write it into X-Forwarded-For: bare or, for IPv6, in brackets, with or without a port.
func parseElement(s string) (netip.AddrPort, bool) {
	if addr, ok := parseAddr(s); ok {
		return netip.AddrPortFrom(addr, 0), true
	}
	return parseNode(s, decimalPort)
}

// parseNode reads an IPv4 address, or an IPv6 address in brackets, with a port behind it if there is one.
func parseNode(s string, parsePort func(string) (uint16, bool)) (netip.AddrPort, bool) {
	name, port := s, ""
	if strings.HasPrefix(s, "[") {
		end := strings.IndexByte(s, ']')
		if end < 0 {
			return netip.AddrPort{}, false
		}
		name, port = s[1:end], s[end+1:]
		if strings.IndexByte(name, ':') < 0 { // an IPv4 address wants no brackets
			return netip.AddrPort{}, false
		}
	} else if i := strings.IndexByte(s, ':'); i >= 0 {
		name, port = s[:i], s[i:]
	}
	addr, ok := parseAddr(name)
	if !ok {
		return netip.AddrPort{}, false
	}
	if port == "" {
		return netip.AddrPortFrom(addr, 0), true
	}
	if port[0] != ':' {
		return netip.AddrPort{}, false
	}
	number, ok := parsePort(port[1:])
	return netip.AddrPortFrom(addr, number), ok
}

// parseAddr reads an address. One with a zone is refused: a zone is any text, and means something on one machine only.
func parseAddr(s string) (netip.Addr, bool) {
	if len(s) > len("ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255") {
		return netip.Addr{}, false
	}
	addr, err := netip.ParseAddr(s)
	if err != nil || addr.Zone() != "" {
		return netip.Addr{}, false
	}
	return addr.Unmap(), true
}

// decimalPort reads one to five digits.
func decimalPort(s string) (uint16, bool) {
	if len(s) > 5 || strings.Trim(s, "0123456789") != "" {
		return 0, false
	}
	n, err := strconv.ParseUint(s, 10, 16)
	return uint16(n), err == nil
}
