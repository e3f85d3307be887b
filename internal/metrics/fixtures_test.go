package metrics

import (
	"context"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"highball"
	"highball/internal/observe"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// scene is a ledger whose clock is that of a synctest bubble, and which runs.
type scene struct {
	*Ledger
	routes   *observe.Routes
	counters *observe.Counters
}

// inScene calls f a tenth of a second after a full one.
func inScene(t *testing.T, source Source, f func(t *testing.T, s *scene)) {
	synctest.Test(t, func(t *testing.T) {
		s := &scene{routes: observe.NewRoutes(1000), counters: observe.NewCounters(2)}
		s.Ledger = New(s.counters)
		s.Ask(source)
		ctx, cancel := context.WithCancel(t.Context())
		over := make(chan struct{})
		go func() { s.Run(ctx); close(over) }()
		defer func() { cancel(); <-over }()
		time.Sleep(100 * time.Millisecond)
		f(t, s)
	})
}

// take has the counters take a request.
func (s *scene) take(route *observe.Route, change func(*observe.Record)) {
	r := observe.Record{
		Route: route, Method: "GET", Status: 200, Bytes: 1000, Received: 10,
		Remote:   netip.MustParseAddrPort("192.0.2.7:1234"),
		Duration: 20 * time.Millisecond,
		Spans:    observe.Spans{observe.App: 15 * time.Millisecond, observe.Send: 5 * time.Millisecond},
	}
	if change != nil {
		change(&r)
	}
	s.counters.Take(0, &r)
}

// seconds waits until so many seconds more have ended.
func seconds(n int) {
	time.Sleep(time.Duration(n) * time.Second)
	synctest.Wait()
}

// fullSource tells of everything, and always the same.
func fullSource() Source {
	return Source{
		Version: "1.2.3",
		Connections: func() observe.Connections {
			return observe.Connections{Idle: 5, Reading: 1, Handling: 2, Sending: 3, Closing: 4, Accepted: 99, Refused: 7}
		},
		Open:     func() int { return 15 },
		InFlight: func() int64 { return 2 },
		Waiting:  func() int { return 6 },
		Loops: func() []highball.LoopState {
			return []highball.LoopState{{Connections: 8, Lag: 3 * time.Millisecond}, {Connections: 7, Lag: time.Millisecond}}
		},
		Applications: func() []Application {
			return []Application{{
				Name: "shop", Workers: map[string]int{"serving": 4, "starting": 1}, Waiting: 6, MostWait: 64,
				Restarts: map[string]int64{"memory": 2, "died": 0}, FailedStarts: 1, Refused: map[string]int64{"full": 8, "expired": 0},
			}}
		},
		Folders: func() []Folder {
			files := observe.NewRoutes(1).Of("", "/files/")
			return []Folder{{files, 3, 2, 1}, {files, 30, 20, 10}}
		},
		Logs: func() []Log { return []Log{{"access", 11}, {"stats", 1}} },
	}
}
