package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"
)

const (
	stuckDeadline = time.Second
	stuckSlack    = 1500 * time.Millisecond // until the 504 is there, after the deadline
	stuckReplaced = 3 * time.Second         // until the worker is gone and another is there, after the 504
	stuckOthers   = 500 * time.Millisecond  // the longest that anybody else may wait
)

// ways are the paths that get a worker stuck, and the functions where it is.
var ways = []struct{ path, function, says string }{
	{"/sleep", "stuck_in_sleep", "time.sleep"},
	{"/lock", "stuck_at_lock", "a lock"},
	{"/loop", "stuck_in_loop", "a tight loop in Python"},
	{"/c", "stuck_in_c", "a call in C that keeps the GIL"},
}

// showWSGIStuck gets one of two workers stuck, in each of the ways.
func showWSGIStuck(ctx context.Context, p *proof) ([]claim, error) {
	srv, err := p.startApp(ctx, "wsgi_stuck", nil, "--workers", "2", "--timeout", stuckDeadline.String())
	if err != nil {
		return nil, err
	}
	defer srv.discard()
	var claims []claim
	for _, way := range ways {
		c, err := srv.getStuck(ctx, way.path, way.function, way.says)
		if err != nil {
			return claims, fmt.Errorf("%s: %w", way.says, err)
		}
		claims = append(claims, c)
	}
	return claims, srv.stop()
}

// getStuck makes one request that never ends, while another client goes on asking.
func (s *server) getStuck(ctx context.Context, path, function, says string) (claim, error) {
	before, err := s.awaitWorkers(ctx, 2)
	if err != nil {
		return claim{}, err
	}
	printed, err := os.ReadFile(s.printed)
	if err != nil {
		return claim{}, err
	}
	other := asking(s, 1, "/")
	working, stop := context.WithCancel(ctx)
	defer stop()
	worked := make(chan struct{})
	go func() {
		defer close(worked)
		other.work(working, 0)
	}()
	waiting, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	began := time.Now()
	status, statusErr := s.get(waiting, path)
	took := time.Since(began)

	var after []process
	var replaced time.Duration
	gone, full := 0, false
	for began := time.Now(); time.Since(began) < stuckReplaced && !full; replaced = time.Since(began) {
		if after, err = s.workers(); err != nil {
			return claim{}, err
		}
		gone = 0
		for _, w := range before {
			if !slices.Contains(after, w) {
				gone++
			}
		}
		full = gone == 1 && len(after) == len(before)
		if err := pauseFor(ctx, 10*time.Millisecond); err != nil {
			return claim{}, err
		}
	}
	pauseErr := pauseFor(ctx, 200*time.Millisecond)
	stop()
	<-worked
	if pauseErr != nil {
		return claim{}, pauseErr
	}
	text, err := os.ReadFile(s.printed)
	if err != nil {
		return claim{}, err
	}
	said := string(text[min(len(printed), len(text)):])
	answer := fmt.Sprintf("status %d", status)
	if statusErr != nil {
		answer = statusErr.Error()
	}
	records := recordsWith(said, function)
	return claim{
		says: fmt.Sprintf("stuck in %s, deadline %s: 504, one record with the stack, only that worker replaced", says, stuckDeadline),
		measured: fmt.Sprintf("%s after %s; %d lines name %s; %d of %d workers replaced, %d there after %s; the other client: %s, slowest %s",
			answer, ms(took), records, function, gone, len(before), len(after), ms(replaced), other, ms(other.slowest)),
		holds: statusErr == nil && status == http.StatusGatewayTimeout && took >= stuckDeadline*9/10 && took <= stuckDeadline+stuckSlack &&
			records > 0 && full && other.only(http.StatusOK) && other.slowest <= stuckOthers,
	}, nil
}

// recordsWith counts the lines of a log that have a word. A stack may be one line with its line ends escaped, or several.
func recordsWith(log, word string) int {
	count := 0
	for line := range strings.Lines(log) {
		if strings.Contains(line, word) {
			count++
		}
	}
	return count
}
