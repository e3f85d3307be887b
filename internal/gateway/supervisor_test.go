//go:build unix

package gateway

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestStartAndStop(t *testing.T) {
	f := newFold(t, goodApp, func(c *Config) { c.Workers = 3 })
	all := f.begin()
	numbers := make(map[int]bool)
	for _, w := range all {
		numbers[w.number] = true
		if w.ready.App != "shop:application" || w.ready.PID != w.proc.pid {
			t.Errorf("worker %d is ready with %+v", w.number, w.ready)
		}
	}
	if !numbers[1] || !numbers[2] || !numbers[3] {
		t.Errorf("numbers of workers: %v", numbers)
	}
	f.finish()
	for _, w := range all {
		if got := w.proc.state(); got != "exit status 0" {
			t.Errorf("worker %d ended with %s", w.number, got)
		}
		if err := syscall.Kill(w.proc.pid, 0); err == nil {
			t.Errorf("process %d is still there", w.proc.pid)
		}
	}
	if n := len(f.gone); n != 3 {
		t.Errorf("%d workers lost", n)
	}
	if n := f.log.count("ERROR"); n > 0 {
		t.Errorf("an orderly life was logged with %d errors:\n%s", n, f.log)
	}
	if err := f.reload(context.Background()); err == nil {
		t.Error("reload after the end")
	}
}

func TestStartFails(t *testing.T) {
	t.Run("the application cannot be loaded", func(t *testing.T) {
		f := newFold(t, "import nowhere_to_be_found\n", func(c *Config) { c.Workers = 2 })
		load := asLoadError(t, f.start(context.Background()))
		if load.Kind != "import-failed" || !strings.Contains(load.Traceback, "shop.py") {
			t.Errorf("load error %+v", load)
		}
		if len(f.members) > 0 {
			t.Error("processes are left")
		}
	})
	t.Run("all workers die", func(t *testing.T) {
		f := newFold(t, "import os, sys\nprint('no licence', file=sys.stderr)\nos._exit(7)\n", func(c *Config) { c.Workers = 2 })
		err := f.start(context.Background())
		if err == nil || !strings.Contains(err.Error(), "exit status 7") || !strings.Contains(err.Error(), "no licence") {
			t.Errorf("error %v", err)
		}
	})
	t.Run("the caller gives up", func(t *testing.T) {
		dir := t.TempDir()
		fifo := filepath.Join(dir, "never")
		if err := syscall.Mkfifo(fifo, 0o600); err != nil {
			t.Skip(err)
		}
		f := newFold(t, "open("+quote(fifo)+").read()\n", nil)
		ctx, cancel := context.WithCancel(context.Background())
		go func() {
			w, err := os.OpenFile(fifo, os.O_WRONLY, 0) // returns when the application has come to it
			cancel()
			if err == nil {
				<-f.over
				_ = w.Close()
			}
		}()
		if err := f.start(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("error %v", err)
		}
	})
}

func quote(s string) string { return "'" + s + "'" }

func TestDeath(t *testing.T) {
	f := newFold(t, "print('hello from the application')\n"+goodApp, func(c *Config) { c.Workers = 2 })
	all := f.begin()
	f.time.advance(time.Minute)
	f.settle()
	f.kill(all[0])
	next := f.take(f.entered) // at once: the clock stands still
	if next.number != all[0].number {
		t.Errorf("the number of the new worker is %d, want %d", next.number, all[0].number)
	}
	if f.log.count("ERROR", "worker died", "signal: killed", "hello from the application") != 1 {
		t.Errorf("log:\n%s", f.log)
	}
	f.finish()
}

