package app

import (
	"context"
	"errors"
	"math"
	"os"
	"strings"
	"time"

	"highball/internal/admin"
	"highball/internal/config"
)

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
		Restarts: one.Counters().Restarts,
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
