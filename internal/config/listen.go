package config

import (
	"net"
	"net/netip"
	"strconv"
	"strings"
)

// unixPathMax is the longest path that a unix socket address of Linux holds, without its final NUL.
const unixPathMax = 107

// ParseListen reads an address to listen at:
//
//	8000              port 8000 of the loopback address
//	:8000             port 8000 of every interface
//	127.0.0.1:8000    also a name, localhost:8000; port 0 is any free port
//	[::]:8000         IPv6 addresses in brackets
//	unix:/run/x.sock  a unix socket; the path is taken as it is
func ParseListen(s string) (Listener, error) {
	if path, ok := strings.CutPrefix(s, "unix:"); ok {
		return unixListener(path)
	}
	if strings.Trim(s, "0123456789") == "" && s != "" {
		s = net.JoinHostPort(DefaultHost, s)
	}
	host, port, err := net.SplitHostPort(s)
	switch {
	case strings.Contains(s, "/"):
		return Listener{}, fault(`write host:port without a scheme and a path, or "unix:" and the path of a socket`, "%q is not an address to listen at", s)
	case err != nil:
		return Listener{}, fault(listenRemedy(s), "%q is not an address to listen at", s)
	}
	if err := checkListenHost(host, s); err != nil {
		return Listener{}, err
	}
	n, err := parsePort(port)
	if err != nil {
		return Listener{}, err
	}
	return Listener{Network: "tcp", Address: net.JoinHostPort(host, strconv.Itoa(n))}, nil
}

// listenRemedy guesses what was meant by an address that does not split into host and port.
func listenRemedy(s string) string {
	bare := strings.Trim(s, "[]")
	if colon := strings.LastIndexByte(s, ':'); colon > 0 {
		addr, err := netip.ParseAddr(s[:colon])
		if _, notPort := parsePort(s[colon+1:]); err == nil && addr.Is6() && notPort == nil {
			return "write the address in brackets: " + strconv.Quote(net.JoinHostPort(s[:colon], s[colon+1:]))
		}
	}
	if addr, err := netip.ParseAddr(bare); err == nil && addr.Is6() {
		return "write the address in brackets and a port: " + strconv.Quote(net.JoinHostPort(bare, strconv.Itoa(DefaultPort)))
	}
	if s != "" && !strings.ContainsAny(s, ":[]") {
		return "add a port: " + strconv.Quote(net.JoinHostPort(s, strconv.Itoa(DefaultPort)))
	}
	return `write host:port, such as "127.0.0.1:8000", ":8000" or "[::1]:8000"`
}

// checkListenHost checks the host of the address s: empty, an IP address, or a name to be resolved.
func checkListenHost(host, s string) error {
	if host == "" {
		return nil
	}
	addr, err := netip.ParseAddr(host)
	bracketed := strings.HasPrefix(s, "[")
	switch {
	case err == nil && addr.Is6() == bracketed:
		return nil
	case err == nil || bracketed:
		return fault("brackets are for IPv6 addresses and for nothing else", "%q is not an address to listen at", s)
	case host == "*":
		return fault(`write "0.0.0.0" or "[::]" for every interface`, "%q is not an address to listen at", s)
	case !isHostName(host):
		return fault("write an IP address or a host name", "%q is not a host to listen at", host)
	}
	return nil
}

func unixListener(path string) (Listener, error) {
	switch {
	case path == "" || strings.Contains(path, "\x00"):
		return Listener{}, fault(`write the path after it, such as "unix:/run/highball.sock"`, "%q names no socket", "unix:"+path)
	case len(path) > unixPathMax:
		return Listener{}, fault("", "the socket path %q has %d bytes, and the system takes no more than %d", path, len(path), unixPathMax)
	}
	return Listener{Network: "unix", Address: path}, nil
}

// clash reports whether two listeners cannot both be opened.
func (l Listener) clash(m Listener) bool {
	if l.Network != m.Network {
		return false
	}
	if l.Network == "unix" {
		return l.Address == m.Address
	}
	lhost, lport, _ := net.SplitHostPort(l.Address)
	mhost, mport, _ := net.SplitHostPort(m.Address)
	return lport == mport && lport != "0" && (covers(lhost, mhost) || covers(mhost, lhost))
}

// covers reports whether listening at host a leaves nothing to host b: a is b, or it is every
// interface. "[::]" takes IPv4 connections too. Names are not resolved, but localhost is known.
func covers(a, b string) bool {
	x, y := listenAddr(a), listenAddr(b)
	switch {
	case x == netip.IPv6Unspecified():
		return true
	case x == netip.IPv4Unspecified():
		return !y.Is6()
	case a == "localhost":
		return b == a || y.IsLoopback()
	}
	return x.IsValid() && x == y || strings.EqualFold(a, b)
}

// listenAddr returns the address a listener's host stands for, or an invalid one for names.
func listenAddr(host string) netip.Addr {
	if host == "" {
		return netip.IPv6Unspecified()
	}
	addr, _ := netip.ParseAddr(host)
	return addr.Unmap()
}
