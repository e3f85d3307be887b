package config

import (
	"net"
	"strings"

	"github.com/pelletier/go-toml/v2/unstable"
)

// leastToken is how many characters a token has at least. One that is shorter could be found by trying.
const leastToken = 16

// admin is the table of the keys of [admin].
func (d *decoder) admin(into *Admin) []field {
	return []field{
		field{"socket", text(d, `the path of a socket in quotes, or "off"`, &into.Socket, d.controlSocket)},
		field{"listen", text(d, `an address of this machine in quotes, such as "127.0.0.1:9000"`, &into.Listen, parseLoopback)},
		field{"token", d.token(&into.Token)},
	}
}

// controlSocket resolves the path of the socket for control of the server.
func (d *decoder) controlSocket(path string) (string, error) {
	if path == "off" {
		return path, nil
	}
	path = strings.TrimPrefix(path, "unix:")
	if path != "" {
		path = d.resolve(path)
	}
	l, err := unixListener(path)
	return l.Address, err
}

// parseLoopback reads an address that only this machine reaches.
func parseLoopback(s string) (string, error) {
	const remedy = `write "127.0.0.1:9000" or "[::1]:9000"; from elsewhere an ssh tunnel leads to it`
	l, err := ParseListen(s)
	if err != nil {
		return "", err
	}
	if l.Network != "tcp" {
		return "", fault(`write socket = "PATH" for a unix socket`, "%q is no TCP address", s)
	}
	host, _, _ := net.SplitHostPort(l.Address)
	if !covers("localhost", host) {
		return "", fault(remedy, "others than this machine could reach %q", s)
	}
	return l.Address, nil
}

// token returns the setter of a secret that clients bring in a header field (RFC 6750, section 2.1).
func (d *decoder) token(into *string) func(value) {
	return func(v value) {
		if v.kind != unstable.String {
			d.mismatch(v, `a secret in quotes, such as "file:admin.token"`)
			return
		}
		content, err := d.secret(v)
		switch {
		case err != nil:
		case len(content) < leastToken:
			err = fault(`write at least 16, by chance, such as what "openssl rand -hex 16" prints; or leave the key out, and the server makes one`,
				"the token has %d characters, which can be guessed", len(content))
		case strings.Trim(content, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~+/=") != "":
			err = fault(`take what "openssl rand -hex 16" prints`, "the token has characters other than letters, digits and -._~+/=")
		}
		if err != nil {
			d.errs.fail(v.pos, err)
			return
		}
		*into = content
	}
}

// checkAdmin checks that nobody else listens where the interface for control is.
func (d *decoder) checkAdmin(root *table, c *Config) {
	if c.Admin.Listen == "" {
		return
	}
	pos := root.find("admin").value.table.find("listen").value.pos
	for _, l := range c.Listen {
		if l.clash(Listener{Network: "tcp", Address: c.Admin.Listen}) {
			d.errs.add(pos, "the sites are at "+l.String()+", and so would be the admin interface", "give it a port of its own")
		}
	}
}
