package metrics

import (
	"fmt"
	"math"
	"net/netip"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"highball"
	"highball/internal/admin"
	"highball/internal/observe"
)

func TestATickIsWhatASecondHasHad(t *testing.T) {
	inScene(t, fullSource(), func(t *testing.T, s *scene) {
		var ticks []admin.Tick
		cancel := s.Watch(func(tick admin.Tick) { ticks = append(ticks, tick) })
		begun := time.Now().Truncate(time.Second).Unix()
		s.take(nil, nil)
		s.take(s.routes.Of("", "/"), func(r *observe.Record) {
			r.Status = 500
			r.Duration = 2 * time.Second
			r.Spans = observe.Spans{observe.Queue: 2 * time.Second}
		})
		seconds(3)
		cancel()
		seconds(3)

		if len(ticks) != 3 {
			t.Fatalf("%d ticks have come in three seconds", len(ticks))
		}
		first := ticks[0]
		if first.Time != begun+1 || first.Requests != 2 || first.Sent != 2000 || first.InFlight != 2 || first.Waiting != 6 || first.Open != 15 {
			t.Errorf("the first tick is %+v", first)
		}
		if diff := cmp.Diff(map[string]int64{"2xx": 1, "5xx": 1}, first.Status); diff != "" {
			t.Errorf("statuses (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff(map[string]float64{"head": 0, "body": 0, "queue": 2, "app": 0.015, "stream": 0, "send": 0.005}, first.Phases); diff != "" {
			t.Errorf("phases (-want +got):\n%s", diff)
		}
		checkNear(t, "median", first.P50, 0.02)
		checkNear(t, "p99", first.P99, 2)
		for i, bound := range observe.CoarseBounds() {
			if want := map[time.Duration]int64{25 * time.Millisecond: 1, 2500 * time.Millisecond: 1}[bound]; first.Latency[i] != want {
				t.Errorf("%d requests took up to %v, want %d", first.Latency[i], bound, want)
			}
		}
		if second := ticks[1]; second.Time != begun+2 || second.Requests != 0 || len(second.Status) != 0 || second.P99 != 0 {
			t.Errorf("the second tick is %+v", second)
		}
		h := s.History(100)
		if len(h.Ticks) != 6 {
			t.Fatalf("the history has %d seconds", len(h.Ticks))
		}
		if diff := cmp.Diff(ticks, h.Ticks[:3]); diff != "" {
			t.Errorf("history (-ticks +history):\n%s", diff)
		}
		if last := s.History(2).Ticks; len(last) != 2 || last[1].Time != begun+6 {
			t.Errorf("the last two seconds are %+v", last)
		}
		if none := s.History(-1).Ticks; len(none) != 0 {
			t.Errorf("of no seconds there are %d", len(none))
		}
	})
}

func checkNear(t *testing.T, name string, got, want float64) {
	t.Helper()
	if math.Abs(got/want-1) > 0.05 {
		t.Errorf("%s is %v, want %v", name, got, want)
	}
}

func TestStatisticsAreOfTheLastMinute(t *testing.T) {
	inScene(t, fullSource(), func(t *testing.T, s *scene) {
		slow, quick := s.routes.Of("example.org", "/slow/"), s.routes.Of("", "/")
		for range 98 {
			s.take(quick, nil)
		}
		s.take(slow, func(r *observe.Record) {
			r.Duration, r.Spans, r.Remote = 4*time.Second, observe.Spans{observe.App: 4 * time.Second}, netip.MustParseAddrPort("[2001:db8::1]:1")
		})
		seconds(25)
		s.take(quick, func(r *observe.Record) { r.Status, r.Duration = 500, time.Second })
		s.take(quick, func(r *observe.Record) { r.Status, r.Duration = 0, time.Second })

		got := s.Statistics()
		if len(got.Routes) != 2 || got.Routes[0].Path != "/" || got.Routes[1].Site != "example.org" || got.Routes[1].Path != "/slow/" {
			t.Fatalf("routes are %+v", got.Routes)
		}
		if r := got.Routes[0]; r.Requests != 100 || r.Errors != 2 || r.Sent != 100_000 {
			t.Errorf("the quick route has %+v", r)
		}
		checkNear(t, "median", got.Routes[0].P50, 0.02)
		checkNear(t, "p99", got.Routes[0].P99, 1)
		checkNear(t, "p99.9 of one", got.Routes[1].P999, 4)
		checkNear(t, "mean of app", got.Routes[0].Phases["app"], 0.015)
		checkNear(t, "mean of app, slow", got.Routes[1].Phases["app"], 4)
		if diff := cmp.Diff([]admin.TopClient{{Address: "192.0.2.7", Requests: 100, Sent: 100_000}, {Address: "2001:db8::1", Requests: 1, Sent: 1000}}, got.Clients); diff != "" {
			t.Errorf("clients (-want +got):\n%s", diff)
		}
		want := admin.Totals{Requests: 101, Status: map[string]int64{"none": 1, "1xx": 0, "2xx": 99, "3xx": 0, "4xx": 0, "5xx": 1}, Sent: 101_000, Received: 1010}
		if diff := cmp.Diff(want, got.Totals); diff != "" {
			t.Errorf("totals (-want +got):\n%s", diff)
		}
		if got.LostLines != 12 || got.Connections.Sending != 3 || got.Connections.Accepted != 99 || len(got.Loops) != 2 || got.Loops[0].Lag != 0.003 {
			t.Errorf("got %+v", got)
		}
		if got.Window < 25 || got.Window > 26 {
			t.Errorf("the window is %v", got.Window)
		}
		if n := len(got.Buckets); n != len(observe.CoarseBounds()) || !slices.IsSorted(got.Buckets) || len(s.History(1).Ticks[0].Latency) != n+1 {
			t.Errorf("buckets are %v", got.Buckets)
		}

		seconds(40) // what came first has left the window
		got = s.Statistics()
		if len(got.Routes) != 1 || got.Routes[0].Requests != 2 || len(got.Clients) != 1 || got.Clients[0].Requests != 2 {
			t.Errorf("after a minute there are %+v and %+v", got.Routes, got.Clients)
		}
		if got.Totals.Requests != 101 {
			t.Errorf("after a minute the total is %d", got.Totals.Requests)
		}
		if got.Window < 50 || got.Window > 60 {
			t.Errorf("the window is %v", got.Window)
		}
		seconds(60)
		if got = s.Statistics(); len(got.Routes) != 0 || got.Routes == nil || len(got.Clients) != 0 || got.Clients == nil {
			t.Errorf("when all is quiet there are %+v and %+v", got.Routes, got.Clients)
		}
	})
}

// A turn that was long is told for as long as the window is, however often somebody asks.
func TestLoopLagStays(t *testing.T) {
	lag := time.Second
	source := Source{Loops: func() []highball.LoopState {
		told := lag
		lag = 0
		return []highball.LoopState{{Lag: told}}
	}}
	inScene(t, source, func(t *testing.T, s *scene) {
		for _, step := range []struct {
			seconds int
			want    float64
		}{{2, 1}, {48, 1}, {20, 0}} {
			seconds(step.seconds)
			for range 2 {
				if got := s.Statistics().Loops[0].Lag; got != step.want {
					t.Errorf("the lag is %v, want %v", got, step.want)
				}
			}
		}
	})
}

// Many clients, and many questions about them, take bounded memory and hide nobody.
func TestClientsAreBounded(t *testing.T) {
	inScene(t, Source{}, func(t *testing.T, s *scene) {
		address := netip.MustParseAddr("2001:db8::")
		for range 30 {
			for range 1000 {
				address = address.Next()
				s.take(nil, func(r *observe.Record) { r.Remote = netip.AddrPortFrom(address, 1) })
			}
			for range 10 {
				s.take(nil, nil)
			}
			s.Statistics()
		}
		if n := len(s.clients.present); n > presentClients {
			t.Errorf("%d clients are kept", n)
		}
		got := s.Statistics().Clients
		if len(got) != mostClients || got[0].Address != "192.0.2.7" || got[0].Requests < 300 {
			t.Errorf("of %d clients the first is %+v", len(got), got[0])
		}
	})
}

func TestHistoryWhenTheClockIsSetBack(t *testing.T) {
	var h history
	for i := range int64(longestHistory + 100) {
		h.add(second{time: 1000 + i})
	}
	h.add(second{time: 4000, open: 7})
	h.add(second{time: 4001})
	for i := range h.ring {
		if got, want := h.at(i).time, 1100+int64(i); got != want {
			t.Fatalf("second %d is %d, want %d", i, got, want)
		}
	}
	if n := len(h.ring); n != 4002-1100 || h.at(n-2).open != 7 {
		t.Errorf("there are %d seconds", n)
	}
	for i := range int64(2 * longestHistory) {
		h.add(second{time: 5000 + i})
	}
	if n := len(h.ring); n != longestHistory || h.at(n-1).time != 5000+2*longestHistory-1 || h.at(0).time != 5000+longestHistory {
		t.Errorf("there are %d seconds, from %d to %d", n, h.at(0).time, h.at(n-1).time)
	}
}

// A day of traffic, somebody watching, and somebody asking now and then.
func TestADayDoesNotGrowMemory(t *testing.T) {
	inScene(t, fullSource(), func(t *testing.T, s *scene) {
		watched := 0
		defer s.Watch(func(admin.Tick) { watched++ })()
		var routes []*observe.Route
		for i := range 20 {
			routes = append(routes, s.routes.Of("", fmt.Sprintf("/%d/", i)))
		}
		address := netip.MustParseAddr("10.0.0.0")
		hours := func(n int) uint64 {
			for i := range n * 3600 {
				address = address.Next()
				s.take(routes[i%len(routes)], func(r *observe.Record) {
					r.Remote = netip.AddrPortFrom(address, 1)
					r.Duration = time.Duration(i) * time.Millisecond
				})
				seconds(1)
				if i%3600 == 0 {
					s.Statistics()
					s.History(longestHistory)
				}
			}
			runtime.GC()
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			return m.HeapAlloc
		}
		after, later := hours(2), hours(22)
		if later > after+after/10+256<<10 {
			t.Errorf("after two hours %d bytes are in use, after a day %d", after, later)
		}
		if n := len(s.History(math.MaxInt).Ticks); n != longestHistory {
			t.Errorf("the history has %d seconds", n)
		}
		if watched != 24*3600 {
			t.Errorf("%d ticks in a day", watched)
		}
	})
}

// quietRoutes is a ledger of a thousand routes that have had requests, but none lately.
func quietRoutes(tb testing.TB) *Ledger {
	tb.Helper()
	s := &scene{routes: observe.NewRoutes(1000), counters: observe.NewCounters(2)}
	s.Ledger = New(s.counters)
	for i := range 1000 {
		s.take(s.routes.Of("", fmt.Sprintf("/%d", i)), nil)
	}
	s.tick(time.Now())
	return s.Ledger
}

func BenchmarkTickOfAThousandQuietRoutes(b *testing.B) {
	l := quietRoutes(b)
	now := time.Now()
	for b.Loop() {
		now = now.Add(time.Second)
		l.tick(now)
	}
}

func BenchmarkTickOfAThousandBusyRoutes(b *testing.B) {
	s := &scene{routes: observe.NewRoutes(1000), counters: observe.NewCounters(2)}
	s.Ledger = New(s.counters)
	now := time.Now()
	for b.Loop() {
		b.StopTimer()
		for i := range 1000 {
			s.take(s.routes.Of("", fmt.Sprintf("/%d", i)), nil)
		}
		b.StartTimer()
		now = now.Add(time.Second)
		s.tick(now)
	}
}

func BenchmarkExpositionOfAThousandRoutes(b *testing.B) {
	l := quietRoutes(b)
	for b.Loop() {
		if _, err := l.exposed(); err != nil {
			b.Fatal(err)
		}
	}
}
