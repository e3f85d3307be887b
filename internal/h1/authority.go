package h1

import "strings"

// CanonicalHost returns the one form of a Host value or target authority that is to be compared and looked up: in lower
// case, without the port and without the dot of a fully qualified name. An IPv6 address keeps its brackets.
// It reports false when authority is not a host with an optional port. It does not allocate when
// authority is in lower case.
func CanonicalHost(authority string) (host string, ok bool) {
	n := hostLength(authority)
	if n <= 0 || !validPort(authority[n:]) {
		return "", false
	}
	host = authority[:n]
	if strings.HasSuffix(host, ".") {
		host = host[:n-1]
	}
	return strings.ToLower(host), true
}

// validAuthority reports whether s is uri-host [ ":" port ] with a host that is not empty (RFC 9110, section 4.2;
// user information is not allowed).
func validAuthority[S octetString](s S) bool {
	n := hostLength(s)
	return n > 0 && validPort(s[n:])
}

// validHostPort reports whether s is uri-host ":" port with neither empty, as CONNECT needs it.
func validHostPort[S octetString](s S) bool {
	n := hostLength(s)
	return n > 0 && len(s) > n+1 && validPort(s[n:])
}

// hostLength returns the length of the uri-host that s starts with (RFC 3986, section 3.2.2), or -1. An
// address in brackets must be an IPv6 address.
func hostLength[S octetString](s S) int {
	if len(s) > 0 && s[0] == '[' {
		for i := 1; i < len(s); i++ {
			if s[i] == ']' {
				if !validIPv6(s[1:i]) {
					return -1
				}
				return i + 1
			}
		}
		return -1
	}
	return nameLength(s)
}

// nameLength returns the length of the registered name or IPv4 address that s starts with, or -1. It refuses what RFC 3986
// would allow but others may take for something else: an empty label, a leading hyphen (an option of
// some program), and a number at the end of what is no IPv4 address ("127.1" is one to many resolvers).
func nameLength[S octetString](s S) int {
	n, label := 0, 0 // label is where the current label starts
	for n < len(s) {
		c := s[n]
		if isOctet(c, hostOctet) {
			n++
			if c != '.' {
				continue
			}
			if n == label+1 {
				return -1
			}
			label = n
		} else if c == '%' && n+2 < len(s) && isOctet(s[n+1], hexOctet) && isOctet(s[n+2], hexOctet) {
			n += 3
		} else {
			break
		}
	}
	if n == 0 {
		return 0
	}
	if s[0] == '-' {
		return -1
	}
	end := n
	if label == n {
		end--
	}
	digits := end
	for digits > 0 && isOctet(s[digits-1], digitOctet) {
		digits--
	}
	numeric := digits < end && (digits == 0 || s[digits-1] == '.')
	if numeric && !validIPv4(s[:end]) {
		return -1
	}
	return n
}

// validPort reports whether s is empty, or a colon and a port number or nothing.
func validPort[S octetString](s S) bool {
	if len(s) == 0 {
		return true
	}
	if s[0] != ':' {
		return false
	}
	port := 0
	for i := 1; i < len(s); i++ {
		if !isOctet(s[i], digitOctet) {
			return false
		}
		if port = port*10 + int(s[i]-'0'); port > 65535 {
			return false
		}
	}
	return true
}

// validIPv6 reports whether s is an IPv6address of RFC 3986: eight groups of one to four hexadecimal digits, of which
// the last two may be an IPv4 address, and one run of which may be left out as "::".
func validIPv6[S octetString](s S) bool {
	groups, gap := 0, false
	i := 0
	if len(s) >= 2 && s[0] == ':' && s[1] == ':' {
		gap = true
		i = 2
	}
	for i < len(s) {
		start := i
		for i < len(s) && isOctet(s[i], hexOctet) {
			i++
		}
		if i < len(s) && s[i] == '.' {
			groups += 2
			return validIPv4(s[start:]) && completeIPv6(groups, gap)
		}
		if i == start || i-start > 4 {
			return false
		}
		groups++
		if i == len(s) {
			break
		}
		if s[i] != ':' || i+1 == len(s) {
			return false
		}
		i++
		if s[i] == ':' {
			if gap {
				return false
			}
			gap = true
			i++
		}
	}
	return completeIPv6(groups, gap)
}

// completeIPv6 reports whether groups make up an address; a gap stands for at least one more.
func completeIPv6(groups int, gap bool) bool {
	if gap {
		return groups < 8
	}
	return groups == 8
}

// validIPv4 reports whether s is four decimal numbers of at most 255, without leading zeros.
func validIPv4[S octetString](s S) bool {
	parts, digits, value := 1, 0, 0
	for i := range len(s) {
		switch c := s[i]; {
		case c == '.':
			if digits == 0 {
				return false
			}
			parts, digits, value = parts+1, 0, 0
		case !isOctet(c, digitOctet) || digits > 0 && value == 0:
			return false
		default:
			digits++
			if value = value*10 + int(c-'0'); value > 255 {
				return false
			}
		}
	}
	return parts == 4 && digits > 0
}