func TestCrashLoop(t *testing.T) {
	f := newFold(t, goodApp, nil)
	w := f.begin()[0]
	crash := func(d time.Duration) {
		t.Helper()
		f.kill(w)
		f.time.await(d)
		f.nothing(f.entered, "started too early")
		f.time.advance(d)
		w = f.take(f.entered)
	}
	f.settle()
	for _, d := range []time.Duration{100, 200, 400, 800, 1600, 3200, 6400, 10000, 10000} {
		crash(d * time.Millisecond)
	}
	if n := f.log.count("ERROR"); n != 1 {
		t.Errorf("a crash loop was told %d times:\n%s", n, f.log)
	}
	f.settle()
	f.time.advance(shortLife) // it has recovered
	f.settle()
	f.kill(w)
	w = f.take(f.entered)
	crash(firstDelay)
	if n := f.log.count("ERROR", "at once"); n != 2 {
		t.Errorf("after a recovery a crash loop was told %d times in all:\n%s", n, f.log)
	}
	f.served(w, 1) // one that did its work has not failed
	f.kill(w)
	w = f.take(f.entered)

	f.write("raise ValueError('out of stock')\n")
	f.settle()
	f.time.advance(shortLife)
	f.settle()
	f.kill(w)
	for _, d := range []time.Duration{100, 200, 400} {
		f.time.await(d * time.Millisecond)
		f.time.advance(d * time.Millisecond)
	}
	f.time.await(800 * time.Millisecond)
	if n := f.log.count("ERROR", "cannot be started", "out of stock", "traceback"); n != 1 {
		t.Errorf("four failures to load were told %d times:\n%s", n, f.log)
	}
	if e := f.loadError(); e == nil || !strings.Contains(e.Traceback, "out of stock") {
		t.Errorf("load error %+v", e)
	}
	f.write(goodApp)
	f.time.advance(800 * time.Millisecond)
	f.take(f.entered)
	f.settle()
	if e := f.loadError(); e != nil {
		t.Errorf("load error %+v after a recovery", e)
	}
	f.finish()
}

func TestReplace(t *testing.T) {
	t.Run("the new one is up before the old one goes", func(t *testing.T) {
		f := newFold(t, goodApp, nil)
		old := f.begin()[0]
		f.replace(old, reasonRequests)
		f.replace(old, reasonRequests) // counts once
		next := f.take(f.entered)
		if got := f.take(f.asked); got != old || next == old {
			t.Fatalf("worker %d was retired, want %d", got.number, old.number)
		}
		if got := f.take(f.gone); got != old || old.proc.state() != "exit status 0" {
			t.Errorf("worker %d was lost, with %s", got.number, old.proc.state())
		}
		f.replace(old, reasonRequests) // too late
		f.nothing(f.entered, "started")
		if f.log.count("INFO", "replaced", "reason=requests") != 1 {
			t.Errorf("log:\n%s", f.log)
		}
		f.finish()
	})
	t.Run("it waits for its requests", func(t *testing.T) {
		f := newFold(t, goodApp, nil)
		f.keep = true
		old := f.begin()[0]
		f.replace(old, reasonRequests)
		f.take(f.entered)
		f.take(f.asked)
		f.nothing(f.gone, "stopped")
		f.set(func() { f.keep = false; close(f.busy[old]) })
		f.take(f.gone)
		f.finish()
	})
	t.Run("a stuck one is killed at once", func(t *testing.T) {
		f := newFold(t, goodApp, nil)
		old := f.begin()[0]
		f.replace(old, reasonStuck)
		f.take(f.entered)
		if n := f.tally.restarts[reasonStuck].Load(); n != 1 {
			t.Errorf("it is counted %d times", n)
		}
		if f.take(f.gone); old.proc.state() != "signal: killed" {
			t.Errorf("it ended with %s", old.proc.state())
		}
		if f.log.count("ERROR") > 0 {
			t.Errorf("what was intended is logged as an error:\n%s", f.log)
		}
		f.finish()
	})
	t.Run("one that does not exit is killed", func(t *testing.T) {
		f := newFold(t, "import atexit, threading\natexit.register(threading.Event().wait)\n"+goodApp, nil)
		old := f.begin()[0]
		f.replace(old, reasonRequests)
		f.take(f.entered)
		f.time.await(10 * time.Second)
		f.time.advance(10 * time.Second)
		if f.take(f.gone); old.proc.state() != "signal: killed" {
			t.Errorf("it ended with %s", old.proc.state())
		}
		go func() { f.time.await(10 * time.Second); f.time.advance(10 * time.Second) }()
		f.finish()
	})
	t.Run("by requests", func(t *testing.T) {
		f := newFold(t, goodApp, func(c *Config) { c.MaxRequests, c.RequestsJitter = 10, 5 })
		f.jitter = func(n int) int { return n - 1 }
		old := f.begin()[0]
		f.served(old, 14)
		f.nothing(f.entered, "started")
		f.served(old, 1)
		f.take(f.entered)
		f.take(f.gone)
		f.finish()
	})
	t.Run("by age, one at a time", func(t *testing.T) {
		f := newFold(t, goodApp, func(c *Config) { c.Workers, c.MaxAge = 2, time.Hour })
		f.begin()
		f.tick(1, slowLook)
		f.nothing(f.entered, "started")
		f.time.advance(time.Hour)
		f.take(f.entered)
		f.take(f.gone)
		f.nothing(f.entered, "started")
		f.tick(1, slowLook)
		f.take(f.entered)
		f.take(f.gone)
		if f.log.count("reason=age") != 2 {
			t.Errorf("log:\n%s", f.log)
		}
		f.finish()
	})
	t.Run("by memory", func(t *testing.T) {
		f := newFold(t, goodApp, func(c *Config) { c.MaxMemory = 1 })
		if f.begin()[0].proc.memory() < 0 {
			t.Skip("the memory of processes is not known here")
		}
		f.tick(1, slowLook)
		f.take(f.entered)
		f.take(f.gone)
		if f.log.count("reason=memory") != 1 {
			t.Errorf("log:\n%s", f.log)
		}
		f.finish()
	})
	t.Run("a failing successor lets the old one stay", func(t *testing.T) {
		f := newFold(t, goodApp, nil)
		old := f.begin()[0]
		f.write("raise ValueError\n")
		f.replace(old, reasonRequests)
		f.time.await(firstDelay)
		f.nothing(f.asked, "retired")
		f.write(goodApp)
		f.time.advance(firstDelay)
		f.take(f.entered)
		f.take(f.gone)
		f.finish()
	})
}

