package observe

import (
	"fmt"
	"net/netip"
	"sync"
	"testing"
	"time"
)

// counted returns a record with what counters look at, of no route.
func counted(change func(*Record)) *Record {
	r := &Record{
		Remote: netip.MustParseAddrPort("192.0.2.7:50312"), Method: "GET", Status: 200, Bytes: 5120,
		Duration: 20 * time.Millisecond, Spans: Spans{Head: time.Millisecond, App: 15 * time.Millisecond, Send: 4 * time.Millisecond},
	}
	if change != nil {
		change(r)
	}
	return r
}

// drained returns what c has counted, by the path of the route.
func drained(c *Counters) map[string]*Counts {
	all := make(map[string]*Counts)
	c.Drain(func(r *Route, n *Counts) {
		path := "(none)"
		if r != nil {
			path = r.Path
		}
		if all[path] == nil {
			all[path] = new(Counts)
		}
		all[path].Add(n)
	})
	return all
}

func TestCountersCountByRoute(t *testing.T) {
	routes := NewRoutes(10)
	shop, files := routes.Of("example.org", "/shop/"), routes.Of("example.org", "/")
	c := NewCounters(2)
	c.Take(0, counted(func(r *Record) { r.Route = shop; r.Received = 7 }))
	c.Take(1, counted(func(r *Record) { r.Route = shop; r.Method = "POST"; r.Status = 503; r.Bytes = 3; r.Aborted = true }))
	c.Take(2, counted(func(r *Record) { r.Route = files; r.Method = "BREW"; r.Status = 418 })) // there are two shards only
	c.Take(0, counted(func(r *Record) { r.Method = ""; r.Status = 0 }))

	got := drained(c)
	if len(got) != 3 {
		t.Fatalf("%d routes were counted, want 3", len(got))
	}
	n := got["/shop/"]
	if n.Requests[0][2] != 1 || n.Requests[2][5] != 1 || n.Total() != 2 || n.Errors() != 1 || n.Aborted != 1 || n.Sent != 5123 || n.Received != 7 {
		t.Errorf("/shop/ has %+v", n)
	}
	r := counted(nil)
	if n.Duration != 2*r.Duration || n.Spans[App] != 2*r.Spans[App] || n.Durations.Count() != 2 {
		t.Errorf("/shop/ took %v, of it %v", n.Duration, n.Spans)
	}
	if n := got["/"]; n.Requests[Methods-1][4] != 1 || n.Total() != 1 || n.Errors() != 0 {
		t.Errorf("/ has %+v", n.Requests)
	}
	if n := got["(none)"]; n.Requests[Methods-1][0] != 1 || n.Total() != 1 || n.Errors() != 1 {
		t.Errorf("what had no route has %+v", n.Requests)
	}
	if got := drained(c); len(got) != 0 {
		t.Errorf("%d routes were drained twice", len(got))
	}
	c.Take(0, counted(func(r *Record) { r.Route = shop }))
	if got := drained(c); len(got) != 1 || got["/shop/"].Total() != 1 {
		t.Errorf("after a drain there is %v", got)
	}
}

// The sums of the phases and their histograms are of all requests, also of those that did not have the phase.
func TestPhasesCountEveryRequest(t *testing.T) {
	var n Counts
	n.take(counted(func(r *Record) { r.Spans = Spans{App: 20 * time.Millisecond} }))
	n.take(counted(func(r *Record) { r.Spans = Spans{Queue: 2 * time.Second, App: 20 * time.Millisecond} }))
	for p, want := range map[Phase]map[time.Duration]uint64{
		Queue: {time.Microsecond: 1, 2 * time.Second: 1},
		App:   {20 * time.Millisecond: 2},
		Send:  {0: 2},
	} {
		var expected CoarseDurations
		for d, count := range want {
			expected[durations.coarse[bucketOf(d)]] += count
		}
		if got := n.Phase(p); got != expected {
			t.Errorf("%v is %v, want %v", p, got, expected)
		}
	}
}

