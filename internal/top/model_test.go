package top

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"

	"highball/internal/admin"
)

// firstCells returns the first column of the table that keys are for, from the top.
func (w *watcher) firstCells() (all []string) {
	for _, r := range w.model.rows(w.model.focused()) {
		all = append(all, r.cells[0].text)
	}
	return all
}

func TestSorting(t *testing.T) {
	for _, test := range []struct {
		keys string
		want string
	}{
		{"5", "shop 1, shop 2, wiki 1, wiki 2"},       // by name
		{"5 r", "wiki 2, wiki 1, shop 2, shop 1"},     // from Z to A
		{"5 s s", "wiki 2, wiki 1, shop 2, shop 1"},   // by process, the highest first
		{"5 s s s", "wiki 1, shop 2, shop 1, wiki 2"}, // by memory; what is not known is least
		{"5 s s s r", "wiki 2, shop 1, shop 2, wiki 1"},
		{"5 S", "shop 1, shop 2, wiki 1, wiki 2"},                               // the column before the first is the last: by those in flight, then by name
		{"5 s s s s s s s", "shop 1, shop 2, wiki 1, wiki 2"},                   // once round
		{"2", "shop.example/api/, shop.example/, wiki.example/, /, (none)"},     // by p99
		{"2 s s", "(none), /, shop.example/, shop.example/api/, wiki.example/"}, // p99 is followed by the phase, and that by the name
		{"3", "/, shop.example/, shop.example/api/, wiki.example/, (none)"},     // by rate
		{"4", "5f3a9c01-1b-3, 5f3a9c01-31-2, 5f3a9c01-2c-1, 5f3a9c01-2d-9"},     // the oldest first
		{"4 r", "5f3a9c01-2d-9, 5f3a9c01-2c-1, 5f3a9c01-31-2, 5f3a9c01-1b-3"},
	} {
		w := watch(t, busy(), 80, 24)
		w.press(strings.Fields(test.keys)...)
		got := strings.Join(w.firstCells(), ", ")
		if got != test.want {
			t.Errorf("%s: got %s, want %s", test.keys, got, test.want)
		}
	}
}

func TestFilter(t *testing.T) {
	w := watch(t, busy(), 80, 24)
	w.press("2", "/", "W", "I", "K", "I")
	w.shows("filter: WIKI", "wiki.example/", "slowest routes (1)")
	w.hides("shop.example/")
	w.press("q") // is a character here
	w.shows("filter: WIKIq", "nothing that the filter leaves")
	w.press("backspace", "enter")
	w.shows("filter: WIKI", "q quit")
	w.press("5")
	w.shows("workers (2)")
	w.press("esc")
	w.shows("workers (4)")
	w.press("/", "漢", "esc")
	w.shows("workers (4)")
	w.press("/", "漢", "backspace", "enter")
	w.shows("workers (4)")
	w.press("/")
	w.model.Update(tea.PasteMsg{Content: "wiki"})
	w.shows("workers (2)")
	w.press("pgdown", "up") // mean nothing here
	w.shows("filter: wiki")
}

// The selection stays with its row, wherever that goes.
func TestSelection(t *testing.T) {
	s := busy()
	w := watch(t, s, 80, 24)
	selected := func(want string) {
		t.Helper()
		if got := w.model.selected(); got == nil || got.ID != want {
			t.Errorf("selected %+v, want %s", got, want)
		}
	}
	selected("5f3a9c01-1b-3")
	w.press("up")
	selected("5f3a9c01-1b-3")
	w.press("down")
	selected("5f3a9c01-31-2")
	w.press("4", "r")
	selected("5f3a9c01-31-2")
	w.press("end")
	selected("5f3a9c01-1b-3")
	w.press("pgup", "home")
	selected("5f3a9c01-2d-9")
	s.snapshot.requests = slices.Delete(slices.Clone(s.snapshot.requests), 2, 3) // it is over
	w.poll()
	selected("5f3a9c01-2c-1")
	w.press("5", "down")
	if w.model.selected() != nil {
		t.Error("a worker is taken for a request")
	}
	s.snapshot.requests = nil
	w.poll()
	w.press("4", "down", "k", "enter")
	w.shows("nothing in flight", "no request is selected")
}

