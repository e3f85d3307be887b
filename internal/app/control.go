package app

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"highball"
	"highball/internal/admin"
	"highball/internal/config"
)

// noSocket is what a configuration says that wants no control socket.
const noSocket = "off"

// control is a listener by which commands, or the dashboard, reach a server, with the server in the process that serves it. A nil control is none.
type control struct {
	server *highball.Server
	addr   string     // "unix:/path", "127.0.0.1:9000"
	bound  net.Addr   // nil until it is
	served chan error // nil before begin
	handed bool       // another process has it

	orders sync.RWMutex // held for reading while an order is carried out and answered, so that close does not cut the answer of the one that has led to it
}

// openControl binds the control socket. Where that cannot be done, since another server of the same file has it, or since there is no place for it, the
// server runs without, and the notice says so, if it runs a file; but for a socket that the configuration names, the error does.
func (a *App) openControl(c *config.Config) (notice string, err error) {
	if c.Admin.Socket == noSocket {
		return "", nil
	}
	h, err := admin.New(a.backend())
	if err != nil {
		return "", err
	}
	// Whoever can open the socket may do as he likes with the server; so nobody needs to be hurried.
	k := newControlServer(h, highball.Deadlines{Head: never, Idle: never, Handler: never})
	if err := k.listenAtSocket(a, c); err != nil {
		err = errors.Join(err, k.server.Close())
		switch {
		case c.Admin.Socket == "" && a.source.file == "":
			a.log.Debug("no control socket", "error", err)
			return "", nil // who has written no configuration expects none
		case errors.Is(err, syscall.EADDRINUSE):
			return fmt.Sprintf("another server of %s runs already, so the commands reload, stop and status reach that one (its socket is %s)",
				quoted(a.source.file), strings.TrimPrefix(k.addr, "unix:")), nil
		case c.Admin.Socket != "":
			return "", fmt.Errorf("[admin] socket: %w", err)
		}
		return fmt.Sprintf("no control socket, so the commands reload, stop and status do not reach this server: %v", err), nil
	}
	a.control = k
	return "", nil
}

const (
	never       = -1              // is a deadline that does not pass
	lastAnswers = 2 * time.Second // for which close waits for orders that are under way
)

func newControlServer(h highball.Handler, d highball.Deadlines) *control {
	k := new(control)
	k.server = &highball.Server{
		Handler: highball.HandlerFunc(func(w *highball.Response, r *highball.Request) error {
			if r.Method() != "POST" { // it may go on for as long as the server
				return h.Serve(w, r)
			}
			k.orders.RLock()
			defer k.orders.RUnlock()
			if err := h.Serve(w, r); err != nil {
				return err
			}
			return w.Flush() // the length is declared, so that this is all
		}),
		Deadlines: d,
		Limits:    highball.Limits{Conns: 64},
		Logger:    slog.New(slog.DiscardHandler),
		Loops:     1,
	}
	return k
}

// begin serves the socket. Whoever has connected before has waited for the server to be ready.
func (k *control) begin() {
	if k != nil {
		k.served = make(chan error, 1)
		go func() { k.served <- k.server.Run() }()
	}
}

// adopt takes over the listener that was inherited.
func (k *control) adopt(from *inheritedSocket) (err error) {
	k.addr = from.Addr
	k.bound, err = k.server.Adopt(k.addr, from.files)
	closeAll(from.files)
	return err
}

// listenAtSocket binds the socket, or takes over the one that was inherited.
func (k *control) listenAtSocket(a *App, c *config.Config) error {
	if from := a.inherited; from != nil && from.control != nil {
		inherited := from.control
		from.control = nil
		return k.adopt(inherited)
	}
	path := c.Admin.Socket
	if path == "" {
		dir := socketFolders(a.environ, os.Geteuid())[0]
		name := processSocketName(os.Getpid())
		if a.source.file != "" {
			name = socketName(a.source.file)
		}
		path = filepath.Join(dir, name)
		if len(path) > longestSocketPath {
			return fmt.Errorf("the path %s is too long for a socket; write [admin] and below it socket, a shorter one", quoted(path))
		}
		if err := makeSocketFolder(dir); err != nil {
			return err
		}
		sweep(dir, time.Now().Add(-time.Minute))
	}
	k.addr = "unix:" + path
	return privately(func() (err error) {
		k.bound, err = k.server.Listen(k.addr)
		return err
	})
}

// unlisten leaves the socket to another process. Requests in flight are answered.
func (k *control) unlisten() {
	if k != nil {
		k.handed = true
		_ = k.server.Unlisten(k.addr) // it is this one's last
	}
}

// close closes the socket, with all who are connected.
func (k *control) close() error {
	if k == nil {
		return nil
	}
	answered, closed := make(chan struct{}), make(chan struct{})
	go func() {
		k.orders.Lock()
		close(answered)
		<-closed
		k.orders.Unlock()
	}()
	select {
	case <-answered:
	case <-time.After(lastAnswers): // somebody has begun an order and does not finish it
	}
	err := k.server.Close()
	close(closed)
	if path, ok := strings.CutPrefix(k.addr, "unix:"); ok && !k.handed {
		_ = os.Remove(path) // if it was inherited, nobody else does
		_ = os.Remove(pageOf(path))
	}
	if k.served != nil {
		err = errors.Join(err, closedInOrder(<-k.served))
	}
	return err
}
