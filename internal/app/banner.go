package app

import (
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"

	"highball/internal/config"
	"highball/internal/gateway"
)

// banner is what a person is told when the server is ready.
type banner struct {
	subject string // the folder, the configuration or the application that is served
	pools   []pool // of the applications
	folders []string
	urls    []string
	exposed bool // other machines reach it
}

// pool is what a person is told of an application.
type pool struct {
	name        string // where there are several
	interpreter string // with its version
	workers     string
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

// describe adds the applications of c, which are apps, and the folders that are served beside them. A single one that does not answer at "/"
// has its path in the URLs.
func (b *banner) describe(c *config.Config, apps applications) {
	for i, a := range apps {
		d := a.Describe()
		if b.subject == quoted(c.Apps[i].WSGI) {
			b.subject = quoted(d.App) // as it was found: of a module alone, with the name that is served
		}
		b.addPool(d)
		if len(apps) > 1 {
			b.pools[i].name = quoted(a.name)
		}
	}
	for _, s := range c.Sites {
		for _, r := range s.Routes {
			switch {
			case r.Root != "":
				b.folders = append(b.folders, quoted(r.Path))
			case r.App != "" && r.Pos.Line == 0 && r.Path != "/" && s.Root == "" && len(c.Sites) == 1 && len(apps) == 1:
				b.extend(r.Path)
			}
		}
	}
}

func (b *banner) addPool(d gateway.Description) {
	p := pool{workers: counted(int64(d.Workers), "worker")}
	if d.Version != "" {
		p.interpreter = d.Version + " (" + quoted(d.Interpreter) + ")"
	}
	if d.Threads > 1 {
		p.workers += fmt.Sprintf(" of %d threads", d.Threads)
	}
	b.pools = append(b.pools, p)
}

// parts returns what there is to tell.
func (p pool) parts() []string {
	if p.interpreter == "" {
		return []string{p.workers}
	}
	return []string{p.interpreter, p.workers}
}

// extend puts a path behind the URLs.
func (b *banner) extend(path string) {
	escaped := (&url.URL{Path: path}).EscapedPath()
	for i, at := range b.urls {
		if strings.HasPrefix(at, "http://") {
			b.urls[i] = strings.TrimSuffix(at, "/") + escaped
		}
	}
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
		with := ""
		for _, p := range b.pools {
			for i, part := range p.parts() {
				with += ", "
				if i == 0 && p.name != "" {
					with += p.name + ": "
				}
				with += part
			}
		}
		if len(b.folders) > 0 {
			with += ", files at " + strings.Join(b.folders, " ")
		}
		if with != "" {
			with += ","
		}
		return fmt.Sprintf("highball: serving %s%s at %s%s; Ctrl-C stops\n", b.subject, with, strings.Join(b.urls, " "), reach)
	}
	var s strings.Builder
	line := func(label, content string) {
		fmt.Fprintf(&s, "  %s  %s\n", t.style(dim, fmt.Sprintf("%-9s", label)), content)
	}
	fmt.Fprintf(&s, "\n  %s\n\n", t.style(bold, "highball"))
	line("serving", b.subject)
	for _, p := range b.pools {
		if p.name != "" {
			line("app", p.name+": "+strings.Join(p.parts(), ", "))
			continue
		}
		if p.interpreter != "" {
			line("Python", p.interpreter)
		}
		line("workers", p.workers)
	}
	if len(b.folders) > 0 {
		line("files at", strings.Join(b.folders, " "))
	}
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