// A table that is longer than its room shows the rows around the selected one.
func TestScrolling(t *testing.T) {
	s := busy()
	s.snapshot.requests = nil
	for i := range 100 {
		s.snapshot.requests = append(s.snapshot.requests, admin.Request{ID: fmt.Sprintf("r%02d", i), Age: float64(100 - i)})
	}
	w := watch(t, s, 80, 24)
	w.press("4")
	w.shows("in flight (100)", "r00", "r13")
	w.hides("r14")
	w.press("end")
	w.shows("r99", "r86")
	w.hides("r85")
	w.press("home", "pgdown", "pgdown", "pgdown")
	w.shows("r42")
	w.hides("r00", "r99")
}

func TestStack(t *testing.T) {
	s := busy()
	w := watch(t, s, 80, 24)
	w.model.Update(tea.KeyPressMsg{Code: tea.KeyEnter})
	w.shows("stack of 5f3a9c01-1b-3", "asking for the stack")
	w.model.Update(stackTaken{id: "another", stack: admin.Stack{Line: "elsewhere.py:1"}})
	w.hides("elsewhere")
	w.press("r")
	w.shows("shop, worker 1 (process 4720)", "shop/views.py:12 in report", "time.sleep(60)")
	s.err = &admin.Refused{Status: 409, Lines: []string{"the request is not at a worker"}}
	w.press("r")
	w.shows("no stack: the request is not at a worker")
	s.err, s.stacked.Text = nil, strings.Repeat("frame\n", 50)+"innermost"
	w.press("r")
	w.hides("innermost")
	w.press("end")
	w.shows("innermost")
	w.press("down", "pgup", "home", "up")
	w.shows("worker 1 (process 4720)")
	w.press("esc")
	w.shows("slowest routes (5)")
}

func TestKill(t *testing.T) {
	s := busy()
	w := watch(t, s, 80, 24)
	w.press("k")
	w.shows("kill 5f3a9c01-1b-3, POST /api/report?year=2026 of 192.0.2.17? y/n")
	s.snapshot.requests = nil // what was asked is not changed by what happens meanwhile
	w.poll()
	w.press("n")
	w.shows("not killed")
	w.press("k")
	w.shows("no request is selected")
	s.snapshot.requests = busy().snapshot.requests
	w.poll()
	w.press("down", "k")
	w.press("enter")
	w.shows("not killed")
	if slices.ContainsFunc(s.asked, func(what string) bool { return strings.HasPrefix(what, "kill") }) {
		t.Errorf("asked %q", s.asked)
	}
	w.press("k", "y")
	w.shows("killed 5f3a9c01-31-2")
	if !slices.Contains(s.asked, "kill 5f3a9c01-31-2") {
		t.Errorf("asked %q", s.asked)
	}
	s.err = &admin.Refused{Status: 404, Lines: []string{"no such request"}}
	w.press("k", "y")
	w.shows("cannot kill 5f3a9c01-31-2: no such request")
}

func TestPause(t *testing.T) {
	s := busy()
	w := watch(t, s, 80, 24)
	w.press("p")
	s.snapshot.requests, s.snapshot.status.InFlight = nil, 0
	w.poll()
	w.shows("paused", "in flight 4", "5f3a9c01-1b-3")
	w.press("p")
	w.shows("serving", "in flight 0", "nothing in flight")
}

func TestPanes(t *testing.T) {
	w := watch(t, busy(), 80, 24)
	for _, want := range []string{"[2 slowest]", "[3 frequent]", "[4 in flight]", "[5 workers]", "[1 overview]"} {
		w.press("tab")
		w.shows(want)
	}
	w.model.Update(tea.KeyPressMsg{Code: tea.KeyTab, Mod: tea.ModShift})
	w.shows("[5 workers]")
	w.press("?")
	w.shows("any key leaves this help")
	w.press("x")
	w.shows("[5 workers]")
	w.hides("any key")
	for _, b := range bindings() {
		if b.key == "" || b.meaning == "" || len(b.meaning) > 62 {
			t.Errorf("the help has no room for %+v", b)
		}
	}
}

func TestQuit(t *testing.T) {
	for name, key := range map[string]tea.KeyPressMsg{
		"q":                  {Code: 'q', Text: "q"},
		"ctrl+c":             {Code: 'c', Mod: tea.ModCtrl},
		"ctrl+c in a filter": {Code: 'c', Mod: tea.ModCtrl},
	} {
		w := watch(t, busy(), 80, 24)
		if strings.HasSuffix(name, "filter") {
			w.press("/")
		}
		_, command := w.model.Update(key)
		if command == nil {
			t.Fatalf("%s does nothing", name)
		}
		if _, quits := command().(tea.QuitMsg); !quits {
			t.Errorf("%s does not quit", name)
		}
	}
}

