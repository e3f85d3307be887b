package top

import (
	"context"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"
	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"highball/internal/admin"
)

var update = flag.Bool("update", false, "rewrite the screens in testdata")

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// server is a running server that answers what it is told to.
type server struct {
	mu       sync.Mutex // guards the following fields
	snapshot snapshot
	stacked  admin.Stack
	cannot   bool     // tell statistics
	err      error    // is answered to everything, unless it is nil
	asked    []string // "stack 5f3a9c01-1b-3"
}

func (s *server) ask(what string) (snapshot, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked = append(s.asked, what)
	return s.snapshot, s.err
}

func (s *server) Status(context.Context) (admin.Status, error) {
	now, err := s.ask("status")
	return now.status, err
}

func (s *server) Statistics(context.Context) (admin.Statistics, error) {
	now, err := s.ask("statistics")
	if s.cannot {
		return admin.Statistics{}, &admin.Refused{Status: 501}
	}
	return now.statistics, err
}

func (s *server) History(_ context.Context, span time.Duration) (admin.History, error) {
	now, err := s.ask("history " + span.String())
	return admin.History{Ticks: now.ticks}, err
}

func (s *server) Requests(context.Context) (admin.Requests, error) {
	now, err := s.ask("requests")
	return admin.Requests{Requests: now.requests}, err
}

func (s *server) Stack(_ context.Context, id string) (admin.Stack, error) {
	_, err := s.ask("stack " + id)
	return s.stacked, err
}

func (s *server) Kill(_ context.Context, id string) (admin.Killed, error) {
	_, err := s.ask("kill " + id)
	return admin.Killed{ID: id}, err
}

// busy is a server that has something of everything.
func busy() *server {
	var s snapshot
	s.status = admin.Status{
		Version: "0.5.0", PID: 4711, State: "serving", Uptime: 11045, Connections: 204, InFlight: 4,
		Applications: []admin.Application{
			{Name: "shop", Waiting: 3, Workers: []admin.Worker{
				{Number: 1, PID: 4720, State: "serving", Requests: 123456, InFlight: 1, Memory: 88 << 20, Age: 11040},
				{Number: 2, PID: 4721, State: "serving", Requests: 120001, InFlight: 1, Memory: 91<<20 + 300<<10, Age: 11040},
			}},
			{Name: "wiki", Workers: []admin.Worker{
				{Number: 1, PID: 4733, State: "retiring", Requests: 10000, Memory: 412 << 20, Age: 3700},
				{Number: 2, PID: 5120, State: "starting", Memory: -1},
			}},
		},
	}
	route := func(site, path string, requests, errors int64, p50, p99 float64, phases map[string]float64) admin.RouteStat {
		return admin.RouteStat{
			Route: admin.Route{Site: site, Path: path}, Requests: requests, Errors: errors, Sent: requests * 2000,
			P50: p50, P90: (p50 + p99) / 2, P99: p99, P999: 2 * p99, Phases: phases,
		}
	}
	s.statistics = admin.Statistics{
		Window: 60, Connections: admin.Connections{Idle: 190}, Loops: []admin.Loop{{Lag: 0.0002}, {Lag: 0.031}},
		Routes: []admin.RouteStat{
			route("", "/", 48000, 0, 0.00012, 0.0009, map[string]float64{"head": 0.00001, "send": 0.0001}),
			route("shop.example", "/", 18000, 36, 0.012, 0.34, map[string]float64{"queue": 0.002, "app": 0.01}),
			route("shop.example", "/api/", 600, 12, 0.9, 4.2, map[string]float64{"queue": 0.8, "app": 0.1, "send": 0.02}),
			route("wiki.example", "/", 60, 0, 0.05, 0.1, map[string]float64{"app": 0.01, "stream": 0.03}),
			route("", "", 7, 0, 0.00001, 0.00002, nil),
		},
	}
	for i := range int64(200) {
		n := 1000 + (i*37)%350
		s.ticks = append(s.ticks, admin.Tick{
			Time: 1_800_000_000 + i, Requests: n, Status: map[string]int64{"2xx": n - 3, "5xx": 2, "none": 1},
			Phases: map[string]float64{"head": 0.1, "queue": 3, "app": 5, "stream": 0.5, "send": 1.4},
			P50:    0.0012, P99: 0.34, Sent: 3 << 20, InFlight: 4, Waiting: 3, Open: 204,
		})
	}
	request := func(id, client, phase string, age float64, method, target string, worker int) admin.Request {
		r := admin.Request{
			ID: id, Client: client, Phase: phase, Age: age, Method: method, Target: target,
			Route: admin.Route{Site: "shop.example", Path: "/api/"},
		}
		if worker > 0 {
			r.App, r.Worker, r.PID = "shop", worker, 4719+worker
		}
		return r
	}
	s.requests = []admin.Request{
		request("5f3a9c01-1b-3", "192.0.2.17", "app", 12.4, "POST", "/api/report?year=2026", 1),
		request("5f3a9c01-2c-1", "2001:db8::17", "app", 0.8, "GET", "/api/stock", 2),
		request("5f3a9c01-2d-9", "", "queue", 0.3, "GET", "/api/stock", 0),
		request("5f3a9c01-31-2", "198.51.100.4", "send", 3.1, "GET", "/api/picture/漢字.png", 0),
	}
	return &server{snapshot: s, stacked: admin.Stack{
		ID: "5f3a9c01-1b-3", App: "shop", Worker: 1, PID: 4720, Taken: time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC),
		Line: "shop/views.py:12 in report",
		Text: "Thread 1 (most recent call last):\n  File \"shop/wsgi.py\", line 40, in application\n\treturn view(request)\n  File \"shop/views.py\", line 12, in report\n\ttime.sleep(60)\n",
	}}
}

