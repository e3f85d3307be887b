package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"highball"
	"highball/internal/admin"
	"highball/internal/config"
)

// noSocket is what a configuration says that wants no control socket.
const noSocket = "off"

// control is the socket by which commands reach a server, with the server in the process that serves it. A nil control is none.
type control struct {
	server *highball.Server
	addr   string     // "unix:/path"
	served chan error // nil before begin
	handed bool       // another process has it
}

// openControl binds the control socket of a server that runs a configuration file. Where that cannot be done, since another server of the same
// file has it, or since there is no place for it, the server runs without, and the notice says so; but for a socket that the configuration names, the error does.
func (a *App) openControl(c *config.Config) (notice string, err error) {
	if a.source.file == "" || c.Admin.Socket == noSocket {
		return "", nil
	}
	k := new(control)
	h, err := admin.New(admin.Backend{Status: a.status, Reload: a.reloadFor, Upgrade: a.upgradeFor, Stop: a.stopFor})
	if err != nil {
		return "", err
	}
	// Whoever can open the socket may do as he likes with the server; so nobody needs to be hurried.
	const never = -1
	k.server = &highball.Server{
		Handler:   h,
		Deadlines: highball.Deadlines{Head: never, Idle: never, Handler: never},
		Limits:    highball.Limits{Conns: 64},
		Logger:    slog.New(slog.DiscardHandler),
		Loops:     1,
	}
	if err := k.listen(a, c); err != nil {
		err = errors.Join(err, k.server.Close())
		switch {
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

// begin serves the socket. Whoever has connected before has waited for the server to be ready.
func (k *control) begin() {
	if k != nil {
		k.served = make(chan error, 1)
		go func() { k.served <- k.server.Run() }()
	}
}

// listen binds the socket, or takes over the one that was inherited.
func (k *control) listen(a *App, c *config.Config) error {
	if from := a.inherited; from != nil && from.control != nil {
		k.addr = from.control.Addr
		_, err := k.server.Adopt(k.addr, from.control.files)
		closeAll(from.control.files)
		from.control = nil
		return err
	}
	path := c.Admin.Socket
	if path == "" {
		dir := socketFolders(a.environ, os.Geteuid())[0]
		path = filepath.Join(dir, socketName(a.source.file))
		if len(path) > longestSocketPath {
			return fmt.Errorf("the path %s is too long for a socket; write [admin] and below it socket, a shorter one", quoted(path))
		}
		if err := makeSocketFolder(dir); err != nil {
			return err
		}
		sweep(dir, time.Now().Add(-time.Minute))
	}
	k.addr = "unix:" + path
	return privately(func() error {
		_, err := k.server.Listen(k.addr)
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
	err := k.server.Close()
	if !k.handed {
		_ = os.Remove(strings.TrimPrefix(k.addr, "unix:")) // if it was inherited, nobody else does
	}
	if k.served != nil {
		err = errors.Join(err, closedInOrder(<-k.served))
	}
	return err
}

// status tells how the server is.
func (a *App) status(context.Context) (admin.Status, error) {
	s := admin.Status{
		Version: a.env.Version, PID: os.Getpid(), State: "serving", Started: a.started, Uptime: time.Since(a.started).Seconds(),
		Configuration: a.source.file, Connections: a.server.InFlight(), InFlight: a.inFlight(),
		Listeners: []admin.Listener{}, Applications: []admin.Application{},
	}
	if a.serving.Err() != nil {
		s.State = "stopping"
	}
	a.mu.Lock()
	s.Reloads = a.outcome.reloads
	if !a.outcome.at.IsZero() {
		s.LastReload = &admin.Reload{Time: a.outcome.at, Errors: faultLines(a.outcome.err)}
	}
	for _, l := range a.told {
		s.Listeners = append(s.Listeners, admin.Listener{Address: l.String(), Bound: listenText(l.bound)})
	}
	a.mu.Unlock()
	for _, one := range a.front.current.Load().apps {
		s.Applications = append(s.Applications, one.status())
	}
	return s, nil
}

func (one *application) status() admin.Application {
	d := one.Describe()
	workers, waiting := one.Workers()
	s := admin.Application{
		Name: one.name, Target: d.App, Interpreter: d.Interpreter, Python: d.Version, Threads: d.Threads, Waiting: waiting, Workers: []admin.Worker{},
	}
	for _, w := range workers {
		s.Workers = append(s.Workers, admin.Worker{
			Number: w.Number, PID: w.PID, State: w.State, Requests: w.Requests, InFlight: w.InFlight, Memory: w.Memory, Age: w.Age.Seconds(),
		})
	}
	return s
}

// reloadFor reloads for somebody who waits for the outcome. That he leaves does not end it.
func (a *App) reloadFor(_ context.Context, order admin.ReloadOrder) (admin.Reloaded, error) {
	scope := ReloadConfiguration
	if order.Workers {
		scope = ReloadWorkers
	}
	begun := time.Now()
	notices, err := a.Reload(a.serving, scope)
	if err != nil {
		return admin.Reloaded{}, &admin.Refused{Status: 422, Lines: faultLines(err)}
	}
	if notices == nil {
		notices = []string{}
	}
	return admin.Reloaded{Notices: notices, Took: time.Since(begun).Seconds()}, nil
}

func (a *App) upgradeFor(context.Context) (admin.Upgraded, error) {
	pid, err := a.Upgrade(a.serving)
	if err != nil {
		return admin.Upgraded{}, err
	}
	return admin.Upgraded{PID: pid}, nil
}

// stopFor has the server end.
func (a *App) stopFor(_ context.Context, order admin.StopOrder) (admin.Stopping, error) {
	stop := stopOrder{a.drainDeadline}
	if order.Deadline != "" {
		var err error
		if stop.deadline, err = config.ParseDuration(order.Deadline); err != nil {
			return admin.Stopping{}, &admin.Refused{Status: 400, Lines: []string{"deadline: " + err.Error()}}
		}
		if stop.deadline == config.Off {
			stop.deadline = math.MaxInt64 // longer than anybody waits
		}
	}
	select {
	case a.stops <- stop:
	default: // it has been told so before
	}
	return admin.Stopping{PID: os.Getpid(), Deadline: stop.deadline.String()}, nil
}

// faultLines returns what a person is told of an error, line by line.
func faultLines(err error) []string {
	if err == nil {
		return nil
	}
	var faults config.Errors
	if errors.As(err, &faults) {
		lines := make([]string, len(faults))
		for i, fault := range faults {
			lines[i] = fault.Error()
		}
		return lines
	}
	return strings.Split(err.Error(), "\n")
}
