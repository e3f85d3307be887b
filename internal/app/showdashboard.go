package app

import (
	"context"
	"errors"
	"fmt"
	"html"
	"io/fs"
	"os"
	"runtime"
	"strings"

	"highball/internal/admin"
)

// A browser is started with what it is to show as an argument, and everybody on the machine can read arguments. So what it is given is the name of
// a file that only the user can read, beside the control socket, which leads on to the URL with the token.

// pageOf returns the name of that file for a control socket.
func pageOf(socket string) string { return strings.TrimSuffix(socket, ".sock") + ".html" }

// writePage writes it.
func writePage(name, url string) error {
	if err := os.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	at := html.EscapeString(url)
	_, err = fmt.Fprintf(f, "<!doctype html>\n<meta charset=\"utf-8\">\n<meta http-equiv=\"refresh\" content=\"0; url=%s\">\n<title>Highball</title>\n<a href=\"%s\">Dashboard</a>\n", at, at)
	return errors.Join(err, f.Close())
}

// showDashboard does with the dashboard's URL what the order says.
func (a *App) showDashboard(order Order) {
	if order.Dashboard == NoDashboard || a.inherited.succeeds() {
		return
	}
	url := a.dashboardURL()
	a.notice("the dashboard is at " + url)
	if order.Dashboard != OpenDashboard || !hasDisplay(runtime.GOOS, a.environ) || a.control == nil {
		return
	}
	if err := browseSecretly(pageOf(strings.TrimPrefix(a.control.addr, "unix:")), url); err != nil {
		a.log.Warn("could not open a browser", "error", err)
	}
}

func browseSecretly(page, url string) error {
	if err := writePage(page, url); err != nil {
		return err
	}
	return browse(page)
}

// hasDisplay reports whether a browser could be shown.
func hasDisplay(goos string, environ []string) bool {
	return goos == "darwin" || goos == "windows" || variable(environ, "DISPLAY") != "" || variable(environ, "WAYLAND_DISPLAY") != ""
}

// DashboardOf prints where the dashboard of a running server is, and shows it in a browser if it is to.
func DashboardOf(ctx context.Context, r Running, how Dashboard, form Form, env Env) error {
	return r.ask(ctx, env, func(c *admin.Client) error {
		at, err := c.Address(ctx)
		if err != nil {
			return plainly(err)
		}
		if form == JSON {
			return writeJSON(env.Stdout, at)
		}
		if _, err := fmt.Fprintln(env.Stdout, at.URL); err != nil {
			return err
		}
		if how != OpenDashboard || !hasDisplay(runtime.GOOS, env.Environ) {
			return nil
		}
		return browseSecretly(pageOf(c.Socket()), at.URL)
	})
}
