package policy

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"highball"
	"highball/internal/servertest"
)

// model is what a limit of rate means: each client has a bucket of tokens, which fills at an even pace.
type model struct {
	interval, room int64 // room in intervals
	level          map[int]int64
	filled         map[int]int64 // when level was right
}

func (m *model) refill(client int, now int64) {
	if _, ok := m.level[client]; !ok {
		m.level[client], m.filled[client] = m.room*m.interval, now
	}
	m.level[client] = min(m.room*m.interval, m.level[client]+now-m.filled[client])
	m.filled[client] = now
}

func (m *model) wait(client int, now int64) int64 {
	m.refill(client, now)
	return max(0, m.interval-m.level[client])
}

func (m *model) count(client int, now int64) {
	m.refill(client, now)
	m.level[client] -= m.interval
}

// The limiter says what a bucket of tokens says, whatever happens when.
func TestRateIsTheModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := Rate{
			Requests: rapid.IntRange(1, 1000).Draw(t, "requests"),
			Per:      time.Duration(rapid.Int64Range(1, int64(time.Hour)).Draw(t, "per")),
			Burst:    rapid.IntRange(0, 50).Draw(t, "burst"),
		}
		start := time.Now()
		l, err := newLimiter(r, start)
		if err != nil {
			t.Fatal(err)
		}
		m := &model{l.interval, int64(r.Burst) + 1, make(map[int]int64), make(map[int]int64)}
		now := int64(0)
		for range rapid.IntRange(1, 200).Draw(t, "steps") {
			switch rapid.SampledFrom([]string{"same", "early", "later", "much later"}).Draw(t, "when") {
			case "early":
				now += rapid.Int64Range(0, l.interval).Draw(t, "by")
			case "later":
				now += l.interval * rapid.Int64Range(0, 5).Draw(t, "by")
			case "much later":
				now += (l.slack + l.interval) * 2
			}
			client := rapid.IntRange(0, 3).Draw(t, "client")
			key, at := rateKey{uint64(client), 7}, start.Add(time.Duration(now))
			want := m.wait(client, now)
			if got := l.peek(key, at); int64(got) != want {
				t.Fatalf("peek: %d, want %d", got, want)
			}
			switch rapid.SampledFrom([]string{"peek", "take", "charge"}).Draw(t, "do") {
			case "take":
				if got := l.take(key, at); int64(got) != want {
					t.Fatalf("take: %d, want %d", got, want)
				}
				if want == 0 {
					m.count(client, now)
				}
			case "charge":
				l.charge(key, at)
				m.count(client, now)
			}
		}
	})
}

// A burst, then the even pace; who waits as long as was said is let in; the others are not concerned.
func TestRate(t *testing.T) {
	ways(t, func(t *testing.T, d servertest.Driver, made func(*inner) highball.Handler) {
		clock := newClock()
		i := new(inner)
		s := servertest.New(t, d, &highball.Server{Handler: wrap(t, Config{
			Rate: &Rate{Requests: 2, Per: 3 * time.Second, Burst: 3}, Clock: clock.time,
		}, made(i))})
		expect := func(what, client string, status int, after string) {
			t.Helper()
			got := ask(t, s, "GET /", "X-Client: "+client)
			if got.Status != status || got.Value("Retry-After") != after {
				t.Errorf("%s: %d, Retry-After %q, want %d, %q", what, got.Status, got.Value("Retry-After"), status, after)
			}
		}
		for n := range 4 {
			expect(fmt.Sprint("request ", n), "192.0.2.7", 200, "")
		}
		expect("beyond the burst", "192.0.2.7", 429, "2")
		expect("what is refused counts for nothing", "192.0.2.7", 429, "2")
		expect("another client", "192.0.2.8", 200, "")
		clock.advance(time.Second)
		expect("still too early", "192.0.2.7", 429, "1")
		clock.advance(time.Second / 2)
		expect("in time", "192.0.2.7", 200, "")
		expect("the next is not", "192.0.2.7", 429, "2")
		clock.advance(time.Hour)
		for n := range 4 {
			expect(fmt.Sprint("after an hour: request ", n), "192.0.2.7", 200, "")
		}
		expect("after an hour: beyond the burst", "192.0.2.7", 429, "2")
		if n := i.inline.Load() + i.later.Load() + i.blocking.Load(); n != 10 {
			t.Errorf("the handler was asked %d times, want 10", n)
		}
	})
}

// A request counts once, however many times it was declined before it was answered.
func TestRateCountsOnce(t *testing.T) {
	tests := map[string]func(*inner) highball.Handler{
		"declined inline": func(i *inner) highball.Handler { return inlineInner{i} },
		"declined later":  func(i *inner) highball.Handler { return laterInner{i} },
	}
	for name, made := range tests {
		t.Run(name, func(t *testing.T) {
			clock := newClock()
			i := &inner{declines: true}
			s := servertest.New(t, servertest.Loop, &highball.Server{Handler: wrap(t, Config{
				Rate: &Rate{Requests: 1, Per: time.Second, Burst: 4}, Clock: clock.time,
			}, made(i))})
			for n := range 5 {
				if got := ask(t, s, "GET /"); got.Status != 200 {
					t.Errorf("request %d: %d", n, got.Status)
				}
			}
			if got := ask(t, s, "GET /"); got.Status != 429 {
				t.Errorf("beyond the burst: %d", got.Status)
			}
		})
	}
}

