package app

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
)

// manager is the service manager, systemd, if it wants to hear of this process (sd_notify(3)). Its zero value tells nobody.
type manager struct {
	listens  bool
	watchdog time.Duration // within which it wants a sign of life; 0 is never
}

// managerOf finds out whether a service manager listens.
func managerOf(environ []string) manager {
	m := manager{listens: variable(environ, "NOTIFY_SOCKET") != ""}
	if every, err := daemon.SdWatchdogEnabled(false); err == nil && m.listens {
		m.watchdog = every
	}
	return m
}

// tell sends assignments. That nobody hears them is no reason not to serve.
func (m manager) tell(assignments ...string) {
	if m.listens {
		_, _ = daemon.SdNotify(false, strings.Join(assignments, "\n"))
	}
}

// ready tells that the server serves, or that it does so again after reloading.
func (m manager) ready(status string) { m.tell("READY=1", "STATUS="+status) }

// reloading tells that a reload has begun. The time tells it from the one before.
func (m manager) reloading() {
	if m.listens {
		m.tell("RELOADING=1", fmt.Sprintf("MONOTONIC_USEC=%d", monotonicMicroseconds()), "STATUS=reloading")
	}
}

// stopping tells that the server ends.
func (m manager) stopping() { m.tell("STOPPING=1", "STATUS=finishing what is in flight") }

// succeeded tells that another process is the service from now on. Only the one that it was before can say so, under NotifyAccess=main.
func (m manager) succeeded(pid int) { m.tell(fmt.Sprintf("MAINPID=%d", pid)) }

// attend gives signs of life, twice as often as they are wanted, for as long as turn returns: it is to return when every event loop has
// turned. It returns when ctx ends.
func (m manager) attend(ctx context.Context, turn func()) {
	if m.watchdog <= 0 {
		return
	}
	again := time.NewTicker(m.watchdog / 2)
	defer again.Stop()
	for {
		turn()
		m.tell("WATCHDOG=1")
		select {
		case <-again.C:
		case <-ctx.Done():
			return
		}
	}
}

// statusLine is what the service manager shows of the server.
func (a *App) statusLine() string {
	var addrs []string
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, l := range a.told {
		addrs = append(addrs, listenText(l.bound))
	}
	line := "serving at " + strings.Join(addrs, " ")
	if a.outcome.err != nil {
		line += "; the last reload failed"
	}
	return line
}