// What is known stays on the screen while a server is lost, and the attempts to reach it come at growing intervals.
func TestLostAndFound(t *testing.T) {
	s := busy()
	w := watch(t, s, 80, 24)
	fail := func(err error, want time.Duration) {
		t.Helper()
		if wait := w.model.take(polled{err: err}); wait != want {
			t.Errorf("the next attempt is in %v, want %v", wait, want)
		}
	}
	timeout := errors.New("deadline\nexceeded")
	fail(timeout, 1*time.Second)
	w.shows("LOST", "the server does not answer: deadline exceeded; asking again every 1.0s", "5f3a9c01-1b-3")
	fail(timeout, 2*time.Second)
	fail(timeout, 4*time.Second)
	fail(timeout, 8*time.Second)
	fail(timeout, 8*time.Second)
	fail(fmt.Errorf("dial: %w", syscall.ECONNREFUSED), 8*time.Second)
	w.shows("ENDED", "the server has ended; asking again every 8.0s")
	if wait := w.model.take(polled{snapshot: s.snapshot}); wait != pollEvery {
		t.Errorf("the next poll is in %v", wait)
	}
	w.shows("serving", "the server is back")
	for range noticed {
		w.poll()
		w.shows("the server is back")
	}
	w.poll()
	w.shows("q quit")
	fail(timeout, 1*time.Second)
}

func TestNobodyThereYet(t *testing.T) {
	w := unconnected(t, busy(), 80, 24)
	w.shows("connecting to /etc/highball/highball.toml")
	w.press("s", "k", "enter", "down", "p", "r", "tab") // none of which has anything to work on
	w.shows("connecting")
	w.model.take(polled{err: fmt.Errorf("dial: %w", fs.ErrNotExist)})
	w.shows("connecting", "no server is there; asking again every 1.0s")
	w.model.take(polled{err: &admin.Refused{Status: 404, Lines: []string{"no such page"}}})
	w.shows("the server does not answer: no such page; asking again every 2.0s")
	w.poll()
	w.press("1")
	w.shows("serving", "5f3a9c01-1b-3")
}

// After a start all of the history is asked for, then the last seconds only, and after a gap all of it again.
func TestHistoryIsExtended(t *testing.T) {
	s := busy()
	all := s.snapshot.ticks
	s.snapshot.ticks = all[:100]
	w := unconnected(t, s, 80, 24)
	next := func() {
		_, command := w.model.Update(due{})
		w.model.Update(command())
	}
	w.model.Update(w.model.Init()())
	s.snapshot.ticks = all[95:110]
	next()
	if got := w.model.latest.ticks; len(got) != 110 || got[0].Time != all[0].Time || got[109].Time != all[109].Time {
		t.Errorf("there are %d seconds", len(got))
	}
	s.err = errors.New("lost")
	next()
	s.err = nil
	next()
	s.snapshot.status.PID++ // and what it knows is its own
	next()
	if got := w.model.latest.ticks; len(got) != 15 {
		t.Errorf("another process has %d seconds", len(got))
	}
	w.shows("another process has taken over")
	var asked []string
	for _, what := range s.asked {
		if span, ok := strings.CutPrefix(what, "history "); ok {
			asked = append(asked, span)
		}
	}
	if want := []string{"10m0s", "15s", "10m0s", "15s"}; !slices.Equal(asked, want) {
		t.Errorf("asked for %q, want %q", asked, want)
	}
	for range 2 * kept {
		next := tickNow(w.model.latest.ticks)
		next.Time++
		w.model.take(polled{snapshot: snapshot{status: s.snapshot.status, ticks: []admin.Tick{next}}})
	}
	if got := len(w.model.latest.ticks); got != kept {
		t.Errorf("%d seconds are kept", got)
	}
}

// What a server cannot tell does not keep the rest from being shown.
func TestWithoutStatistics(t *testing.T) {
	s := busy()
	s.cannot = true
	w := watch(t, s, 100, 24)
	w.shows("the server has no statistics", "5f3a9c01-1b-3", "no requests of late", "peak 1,343/s")
}

// A server that has just started has nothing to show yet, which is no reason to stumble.
func TestIdle(t *testing.T) {
	for _, width := range []int{80, 120} {
		w := watch(t, &server{snapshot: snapshot{status: admin.Status{Version: "0.5.0", PID: 1, State: "serving"}}}, width, 24)
		w.shows("requests 0/s", "nothing in flight", "no requests of late", "no applications, so no workers")
		w.model.take(polled{snapshot: snapshot{ticks: []admin.Tick{{Time: 1}}}})
		w.shows("peak 0/s")
	}
}
