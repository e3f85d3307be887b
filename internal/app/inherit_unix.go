//go:build unix

package app

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"syscall"

	"github.com/coreos/go-systemd/v22/activation"
)

// firstInherited is the number of the first descriptor that a process gets besides the standard streams.
const firstInherited = 3

// inherit returns what the process was handed by the one that has started it, nil if that is nothing. From then on no process that is started gets
// any of it.
func inherit(environ []string) (*inheritance, error) {
	text := variable(environ, inheritVariable)
	if text == "" {
		return inheritFromSystemd()
	}
	var l letter
	if err := json.Unmarshal([]byte(text), &l); err != nil {
		return nil, fmt.Errorf("%s, which only a server sets, cannot be read: %w", inheritVariable, err)
	}
	next := firstInherited
	descriptor := func(name string) *os.File {
		syscall.CloseOnExec(next)
		f := os.NewFile(uintptr(next), name)
		next++
		return f
	}
	i := &inheritance{ready: descriptor("ready"), sockets: l.Sockets, control: l.Control, web: l.Web}
	all := l.Sockets[:len(l.Sockets):len(l.Sockets)]
	for _, s := range []*inheritedSocket{l.Control, l.Web} {
		if s != nil {
			all = append(all, s)
		}
	}
	for _, s := range all {
		for range s.Count {
			s.files = append(s.files, descriptor(s.Addr))
		}
	}
	return i, nil
}

// inheritFromSystemd returns the sockets of the units that have activated this process (sd_listen_fds(3)).
func inheritFromSystemd() (*inheritance, error) {
	i := new(inheritance)
	var errs []error
	for _, f := range activation.Files(true) {
		l, err := net.FileListener(f)
		if err != nil {
			errs = append(errs, fmt.Errorf("the descriptor %s, handed over by systemd, is no listening stream socket: %w", f.Name(), err))
			_ = f.Close()
			continue
		}
		s := &inheritedSocket{Count: 1, bound: l.Addr(), files: []*os.File{f}}
		if u, ok := l.(*net.UnixListener); ok {
			u.SetUnlinkOnClose(false)
		}
		_ = l.Close() // a copy
		i.sockets = append(i.sockets, s)
	}
	if err := errors.Join(errs...); err != nil {
		i.close()
		return nil, err
	}
	if len(i.sockets) == 0 {
		return nil, nil
	}
	return i, nil
}
