package app

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"net"

	"highball"
	"highball/internal/admin"
	"highball/internal/config"
)

// anyLoopback is where the dashboard is of a server whose configuration does not say where.
const anyLoopback = "127.0.0.1:0"

// openWeb binds the TCP address of the admin interface, if there is to be one, and sees to its token: that of the configuration, that of the process
// before, or one that is made now and that the control socket tells.
func (a *App) openWeb(c *config.Config) error {
	if c.Admin.Listen == "" {
		return nil
	}
	if c.Admin.Token == "" && c.Admin.Socket == noSocket && !a.tellsToken() {
		return errors.New("[admin] has a listen, no token, and no socket by which \"highball dashboard\" could ask for one: write a token, or leave socket out")
	}
	var from *inheritedSocket
	if i := a.inherited; i != nil && i.web != nil && i.web.Addr == c.Admin.Listen {
		from, i.web = i.web, nil
	}
	a.token = c.Admin.Token
	if a.token == "" && from != nil {
		a.token = from.Token // whoever has the dashboard open goes on
	}
	if a.token == "" {
		a.token = newToken()
	}
	h, err := admin.NewWeb(a.backend(), a.token, a.log)
	if err != nil {
		return err
	}
	k := newControlServer(h, highball.Deadlines{Handler: never}) // the event stream goes on and on
	if from != nil {
		err = k.adopt(from)
	} else {
		k.addr = c.Admin.Listen
		k.bound, err = k.server.Listen(k.addr)
	}
	if err != nil {
		return fmt.Errorf("[admin] listen: %w", errors.Join(err, k.server.Close()))
	}
	a.web = k
	return nil
}

// tellsToken reports whether the token is told at the start.
func (a *App) tellsToken() bool {
	return a.source.order != nil && a.source.order.Dashboard != NoDashboard
}

// newToken returns what nobody guesses: 128 bits.
func newToken() string {
	var bits [16]byte
	_, _ = rand.Read(bits[:]) // which never fails
	return hex.EncodeToString(bits[:])
}

// dashboardURL returns where the dashboard is, with the token, or "". Browsers keep what is behind the # to themselves.
func (a *App) dashboardURL() string {
	if a.web == nil {
		return ""
	}
	at, ok := a.web.bound.(*net.TCPAddr)
	if !ok {
		return ""
	}
	return "http://" + at.String() + "/#token=" + a.token
}
