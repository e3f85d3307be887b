package app

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"text/tabwriter"
	"time"

	"highball/internal/admin"
	"highball/internal/config"
)

// Running names a running server: by its configuration, by its port, or by its control socket.
type Running struct {
	Argument string // a configuration file, a folder with one, or a port; "" is the current folder
	Socket   string // "" is where the server of that configuration puts it
	Only     bool   // without an argument, and a configuration in the current folder, the only server that runs is meant
}

// NotRunningError tells that there is no server to speak to.
type NotRunningError struct {
	Problem string
	Remedy  string
}

// Error returns one line.
func (e *NotRunningError) Error() string { return e.Problem + "; " + e.Remedy }

// ReloadRunning has a running server reload, and returns when the new configuration is in force. The error tells why it is not.
func ReloadRunning(ctx context.Context, r Running, scope Scope, env Env) error {
	return r.ask(ctx, env, func(c *admin.Client) error {
		done, err := c.Reload(ctx, admin.ReloadOrder{Workers: scope == ReloadWorkers})
		if err != nil {
			return refused(err, "the reload failed, and everything is as it was")
		}
		for _, notice := range done.Notices {
			fmt.Fprintln(env.Stderr, "highball:", notice)
		}
		_, err = fmt.Fprintf(env.Stdout, "reloaded in %v\n", seconds(done.Took).Round(time.Millisecond))
		return err
	})
}

// UpgradeRunning has a running server replaced by the program that is on the disk now, and returns when that serves.
func UpgradeRunning(ctx context.Context, r Running, env Env) error {
	return r.ask(ctx, env, func(c *admin.Client) error {
		done, err := c.Upgrade(ctx)
		if err != nil {
			return refused(err, "the upgrade failed, and the process goes on")
		}
		_, err = fmt.Fprintf(env.Stdout, "process %d has taken over\n", done.PID)
		return err
	})
}

// StopRunning has a running server finish what is in flight, within a deadline, "" for its own, and returns when it has ended.
func StopRunning(ctx context.Context, r Running, deadline string, env Env) error {
	if deadline != "" {
		if _, err := config.ParseDuration(deadline); err != nil {
			return &UsageError{Problem: "--deadline: " + err.Error()}
		}
	}
	return r.ask(ctx, env, func(c *admin.Client) error {
		done, err := c.Stop(ctx, admin.StopOrder{Deadline: deadline})
		if err != nil {
			return refused(err, "the server does not stop")
		}
		_, err = fmt.Fprintf(env.Stdout, "stopped process %d\n", done.PID)
		return err
	})
}

// Form is how something is written.
type Form uint8

// The forms of a status.
const (
	Readable Form = iota // for a person
	JSON                 // for a program
)

// StatusOf writes how a running server is.
func StatusOf(ctx context.Context, r Running, form Form, env Env) error {
	r.Only = true
	return r.ask(ctx, env, func(c *admin.Client) error {
		s, err := c.Status(ctx)
		if err != nil {
			return refused(err, "the server does not tell")
		}
		if form == JSON {
			e := json.NewEncoder(env.Stdout)
			e.SetIndent("", "  ")
			return e.Encode(s)
		}
		return writeStatus(env.Stdout, s, time.Now())
	})
}

// ask has f speak to the server. Where no server is, that is the error.
func (r Running) ask(ctx context.Context, env Env, f func(*admin.Client) error) error {
	sockets, remedy, err := r.sockets(ctx, env.Environ)
	if err != nil {
		return err
	}
	var denied error
	for _, socket := range sockets {
		c, err := new(net.Dialer).DialContext(ctx, "unix", socket)
		switch {
		case err == nil:
			_ = c.Close() // there is somebody
			return f(admin.NewClient(socket))
		case errors.Is(err, fs.ErrPermission):
			denied = fmt.Errorf("the control socket %s belongs to another user: be that user, or root", quoted(socket))
		case !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, syscall.ECONNREFUSED):
			denied = fmt.Errorf("the control socket %s: %w", quoted(socket), err)
		}
	}
	if denied != nil {
		return denied
	}
	if r.Socket == "" && isPort(r.Argument) {
		return &NotRunningError{"no server that can be asked is at port " + r.Argument + " here", remedy}
	}
	subject := cmp.Or(r.Socket, r.Argument, FileName)
	return &NotRunningError{fmt.Sprintf("no server of %s runs here", quoted(subject)), remedy}
}

