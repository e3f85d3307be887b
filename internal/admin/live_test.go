package admin_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"highball"
	"highball/internal/admin"
	"highball/internal/observe"
)

// notebook is what a backend was asked for.
type notebook struct {
	mu    sync.Mutex // guards the following fields
	asked []string
}

func (n *notebook) note(what string, a ...any) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.asked = append(n.asked, strings.TrimSpace(what+" "+fmt.Sprintln(a...)))
}

func (n *notebook) text() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return strings.Join(n.asked, "; ")
}

// live is a backend of what was made for looking on.
func live(n *notebook) admin.Backend {
	note := n.note
	return admin.Backend{
		Requests: func(context.Context) (admin.Requests, error) {
			return admin.Requests{Requests: []admin.Request{{ID: "a-1-1", Phase: "app", Age: 1.5}}}, nil
		},
		Stack: func(_ context.Context, id string) (admin.Stack, error) {
			note("stack", id)
			if id != "a-1-1" {
				return admin.Stack{}, &admin.Refused{Status: 404, Lines: []string{"no request " + id}}
			}
			return admin.Stack{ID: id, Line: "shop.py:1 in f"}, nil
		},
		Kill: func(_ context.Context, id string) (admin.Killed, error) {
			note("kill", id)
			return admin.Killed{ID: id}, nil
		},
		Workers: func(context.Context) (admin.Workers, error) {
			return admin.Workers{Applications: []admin.Application{{Name: "shop"}}}, nil
		},
		Statistics: func(context.Context) (admin.Statistics, error) { return admin.Statistics{Window: 60}, nil },
		History: func(_ context.Context, span time.Duration) (admin.History, error) {
			note("history", span)
			return admin.History{Ticks: []admin.Tick{{Time: 1}}}, nil
		},
		Metrics: highball.HandlerFunc(func(w *highball.Response, _ *highball.Request) error {
			_, err := w.WriteString("a_metric 1\n")
			return err
		}),
		Recent: func(_ context.Context, q admin.RecentQuery) (admin.Recent, error) {
			note("recent", q)
			return admin.Recent{Exchanges: []admin.Exchange{{ID: "x"}}}, nil
		},
		Exchange: func(_ context.Context, id string) (admin.Exchange, error) {
			note("exchange", id)
			return admin.Exchange{ID: id, RequestBody: []byte("b\x00")}, nil
		},
		Replay: func(_ context.Context, id string, o admin.ReplayOrder) (admin.Replayed, error) {
			note("replay", id, o)
			return admin.Replayed{ID: "n", Status: 200}, nil
		},
		Record: func(_ context.Context, o admin.RecordOrder) (admin.Recording, error) {
			note("record", o)
			return admin.Recording(o), nil
		},
		Configuration: func(context.Context) (admin.Configuration, error) {
			return admin.Configuration{File: "f", Text: "t"}, nil
		},
	}
}

