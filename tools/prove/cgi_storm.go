package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os/exec"
	"sync"
	"time"
)

const (
	cgiClients = 200
	cgiBound   = 16               // processes
	cgiTime    = 5 * time.Second  // for scripts that are soon over
	cgiLong    = 16 * time.Second // for scripts of which clients wait too long
	cgiQueue   = 1024             // requests that wait for a process, as the manual has it
	cgiWait    = 10 * time.Second // for which they wait
	cgiSlack   = 2 * time.Second  // for what takes its time on a busy machine
	cgiCrowd   = cgiQueue + 300   // clients that come at once
	cgiTidy    = 3 * time.Second  // for the last process to be gone
	cgiSample  = 10 * time.Millisecond
)

// stormFiles returns a folder of scripts. Each is one process for as long as it runs.
func (p *proof) stormFiles(ctx context.Context) (map[string]string, error) {
	python, err := exec.CommandContext(ctx, p.python, "-c", "import sys; print(sys.executable)").Output()
	if err != nil {
		return nil, fmt.Errorf("%s: %w; install it by: apt-get install python3", p.python, err)
	}
	shell := "#!/bin/sh\necho 'Content-Type: text/plain'\necho\nexec sleep %s\n"
	return map[string]string{
		"cgi-bin/short.sh": fmt.Sprintf(shell, "0.05"),
		"cgi-bin/long.sh":  fmt.Sprintf(shell, "1"),
		"cgi-bin/short.py": fmt.Sprintf("#!%simport time\nprint('Content-Type: text/plain')\nprint()\ntime.sleep(0.05)\n", python),
		"highball.toml": fmt.Sprintf(`listen = ["127.0.0.1:0"]

[[site]]

  [[site.route]]
  path = "/cgi-bin/"
  cgi = "cgi-bin"
  max_processes = %[1]d

  [[site.route]]
  path = "/warm/"
  cgi = "cgi-bin"
  max_processes = %[1]d
  warm = true
`, cgiBound),
	}, nil
}

// showStorm has many more clients ask for scripts than scripts may run.
func showStorm(ctx context.Context, p *proof) ([]claim, error) {
	files, err := p.stormFiles(ctx)
	if err != nil {
		return nil, err
	}
	srv, err := p.startConfigured(ctx, files)
	if err != nil {
		return nil, err
	}
	defer srv.discard()
	shell, err := srv.showStormOf(ctx, "shell script", "/cgi-bin/short.sh", 0)
	if err != nil {
		return nil, err
	}
	late, err := srv.showLate(ctx)
	if err != nil {
		return []claim{shell}, err
	}
	crowd, err := srv.showCrowd(ctx)
	if err != nil {
		return []claim{shell, late}, err
	}
	// The interpreter that warm scripts are forked from stays until the end.
	warm, err := srv.showStormOf(ctx, "warm Python script", "/warm/short.py", 1)
	if err != nil {
		return []claim{shell, late, crowd}, err
	}
	tidy, err := srv.showTidy(ctx)
	if err != nil {
		return []claim{shell, late, crowd, warm}, err
	}
	return []claim{shell, late, crowd, warm, tidy}, srv.stop()
}

// showStormOf has many clients ask for a script that is soon over. Some processes may be there that are no scripts.
func (c *configured) showStormOf(ctx context.Context, kind, path string, others int) (claim, error) {
	clients := asking(c.server, cgiClients, path)
	most, err := c.storm(ctx, clients, cgiTime)
	return claim{
		says:     fmt.Sprintf("%d clients ask for a %s, with max_processes = %d: never more processes, and who waits is answered", cgiClients, kind, cgiBound),
		measured: fmt.Sprintf("%d processes at most; %s; the slowest took %s", most-others, clients, ms(clients.slowest)),
		holds:    clients.only(200) && bounded(most-others),
	}, err
}

// refusals is what clients were told that got no process.
type refusals struct {
	all, mute     int // mute are those without Retry-After
	atOnce        int // before anybody could have waited too long
	soonest, last time.Duration
}

// count notes an answer; it is for a crew's note.
func (r *refusals) count(answer *http.Response, took time.Duration) {
	if answer.StatusCode != http.StatusServiceUnavailable {
		return
	}
	r.all++
	if answer.Header.Get("Retry-After") == "" {
		r.mute++
	}
	if took < cgiWait-cgiSlack {
		r.atOnce++
	}
	if r.soonest == 0 {
		r.soonest = took
	}
	r.soonest, r.last = min(r.soonest, took), max(r.last, took)
}