func TestRateKeys(t *testing.T) {
	type request struct{ client, field, user string }
	one := request{"192.0.2.1", "a", "ann"}
	tests := []struct {
		name  string
		key   Key
		other request
		same  bool
	}{
		{"an address is one client", Address(), request{"192.0.2.1", "b", "bob"}, true},
		{"another is another", Address(), request{"192.0.2.2", "a", "ann"}, false},
		{"an address mapped to IPv6 is the same", Address(), request{"::ffff:192.0.2.1", "b", "bob"}, true},
		{"a field's value is one client", Field("X-Key"), request{"192.0.2.2", "a", "bob"}, true},
		{"another value is another", Field("X-Key"), request{"192.0.2.1", "b", "ann"}, false},
		{"values differ in case", Field("X-Key"), request{"192.0.2.1", "A", "ann"}, false},
		{"names of fields do not", Field("x-key"), request{"192.0.2.2", "a", "bob"}, true},
		{"without the field it is the address", Field("X-Key"), request{"192.0.2.1", "", "ann"}, false},
		{"a user is one client", User(), request{"192.0.2.2", "b", "ann"}, true},
		{"another user is another", User(), request{"192.0.2.1", "a", "bob"}, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			clock := newClock()
			s := servertest.New(t, servertest.Loop, &highball.Server{Handler: wrap(t, Config{
				Rate: &Rate{Requests: 1, Per: time.Hour, Key: test.key},
				Auth: &Auth{file(t, "ann:"+shaSecret+"\nbob:"+shaSecret), "r"}, Clock: clock.time,
			}, inlineInner{new(inner)})})
			for _, r := range []request{one, test.other} {
				want := 200
				if r == test.other && test.same {
					want = 429
				}
				fields := []string{"X-Client: " + r.client, basic(r.user + ":secret")}
				if r.field != "" {
					fields = append(fields, "X-Key: "+r.field)
				}
				if got := ask(t, s, "GET /", fields...); got.Status != want {
					t.Errorf("%v: %d, want %d", r, got.Status, want)
				}
			}
		})
	}
}

// The clients of an IPv6 network are one, as they can have as many addresses as they like.
func TestRateOfNetworks(t *testing.T) {
	tests := []struct {
		one, other string
		same       bool
	}{
		{"2001:db8::1", "2001:db8::ffff:ffff:ffff:ffff", true},
		{"2001:db8::1", "2001:db8:0:1::1", false},
		{"fe80::1%eth0", "fe80::2%eth1", true},
		{"::1", "::2", true},
		{"::1", "192.0.2.1", false},
		{"192.0.2.1", "192.0.2.2", false},
	}
	for _, test := range tests {
		for _, kind := range []Key{Address(), User(), Field("X-None")} {
			l, err := newLimiter(Rate{Requests: 1, Per: time.Second, Key: kind}, time.Now())
			if err != nil {
				t.Fatal(err)
			}
			keys := make(chan rateKey, 2)
			s := servertest.New(t, servertest.Loop, &highball.Server{Handler: told{highball.HandlerFunc(func(_ *highball.Response, r *highball.Request) error {
				keys <- l.keyOf(r, "")
				return nil
			})}})
			ask(t, s, "GET /", "X-Client: "+test.one)
			ask(t, s, "GET /", "X-Client: "+test.other)
			one, other := <-keys, <-keys
			if same := one == other; same != test.same {
				t.Errorf("%s and %s, %v: the same is %t", test.one, test.other, kind, same)
			}
		}
	}
}

// No value of a field is counted as an address.
func TestRateFieldIsNoAddress(t *testing.T) {
	l, err := newLimiter(Rate{Requests: 1, Per: time.Second, Key: Field("X")}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	addr := netip.MustParseAddr("192.0.2.1").As16()
	s := servertest.New(t, servertest.Loop, &highball.Server{Handler: told{highball.HandlerFunc(func(_ *highball.Response, r *highball.Request) error {
		if l.keyOf(r, "") == l.hashed(string(addr[:])) {
			t.Error("they meet")
		}
		return nil
	})}})
	ask(t, s, "GET /")
}

func TestRateFaults(t *testing.T) {
	tests := []struct {
		rate Rate
		want string
	}{
		{Rate{}, "is no rate"},
		{Rate{Requests: -1, Per: time.Second}, "is no rate"},
		{Rate{Requests: 1, Per: -time.Second}, "is no rate"},
		{Rate{Requests: 1, Per: time.Second, Burst: -1}, "a burst of -1"},
		{Rate{Requests: 1, Per: 24 * time.Hour, Burst: 1 << 30}, "takes too long"},
		{Rate{Requests: 1, Per: time.Second, Key: Field("")}, "without a name"},
	}
	for _, test := range tests {
		if _, err := New(Config{Rate: &test.rate}, new(inner)); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%+v: %v, want %q", test.rate, err, test.want)
		}
	}
}

// Seconds are rounded up, and there is an answer for every wait.
func TestRefusal(t *testing.T) {
	l, err := newLimiter(Rate{Requests: 1, Per: 5 * time.Minute}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	for wait, want := range map[time.Duration]string{
		1: "1", time.Second: "1", time.Second + 1: "2", time.Minute: "60", time.Minute + 1: "61", 5 * time.Minute: "300", 5*time.Minute + 1: "301",
	} {
		s := servertest.New(t, servertest.Loop, &highball.Server{Handler: highball.HandlerFunc(func(w *highball.Response, _ *highball.Request) error {
			page, err := l.refusal(wait)
			if err != nil {
				return err
			}
			return w.Send(page)
		})})
		if got := ask(t, s, "GET /"); got.Status != 429 || got.Value("Retry-After") != want {
			t.Errorf("%v: %d, Retry-After %q, want %q", wait, got.Status, got.Value("Retry-After"), want)
		}
	}
}