// RefusedError is what a running server has answered that did not do what it was asked for.
type RefusedError struct {
	Problem string
	Lines   []string // why
}

// Error returns all of it.
func (e *RefusedError) Error() string { return e.Problem + ": " + strings.Join(e.Lines, "\n") }

// refused returns the error of a request, as a person is told it.
func refused(err error, problem string) error {
	var answer *admin.Refused
	if !errors.As(err, &answer) {
		return err
	}
	return &RefusedError{problem, answer.Lines}
}

// sockets returns where the control socket can be, and what can be done where it is not.
func (r Running) sockets(ctx context.Context, environ []string) (paths []string, remedy string, err error) {
	if r.Socket != "" {
		return []string{r.Socket}, "--socket names the path that [admin] socket has in the configuration", nil
	}
	folders := socketFolders(environ, os.Geteuid())
	if isPort(r.Argument) {
		paths, remedy = byPort(ctx, folders, r.Argument)
		return paths, remedy, nil
	}
	t, err := configurationAt(r.Argument)
	if err != nil && r.Only && r.Argument == "" {
		paths, several := theOnly(ctx, folders)
		if len(paths) > 0 || several != nil {
			return paths, "", several
		}
	}
	if err != nil {
		return nil, "", err
	}
	remedy = fmt.Sprintf("start it with \"highball run %s\", or name its control socket with --socket", pathArgument(r.Argument))
	if r.Argument == "" {
		remedy = "start it with \"highball run\", or name its control socket with --socket"
	}
	c, err := config.LoadWith(environ, t.file)
	switch {
	case err != nil:
		remedy += "; the configuration has faults, so that its [admin] socket is not known"
	case c.Admin.Socket == noSocket:
		return nil, "", fmt.Errorf("the configuration has [admin] socket = %q, so that no command reaches its server; signals do", noSocket)
	case c.Admin.Socket != "":
		return []string{c.Admin.Socket}, remedy, nil
	}
	for _, dir := range folders {
		paths = append(paths, filepath.Join(dir, socketName(t.path)))
	}
	return paths, remedy, nil
}

// writeStatus writes a status for a person.
func writeStatus(w io.Writer, s admin.Status, now time.Time) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	line := func(label, format string, a ...any) { fmt.Fprintf(table, "%s\t%s\n", label, fmt.Sprintf(format, a...)) }
	line(s.State, "%s", quoted(cmp.Or(s.Configuration, "what the command line says")))
	line("process", "%d, highball %s, for %s", s.PID, s.Version, span(seconds(s.Uptime)))
	for _, l := range s.Listeners {
		line("at", "%s", l.Bound)
	}
	line("clients", "%s, %s in flight", counted(int64(s.Connections), "connection"), counted(s.InFlight, "request"))
	if last := s.LastReload; last != nil {
		how := "succeeded"
		if len(last.Errors) > 0 {
			how = "failed: " + strings.Join(last.Errors, "; ")
		}
		line("reloads", "%d, the last %s ago %s", s.Reloads, span(now.Sub(last.Time)), how)
	}
	for _, a := range s.Applications {
		line("app", "%s, %s, %s", quoted(a.Name), quoted(a.Target), a.Python)
	}
	err := table.Flush()
	if len(s.Applications) == 0 {
		return err
	}
	fmt.Fprintln(w)
	return errors.Join(err, writeWorkers(w, s.Applications))
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }

// span returns a duration with its two largest units: "3h4m", "12s".
func span(d time.Duration) string {
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%ds", int(d.Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%dm%ds", int(d.Minutes()), int(d.Seconds())%60)
	case d < 48*time.Hour:
		return fmt.Sprintf("%dh%dm", int(d.Hours()), int(d.Minutes())%60)
	}
	return fmt.Sprintf("%dd%dh", int(d.Hours())/24, int(d.Hours())%24)
}