// showLate has scripts run for so long that those who come last wait too long.
func (c *configured) showLate(ctx context.Context) (claim, error) {
	var refused refusals
	clients := asking(c.server, cgiClients, "/cgi-bin/long.sh")
	clients.note = refused.count
	most, err := c.storm(ctx, clients, cgiLong)
	return claim{
		says:     fmt.Sprintf("who waits longer than %s for a process gets 503 with Retry-After, and not before", cgiWait),
		measured: fmt.Sprintf("%d processes at most; %s; refused after %s to %s; %d without Retry-After", most, clients, ms(refused.soonest), ms(refused.last), refused.mute),
		holds: clients.only(200, 503) && bounded(most) && refused.all > 0 && refused.mute == 0 && refused.atOnce == 0 &&
			refused.last < cgiWait+cgiSlack,
	}, err
}

// showCrowd has more clients come at once than may wait.
func (c *configured) showCrowd(ctx context.Context) (claim, error) {
	var refused refusals
	clients := asking(c.server, cgiCrowd, "/cgi-bin/long.sh")
	clients.note = refused.count
	most, err := c.count(ctx, func(ctx context.Context) { clients.work(ctx, 1) })
	_, good := clients.answers()
	past := cgiCrowd - cgiQueue - cgiBound
	return claim{
		says: fmt.Sprintf("%d clients at once: %d wait, and who comes past that gets 503 with Retry-After at once", cgiCrowd, cgiQueue),
		measured: fmt.Sprintf("%d processes at most; %s; %d refused at once, of %d past the bound; %d without Retry-After",
			most, clients, refused.atOnce, past, refused.mute),
		// Places in the queue become free while the last of the crowd arrive.
		holds: clients.only(200, 503) && bounded(most) && good > 0 && refused.mute == 0 && refused.atOnce > 0 && refused.atOnce <= past,
	}, err
}

// showTidy looks at what is left of all the scripts.
func (c *configured) showTidy(ctx context.Context) (claim, error) {
	var left, dead int
	began := time.Now()
	for {
		all, err := processes()
		if err != nil {
			return claim{}, err
		}
		left, dead = len(offspring(all, c.cmd.Process.Pid)), corpses(all, c.cmd.Process.Pid)
		if left <= 1 && dead == 0 || time.Since(began) > cgiTidy {
			break
		}
		if err := pauseFor(ctx, cgiSample); err != nil {
			return claim{}, err
		}
	}
	return claim{
		says:     "afterwards nothing is left of the scripts, dead or alive",
		measured: fmt.Sprintf("after %s: %d processes, of which one is the interpreter of warm scripts; %d zombies", ms(time.Since(began)), left, dead),
		holds:    left <= 1 && dead == 0,
	}, nil
}

// storm has clients work for a time and returns how many processes the server had at most.
func (c *configured) storm(ctx context.Context, clients *crew, length time.Duration) (most int, err error) {
	return c.count(ctx, func(ctx context.Context) {
		stop := clients.start(ctx)
		defer stop()
		_ = pauseFor(ctx, length) // the caller looks at ctx
	})
}

// bounded reports whether there were no more processes than permitted, but so many that they met the bound: not every moment is looked at.
func bounded(most int) bool { return most > cgiBound/2 && most <= cgiBound }

// count returns how many living processes the server had at most while a function was at work.
func (c *configured) count(ctx context.Context, work func(context.Context)) (most int, err error) {
	working, done := context.WithCancel(ctx)
	var counting sync.WaitGroup
	counting.Go(func() {
		for working.Err() == nil {
			n, countErr := c.living()
			if countErr != nil {
				err = countErr
				return
			}
			most = max(most, n)
			_ = pauseFor(working, cgiSample) // the loop looks at working
		}
	})
	work(ctx)
	done()
	counting.Wait()
	return most, errors.Join(err, ctx.Err())
}

// living returns how many processes the server has. The table of processes is not read in one moment, so one that has ended and another that was
// begun in its place may both be in it; those are counted that are still alive when all of it was read, which were there together.
func (c *configured) living() (n int, err error) {
	all, err := c.workers()
	for _, p := range all {
		if p.alive() {
			n++
		}
	}
	return n, err
}

// corpses returns how many processes that descend from one are dead and were not waited for.
func corpses(all []process, ancestor int) (n int) {
	member := map[int]bool{ancestor: true}
	for _, p := range offspring(all, ancestor) {
		member[p.pid] = true
	}
	for _, p := range all {
		if p.dead && member[p.parent] {
			n++
		}
	}
	return n
}
