package config

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/pelletier/go-toml/v2/unstable"
)

// listens are what the sites of all files say about where they answer. A site may stand before the listeners, and in another file than
// one that wants the same, so they are brought together at the end.
type listens struct {
	sites     int // that were decoded
	claims    []claim
	listeners []reference
}

// claim is a host that a site answers for; "" is every host that nobody else does.
type claim struct {
	host string
	pos  Pos
	site int // its number
}

const wantListen = `addresses in quotes, such as ["127.0.0.1:8000"]`

// listen returns the setter of the listeners.
func (d *decoder) listen(into *[]Listener) func(value) {
	return func(v value) {
		items := v.items
		switch v.kind {
		case unstable.String:
			items = []value{v}
		case unstable.Array:
		default:
			d.mismatch(v, wantListen)
		}
		var all []Listener
		for _, item := range items {
			l, err := d.listener(item)
			switch {
			case err != nil:
				d.errs.fail(item.pos, err)
			case l.Network != "":
				l.Pos = item.pos
				d.checkClash(l, all)
				all = append(all, l)
			}
		}
		if v.kind == unstable.Array && len(v.items) == 0 {
			d.errs.add(v.pos, "listen is empty, so nobody could connect", "write "+wantListen+", or leave the key out for that one")
		}
		*into = all
	}
}

// listener reads one listener. One without a network has a fault that is recorded.
func (d *decoder) listener(item value) (Listener, error) {
	switch {
	case item.kind == unstable.String:
		return d.parseListen(item.text)
	case item.table != nil:
		return d.listenTable(item), nil
	}
	d.errs.add(item.pos, "an item of listen is "+describe(item), "write "+wantListen)
	return Listener{}, nil
}

// parseListen reads an address, as [ParseListen] does, and resolves the path of a socket.
func (d *decoder) parseListen(s string) (Listener, error) {
	l, err := ParseListen(s)
	if err == nil && l.Network == "unix" {
		return d.socket(l.Address)
	}
	return l, err
}

// socket resolves the path of a socket of the main file.
func (d *decoder) socket(path string) (Listener, error) {
	if path != "" && !strings.HasPrefix(path, "@") {
		path = d.main.resolve(path)
	}
	return unixListener(path)
}

// listenTable reads a listener that is written as a table.
func (d *decoder) listenTable(v value) (l Listener) {
	var mode uint32
	before := len(d.errs)
	d.fields(v, "an item of listen",
		field{"tcp", text(d, `an address in quotes, such as "127.0.0.1:8000"`, &l, parseTCP)},
		field{"unix", text(d, "the path of a socket in quotes", &l, func(path string) (Listener, error) {
			return d.socket(strings.TrimPrefix(path, "unix:"))
		})},
		field{"mode", text(d, `permissions in quotes, such as "0660"`, &mode, parseMode)},
	)
	tcp, unix, permissions := v.table.find("tcp"), v.table.find("unix"), v.table.find("mode")
	switch {
	case tcp == nil && unix == nil:
		d.errs.add(v.pos, "this listener has no address", `write { tcp = "127.0.0.1:8000" } or { unix = "/run/highball.sock", mode = "0660" }`)
	case tcp != nil && unix != nil:
		d.errs.add(unix.pos, "this listener has tcp already, and unix too", "give each an item of its own")
	case permissions != nil && (tcp != nil || strings.HasPrefix(l.Address, "@")):
		d.errs.add(permissions.pos, "mode has no meaning for "+l.String(), "it is for sockets in the file system")
	}
	if len(d.errs) > before {
		return Listener{}
	}
	l.Mode = mode
	return l
}

func parseTCP(s string) (Listener, error) {
	l, err := ParseListen(s)
	if err == nil && l.Network != "tcp" {
		return l, fault(fmt.Sprintf("write { unix = %q }", l.Address), "%q is not an address of TCP", s)
	}
	return l, err
}

// parseMode reads the permissions of a socket.
func parseMode(s string) (uint32, error) {
	mode, err := strconv.ParseUint(s, 8, 32)
	if err != nil || mode == 0 || mode > 0o777 {
		return 0, fault(`write three octal digits, such as "0660" for the owner and the group`, "%q is not a mode", s)
	}
	return uint32(mode), nil
}

// checkClash checks that l can be opened beside all.
func (d *decoder) checkClash(l Listener, all []Listener) {
	for _, earlier := range all {
		if l.clash(earlier) {
			d.errs.add(l.Pos, fmt.Sprintf("the listener %s clashes with %s in line %d", l, earlier, earlier.Pos.Line), "keep one of them, or give each a port of its own")
			return
		}
	}
}

// siteListen returns the setter of the listeners of a site.
func (d *decoder) siteListen(s *Site) func(value) {
	return func(v value) {
		d.list(wantListen, func(item value) {
			l, err := d.parseListen(item.text)
			if err != nil {
				d.errs.fail(item.pos, err)
				return
			}
			if slices.Contains(s.Listen, l.String()) {
				d.errs.add(item.pos, fmt.Sprintf("the listener %s is named twice", l), "write it once")
				return
			}
			d.listeners = append(d.listeners, reference{l.String(), item.pos})
			s.Listen = append(s.Listen, l.String())
		})(v)
		if v.kind == unstable.Array && len(v.items) == 0 {
			d.errs.add(v.pos, "listen is empty, so nobody could reach the site", "leave the key out to have it answer at every address")
		}
	}
}

// checkListens checks that sites answer where the server listens, and that no two of them answer for the same.
func (d *decoder) checkListens(c *Config) {
	var known []string
	for _, l := range c.Listen {
		known = append(known, l.String())
	}
	for _, r := range d.listeners {
		if !slices.Contains(known, r.name) {
			d.errs.add(r.pos, fmt.Sprintf("the server does not listen at %s", r.name), didYouMean(r.name, known))
		}
	}
	earlier := make(map[string][]claim)
	for _, a := range d.claims {
		for _, b := range earlier[a.host] {
			if !c.Sites[a.site].meets(&c.Sites[b.site]) {
				continue
			}
			first := b.pos.seenFrom(a.pos)
			if a.host == "" {
				d.errs.add(a.pos, "this is a second default site; the first is "+first, `write hosts = ["example.org"] in all but one`)
			} else {
				d.errs.add(a.pos, fmt.Sprintf("the host %q already has a site, %s", a.host, first), "give each host to one site")
			}
			break
		}
		earlier[a.host] = append(earlier[a.host], a)
	}
}

// meets reports whether there is a listener at which it is not clear which of s and other answers: one that names the listener goes before
// one that names none.
func (s *Site) meets(other *Site) bool {
	if s.Listen == nil || other.Listen == nil {
		return s.Listen == nil && other.Listen == nil
	}
	return slices.ContainsFunc(s.Listen, func(l string) bool { return slices.Contains(other.Listen, l) })
}