func TestCountersLoseNothingWhileDrained(t *testing.T) {
	const shards, writers, requests = 2, 4, 5000
	routes := NewRoutes(10)
	c := NewCounters(shards)
	var all Counts
	var group sync.WaitGroup
	for w := range writers {
		route := routes.Of("", fmt.Sprintf("/%d", w%3))
		group.Go(func() {
			for range requests {
				c.Take(w%shards, counted(func(r *Record) { r.Route = route }))
			}
		})
	}
	over := make(chan struct{})
	go func() { group.Wait(); close(over) }()
	for running := true; running; {
		select {
		case <-over:
			running = false
		default:
		}
		c.Drain(func(_ *Route, n *Counts) { all.Add(n) })
	}
	if all.Total() != writers*requests {
		t.Errorf("%d requests were counted, want %d", all.Total(), writers*requests)
	}
}

func TestTakeDoesNotAllocate(t *testing.T) {
	routes := NewRoutes(10)
	r := counted(func(r *Record) { r.Route = routes.Of("", "/") })
	c, tail := NewCounters(1), NewTail(1)
	if n := testing.AllocsPerRun(1000, func() { c.Take(0, r); tail.Take(0, r) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// clients returns what c has counted of clients, by address.
func clients(c *Counters) map[string]Client {
	all := make(map[string]Client)
	c.DrainClients(func(one Client) {
		known := all[one.Address.String()]
		known.Requests += one.Requests
		known.Sent += one.Sent
		all[one.Address.String()] = known
	})
	return all
}

func from(address string) *Record {
	return counted(func(r *Record) { r.Remote = netip.AddrPortFrom(netip.MustParseAddr(address), 1234); r.Bytes = 10 })
}

func TestFewClientsAreCountedExactly(t *testing.T) {
	c := NewCounters(2)
	c.Take(0, from("192.0.2.1"))
	c.Take(1, from("192.0.2.1"))
	c.Take(0, from("::ffff:192.0.2.1"))
	c.Take(0, from("2001:db8::1%eth0"))
	c.Take(0, from("::"))
	c.Take(0, counted(func(r *Record) { r.Remote = netip.AddrPort{} }))
	got := clients(c)
	want := map[string]Client{"192.0.2.1": {Requests: 3, Sent: 30}, "2001:db8::1": {Requests: 1, Sent: 10}, "::": {Requests: 1, Sent: 10}}
	if len(got) != len(want) {
		t.Errorf("clients are %v", got)
	}
	for address, n := range want {
		if got[address] != n {
			t.Errorf("%s has %v, want %v", address, got[address], n)
		}
	}
	if got := clients(c); len(got) != 0 {
		t.Errorf("clients were drained twice: %v", got)
	}
}

// Clients that come once each, as many as there are addresses, neither hide a frequent one nor take memory.
func TestFrequentClientsStandOut(t *testing.T) {
	c := NewCounters(1)
	const crowd, frequent = 100_000, 2000
	address := netip.MustParseAddr("2001:db8::")
	for i := range crowd {
		address = address.Next()
		r := counted(nil)
		r.Remote = netip.AddrPortFrom(address, 1)
		c.Take(0, r)
		if i%(crowd/frequent) == 0 {
			c.Take(0, from("192.0.2.1"))
		}
	}
	got := clients(c)
	if len(got) > clientSets*clientWays {
		t.Errorf("%d clients were kept", len(got))
	}
	// What it may have too much is an eighth of the requests of its set, of which there are a hundred and twenty-eighth of all.
	if n := got["192.0.2.1"].Requests; n < frequent || n > frequent+2*crowd/clientSets/clientWays {
		t.Errorf("the frequent client has %d requests, want about %d", n, frequent)
	}
}

func BenchmarkCountersTake(b *testing.B) {
	routes := NewRoutes(10)
	r := counted(func(r *Record) {
		r.Route = routes.Of("", "/")
		r.Duration = 21 * time.Microsecond
		r.Spans = Spans{Head: time.Microsecond, App: 12 * time.Microsecond, Send: 8 * time.Microsecond}
	})
	c := NewCounters(1)
	b.ReportAllocs()
	for b.Loop() {
		c.Take(0, r)
	}
}

func BenchmarkCountersTakeOfManyClients(b *testing.B) {
	c := NewCounters(1)
	r := counted(nil)
	address := netip.MustParseAddr("2001:db8::")
	for b.Loop() {
		address = address.Next()
		r.Remote = netip.AddrPortFrom(address, 1)
		c.Take(0, r)
	}
}

func BenchmarkTailWithoutFollowers(b *testing.B) {
	tail, r := NewTail(1), counted(nil)
	for b.Loop() {
		tail.Take(0, r)
	}
}