func TestClientSeesWhatIsThere(t *testing.T) {
	var asked notebook
	socket, _ := serve(t, live(&asked))
	c, ctx := admin.NewClient(socket), t.Context()
	check := func(what string, err error, right bool) {
		t.Helper()
		if err != nil || !right {
			t.Errorf("%s: right %t, error %v", what, right, err)
		}
	}
	requests, err := c.Requests(ctx)
	check("requests", err, len(requests.Requests) == 1 && requests.Requests[0].Age == 1.5)
	stack, err := c.Stack(ctx, "a-1-1")
	check("stack", err, stack.Line == "shop.py:1 in f")
	killed, err := c.Kill(ctx, "a/b c%") // an ID may have been given by a proxy
	check("kill", err, killed.ID == "a/b c%")
	workers, err := c.Workers(ctx)
	check("workers", err, workers.Applications[0].Name == "shop")
	statistics, err := c.Statistics(ctx)
	check("statistics", err, statistics.Window == 60)
	history, err := c.History(ctx, 5*time.Minute)
	check("history", err, history.Ticks[0].Time == 1)
	metrics, err := c.Metrics(ctx)
	check("metrics", err, string(metrics) == "a_metric 1\n")
	recent, err := c.Recent(ctx, admin.RecentQuery{Limit: 7, Status: "5xx", Path: "/a b&c"})
	check("recent", err, recent.Exchanges[0].ID == "x")
	_, err = c.Recent(ctx, admin.RecentQuery{})
	check("recent", err, true)
	one, err := c.Exchange(ctx, "x")
	check("exchange", err, string(one.RequestBody) == "b\x00")
	replayed, err := c.Replay(ctx, "x", admin.ReplayOrder{Force: true})
	check("replay", err, replayed.Status == 200)
	recording, err := c.Record(ctx, admin.RecordOrder{Seconds: 30})
	check("record", err, recording.Seconds == 30)
	configuration, err := c.Configuration(ctx)
	check("configuration", err, configuration.Text == "t")
	want := "stack a-1-1; kill a/b c%; history 5m0s; recent {7 5xx /a b&c}; recent {50  }; exchange x; replay x {true}; record {30}"
	if got := asked.text(); got != want {
		t.Errorf("asked %q, want %q", got, want)
	}
	var refused *admin.Refused
	if _, err := c.Stack(ctx, "nobody"); !errors.As(err, &refused) || refused.Status != 404 || refused.Lines[0] != "no request nobody" {
		t.Errorf("the stack of nobody: error %v", err)
	}
}

func TestQueriesAreChecked(t *testing.T) {
	var asked notebook
	socket, _ := serve(t, live(&asked))
	c, ctx := admin.NewClient(socket), t.Context()
	for name, ask := range map[string]func() error{
		"too long a history": func() error { _, err := c.History(ctx, 2*time.Hour); return err },
		"no history":         func() error { _, err := c.History(ctx, 0); return err },
		"too many exchanges": func() error { _, err := c.Recent(ctx, admin.RecentQuery{Limit: 5000}); return err },
		"no such class":      func() error { _, err := c.Recent(ctx, admin.RecentQuery{Status: "6xx"}); return err },
		"no such status":     func() error { _, err := c.Recent(ctx, admin.RecentQuery{Status: "99"}); return err },
		"no such filter": func() error {
			return c.Events(ctx, admin.EventQuery{Log: true, Filter: admin.LogFilter{Status: "x"}}, nil)
		},
	} {
		var refused *admin.Refused
		if err := ask(); !errors.As(err, &refused) || refused.Status != 400 {
			t.Errorf("%s: error %v", name, err)
		}
	}
	if got := asked.text(); got != "" {
		t.Errorf("asked %q", got)
	}
}

// What the server cannot do it says so of.
func TestNothingThere(t *testing.T) {
	socket, _ := serve(t, admin.Backend{})
	c, ctx := admin.NewClient(socket), t.Context()
	for name, ask := range map[string]func() error{
		"status":   func() error { _, err := c.Status(ctx); return err },
		"requests": func() error { _, err := c.Requests(ctx); return err },
		"stack":    func() error { _, err := c.Stack(ctx, "x"); return err },
		"recent":   func() error { _, err := c.Recent(ctx, admin.RecentQuery{}); return err },
		"replay":   func() error { _, err := c.Replay(ctx, "x", admin.ReplayOrder{}); return err },
		"history":  func() error { _, err := c.History(ctx, time.Minute); return err },
		"metrics":  func() error { _, err := c.Metrics(ctx); return err },
		"events":   func() error { return c.Events(ctx, admin.EventQuery{}, nil) },
	} {
		var refused *admin.Refused
		if err := ask(); !errors.As(err, &refused) || refused.Status != 501 || !strings.HasPrefix(refused.Lines[0], "this server has no ") {
			t.Errorf("%s: error %v", name, err)
		}
	}
}

// source is where events come from: whoever reads them has subscribed when subscribed has an element.
type source struct {
	subscribed chan subscription
	cancelled  chan string
}

type subscription struct {
	filter observe.TailFilter
	tick   func(admin.Tick)
	line   func([]byte)
}

