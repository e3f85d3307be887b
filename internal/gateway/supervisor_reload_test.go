//go:build unix

package gateway

import (
	"context"
	"os"
	"strings"
	"testing"
	"time"
)

// background calls reload on a goroutine and returns what takes its outcome.
func (f *fold) background() <-chan error {
	done := make(chan error, 1)
	f.mail.send(func() { f.requestReload(func(err error) { done <- err }) })
	f.settle()
	return done
}

func (f *fold) outcome(done <-chan error) error {
	f.t.Helper()
	select {
	case err := <-done:
		return err
	case <-time.After(patience):
		f.t.Fatalf("the reload does not end\n%s", f.log)
		return nil
	}
}

func TestReload(t *testing.T) {
	for name, preload := range map[string]bool{"": false, " with a parent": true} {
		t.Run("all anew"+name, func(t *testing.T) {
			f := newFold(t, goodApp, func(c *Config) { c.Workers, c.Preload = 2, preload })
			old := f.begin()
			if err := f.reload(context.Background()); err != nil {
				t.Fatal(err)
			}
			for range old {
				f.take(f.entered)
				if w := f.take(f.asked); w != old[0] && w != old[1] {
					t.Errorf("worker %d was retired, which is new", w.number)
				}
			}
			for range old {
				if w := f.take(f.gone); w.proc.state() != "exit status 0" {
					t.Errorf("worker %d ended with %s", w.number, w.proc.state())
				}
			}
			f.nothing(f.entered, "started")
			f.finish()
		})
		t.Run("a failure keeps the old ones"+name, func(t *testing.T) {
			f := newFold(t, goodApp, func(c *Config) { c.Workers, c.Preload = 2, preload })
			old := f.begin()
			f.write("def application(:\n")
			load := asLoadError(t, f.reload(context.Background()))
			if !strings.Contains(load.Traceback, "SyntaxError") || f.loadError() != load {
				t.Errorf("load error %+v, of the last attempt %+v", load, f.loadError())
			}
			f.nothing(f.asked, "retired")
			if old[0].proc.ended() || old[1].proc.ended() {
				t.Error("an old one is dead")
			}
			f.write(goodApp)
			if err := f.reload(context.Background()); err != nil || f.loadError() != nil {
				t.Errorf("after the repair: error %v, of the last attempt %v", err, f.loadError())
			}
			f.finish()
		})
	}
	t.Run("those who come together share one", func(t *testing.T) {
		f := newFold(t, goodApp, nil)
		f.begin()
		var all []<-chan error
		f.do(func() {
			for range 5 {
				done := make(chan error, 1)
				f.requestReload(func(err error) { done <- err })
				all = append(all, done)
			}
		})
		for _, done := range all {
			if err := f.outcome(done); err != nil {
				t.Error(err)
			}
		}
		f.take(f.entered)
		f.take(f.entered) // the first call's, and that of the others
		f.nothing(f.entered, "started")
		f.finish()
	})
	t.Run("the end comes first", func(t *testing.T) {
		f := newFold(t, goodApp, nil)
		f.begin()
		done := f.background()
		f.finish()
		if err := f.outcome(done); err != errStopped {
			t.Errorf("error %v", err)
		}
	})
	t.Run("out of a crash loop", func(t *testing.T) {
		f := newFold(t, goodApp, nil)
		w := f.begin()[0]
		f.write("raise ValueError\n")
		f.kill(w)
		f.time.await(firstDelay)
		f.write(goodApp)
		if err := f.reload(context.Background()); err != nil {
			t.Fatal(err)
		}
		f.take(f.entered)
		f.time.advance(firstDelay)
		f.nothing(f.entered, "started beyond those wanted")
		f.finish()
	})
}

func TestReloadOnChange(t *testing.T) {
	t.Run("of an imported file", func(t *testing.T) {
		f := newFold(t, goodApp, func(c *Config) { c.Reload = true })
		old := f.begin()[0]
		f.settle()
		f.write("price = 1\n" + goodApp)
		f.time.await(settling)
		f.time.advance(settling)
		f.take(f.entered)
		if f.take(f.gone) != old {
			t.Error("another one than the old worker is gone")
		}
		f.write("def application(:\n")
		f.time.await(settling)
		f.time.advance(settling)
		f.write("price = 22\n" + goodApp) // repaired before or after the attempt has failed
		f.time.await(settling)
		f.time.advance(settling)
		f.take(f.entered)
		f.finish()
	})
	t.Run("of an application that could not be started", func(t *testing.T) {
		f := newFold(t, "def application(:\n", func(c *Config) { c.Reload = true })
		if err := f.start(context.Background()); err != nil {
			t.Fatal(err)
		}
		if e := f.loadError(); e == nil || !strings.Contains(e.Traceback, "SyntaxError") {
			t.Errorf("load error %+v", e)
		}
		f.write(goodApp)
		f.time.await(settling)
		f.time.advance(settling)
		f.take(f.entered)
		f.settle()
		if e := f.loadError(); e != nil {
			t.Errorf("load error %+v after the repair", e)
		}
		f.finish()
	})
	t.Run("of a file that is imported later", func(t *testing.T) {
		f := newFold(t, goodApp, func(c *Config) { c.Reload = true })
		w := f.begin()[0]
		late := f.dir + "/late.py"
		if err := os.WriteFile(late, []byte("1\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		f.imported(w, []byte(`["late.py"]`))
		f.settle()
		if err := os.WriteFile(late, []byte("22\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		f.time.await(settling)
		f.time.advance(settling)
		f.take(f.entered)
		f.finish()
	})
}

func TestPreload(t *testing.T) {
	f := newFold(t, "print('loaded')\n"+goodApp, func(c *Config) {
		c.Workers, c.Preload = 2, true
	})
	all := f.begin()
	parent := all[0].proc.parent
	if parent == nil || all[1].proc.parent != parent {
		t.Fatal("the workers have no common parent")
	}
	f.settle()
	f.time.advance(time.Minute)
	f.settle()
	f.kill(all[0])
	next := f.take(f.entered)
	if next.proc.parent != parent {
		t.Error("the new worker has another parent")
	}
	f.settle()
	f.time.advance(time.Minute)
	f.settle()

	parent.kill()
	<-parent.done()
	f.nothing(f.gone, "lost with its parent")
	f.replace(next, reasonRequests)
	third := f.take(f.entered)
	if got := f.take(f.gone); got != next {
		t.Errorf("worker %d is gone, want %d", got.number, next.number)
	}
	if third.proc.parent == parent {
		t.Error("a dead parent has a new worker")
	}
	f.nothing(f.gone, "lost though it was not to be")
	if n := f.log.count("ERROR"); n != 2 {
		t.Errorf("two deaths, of a worker and of the parent, were told %d times:\n%s", n, f.log)
	}
	f.finish()
	if how := third.proc.parent.state(); how != "exit status 0" {
		t.Errorf("the parent ended with %s", how)
	}
}

func TestPreloadFails(t *testing.T) {
	f := newFold(t, "raise ValueError('out of stock')\n", func(c *Config) { c.Preload = true })
	if load := asLoadError(t, f.start(context.Background())); !strings.Contains(load.Traceback, "out of stock") {
		t.Errorf("load error %+v", load)
	}
}