func TestScaling(t *testing.T) {
	f := newFold(t, goodApp, func(c *Config) { c.Workers, c.MaxWorkers = 1, 2 })
	f.begin()
	f.set(func() { f.wait = longQueue + 1 })
	f.tick(longLooks-1, fastLook)
	f.set(func() { f.wait = 0 })
	f.tick(1, fastLook)
	f.set(func() { f.wait = longQueue + 1 })
	f.tick(longLooks-1, fastLook)
	f.nothing(f.entered, "started: the queue was not long enough for long enough")
	f.tick(1, fastLook)
	second := f.take(f.entered)
	f.tick(2*longLooks, fastLook)
	f.nothing(f.entered, "started beyond the limit")

	f.set(func() { f.wait, f.free = 0, 1 })
	f.tick(1, fastLook)
	f.time.advance(longIdle - 2*fastLook)
	f.nothing(f.asked, "retired too early")
	f.set(func() { f.free = 0 })
	f.tick(1, fastLook)
	f.set(func() { f.free = 1 })
	f.tick(1, fastLook)
	f.time.advance(longIdle - 2*fastLook)
	f.nothing(f.asked, "retired though it was needed in between")
	f.tick(2, fastLook)
	if got := f.take(f.gone); got != second {
		t.Errorf("worker %d was removed, want the younger one, %d", got.number, second.number)
	}
	f.time.advance(2 * longIdle)
	f.tick(1, fastLook)
	f.nothing(f.gone, "removed though there are no more than wanted")
	f.finish()
}

func TestStopByForce(t *testing.T) {
	t.Run("at the deadline", func(t *testing.T) {
		f := newFold(t, goodApp, func(c *Config) { c.StopDeadline = 3 * time.Second })
		f.keep = true
		w := f.begin()[0]
		go func() { f.time.await(3 * time.Second); f.time.advance(3 * time.Second) }()
		f.finish()
		if w.proc.state() != "signal: killed" {
			t.Errorf("it ended with %s", w.proc.state())
		}
	})
	t.Run("when the caller gives up", func(t *testing.T) {
		f := newFold(t, goodApp, nil)
		f.keep = true
		w := f.begin()[0]
		ctx, cancel := context.WithCancel(context.Background())
		go func() { f.take(f.asked); cancel() }()
		if err := f.stop(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("error %v", err)
		}
		if w.proc.state() != "signal: killed" {
			t.Errorf("it ended with %s", w.proc.state())
		}
	})
	t.Run("before it has started", func(t *testing.T) {
		if err := newFold(t, goodApp, nil).stop(context.Background()); err != nil {
			t.Error(err)
		}
	})
}

// All that the table in the comment allows, and nothing else.
func TestStates(t *testing.T) {
	allowed := map[state][]state{
		starting: {loaded, stopping, dead},
		loaded:   {serving, stopping, dead},
		serving:  {retiring, stopping, dead},
		retiring: {stopping, dead},
		stopping: {dead},
	}
	for from := starting; from <= dead; from++ {
		for to := starting; to <= dead; to++ {
			want := false
			for _, a := range allowed[from] {
				want = want || a == to
			}
			s := from
			if got := s.become(to); got != want || got && s != to || !got && s != from {
				t.Errorf("%s became %s: %v, now %s", from, to, got, s)
			}
		}
	}
}
