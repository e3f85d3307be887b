package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"slices"
	"strings"

	"highball/internal/config"
)

// Env is the surroundings that a server runs in.
type Env struct {
	Stdout  io.Writer        // the access log goes here, unless it has a file
	Stderr  io.Writer        // everything else that is said
	Environ []string         // as os.Environ returns it
	Signals <-chan os.Signal // as Notify returns it; nil has none
	Version string           // of the program, as applications are told it
	Args    []string         // as os.Args; without them the program cannot be started anew
}

// Serve does what order says, until ctx is done or a signal ends it. See [App.Run] and [Order.Configuration] for
// its errors.
func Serve(ctx context.Context, order Order, env Env) (err error) {
	from, err := inherit(env.Environ)
	if err != nil {
		return err
	}
	defer func() {
		why := err
		if why == nil {
			why = errStopped
		}
		from.announce(why) // unless it has taken over
		from.close()
	}()
	before := env.Environ
	env.Environ = without(env.Environ, ownVariables+managerVariables) // what is for this process alone, its own do not need
	c, subject, err := configuration(order, env)
	if err != nil {
		return err
	}
	a := newApp(c, env)
	a.inherited, a.environ, a.source, a.manager = from, before, sourceOf(order, subject), managerOf(before)
	a.program = programPath(env.Args)
	err = a.serve(ctx, c, subject, order)
	return errors.Join(err, a.Close())
}

// serve does everything in the order that giving up root's rights wants: what needs them, then that, then what must not have them.
func (a *App) serve(ctx context.Context, c *config.Config, subject string, order Order) error {
	if err := a.openLogs(c.Log); err != nil {
		return err
	}
	a.observe()
	addrs, err := a.Listen()
	if err != nil {
		return err
	}
	notice, err := a.openControl(c)
	if err == nil {
		err = a.openWeb(c)
	}
	if err != nil {
		return err
	}
	if err := a.become(c); err != nil {
		return err
	}
	if a.source.file != "" && !a.inherited.succeeds() {
		a.notice(notice, rootNotice(c.User))
	}
	if err := a.load(c); err != nil {
		return err
	}
	if err := a.Start(ctx, a.env.Signals); errors.Is(err, errStopped) {
		return nil
	} else if err != nil {
		return err
	}
	if err := a.greet(c, subject, addrs, order); err != nil {
		return err
	}
	if order.Watch {
		defer a.watch()()
	}
	a.control.begin()
	a.web.begin()
	a.showDashboard(order)
	a.inherited.announce(nil)
	a.manager.ready(a.statusLine())
	alive, dead := context.WithCancel(ctx)
	defer dead()
	go a.manager.attend(alive, a.server.Quiesce) // a loop that does not turn keeps it, and it must not keep the process
	return a.Run(ctx, a.env.Signals)
}

// greet tells the person who has started the server what it serves and where.
func (a *App) greet(c *config.Config, subject string, addrs []net.Addr, order Order) error {
	apps := a.front.current.Load().apps
	interfaces, _ := net.InterfaceAddrs() // without them the banner has fewer URLs
	b := newBanner(subject, addrs, interfaces)
	b.describe(c, apps)
	if b.exposed && c.Debug && len(apps) > 0 {
		a.notice("--debug shows tracebacks and settings of the application to everyone who reaches it, and the network does")
	}
	if _, err := io.WriteString(a.env.Stderr, b.text(terminalOf(a.env.Stderr, a.env.Environ))); err != nil {
		return err
	}
	if order.Open && !a.inherited.succeeds() {
		a.open(b.urls)
	}
	return nil
}

// notice tells a person of what is no fault. Empty notices are not told.
func (a *App) notice(notices ...string) {
	for _, text := range slices.DeleteFunc(notices, func(text string) bool { return text == "" }) {
		fmt.Fprintln(a.env.Stderr, "highball:", text)
	}
}

// open shows the first of the URLs that a browser understands. A machine without one is no reason not to serve.
func (a *App) open(urls []string) {
	for _, url := range urls {
		if strings.HasPrefix(url, "http") {
			if err := browse(url); err != nil {
				a.log.Warn("could not open a browser", "error", err)
			}
			return
		}
	}
}

// level returns the least level of records that are shown.
func level(debug bool) slog.Level {
	if debug {
		return slog.LevelDebug
	}
	return slog.LevelInfo
}
