package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"highball/internal/admin"
	"highball/internal/dashboard"
	"highball/internal/gateway"
	"highball/internal/observe"
)

// backend returns what the admin interface can ask of the server.
func (a *App) backend() admin.Backend {
	b := admin.Backend{
		Status: a.status, Reload: a.reloadFor, Upgrade: a.upgradeFor, Stop: a.stopFor,
		Requests: a.requests, Stack: a.stackOf, Kill: a.kill, Workers: a.workers,
		Recent: a.recent, Exchange: a.exchangeBy, Replay: a.replayBy, Record: a.recordFor,
		Configuration: a.inForce, Address: a.address,
		Hello:     func() admin.Hello { return admin.Hello{Version: a.env.Version, PID: os.Getpid(), Started: a.started} },
		Dashboard: dashboard.New(),
	}
	ledger := a.seen.ledger
	b.Statistics = func(context.Context) (admin.Statistics, error) { return ledger.Statistics(), nil }
	b.History = func(_ context.Context, span time.Duration) (admin.History, error) {
		return ledger.History(int(span.Seconds())), nil
	}
	b.Metrics, b.Ticks, b.Lines = ledger.Handler(), ledger.Watch, a.seen.tail.Follow
	b.Recent, b.Exchange, b.Replay, b.Record = a.recent, a.exchange, a.replayFor, a.recordFor
	return b
}

// everyApplication returns the applications of all generations, each once, those of the present one first.
func (a *App) everyApplication() (all applications) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, g := range slices.Backward(a.generations) {
		for _, one := range g.apps {
			if !slices.Contains(all, one) {
				all = append(all, one)
			}
		}
	}
	return all
}

// requests tells of what is being answered: what the server knows of it, and what the application that is at it.
func (a *App) requests(context.Context) (admin.Requests, error) {
	type place struct {
		app string
		gateway.Running
	}
	at := make(map[string]place)
	for _, one := range a.everyApplication() {
		for _, r := range one.Running() {
			at[r.ID] = place{one.name, r}
		}
	}
	live := a.server.Live()
	slices.SortFunc(live, func(x, y observe.Live) int { return cmp.Or(cmp.Compare(y.Age, x.Age), cmp.Compare(x.ID, y.ID)) })
	all := admin.Requests{Requests: make([]admin.Request, 0, len(live))}
	for i := range live {
		l := &live[i]
		r := admin.Request{
			ID: l.ID, Connection: l.Connection, User: l.User, Method: l.Method, Target: a.masked(l.Target), Host: l.Host,
			Phase: l.Phase.String(), InPhase: l.InPhase.Seconds(), Age: l.Age.Seconds(),
		}
		if l.Client.IsValid() {
			r.Client = l.Client.Addr().Unmap().String()
		}
		if l.Route != nil {
			r.Route = admin.Route{Site: l.Route.Site, Path: l.Route.Path}
		}
		if p, ok := at[l.ID]; ok {
			r.App, r.Worker, r.PID = p.app, p.Worker, p.PID
			if phase, known := phaseOf(p.Stage); known {
				r.Phase, r.InPhase = phase.String(), p.InStage.Seconds()
			}
		}
		all.Requests = append(all.Requests, r)
	}
	return all, nil
}

// phaseOf returns the phase of a request that an application has in a stage. The server itself learns of it when the answer begins. What streams may be waiting
// for the client as well, which the server knows.
func phaseOf(stage string) (p observe.Phase, known bool) {
	switch stage {
	case "queued", "ahead":
		return observe.Queue, true
	case "running":
		return observe.App, true
	}
	return 0, false
}

// masked returns a target without the secrets in it.
func (a *App) masked(target string) string {
	return string(a.seen.masks.AppendTarget(nil, target))
}

