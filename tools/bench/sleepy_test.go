package main

import (
	"context"
	"math"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

func TestArrivals(t *testing.T) {
	const length = 100 * time.Second
	plan := arrivals(1, length)
	if !reflect.DeepEqual(plan, arrivals(1, length)) {
		t.Error("two plans of the same round differ")
	}
	if reflect.DeepEqual(plan, arrivals(2, length)) {
		t.Error("two rounds have the same plan")
	}
	slow, last := 0, time.Duration(0)
	for _, a := range plan {
		if a.due < last || a.due >= length {
			t.Fatalf("%s after %s, of %s", a.due, last, length)
		}
		last = a.due
		if a.slow {
			slow++
		}
	}
	if rate := float64(len(plan)) / length.Seconds(); math.Abs(rate/sleepyRate-1) > 0.05 {
		t.Errorf("%.1f requests per second, want %d", rate, sleepyRate)
	}
	if share := float64(slow) / float64(len(plan)); share < sleepyShare*0.8 || share > sleepyShare*1.2 {
		t.Errorf("%.4f of the requests sleep, want %.4f", share, sleepyShare)
	}
}

func TestQuantile(t *testing.T) {
	var hundred []time.Duration
	for n := 100; n > 0; n-- {
		hundred = append(hundred, time.Duration(n))
	}
	tests := []struct {
		took []time.Duration
		part float64
		want time.Duration
	}{
		{nil, 0.5, 0},
		{[]time.Duration{7}, 0.99, 7},
		{hundred, 0.5, 50},
		{hundred, 0.99, 99},
		{hundred, 1, 100},
		{hundred[:2], 0.99, 100},
	}
	for _, test := range tests {
		if got := quantile(test.took, test.part); got != test.want {
			t.Errorf("quantile of %d at %v = %d, want %d", len(test.took), test.part, got, test.want)
		}
	}
}

func TestFollowMeasuresOnlyTheOthers(t *testing.T) {
	var slow atomic.Int64
	srv := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if r.URL.Path == sleepySlow {
			slow.Add(1)
		}
	}))
	defer srv.Close()
	address := strings.TrimPrefix(srv.URL, "http://")
	plan := []arrival{{0, false}, {time.Millisecond, true}, {2 * time.Millisecond, false}}
	took, err := follow(context.Background(), address, plan)
	if err != nil {
		t.Fatal(err)
	}
	if len(took) != 2 || slow.Load() != 1 {
		t.Errorf("%d measured and %d slow, want 2 and 1", len(took), slow.Load())
	}
	srv.Config.Handler = http.NotFoundHandler()
	if _, err := follow(context.Background(), address, plan); err == nil {
		t.Error("no error from answers of 404")
	}
}

func TestServedAtOnce(t *testing.T) {
	// A server that answers the first two connections and keeps to them, as one with two threads would.
	var taken atomic.Int64
	release := make(chan struct{})
	srv := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		if taken.Add(1) > 2 {
			<-release
		}
	}))
	defer srv.Close()
	defer close(release)
	w := workload{path: "/", conns: 5, status: 200, size: 0}
	if got := servedAtOnce(context.Background(), strings.TrimPrefix(srv.URL, "http://"), w, 200*time.Millisecond); got != 2 {
		t.Errorf("%d connections served, want 2", got)
	}
}
