package main

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestParseProcess(t *testing.T) {
	const rest = " 41 42 42 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 98765 1000 200"
	tests := []struct {
		text string
		want process
	}{
		{"43 (python3) S" + rest, process{43, 41, "98765", false}},
		{"43 (a) b (c)) R" + rest, process{43, 41, "98765", false}},
		{"43 (python3) Z" + rest, process{43, 41, "98765", true}},
	}
	for _, test := range tests {
		got, err := parseProcess(test.text)
		if err != nil || got != test.want {
			t.Errorf("parseProcess(%q) = %+v, %v, want %+v", test.text, got, err, test.want)
		}
	}
	for _, text := range []string{"", "43 python3 S" + rest, "43 (python3) S 41 42", "x (python3) S" + rest} {
		if got, err := parseProcess(text); err == nil {
			t.Errorf("parseProcess(%q) = %+v, want an error", text, got)
		}
	}
}

func TestOffspring(t *testing.T) {
	all := []process{
		{pid: 13, parent: 12}, // before its parent
		{pid: 10, parent: 1},
		{pid: 12, parent: 10},
		{pid: 14, parent: 10, dead: true},
		{pid: 20, parent: 1},
		{pid: 21, parent: 20},
	}
	var pids []int
	for _, p := range offspring(all, 10) {
		pids = append(pids, p.pid)
	}
	if diff := cmp.Diff([]int{12, 13}, pids); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

func TestRespawns(t *testing.T) {
	start := time.Now()
	at := func(ms int) time.Time { return start.Add(time.Duration(ms) * time.Millisecond) }
	initial := []process{{pid: 1}, {pid: 2}}
	tests := []struct {
		name    string
		kills   []kill
		answers map[string]time.Time
		waits   []time.Duration
		missing int
	}{
		{"none killed", nil, map[string]time.Time{"1": at(1)}, nil, 0},
		{
			"each replaced", []kill{{1, at(10)}, {2, at(20)}},
			map[string]time.Time{"1": at(1), "2": at(2), "3": at(15), "4": at(27)},
			[]time.Duration{5 * time.Millisecond, 7 * time.Millisecond}, 0,
		},
		{
			"the replacement killed before it answers", []kill{{1, at(10)}, {3, at(20)}},
			map[string]time.Time{"1": at(1), "4": at(30)}, []time.Duration{10 * time.Millisecond}, 0,
		},
		{
			"an answer from before the kill is not for it", []kill{{1, at(10)}},
			map[string]time.Time{"3": at(5), "4": at(16)}, []time.Duration{6 * time.Millisecond}, 0,
		},
		{"not replaced", []kill{{1, at(10)}}, map[string]time.Time{"1": at(1), "2": at(2)}, nil, 1},
	}
	for _, test := range tests {
		waits, missing := respawns(test.kills, initial, test.answers)
		if diff := cmp.Diff(test.waits, waits); diff != "" || missing != test.missing {
			t.Errorf("%s: %d missing, want %d; -want +got\n%s", test.name, missing, test.missing, diff)
		}
	}
}

func TestMiddle(t *testing.T) {
	for want, took := range map[time.Duration][]time.Duration{0: nil, 4: {4}, 3: {9, 3, 1}, 2: {4, 2, 9, 1}} {
		if got := middle(took); got != want {
			t.Errorf("middle(%d) = %d, want %d", took, got, want)
		}
	}
}

func TestChurnedNamesAreDistinct(t *testing.T) {
	seen := map[string]bool{}
	for _, word := range []string{"c-0-0", "c-0-1", "c-1-0"} {
		for line := range strings.Lines(churned("localhost", word)) {
			name, _, field := strings.Cut(line, ": ")
			if !field || name == "Host" {
				continue
			}
			if seen[name] {
				t.Errorf("%s twice", name)
			}
			seen[name] = true
		}
	}
	if len(seen) != 3*churnNames {
		t.Errorf("%d names, want %d", len(seen), 3*churnNames)
	}
}

// TestCrew lets a server answer, refuse and hang up: what counts as a failure is for the parts to be sure of.
func TestCrew(t *testing.T) {
	worker := 0
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		worker++
		w.Header().Set("X-Worker", fmt.Sprint(worker%2))
		switch r.URL.Path {
		case "/bad":
			w.WriteHeader(http.StatusBadGateway)
		case "/close":
			w.Header().Set("Connection", "close")
		case "/abort":
			panic(http.ErrAbortHandler)
		}
	}))
	defer srv.Close()
	tests := []struct {
		path     string
		statuses []int
		holds    bool
		all      int
	}{
		{"/", []int{200}, true, 5},
		{"/close", []int{200}, true, 5},
		{"/bad", []int{200}, false, 5},
		{"/bad", []int{200, 502}, true, 5},
		{"/abort", []int{200}, false, 0},
	}
	for _, test := range tests {
		c := asking(&server{address: strings.TrimPrefix(srv.URL, "http://")}, 1, test.path)
		c.work(context.Background(), 5)
		if got := c.only(test.statuses...); got != test.holds {
			t.Errorf("%s: only(%d) = %t: %s", test.path, test.statuses, got, c)
		}
		if all, _ := c.answers(); all != test.all {
			t.Errorf("%s: %d answers, want %d: %s", test.path, all, test.all, c)
		}
		if workers := len(c.firstAnswers()); test.all > 0 && workers != 2 {
			t.Errorf("%s: %d workers seen, want 2", test.path, workers)
		}
	}
}

func TestRecordsWith(t *testing.T) {
	const log = "level=WARN msg=slow\nlevel=ERROR stack=\"File app.py, in stuck_in_loop\\n\"\nin stuck_in_loop\n"
	if got := recordsWith(log, "stuck_in_loop"); got != 2 {
		t.Errorf("%d lines, want 2", got)
	}
}
