package app

import (
	"context"

	"highball"
	"highball/internal/config"
	"highball/internal/metrics"
	"highball/internal/observe"
	"highball/internal/static"
)

// counting is what counts requests, and what tells of it.
type counting struct {
	counters *observe.Counters
	ledger   *metrics.Ledger // never nil; without anything in it where nothing is counted
	tail     *observe.Tail   // never nil
}

// newCounting makes what counts and shows requests, and returns those who are to be told of them.
func newCounting(m config.Metrics) (counting, []observe.Sink) {
	shards := highball.Processors() + 1
	c := counting{counters: observe.NewCounters(shards), tail: observe.NewTail(shards)}
	c.ledger = metrics.New(c.counters)
	if !m.Enabled {
		return c, []observe.Sink{c.tail}
	}
	return c, []observe.Sink{c.counters, c.tail}
}

// metricsSource is what metrics ask the server for.
func (a *App) metricsSource() metrics.Source {
	return metrics.Source{
		Version:     a.env.Version,
		Connections: a.server.Connections,
		Open:        a.server.InFlight,
		InFlight:    a.inFlight,
		Waiting:     a.waiting,
		Loops:       a.server.LoopStates,
		Applications: func() (all []metrics.Application) {
			for _, one := range a.present() {
				all = append(all, one.metrics())
			}
			return all
		},
		Folders: a.lookups,
		Logs:    a.losses,
	}
}

// looked is a folder with what metrics call the route that leads to it.
type looked struct {
	route  *observe.Route
	folder *static.Site
}

// look notes which route the folder is for that was opened last.
func (o *opening) look(s *config.Site, r *config.Route) {
	o.looked = append(o.looked, looked{o.routes.Of(siteName(s), r.Path), o.folders[len(o.folders)-1].Site})
}

// lookups tells of the caches of folders.
func (a *App) lookups() (all []metrics.Folder) {
	g := a.front.current.Load()
	if g == nil {
		return nil
	}
	for _, l := range g.sites.looked {
		n := l.folder.Lookups()
		all = append(all, metrics.Folder{Route: l.route, Stale: n.Stale, Absent: n.Absent, Large: n.Large})
	}
	return all
}

// losses tells of the lines that the logs have lost.
func (a *App) losses() []metrics.Log {
	if a.logs == nil {
		return nil
	}
	return []metrics.Log{{Name: "access", Lost: a.logs.access.Lost()}, {Name: "stats", Lost: a.logs.stats.Lost()}, {Name: "slow", Lost: a.logs.slow.Lost()}}
}

// present returns the applications of the present generation.
func (a *App) present() applications {
	if g := a.front.current.Load(); g != nil {
		return g.apps
	}
	return nil
}

// waiting returns how many requests wait for workers.
func (a *App) waiting() (n int) {
	for _, one := range a.present() {
		n += one.Counters().Waiting
	}
	return n
}

// metrics tells of the application and its workers.
func (one *application) metrics() metrics.Application {
	n := one.Counters()
	m := metrics.Application{
		Name: one.name, Workers: map[string]int{"starting": 0, "loaded": 0, "serving": 0, "retiring": 0, "stopping": 0},
		Waiting: n.Waiting, MostWait: n.QueueLimit,
		Restarts: n.Restarts, FailedStarts: n.FailedStarts, Refused: map[string]int64{"full": n.QueueFull, "expired": n.QueueExpired},
	}
	workers, _ := one.Workers()
	for _, w := range workers {
		m.Workers[w.State]++
	}
	return m
}

// tick has the seconds of the metrics end until the function is called that it returns.
func (a *App) tick() (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	over := make(chan struct{})
	go func() {
		defer close(over)
		a.seen.ledger.Run(ctx)
	}()
	return func() {
		cancel()
		<-over
	}
}
