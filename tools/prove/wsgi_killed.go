package main

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"syscall"
	"time"
)

const (
	killedWorkers = 4
	killedClients = 16
	killEvery     = 200 * time.Millisecond
	killTime      = 30 * time.Second
	respawnLimit  = time.Second
	goneLimit     = time.Second
)

// showWSGIKilled ends workers one after the other while clients ask.
func showWSGIKilled(ctx context.Context, p *proof) ([]claim, error) {
	srv, err := p.startApp(ctx, "wsgi_load", nil, "--workers", strconv.Itoa(killedWorkers))
	if err != nil {
		return nil, err
	}
	defer srv.discard()
	first, err := srv.awaitWorkers(ctx, killedWorkers)
	if err != nil {
		return nil, err
	}
	clients := asking(srv, killedClients, "/work")
	working, stop := context.WithCancel(ctx)
	defer stop()
	worked := make(chan struct{})
	go func() {
		defer close(worked)
		clients.work(working, 0)
	}()
	random := rand.New(rand.NewPCG(p.seed, 7))
	var kills []kill
	spared, killErr := 0, error(nil)
	for began := time.Now(); time.Since(began) < killTime && killErr == nil; killErr = pauseFor(ctx, killEvery) {
		workers, err := srv.workers()
		if err != nil {
			killErr = err
			break
		}
		if len(workers) == 0 {
			spared++
			continue
		}
		victim := workers[random.IntN(len(workers))].pid
		if err := syscall.Kill(victim, syscall.SIGKILL); err == nil {
			kills = append(kills, kill{victim, time.Now()})
		}
	}
	settleErr := pauseFor(ctx, respawnLimit)
	stop()
	<-worked
	if killErr != nil || settleErr != nil {
		return nil, fmt.Errorf("%v, %v", killErr, settleErr)
	}
	left, err := srv.workers()
	if err != nil {
		return nil, err
	}
	waits, missing := respawns(kills, first, clients.firstAnswers())
	all, good := clients.answers()
	lost := all - good
	most := len(kills) * killedClients
	return []claim{
		{
			says: fmt.Sprintf("a random worker of %d killed every %s for %s, under load: only what it was at work on fails, by 502",
				killedWorkers, killEvery, killTime),
			measured: fmt.Sprintf("%d killed, %d times there was none; %s; %.2f requests lost per kill", len(kills), spared, clients,
				float64(lost)/float64(max(len(kills), 1))),
			holds: len(kills) > 0 && good > 0 && clients.only(200, 502) && lost <= most,
		},
		{
			says: fmt.Sprintf("another answers within %s", respawnLimit),
			measured: fmt.Sprintf("from a kill to a new worker's first answer: median %s, p99 %s, most %s (of %d); %d without; %d workers left",
				ms(middle(waits)), ms(p99(waits)), ms(slices.Max(append(waits, 0))), len(waits), missing, len(left)),
			holds: len(waits) > 0 && missing == 0 && slices.Max(waits) < respawnLimit && len(left) == killedWorkers,
		},
	}, srv.stop()
}

// kill is the end of a worker.
type kill struct {
	pid int
	at  time.Time
}

// respawns pairs, in order, each kill with the first answer of a worker that was not there in the beginning. When a worker
// is killed before it has answered anybody, who was waiting for it waits for another from then on. It returns how long each
// took, and for how many kills none came.
func respawns(kills []kill, initial []process, answers map[string]time.Time) (waits []time.Duration, missing int) {
	fresh := maps.Clone(answers)
	for _, w := range initial {
		delete(fresh, strconv.Itoa(w.pid))
	}
	came := slices.SortedFunc(maps.Values(fresh), time.Time.Compare)
	var pending []time.Time
	arrive := func(until func(time.Time) bool) {
		for len(came) > 0 && until(came[0]) {
			if len(pending) > 0 {
				waits = append(waits, came[0].Sub(pending[0]))
				pending = pending[1:]
			}
			came = came[1:]
		}
	}
	for _, k := range kills {
		arrive(k.at.After)
		at, answered := answers[strconv.Itoa(k.pid)]
		old := slices.ContainsFunc(initial, func(w process) bool { return w.pid == k.pid })
		if unheard := !old && (!answered || at.After(k.at)); unheard && len(pending) > 0 {
			pending = pending[1:]
		}
		pending = append(pending, k.at)
	}
	arrive(func(time.Time) bool { return true })
	return waits, len(pending)
}