func (s *source) backend() admin.Backend {
	var one subscription
	return admin.Backend{
		Hello: func() admin.Hello { return admin.Hello{PID: 7} },
		Ticks: func(take func(admin.Tick)) func() {
			one.tick = take
			return func() { s.cancelled <- "ticks" }
		},
		Lines: func(f observe.TailFilter, take func([]byte)) func() {
			one.filter, one.line = f, take
			s.subscribed <- one
			return func() { s.cancelled <- "lines" }
		},
	}
}

// errEnough is why somebody reads no more.
var errEnough = errors.New("enough")

func newSource() *source {
	return &source{subscribed: make(chan subscription, 1), cancelled: make(chan string, 2)}
}

func TestEvents(t *testing.T) {
	s := newSource()
	socket, _ := serve(t, s.backend())
	ctx, cancel := context.WithCancelCause(t.Context())
	var got []string
	read := make(chan error, 1)
	go func() {
		q := admin.EventQuery{Log: true, Filter: admin.LogFilter{Status: "5xx", Method: "GET", Path: "/a b", Client: "192.0.2."}}
		read <- admin.NewClient(socket).Events(ctx, q, func(e admin.Event) error {
			text, err := json.Marshal(e)
			got = append(got, string(text))
			if e.Line != nil {
				cancel(errEnough)
			}
			return err
		})
	}()
	to := <-s.subscribed
	to.tick(admin.Tick{Time: 5})
	to.line([]byte(`{"status": 500}` + "\n"))
	if err := <-read; !errors.Is(err, errEnough) {
		t.Errorf("error %v", err)
	}
	all := strings.Join(got, "\n")
	for _, want := range []string{`"Hello":{"version":"","pid":7`, `"Tick":{"time":5,`, `"Line":{"status":500}`} {
		if !strings.Contains(all, want) {
			t.Errorf("no %s in\n%s", want, all)
		}
	}
	if len(got) != 3 {
		t.Errorf("%d events:\n%s", len(got), all)
	}
	if want := (observe.TailFilter{Status: 5, Method: "GET", Path: "/a b", Client: "192.0.2."}); to.filter != want {
		t.Errorf("filter %+v, want %+v", to.filter, want)
	}
	// Nothing is made for a reader who has left.
	if a, b := <-s.cancelled, <-s.cancelled; a+b != "linesticks" {
		t.Errorf("cancelled %s, %s", a, b)
	}
}

// The server's end is the stream's.
func TestEventsEndWithTheServer(t *testing.T) {
	s := newSource()
	socket, end := serve(t, s.backend())
	first := make(chan struct{}, 1)
	read := make(chan error, 1)
	go func() {
		read <- admin.NewClient(socket).Events(t.Context(), admin.EventQuery{}, func(admin.Event) error {
			first <- struct{}{}
			return nil
		})
	}()
	<-first
	end()
	if err := <-read; err == nil {
		t.Error("no error")
	}
}

// What makes the events never waits for a reader who does not read. Who reads on is told how much is missing.
func TestSlowReaderLosesEvents(t *testing.T) {
	s := newSource()
	socket, _ := serve(t, s.backend())
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	paused, goOn := make(chan struct{}), make(chan struct{})
	var lines, lost int64
	sent := int64(0)
	read := make(chan error, 1)
	go func() {
		read <- admin.NewClient(socket).Events(ctx, admin.EventQuery{Log: true}, func(e admin.Event) error {
			switch {
			case e.Hello != nil:
				close(paused)
				<-goOn
			case e.Line != nil:
				lines++
			case e.Lost > 0:
				lost += e.Lost
			}
			if lines+lost > 0 && lines+lost == sent {
				return errEnough
			}
			return nil
		})
	}()
	to := <-s.subscribed
	<-paused
	line := []byte(`{"x": "` + strings.Repeat("x", 10000) + `"}` + "\n")
	for range 5000 {
		to.line(line) // 50 MB would block, if anything did
		sent++
	}
	close(goOn)
	if err := <-read; !errors.Is(err, errEnough) {
		t.Errorf("error %v; %d lines, %d lost", err, lines, lost)
	}
	if lost == 0 || lines == 0 {
		t.Errorf("%d lines, %d lost", lines, lost)
	}
}
