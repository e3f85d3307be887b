package policy

import (
	"os"
	"strings"
	"testing"
	"time"

	"highball"
	"highball/internal/servertest"
)

func TestMaintenance(t *testing.T) {
	page := file(t, "<h1>Back soon</h1>")
	tests := []struct {
		name        string
		maintenance Maintenance
		client      string
		status      int
		after, body string
	}{
		{"the server's page", Maintenance{}, "192.0.2.1", 503, "", "503 Service Unavailable"},
		{"a page", Maintenance{Page: page}, "192.0.2.1", 503, "", "<h1>Back soon</h1>"},
		{"when to come back", Maintenance{Page: page, RetryAfter: 90*time.Second + 1}, "192.0.2.1", 503, "91", "<h1>Back soon</h1>"},
		{"who is let through", Maintenance{Allow: prefixList(t, "192.0.2.0/24")}, "192.0.2.1", 200, "", "/? "},
		{"who is not", Maintenance{Allow: prefixList(t, "192.0.2.0/24")}, "192.0.3.1", 503, "", "503"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			ways(t, func(t *testing.T, d servertest.Driver, made func(*inner) highball.Handler) {
				s := servertest.New(t, d, &highball.Server{Handler: wrap(t, Config{Maintenance: &test.maintenance}, made(new(inner)))})
				got := ask(t, s, "GET /", "X-Client: "+test.client)
				if got.Status != test.status || got.Value("Retry-After") != test.after || !strings.Contains(got.Body, test.body) {
					t.Errorf("got %+v, want %d, Retry-After %q, %q", got, test.status, test.after, test.body)
				}
				if test.status == 503 && (got.Value("Content-Type") != "text/html; charset=utf-8" || got.Value("Cache-Control") != "no-store") {
					t.Errorf("fields %q", got.Fields)
				}
			})
		})
	}
}

// Nothing comes before it: neither passwords nor rates nor preflight requests.
func TestMaintenanceIsFirst(t *testing.T) {
	servertest.Each(t, func(t *testing.T, d servertest.Driver) {
		s := servertest.New(t, d, &highball.Server{Handler: wrap(t, Config{
			Maintenance: &Maintenance{}, CORS: &CORS{Origins: []string{"*"}}, Auth: &Auth{file(t, someUsers), "r"},
			Rate: &Rate{Requests: 1, Per: time.Hour}, Access: &Access{Deny: prefixList(t, "0.0.0.0/0")},
		}, new(inner))})
		for range 3 {
			if got := ask(t, s, "OPTIONS /", "Origin: https://a.example", "Access-Control-Request-Method: PUT"); got.Status != 503 {
				t.Errorf("got %d", got.Status)
			}
		}
	})
}

func TestMaintenancePageIsReadAgain(t *testing.T) {
	page := file(t, "one")
	clock := newClock()
	s := servertest.New(t, servertest.Loop, &highball.Server{Handler: wrap(t, Config{
		Maintenance: &Maintenance{Page: page}, Clock: clock.time,
	}, inlineInner{new(inner)})})
	expect := func(what, want string) {
		t.Helper()
		if got := ask(t, s, "GET /"); got.Status != 503 || got.Body != want {
			t.Errorf("%s: %d %q, want %q", what, got.Status, got.Body, want)
		}
	}
	expect("at first", "one")
	write(t, page, "second")
	expect("within a second", "one")
	clock.advance(lookEvery)
	expect("after it", "second")
	if err := os.Remove(page); err != nil {
		t.Fatal(err)
	}
	clock.advance(lookEvery)
	expect("when it is gone", "second")
}

// No file is looked at on an event loop.
func TestLoopsLookAtNoFiles(t *testing.T) {
	clock := newClock()
	h := wrap(t, Config{
		Maintenance: &Maintenance{Page: file(t, "one")}, Clock: clock.time,
	}, new(inner)).(told).next.(*handler)
	var fresh, due verdict
	s := servertest.New(t, servertest.Goroutine, &highball.Server{Handler: highball.HandlerFunc(func(_ *highball.Response, r *highball.Request) error {
		fresh = h.judge(r, onLoop)
		clock.advance(lookEvery)
		due = h.judge(r, onLoop)
		return nil
	})})
	ask(t, s, "GET /")
	if fresh.undecided || fresh.page == nil {
		t.Error("a loop does not use a page that was looked at just now")
	}
	if !due.undecided || due.page != nil {
		t.Error("a loop has looked at the page")
	}
}

func TestMaintenanceFaults(t *testing.T) {
	for _, m := range []Maintenance{{Page: "/does/not/exist"}, {Page: t.TempDir()}, {Page: file(t, strings.Repeat("x", maxPage+1))}} {
		if _, err := New(Config{Maintenance: &m}, new(inner)); err == nil || !strings.Contains(err.Error(), "maintenance: ") {
			t.Errorf("%+v: %v", m.Page, err)
		}
	}
}
