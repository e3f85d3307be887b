package app

import (
	"errors"
	"sync"

	"highball"
	"highball/internal/config"
	"highball/internal/observe"
)

// logs are the access log, the statistics log and the slow log. They are there from the start, those that are off among them, so that a reload may
// change all of them. They outlive configurations.
type logs struct {
	app    *App
	access *observe.AccessLog
	stats  *observe.ConnectionLog
	slow   *observe.SlowLog

	watching bool // connections are told of; each would cost memory where there was no statistics log at the start

	mu                        sync.Mutex // guards the following fields, which is what the logs write to
	accessTo, statsTo, slowTo *logOutput
}

// logPlan is what the logs are to become. It has outputs open that the logs have not.
type logPlan struct {
	log                       config.Log
	settings                  observe.AccessSettings
	accessTo, statsTo, slowTo *logOutput
}

// openLogs opens the logs and adds them to what is told of requests.
func (a *App) openLogs(l config.Log) error {
	all := &logs{app: a, accessTo: noOutput(), statsTo: noOutput(), slowTo: noOutput()}
	plan, err := all.plan(l)
	if err != nil {
		return err
	}
	shards := highball.Processors() + 1 // a loop for each processor, and what no loop serves
	all.access = observe.NewAccessLog(all.accessTo.Writer, observe.Common, shards, a.tellLoss("access log lines were lost"))
	all.stats = observe.NewConnectionLog(nil, shards, a.tellLoss("statistics log lines were lost"))
	all.slow = observe.NewSlowLog()
	all.take(plan)
	a.logs = all
	a.seen.sinks = append(a.seen.sinks, all.access, all.slow)
	if all.watching = l.StatsFile != ""; all.watching {
		a.seen.sinks = append(a.seen.sinks, all.stats)
	}
	return nil
}

func (a *App) tellLoss(message string) func(n int64, err error) {
	return func(n int64, err error) { a.log.Error(message, "lines", n, "err", err) }
}

// plan opens what the logs of a configuration need and have not. Nothing has changed when it fails; else the plan is for take or drop.
func (all *logs) plan(l config.Log) (*logPlan, error) {
	settings, err := accessSettings(l)
	if err != nil {
		return nil, err
	}
	p := &logPlan{log: l, settings: settings}
	var errs [3]error
	p.accessTo, errs[0] = all.app.output(all.accessTo, accessPlace(l))
	p.statsTo, errs[1] = all.app.output(all.statsTo, logPlace{kind: "statistics log", file: l.StatsFile, rotate: l.Rotate})
	p.slowTo, errs[2] = all.app.output(all.slowTo, slowPlace(l))
	if err := errors.Join(errs[:]...); err != nil {
		return nil, errors.Join(err, all.drop(p))
	}
	return p, nil
}

// take has the logs be as planned, and closes what they write to no more.
func (all *logs) take(p *logPlan) {
	all.mu.Lock()
	defer all.mu.Unlock()
	all.access.Configure(p.settings, p.accessTo.Writer)
	if p.log.StatsFile == "" {
		all.stats.Configure(nil)
	} else {
		all.stats.Configure(p.statsTo.Writer)
	}
	all.slow.Configure(p.log.Slow, p.settings.Masks, all.app.tellSlow(p.slowTo))
	all.app.seen.tail.Mask(p.settings.Masks)
	all.app.server.Hide(p.settings.Masks)
	before := [...]*logOutput{all.accessTo, all.statsTo, all.slowTo}
	all.accessTo, all.statsTo, all.slowTo = p.accessTo, p.statsTo, p.slowTo
	for i, now := range all.outputsLocked() {
		if before[i] == now {
			continue
		}
		if err := before[i].Close(); err != nil {
			all.app.log.Error("the former "+before[i].place.kind+" was not closed in order", "error", err)
		}
	}
}

// drop closes what a plan has opened.
func (all *logs) drop(p *logPlan) error {
	all.mu.Lock()
	defer all.mu.Unlock()
	var errs []error
	for i, out := range [...]*logOutput{p.accessTo, p.statsTo, p.slowTo} {
		if out != nil && out != all.outputsLocked()[i] {
			errs = append(errs, out.Close())
		}
	}
	return errors.Join(errs...)
}

func (all *logs) outputsLocked() [3]*logOutput {
	return [...]*logOutput{all.accessTo, all.statsTo, all.slowTo}
}

// flush writes what the logs hold back. What cannot be written is told as lost.
func (all *logs) flush() {
	_, _ = all.access.Flush(), all.stats.Flush()
}

// Close writes what is left and closes what the logs write to. The error is not that of lines which are lost: these are told.
func (all *logs) Close() error {
	_, _ = all.access.Close(), all.stats.Close()
	all.slow.Close()
	all.mu.Lock()
	defer all.mu.Unlock()
	var errs []error
	for _, out := range all.outputsLocked() {
		errs = append(errs, out.Close())
	}
	return errors.Join(errs...)
}

// reopen opens the files of the logs anew, after they were renamed.
func (a *App) reopen() {
	a.logs.mu.Lock() // a reload may be about to close them
	defer a.logs.mu.Unlock()
	files := 0
	for _, out := range a.logs.outputsLocked() {
		if out.file == nil {
			continue
		}
		files++
		if err := out.file.Reopen(); err != nil {
			a.log.Error("the "+out.place.kind+" could not be opened anew", "error", err)
			continue
		}
		a.log.Info("opened the " + out.place.kind + " anew")
	}
	if files == 0 {
		a.log.Info("there is no log file to open anew")
	}
}
