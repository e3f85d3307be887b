package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"strings"
)

// Env is the surroundings that a server runs in.
type Env struct {
	Stdout  io.Writer        // the access log goes here, unless it has a file
	Stderr  io.Writer        // everything else that is said
	Environ []string         // as os.Environ returns it
	Signals <-chan os.Signal // as Notify returns it; nil has none
	Version string           // of the program, as applications are told it
}

// Serve does what order says, until ctx is done or a signal ends it. See [App.Run] and [Order.Configuration] for
// its errors.
func Serve(ctx context.Context, order Order, env Env) error {
	c, subject, err := configuration(order, env)
	if err != nil {
		return err
	}
	a, err := Build(c, env)
	if err != nil {
		return err
	}
	defer a.Close()
	addrs, err := a.Listen()
	if err != nil {
		return err
	}
	if err := a.Start(ctx, env.Signals); errors.Is(err, errStopped) {
		return nil
	} else if err != nil {
		return err
	}
	interfaces, _ := net.InterfaceAddrs() // without them the banner has fewer URLs
	b := newBanner(subject, addrs, interfaces)
	b.describe(c, a.apps)
	if b.exposed && c.Debug && len(a.apps) > 0 {
		fmt.Fprintln(env.Stderr, "highball: --debug shows tracebacks and settings of the application to everyone who reaches it, and the network does")
	}
	if _, err := io.WriteString(env.Stderr, b.text(terminalOf(env.Stderr, env.Environ))); err != nil {
		return err
	}
	if order.Open {
		a.open(b.urls)
	}
	return a.Run(ctx, env.Signals)
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
