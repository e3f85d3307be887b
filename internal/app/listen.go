package app

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"slices"
	"strings"

	"highball/internal/config"
)

// listening is an address of the configuration.
type listening struct {
	config.Listener
	bound  net.Addr
	named  bool // the name of a unix socket is this program's, and goes with it
	orphan bool // and highball.Server does not remove it
}

// Listen binds all addresses of the configuration, but for those whose sockets were inherited, and returns them as bound, ports filled in.
// The error is a line that names the address and the reason, and what can be done about it.
func (a *App) Listen() ([]net.Addr, error) {
	var addrs []net.Addr
	for i := range a.listening {
		l := &a.listening[i]
		if err := a.listen(l); err != nil {
			return nil, err
		}
		addrs = append(addrs, l.bound)
	}
	a.tellListening()
	return addrs, a.inherited.rest()
}

// tellListening has others know the addresses, who do not hold the lock that guards them.
func (a *App) tellListening() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.told = slices.Clone(a.listening)
}

// listen binds one address, or takes over the sockets that are bound to it already.
func (a *App) listen(l *listening) (err error) {
	if socket := a.inherited.take(l.Listener); socket != nil {
		l.bound, err = a.server.Adopt(l.String(), socket.files)
		closeAll(socket.files)
		l.named, l.orphan = socket.Named, socket.Named
		return err
	}
	if l.bound, err = a.server.Listen(l.String()); err != nil {
		return remedied(err, a.listenRemedy(l.Listener, err))
	}
	l.named = l.Network == "unix" && !strings.HasPrefix(l.Address, "@")
	if l.named && l.Mode != 0 {
		if err := os.Chmod(l.Address, fs.FileMode(l.Mode)); err != nil {
			return errors.Join(fmt.Errorf("listen %s: %w", l, err), a.server.Unlisten(l.String()))
		}
	}
	return nil
}

// listenRemedy says what can be done where an address cannot be listened at, perhaps because this server has it in another form.
func (a *App) listenRemedy(l config.Listener, err error) string {
	_, port, _ := net.SplitHostPort(l.Address)
	for _, other := range a.listening {
		if other.bound == nil || other.Network != l.Network || l.Network != "tcp" || port == "0" {
			continue
		}
		if _, taken, _ := net.SplitHostPort(other.Address); taken == port {
			return fmt.Sprintf("this server listens at %s, and the two exclude each other: restart it to go from one to the other", other)
		}
	}
	return listenRemedy(l.Network, err)
}

// listenChange is the step from the addresses of one configuration to those of another.
type listenChange struct {
	added   []listening
	dropped []listening
	after   []listening
}

// bind binds those of wanted that the server does not listen at. On an error it has bound none.
func (a *App) bind(wanted []config.Listener) (*listenChange, error) {
	change := new(listenChange)
	left := slices.Clone(a.listening)
	var errs []error
	for _, l := range wanted {
		if i := slices.IndexFunc(left, func(other listening) bool { return other.String() == l.String() }); i >= 0 {
			had := left[i]
			had.Listener = l
			change.after = append(change.after, had)
			left = slices.Delete(left, i, i+1)
			continue
		}
		added := listening{Listener: l}
		if err := a.listen(&added); err != nil {
			errs = append(errs, at(l.Pos, err))
			continue
		}
		change.added = append(change.added, added)
		change.after = append(change.after, added)
	}
	change.dropped = left
	if err := together(errs...); err != nil {
		return nil, together(err, a.unlisten(change.added))
	}
	return change, nil
}

// unlisten stops listening at addresses.
func (a *App) unlisten(all []listening) error {
	var errs []error
	for _, l := range all {
		if err := a.server.Unlisten(l.String()); err != nil {
			errs = append(errs, err)
		}
		l.removeOrphan()
	}
	return errors.Join(errs...)
}

// removeOrphan removes the name of a unix socket that nobody else removes: one that was handed over, by whom or to whom ever.
func (l *listening) removeOrphan() {
	if l.orphan {
		_ = os.Remove(l.Address) // somebody may have done so before
	}
}

// setModes gives unix sockets the permissions that a configuration wants, where they differ from those that they have.
func (a *App) setModes(before []listening) error {
	var errs []error
	for _, l := range a.listening {
		changed := slices.ContainsFunc(before, func(other listening) bool { return other.String() == l.String() && other.Mode != l.Mode })
		if changed && l.named && l.Mode != 0 {
			errs = append(errs, os.Chmod(l.Address, fs.FileMode(l.Mode)))
		}
	}
	return errors.Join(errs...)
}

func closeAll(files []*os.File) {
	for _, f := range files {
		_ = f.Close() // a copy, or a socket that nobody wants
	}
}
