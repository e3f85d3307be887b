package policy

import (
	"log/slog"
	"runtime"
	"strings"
	"testing"
	"time"

	"highball"
	"highball/internal/servertest"
)

// What handlers have in common is counted, hashed and read in one place; what they have not is not.
func TestShared(t *testing.T) {
	limit := Rate{Requests: 1, Per: time.Hour, Scope: "example.org"}
	shared := new(Shared)
	tests := []struct {
		name   string
		rate   Rate
		shared *Shared
		same   bool
	}{
		{"the same scope", limit, shared, true},
		{"another scope", Rate{Requests: 1, Per: time.Hour, Scope: "example.net"}, shared, false},
		{"another rate", Rate{Requests: 2, Per: time.Hour, Scope: "example.org"}, shared, false},
		{"another server", limit, new(Shared), false},
	}
	first, err := New(Config{Rate: &limit, Shared: shared}, new(inner))
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			h, err := New(Config{Rate: &test.rate, Shared: test.shared}, new(inner))
			if err != nil {
				t.Fatal(err)
			}
			if same := h.(*handler).rate == first.(*handler).rate; same != test.same {
				t.Errorf("one count: %t", same)
			}
		})
	}
	alone := Rate{Requests: 1, Per: time.Hour}
	one, err := New(Config{Rate: &alone, Shared: shared}, new(inner))
	if err != nil {
		t.Fatal(err)
	}
	two, err := New(Config{Rate: &alone, Shared: shared}, new(inner))
	if err != nil {
		t.Fatal(err)
	}
	if one.(*handler).rate == two.(*handler).rate {
		t.Error("rates without a scope have one count")
	}
	runtime.KeepAlive(first)
}

// A configuration that is read again finds the users as they were, and what is wrong with their file now.
func TestSharedUsers(t *testing.T) {
	path, clock, shared := file(t, "ann:"+shaSecret), newClock(), new(Shared)
	cfg := Config{Auth: &Auth{path, "r"}, Shared: shared, Clock: clock.time, Logger: slog.New(slog.DiscardHandler)}
	before, err := New(cfg, new(inner))
	if err != nil {
		t.Fatal(err)
	}
	s := servertest.New(t, servertest.Loop, &highball.Server{Handler: before})
	if got := ask(t, s, "GET /", basic("ann:secret")); got.Status != 200 {
		t.Fatalf("got %d", got.Status)
	}
	after, err := New(cfg, new(inner))
	if err != nil {
		t.Fatal(err)
	}
	table := after.(*handler).auth.users.file.value()
	if _, ok := table.verified.lookup(credentialsOf(t, "ann", "secret"), clock.time()); !ok {
		t.Error("the password of ann is not known any more")
	}
	write(t, path, "ann:plain")
	if _, err := New(cfg, new(inner)); err == nil || !strings.Contains(err.Error(), path+":1: ") {
		t.Errorf("a broken file is taken: %v", err)
	}
	if got := ask(t, s, "GET /", basic("ann:secret")); got.Status != 200 {
		t.Errorf("then what was there before does not hold any more: %d", got.Status)
	}
}

// What no handler uses any more is forgotten.
func TestSharedForgets(t *testing.T) {
	shared := new(Shared)
	make := func(scope string) highball.Handler {
		h, err := New(Config{Rate: &Rate{Requests: 1, Per: time.Hour, Scope: scope}, Shared: shared}, new(inner))
		if err != nil {
			t.Fatal(err)
		}
		return h
	}
	for range 10 {
		make("gone")
	}
	runtime.GC()
	runtime.GC()
	kept := make("kept")
	if n := len(shared.limiters); n != 1 {
		t.Errorf("%d limits are there, want 1", n)
	}
	runtime.KeepAlive(kept)
}