// watcher drives a model as Bubble Tea does, but for time, which does not pass.
type watcher struct {
	t      *testing.T
	model  *model
	server *server
}

// watch returns a watcher of a terminal that has connected.
func watch(t *testing.T, s *server, width, height int) *watcher {
	w := unconnected(t, s, width, height)
	w.poll()
	return w
}

func unconnected(t *testing.T, s *server, width, height int) *watcher {
	w := &watcher{t, newModel(&asker{ctx: t.Context(), server: s}, "/etc/highball/highball.toml"), s}
	w.model.Update(tea.WindowSizeMsg{Width: width, Height: height})
	return w
}

// poll has the server asked once, without the wait for the next time.
func (w *watcher) poll() { w.model.Update(w.model.asker.poll(kept * time.Second)()) }

// press presses keys, each of which is a name of Bubble Tea or a character, and does what they have asked for.
func (w *watcher) press(keys ...string) {
	w.t.Helper()
	named := map[string]rune{
		"enter": tea.KeyEnter, "esc": tea.KeyEscape, "tab": tea.KeyTab, "backspace": tea.KeyBackspace, "up": tea.KeyUp, "down": tea.KeyDown,
		"end": tea.KeyEnd, "home": tea.KeyHome, "pgdown": tea.KeyPgDown,
	}
	for _, key := range keys {
		k := tea.KeyPressMsg{Code: named[key]}
		if k.Code == 0 {
			r := []rune(key)[0]
			k = tea.KeyPressMsg{Code: r, Text: key}
		}
		if _, command := w.model.Update(k); command != nil {
			w.model.Update(command())
		}
	}
}

// screen returns the screen without its styles. Every line of it is as wide as the terminal.
func (w *watcher) screen() string {
	w.t.Helper()
	lines := strings.Split(w.model.View().Content, "\n")
	if len(lines) > w.model.height {
		w.t.Errorf("%d lines on a terminal of %d", len(lines), w.model.height)
	}
	for i, line := range lines {
		if got := ansi.StringWidth(line); got != w.model.width {
			w.t.Errorf("line %d is %d columns wide, the terminal %d: %q", i, got, w.model.width, line)
		}
		lines[i] = strings.TrimRight(ansi.Strip(line), " ")
	}
	return strings.Join(lines, "\n") + "\n"
}

// shows checks that the screen has texts.
func (w *watcher) shows(texts ...string) {
	w.t.Helper()
	screen := w.screen()
	for _, text := range texts {
		if !strings.Contains(screen, text) {
			w.t.Errorf("%q is not on the screen:\n%s", text, screen)
		}
	}
}

// hides checks that the screen has none of the texts.
func (w *watcher) hides(texts ...string) {
	w.t.Helper()
	screen := w.screen()
	for _, text := range texts {
		if strings.Contains(screen, text) {
			w.t.Errorf("%q is on the screen:\n%s", text, screen)
		}
	}
}

func TestScreens(t *testing.T) {
	for name, test := range map[string]struct {
		width, height int
		keys          []string
	}{
		"overview-80x24":  {80, 24, nil},
		"overview-120x40": {120, 40, nil},
		"overview-100x50": {100, 50, nil},
		"slowest-80x24":   {80, 24, []string{"2"}},
		"slowest-120x40":  {120, 40, []string{"2"}},
		"frequent-80x24":  {80, 24, []string{"3"}},
		"inflight-80x24":  {80, 24, []string{"4"}},
		"inflight-120x40": {120, 40, []string{"4"}},
		"workers-80x24":   {80, 24, []string{"5"}},
		"stack-80x24":     {80, 24, []string{"4", "enter"}},
		"kill-80x24":      {80, 24, []string{"4", "k"}},
		"help-80x24":      {80, 24, []string{"?"}},
		"filter-80x24":    {80, 24, []string{"2", "/", "s", "h", "o", "p"}},
		"small-40x11":     {40, 11, nil},
	} {
		t.Run(name, func(t *testing.T) {
			w := watch(t, busy(), test.width, test.height)
			w.press(test.keys...)
			golden(t, name, w.screen())
		})
	}
}

// golden compares a screen with the one in testdata.
func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name+".txt")
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("the screen is another one (-want +got):\n%s", diff)
	}
}

// No size of a terminal is too much for it.
func TestEverySize(t *testing.T) {
	w := watch(t, busy(), 80, 24)
	for _, keys := range [][]string{nil, {"2"}, {"3"}, {"4"}, {"5"}, {"4", "enter"}, {"esc", "?"}} {
		w.press(keys...)
		for width := 0; width < 140; width += 3 {
			for _, height := range []int{0, 1, 11, 12, 17, 24, 60} {
				w.model.Update(tea.WindowSizeMsg{Width: width, Height: height})
				if height > 0 {
					w.screen()
				}
			}
		}
	}
}