// middle returns the median, of an even count the lower one of the two; 0 of none.
func middle[T cmp.Ordered](all []T) T {
	if len(all) == 0 {
		var none T
		return none
	}
	return slices.Sorted(slices.Values(all))[(len(all)-1)/2]
}

// showWSGIOrphans kills the server while its workers are idle, asleep, and inside a call in C that keeps the
// interpreter's lock.
func showWSGIOrphans(ctx context.Context, p *proof) ([]claim, error) {
	srv, err := p.startApp(ctx, "wsgi_stuck", nil, "--workers", "4")
	if err != nil {
		return nil, err
	}
	defer srv.discard()
	if _, err := srv.awaitWorkers(ctx, 4); err != nil {
		return nil, err
	}
	asleep, leave := context.WithCancel(ctx)
	defer leave()
	for _, path := range []string{"/sleep", "/c"} {
		go func() { _, _ = srv.get(asleep, path) }() // it never answers
	}
	if err := pauseFor(ctx, time.Second); err != nil {
		return nil, err
	}
	workers, err := srv.workers()
	if err != nil {
		return nil, err
	}
	defer end(workers)
	began := time.Now()
	srv.kill()
	left := workers
	for len(left) > 0 && time.Since(began) < 5*goneLimit {
		left = slices.DeleteFunc(left, func(w process) bool { return !w.alive() })
		if err := pauseFor(ctx, 5*time.Millisecond); err != nil {
			return nil, err
		}
	}
	took := time.Since(began)
	return []claim{{
		says: fmt.Sprintf("the server killed by SIGKILL, with 4 workers, one in time.sleep, one in a call in C that keeps the GIL: all gone within %s",
			goneLimit),
		measured: fmt.Sprintf("%d processes are left after %s", len(left), ms(took)),
		holds:    len(left) == 0 && took < goneLimit,
	}}, nil
}

const (
	reloads       = 10
	reloadClients = 16
	reloadLimit   = 5 * time.Second
)

// showWSGIReload sends SIGHUP again and again while clients ask.
func showWSGIReload(ctx context.Context, p *proof) ([]claim, error) {
	srv, err := p.startApp(ctx, "wsgi_load", nil, "--workers", "2")
	if err != nil {
		return nil, err
	}
	defer srv.discard()
	clients := asking(srv, reloadClients, "/work")
	working, stop := context.WithCancel(ctx)
	defer stop()
	worked := make(chan struct{})
	go func() {
		defer close(worked)
		clients.work(working, 0)
	}()
	if err := pauseFor(ctx, time.Second); err != nil {
		return nil, err
	}
	var took []time.Duration
	for range reloads {
		before, err := srv.awaitWorkers(ctx, 2)
		if err != nil {
			return nil, err
		}
		began := time.Now()
		if err := srv.cmd.Process.Signal(syscall.SIGHUP); err != nil {
			return nil, fmt.Errorf("%w: %s", err, srv.lastWords())
		}
		for slices.ContainsFunc(before, process.alive) && time.Since(began) < reloadLimit {
			if err := pauseFor(ctx, 10*time.Millisecond); err != nil {
				return nil, err
			}
		}
		if !slices.ContainsFunc(before, process.alive) {
			took = append(took, time.Since(began))
		}
		if err := pauseFor(ctx, 300*time.Millisecond); err != nil {
			return nil, err
		}
	}
	stop()
	<-worked
	return []claim{{
		says: fmt.Sprintf("%d reloads by SIGHUP under load: no request fails", reloads),
		measured: fmt.Sprintf("%s; all workers replaced %d times, in %s (median); %d workers have answered",
			clients, len(took), ms(middle(took)), len(clients.firstAnswers())),
		holds: len(took) == reloads && clients.only(200) && len(clients.firstAnswers()) >= 2+reloads,
	}}, srv.stop()
}
