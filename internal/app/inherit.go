package app

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"strings"

	"highball/internal/config"
)

// inheritance is what a process gets from the one that has started it: listening sockets, from systemd or from the server that it is to take
// over from, and from the latter a pipe on which to say whether it has. A nil inheritance holds nothing.
type inheritance struct {
	sockets []*inheritedSocket
	control *inheritedSocket
	web     *inheritedSocket
	ready   *os.File // nil from systemd
}

// inheritedSocket is the sockets of one address.
type inheritedSocket struct {
	Addr  string `json:"addr"`            // as the server before had it; "" from systemd
	Count int    `json:"count"`           // of descriptors
	Named bool   `json:"named"`           // a unix socket whose name goes with the server
	Token string `json:"token,omitempty"` // of the admin address

	bound net.Addr
	files []*os.File
}

// letter is what a server writes into the environment of the process that is to take over from it. The descriptors come in this order, from 3 on:
// the pipe, the sockets, the control socket, that of the admin address.
type letter struct {
	Sockets []*inheritedSocket `json:"sockets"`
	Control *inheritedSocket   `json:"control,omitempty"`
	Web     *inheritedSocket   `json:"web,omitempty"`
}

// variables of the environment that concern this process alone, and none that it starts.
const (
	inheritVariable  = "HIGHBALL_INHERIT"
	ownVariables     = " " + inheritVariable + " LISTEN_PID LISTEN_FDS LISTEN_FDNAMES WATCHDOG_PID "
	managerVariables = " NOTIFY_SOCKET WATCHDOG_USEC "
)

// without returns an environment without the variables of a list that has spaces around each.
func without(environ []string, names string) []string {
	return slices.DeleteFunc(slices.Clone(environ), func(assignment string) bool {
		name, _, _ := strings.Cut(assignment, "=")
		return strings.Contains(names, " "+name+" ")
	})
}

// take returns the sockets for a listener, and forgets them; nil if there are none.
func (i *inheritance) take(l config.Listener) *inheritedSocket {
	if i == nil {
		return nil
	}
	at := slices.IndexFunc(i.sockets, func(s *inheritedSocket) bool { return s.suits(l) })
	if at < 0 {
		return nil
	}
	found := i.sockets[at]
	i.sockets = slices.Delete(i.sockets, at, at+1)
	return found
}

// suits reports whether sockets are bound to what l says.
func (s *inheritedSocket) suits(l config.Listener) bool {
	if s.Addr != "" {
		return s.Addr == l.String()
	}
	return sameAddress(s.bound, l)
}

// sameAddress reports whether a socket is bound to what l says. Every interface is the same in both families, since systemd binds "[::]" for
// a port alone.
func sameAddress(bound net.Addr, l config.Listener) bool {
	tcp, ok := bound.(*net.TCPAddr)
	if !ok {
		return l.Network == "unix" && bound.Network() == "unix" && bound.String() == l.Address
	}
	if l.Network != "tcp" {
		return false
	}
	wanted, err := net.ResolveTCPAddr("tcp", l.Address)
	if err != nil || wanted.Port != tcp.Port {
		return false
	}
	every := func(ip net.IP) bool { return len(ip) == 0 || ip.IsUnspecified() }
	return wanted.IP.Equal(tcp.IP) || every(wanted.IP) && every(tcp.IP)
}

// rest closes the sockets that no listener has taken. Those of systemd must not be left over: whoever has written them into a unit wants
// them served.
func (i *inheritance) rest() error {
	if i == nil {
		return nil
	}
	var errs []error
	for _, s := range i.sockets {
		closeAll(s.files)
		if s.Addr == "" {
			errs = append(errs, fmt.Errorf("the socket %s was handed over by systemd, and no listen address is for it; "+
				"write listen = [%q], or take ListenStream out of the unit", s.bound, listenText(s.bound)))
		}
	}
	i.sockets = nil
	return errors.Join(errs...)
}

// listenText returns an address as a configuration has it.
func listenText(addr net.Addr) string {
	if addr.Network() == "unix" {
		return "unix:" + addr.String()
	}
	return addr.String()
}

// succeeds reports whether this process takes over from another server.
func (i *inheritance) succeeds() bool { return i != nil && i.ready != nil }

// tookOver is what a process says that has taken over; anything else says why it does not.
const tookOver = "ready"

// announce tells the server before that this one has taken over, or why not.
func (i *inheritance) announce(err error) {
	if !i.succeeds() {
		return
	}
	text := tookOver
	if err != nil {
		text = err.Error()
	}
	_, _ = io.WriteString(i.ready, text) // if it is gone, there is nobody to tell
	_ = i.ready.Close()
	i.ready = nil
}

// close closes what nobody has taken.
func (i *inheritance) close() {
	if i == nil {
		return
	}
	for _, s := range i.sockets {
		closeAll(s.files)
	}
	for _, s := range []*inheritedSocket{i.control, i.web} {
		if s != nil {
			closeAll(s.files)
		}
	}
	if i.ready != nil {
		_ = i.ready.Close()
	}
	*i = inheritance{}
}
