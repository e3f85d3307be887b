package main

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseStrace(t *testing.T) {
	const text = `% time     seconds  usecs/call     calls    errors syscall
------ ----------- ----------- --------- --------- ----------------
 61.03    0.412345           5     20015           write
 30.00    0.200000           4     20079        64 read
  8.97    0.001234           1       512           epoll_pwait
  0.00    0.000000           0     10000           nanosleep
------ ----------- ----------- --------- --------- ----------------
100.00    0.613579           5     40606        64 total
`
	got, err := parseStrace(text)
	if err != nil {
		t.Fatal(err)
	}
	want := []callCount{{"read", 20079}, {"write", 20015}, {"nanosleep", 10000}, {"epoll_pwait", 512}}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(callCount{})); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	r := syscallsResult{requests: 20000, counts: got}
	calls, sleeps := r.perRequest()
	if fmt.Sprintf("%.4f %.4f", calls, sleeps) != "2.0303 0.5000" {
		t.Errorf("%v calls and %v sleeps per request, want 2.0303 and 0.5", calls, sleeps)
	}
	if _, err := parseStrace(""); err == nil {
		t.Error("no error for an empty summary")
	}
}

func TestAwaitAttached(t *testing.T) {
	const two = "strace: Process 7 attached\nstrace: Process 8 attached with 5 threads\n"
	if err := awaitAttached(strings.NewReader(two), 2); err != nil {
		t.Error(err)
	}
	const refused = "strace: attach: ptrace(PTRACE_SEIZE, 7): Operation not permitted\n"
	if err := awaitAttached(strings.NewReader(refused), 1); err == nil || !strings.Contains(err.Error(), "not permitted") {
		t.Errorf("got %v, want strace's reason", err)
	}
}

func TestSpreadOf(t *testing.T) {
	tests := []struct {
		xs   []float64
		want spread
	}{
		{nil, spread{}},
		{[]float64{4}, spread{1, 4, 4, 4}},
		{[]float64{9, 1, 3}, spread{3, 3, 1, 9}},
		{[]float64{8, 1, 2, 4}, spread{4, 3, 1, 8}},
	}
	for _, test := range tests {
		if got := spreadOf(test.xs); got != test.want {
			t.Errorf("got %+v, want %+v", got, test.want)
		}
	}
}

// A ratio compares runs of the same round only: here every round has it at 2, while the medians of the two servers
// are 10 and 60, and a round that lacks either run does not count.
func TestRatioWithinRounds(t *testing.T) {
	run := func(cost float64) *sample { return &sample{cost: cost} }
	res := result{
		workload: workload{reference: "ours"},
		samples: map[string][]*sample{
			"ours":   {run(10), run(30), nil, run(1), run(10)},
			"theirs": {run(20), run(60), run(99), nil, run(20)},
		},
	}
	if got, want := res.ratio("theirs", costOf), (spread{3, 2, 2, 2}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if got := res.ratio("absent", costOf); got.n != 0 {
		t.Errorf("a server without runs has the ratio %+v", got)
	}
}

func TestVerdicts(t *testing.T) {
	tests := []struct {
		bound  bound
		ratio  spread
		wanted string
	}{
		{bound{atLeast, 1.2}, spread{n: 5, median: 1.2}, "pass"},
		{bound{atLeast, 1.2}, spread{n: 5, median: 1.19}, "FAIL"},
		{bound{atMost, 1.08}, spread{n: 5, median: 1.08}, "pass"},
		{bound{atMost, 1.08}, spread{n: 5, median: 1.09}, "FAIL"},
		{bound{above, 1}, spread{n: 5, median: 1}, "FAIL"},
		{bound{above, 1}, spread{n: 5, median: 1.01}, "pass"},
		{bound{above, 1}, spread{}, "not measured"},
	}
	for _, test := range tests {
		if got := judge(test.bound, test.ratio).String(); got != test.wanted {
			t.Errorf("%v of %v: %s, want %s", test.ratio.median, test.bound, got, test.wanted)
		}
	}
}

// Every target is about a server that its workload measures, so that none is silently "not measured", and all names
// are those of servers.
func TestWorkloadsAreWhole(t *testing.T) {
	known := map[string]bool{}
	for _, p := range peers() {
		known[p.name] = true
	}
	for _, w := range workloads() {
		measured := map[string]bool{}
		for _, name := range w.peers {
			measured[name] = true
			if !known[name] {
				t.Errorf("%s: no such server: %s", w.name, name)
			}
		}
		if !measured[w.reference] {
			t.Errorf("%s: the reference %s is not measured", w.name, w.reference)
		}
		for _, target := range w.targets {
			if !measured[target.peer] {
				t.Errorf("%s: the target's %s is not measured", w.name, target.peer)
			}
		}
	}
}
