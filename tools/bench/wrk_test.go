package main

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestParseWrk(t *testing.T) {
	const head = "Running 2s test @ http://127.0.0.1:8000/\n  1 threads and 64 connections\n" +
		"  Thread Stats   Avg      Stdev     Max   +/- Stdev\n" +
		"    Latency   663.26us  158.16us   4.38ms   87.43%\n    Req/Sec    97.14k     3.21k  101.55k    85.71%\n"
	tests := []struct {
		name string
		out  string
		want tally
	}{
		{
			"clean",
			head + "  203125 requests in 2.10s, 241.56MB read\nRequests/sec:  96735.21\nTransfer/sec:    115.04MB\n",
			tally{requests: 203125, elapsed: 2100 * time.Millisecond, rate: 96735.21},
		},
		{
			"socket errors are summed",
			head + "  7 requests in 1.00m, 1.00KB read\n  Socket errors: connect 1, read 20, write 300, timeout 4000\n" +
				"Requests/sec:      0.12\n",
			tally{requests: 7, elapsed: time.Minute, rate: 0.12, failures: 4321},
		},
		{
			"other statuses",
			head + "  99 requests in 999.00ms, 1.00KB read\n  Non-2xx or 3xx responses: 98\nRequests/sec:     99.10\n",
			tally{requests: 99, elapsed: 999 * time.Millisecond, rate: 99.1, refusals: 98},
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := parseWrk(test.out)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, got, cmp.AllowUnexported(tally{})); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
}

func TestParseWrkRefuses(t *testing.T) {
	for _, out := range []string{
		"",
		"unable to connect to 127.0.0.1:1 Connection refused\n",
		"  12 requests in 2.00s, 1.00KB read\n", // no rate
		"Requests/sec:     99.10\n",             // no count
		"  x requests in 2.00s, 1.00KB read\nRequests/sec: 1.0\n",
		"  1 requests in 2.00s, 1.00KB read\n  Socket errors: connect\nRequests/sec: 1.0\n",
	} {
		if got, err := parseWrk(out); err == nil {
			t.Errorf("parseWrk(%q) = %+v, want an error", out, got)
		}
	}
}

func TestTallySound(t *testing.T) {
	tests := []struct {
		name   string
		tally  tally
		status int
		sound  bool
	}{
		{"all 200", tally{requests: 10}, 200, true},
		{"all 304", tally{requests: 10}, 304, true},
		{"all 404", tally{requests: 10, refusals: 10}, 404, true},
		{"nothing", tally{}, 200, false},
		{"some refused", tally{requests: 10, refusals: 1}, 200, false},
		{"some found", tally{requests: 10, refusals: 9}, 404, false},
		{"broken connections", tally{requests: 10, failures: 1}, 200, false},
	}
	for _, test := range tests {
		if err := test.tally.sound(test.status); (err == nil) != test.sound {
			t.Errorf("%s: %v, want sound %t", test.name, err, test.sound)
		}
	}
}