// find returns the ID of the one request in flight whose ID begins so.
func (a *App) find(id string) (string, error) {
	var all []string
	for _, l := range a.server.Live() {
		if l.ID == id {
			return id, nil
		}
		if id != "" && strings.HasPrefix(l.ID, id) {
			all = append(all, l.ID)
		}
	}
	switch len(all) {
	case 0:
		return "", &admin.Refused{Status: 404, Lines: []string{fmt.Sprintf("no request %s is in flight; see \"highball requests\"", quoted(id))}}
	case 1:
		return all[0], nil
	}
	slices.Sort(all)
	return "", &admin.Refused{Status: 404, Lines: []string{fmt.Sprintf("%d requests begin with %s, such as %s and %s; write more of it", len(all), quoted(id), all[0], all[1])}}
}

// findRecorded returns the ID of the one request whose ID begins so and that the flight recorder has. What it does not find is for others to say.
func (a *App) findRecorded(id string) string {
	r := a.seen.recorder
	if r == nil || id == "" {
		return id
	}
	if _, there := r.Exchange(id); there {
		return id
	}
	found := ""
	for _, e := range r.Recent(observe.RecentFilter{}, mostFound) {
		if strings.HasPrefix(e.ID, id) {
			if found != "" {
				return id
			}
			found = e.ID
		}
	}
	return cmp.Or(found, id)
}

// mostFound is in how many exchanges one is looked for of whose ID the beginning is known.
const mostFound = 1000

// exchangeBy returns the exchange whose ID begins so.
func (a *App) exchangeBy(ctx context.Context, id string) (admin.Exchange, error) {
	return a.exchange(ctx, a.findRecorded(id))
}

// replayBy sends the request once more whose ID begins so.
func (a *App) replayBy(ctx context.Context, id string, order admin.ReplayOrder) (admin.Replayed, error) {
	return a.replayFor(ctx, a.findRecorded(id), order)
}

// stackOf tells where the Python program that answers a request is.
func (a *App) stackOf(ctx context.Context, id string) (admin.Stack, error) {
	id, err := a.find(id)
	if err != nil {
		return admin.Stack{}, err
	}
	for _, one := range a.everyApplication() {
		s, err := one.Stack(ctx, id)
		switch {
		case errors.Is(err, gateway.ErrNoRequest):
			continue
		case errors.Is(err, gateway.ErrNotRunning):
			return admin.Stack{}, &admin.Refused{Status: 409, Lines: []string{fmt.Sprintf("the request %s waits for a worker of %s, and no program is at it", id, quoted(one.name))}}
		case err != nil:
			return admin.Stack{}, &admin.Refused{Status: 503, Lines: []string{"the stack could not be taken: " + err.Error()}}
		}
		return admin.Stack{ID: id, App: one.name, Worker: s.Worker, PID: s.PID, Taken: s.Taken, Line: s.Line, Text: s.Text}, nil
	}
	return admin.Stack{}, &admin.Refused{Status: 409, Lines: []string{fmt.Sprintf("no Python worker is at the request %s at the moment", id)}}
}

// kill ends a request.
func (a *App) kill(_ context.Context, id string) (admin.Killed, error) {
	id, err := a.find(id)
	if err != nil {
		return admin.Killed{}, err
	}
	if !a.server.Kill(id) {
		return admin.Killed{}, &admin.Refused{Status: 404, Lines: []string{fmt.Sprintf("the request %s has ended just now, or cannot be ended", id)}}
	}
	a.log.Info("a request was ended by hand", "request", id)
	return admin.Killed{ID: id}, nil
}

// workers tells of the workers of all applications, those of former configurations that still have requests among them.
func (a *App) workers(context.Context) (admin.Workers, error) {
	w := admin.Workers{Applications: []admin.Application{}}
	for _, one := range a.everyApplication() {
		w.Applications = append(w.Applications, one.status())
	}
	return w, nil
}

// address tells where the admin interface is at a TCP address.
func (a *App) address(context.Context) (admin.Address, error) {
	url := a.dashboardURL()
	if url == "" {
		return admin.Address{}, &admin.Refused{Status: 404, Lines: []string{`the server has no address for it: write [admin] and below it listen = "127.0.0.1:9000", or start it with --dashboard`}}
	}
	return admin.Address{URL: url}, nil
}
