//go:build unix

package gateway

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// patience is after which a test gives up waiting for what must happen.
const patience = 20 * time.Second

// leaveNothing fails the test if it leaves a goroutine or a descriptor behind.
func leaveNothing(t *testing.T) {
	t.Helper()
	r, w, err := os.Pipe() // the runtime opens its poller with the first of its kind
	if err == nil {
		_, _ = r.Close(), w.Close()
	}
	before := openDescriptors()
	here := goleak.IgnoreCurrent()
	t.Cleanup(func() {
		if err := goleak.Find(here); err != nil {
			t.Error(err)
		}
		if after := openDescriptors(); after > before {
			t.Errorf("%d descriptors were open before the test and %d are after", before, after)
		}
	})
}

func openDescriptors() int {
	names, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return 0
	}
	return len(names)
}

// fakeClock moves only when it is told to.
type fakeClock struct {
	mu     sync.Mutex
	armed  *sync.Cond
	now    time.Time
	timers []*fakeTimer
}

type fakeTimer struct {
	at time.Time
	d  time.Duration
	f  func()
}

func newFakeClock() *fakeClock {
	c := &fakeClock{now: time.Unix(1_700_000_000, 0)}
	c.armed = sync.NewCond(&c.mu)
	return c
}

func (c *fakeClock) clock() clock {
	return clock{
		now: func() time.Time {
			c.mu.Lock()
			defer c.mu.Unlock()
			return c.now
		},
		after: func(d time.Duration, f func()) func() {
			c.mu.Lock()
			defer c.mu.Unlock()
			t := &fakeTimer{at: c.now.Add(d), d: d, f: f}
			c.timers = append(c.timers, t)
			c.armed.Broadcast()
			return func() {
				c.mu.Lock()
				defer c.mu.Unlock()
				c.timers = slices.DeleteFunc(c.timers, func(o *fakeTimer) bool { return o == t })
			}
		},
	}
}

// advance moves the clock, and calls what is due.
func (c *fakeClock) advance(d time.Duration) {
	c.mu.Lock()
	c.now = c.now.Add(d)
	var due []*fakeTimer
	c.timers = slices.DeleteFunc(c.timers, func(t *fakeTimer) bool {
		if t.at.After(c.now) {
			return false
		}
		due = append(due, t)
		return true
	})
	c.mu.Unlock()
	for _, t := range due {
		t.f()
	}
}

// await waits until a timer of this duration is armed.
func (c *fakeClock) await(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for !slices.ContainsFunc(c.timers, func(t *fakeTimer) bool { return t.d == d }) {
		c.armed.Wait()
	}
}

// testLog collects what is logged.
type testLog struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *testLog) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *testLog) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// count returns how many lines have all of these words.
func (l *testLog) count(words ...string) (n int) {
	for line := range strings.Lines(l.String()) {
		if !slices.ContainsFunc(words, func(w string) bool { return !strings.Contains(line, w) }) {
			n++
		}
	}
	return n
}

const goodApp = "def application(environ, start_response):\n    return []\n"

// fold is a supervisor with a pool that does nothing but write down what it is told.
type fold struct {
	*supervisor
	t       *testing.T
	dir     string
	log     *testLog
	time    *fakeClock
	entered chan *worker // was admitted
	asked   chan *worker // was told to retire
	gone    chan *worker // was lost

	mu    sync.Mutex
	mains map[*worker]*os.File
	busy  map[*worker]chan struct{} // do not become idle by themselves
	keep  bool                      // workers have requests when they are retired
	wait  time.Duration             // of the queue
	free  int
}

