package app

import (
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
)

// banner is what a person is told when the server is ready.
type banner struct {
	subject string // the folder or the configuration that is served
	urls    []string
	exposed bool // other machines reach it
}

// maxInterfaces bounds the URLs of a listener on every interface; hosts of containers have hundreds.
const maxInterfaces = 8

// newBanner describes a server of subject that is bound to addrs. The interfaces are those of the machine, as
// net.InterfaceAddrs returns them.
func newBanner(subject string, addrs, interfaces []net.Addr) banner {
	b := banner{subject: quoted(subject)}
	for _, addr := range addrs {
		tcp, ok := addr.(*net.TCPAddr)
		if !ok {
			b.urls = append(b.urls, addr.Network()+":"+addr.String())
			continue
		}
		at := tcp.AddrPort()
		ip := at.Addr().Unmap()
		if !ip.IsValid() { // package net has it so for every interface of both families
			ip = netip.IPv6Unspecified()
		}
		if !ip.IsLoopback() {
			b.exposed = true
		}
		if !ip.IsUnspecified() {
			b.urls = append(b.urls, urlOf(ip, at.Port()))
			continue
		}
		b.urls = append(b.urls, urlOf(netip.AddrFrom4([4]byte{127, 0, 0, 1}), at.Port()))
		for _, each := range reached(ip, interfaces) {
			b.urls = append(b.urls, urlOf(each, at.Port()))
		}
	}
	return b
}

// reached returns the addresses by which other machines reach a listener on every interface: those of
// its own family, and for "::" those of both.
func reached(unspecified netip.Addr, interfaces []net.Addr) (all []netip.Addr) {
	for _, addr := range interfaces {
		prefix, err := netip.ParsePrefix(addr.String())
		ip := prefix.Addr().Unmap()
		usable := err == nil && ip.IsGlobalUnicast() && (ip.Is4() || unspecified.Is6())
		if usable && len(all) < maxInterfaces {
			all = append(all, ip)
		}
	}
	return all
}

func urlOf(ip netip.Addr, port uint16) string {
	return "http://" + net.JoinHostPort(ip.WithZone("").String(), strconv.Itoa(int(port))) + "/"
}

// text returns the banner: one line where a program reads it, a few where a person does.
func (b banner) text(t terminal) string {
	if !t.pretty {
		reach := ""
		if b.exposed {
			reach = " (reachable from the network)"
		}
		return fmt.Sprintf("highball: serving %s at %s%s; Ctrl-C stops\n", b.subject, strings.Join(b.urls, " "), reach)
	}
	var s strings.Builder
	line := func(label, content string) {
		fmt.Fprintf(&s, "  %s  %s\n", t.style(dim, fmt.Sprintf("%-9s", label)), content)
	}
	fmt.Fprintf(&s, "\n  %s\n\n", t.style(bold, "highball"))
	line("serving", b.subject)
	for i, url := range b.urls {
		label := ""
		if i == 0 {
			label = "at"
		}
		line(label, t.style(link, url))
	}
	if b.exposed {
		line("open to", "everyone who reaches this machine over the network")
	} else {
		line("open to", "this machine only")
	}
	line("stop", "Ctrl-C")
	return s.String() + "\n"
}