// newFold returns a fold for an application with this source.
func newFold(t *testing.T, source string, change func(*Config)) *fold {
	t.Helper()
	leaveNothing(t)
	f := &fold{
		t: t, dir: t.TempDir(), log: new(testLog), time: newFakeClock(),
		entered: make(chan *worker, 100), asked: make(chan *worker, 100), gone: make(chan *worker, 100),
		mains: make(map[*worker]*os.File), busy: make(map[*worker]chan struct{}),
	}
	f.write(source)
	cfg := &Config{
		Target: "shop:application", Dir: f.dir, Workers: 1,
		Environ: append(os.Environ(), "PYTHONDONTWRITEBYTECODE=1"),
		Logger:  slog.New(slog.NewTextHandler(f.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}
	if change != nil {
		change(cfg)
	}
	f.supervisor = newSupervisor(cfg, testPython(t), hooks{
		admit: f.admit, retire: f.retire, stop: f.halt, lost: f.lost,
		queueWait: func() time.Duration { f.mu.Lock(); defer f.mu.Unlock(); return f.wait },
		idle:      func() int { f.mu.Lock(); defer f.mu.Unlock(); return f.free },
	})
	f.clock = f.time.clock()
	t.Cleanup(func() {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		_ = f.stop(ctx)
		for _, m := range f.mains {
			_ = m.Close()
		}
		if t.Failed() {
			t.Log(f.log)
		}
	})
	return f
}

// testPython returns an interpreter, without which the test is skipped.
func testPython(t *testing.T) *interpreter {
	t.Helper()
	python, err := findInterpreter(context.Background(), &Config{Environ: os.Environ()})
	if err != nil {
		t.Skip(err)
	}
	return python
}

func (f *fold) write(source string) {
	f.t.Helper()
	name := filepath.Join(f.dir, "shop.py")
	if err := os.WriteFile(name+".new", []byte(source), 0o600); err != nil {
		f.t.Fatal(err)
	}
	if err := os.Rename(name+".new", name); err != nil {
		f.t.Fatal(err)
	}
}

func (f *fold) admit(w *worker) error {
	f.mu.Lock()
	f.mains[w] = w.proc.takeMain()
	f.mu.Unlock()
	f.entered <- w
	return nil
}

func (f *fold) retire(w *worker) <-chan struct{} {
	f.mu.Lock()
	defer f.mu.Unlock()
	idle := make(chan struct{})
	if f.keep {
		f.busy[w] = idle
	} else {
		close(idle)
	}
	f.asked <- w
	return idle
}

func (f *fold) halt(w *worker) {
	f.mu.Lock()
	defer f.mu.Unlock()
	_, _ = f.mains[w].Write(appendFrame(nil, stopFrame, 0, 0, nil, nil))
}

func (f *fold) lost(w *worker) {
	f.mu.Lock()
	defer f.mu.Unlock()
	_ = f.mains[w].Close()
	delete(f.mains, w)
	f.gone <- w
}

// set changes what the pool says of itself.
func (f *fold) set(change func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change()
}

// take returns the next worker that something happens to.
func (f *fold) take(from <-chan *worker) *worker {
	f.t.Helper()
	select {
	case w := <-from:
		return w
	case <-time.After(patience):
		f.t.Fatalf("nothing happened\n%s", f.log)
		return nil
	}
}

// nothing fails the test if something has happened. What the supervisor was told before, it has done.
func (f *fold) nothing(from <-chan *worker, what string) {
	f.t.Helper()
	f.settle()
	select {
	case w := <-from:
		f.t.Fatalf("worker %d was %s", w.number, what)
	default:
	}
}

// settle waits until the supervisor has done what it was told.
func (f *fold) settle() {
	f.do(func() {})
}

// do calls a function on the supervisor's goroutine.
func (f *fold) do(g func()) {
	done := make(chan struct{})
	f.mail.send(func() { g(); close(done) })
	select {
	case <-done:
	case <-f.over:
	}
}

// begin starts the supervisor and returns its workers.
func (f *fold) begin() (all []*worker) {
	f.t.Helper()
	if err := f.start(context.Background()); err != nil {
		f.t.Fatal(err)
	}
	for range max(1, f.cfg.Workers) {
		all = append(all, f.take(f.entered))
	}
	return all
}

// tick moves the clock by n looks at the queue.
func (f *fold) tick(n int, d time.Duration) {
	for range n {
		f.time.await(d)
		f.time.advance(d)
		f.settle()
	}
}

// finish stops the supervisor.
func (f *fold) finish() {
	f.t.Helper()
	if err := f.stop(context.Background()); err != nil {
		f.t.Fatal(err)
	}
}

// kill ends a worker as a crash does.
func (f *fold) kill(w *worker) {
	w.proc.kill()
	if got := f.take(f.gone); got != w {
		f.t.Fatalf("worker %d was lost, want %d", got.number, w.number)
	}
}

func asLoadError(t *testing.T, err error) *LoadError {
	t.Helper()
	var load *LoadError
	if !errors.As(err, &load) {
		t.Fatalf("error %v (%T) is not a *LoadError", err, err)
	}
	return load
}
