package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
)

const (
	soakClients   = 8
	soakRequests  = 300_000
	soakWorkers   = 2
	soakMemory    = 64 << 20 // the limit of a worker's memory; the application leaks 2 KiB with each request
	soakOver      = 64 << 20 // how far a worker may be beyond it when it leaves: it leaks tens of MiB per second
	soakServer    = 1.10     // the server's memory in the last third, divided by that in the second: in the first its heap finds its size
	soakLook      = 50 * time.Millisecond
	soakSoonest   = 5 // workers that must have been replaced
	churnRequests = 50_000
	churnNames    = 20       // in each request, so that there are a million
	churnGrowth   = 4 << 20  // of a worker; a million strings that are kept would be 60 MiB
	churnServer   = 16 << 20 // of the server, whose heap is still finding its size
)

// showWSGISoak lets an application leak until its workers have been replaced many times.
func showWSGISoak(ctx context.Context, p *proof) ([]claim, error) {
	srv, err := p.startApp(ctx, "wsgi_load", nil, "--workers", fmt.Sprint(soakWorkers), "--max-memory", fmt.Sprintf("%dMiB", soakMemory>>20))
	if err != nil {
		return nil, err
	}
	defer srv.discard()
	begin := asking(srv, soakClients, "/leak")
	begin.work(ctx, soakRequests/10/soakClients)
	rest := asking(srv, soakClients, "/leak")
	most := int64(0)
	var memories []int64 // of the server, again and again
	worked := make(chan struct{})
	go func() {
		defer close(worked)
		rest.work(ctx, soakRequests*9/10/soakClients)
	}()
	for running := true; running; {
		select {
		case <-worked:
			running = false
		case <-time.After(soakLook):
		}
		memory, err := srv.memory()
		if err != nil {
			return nil, fmt.Errorf("%w: %s", err, srv.lastWords())
		}
		memories = append(memories, memory)
		workers, err := srv.workers()
		if err != nil {
			return nil, err
		}
		for _, w := range workers {
			if memory, err := memoryOf(w.pid); err == nil { // it may have ended
				most = max(most, memory)
			}
		}
	}
	third := max(len(memories)/3, 1)
	before, after := middle(memories[third:2*third]), middle(memories[len(memories)-third:])
	seen := len(begin.firstAnswers()) + len(rest.firstAnswers())
	return []claim{
		{
			says:     fmt.Sprintf("%d requests to an application that leaks, at most %d MiB per worker: replaced, and no request fails", soakRequests, soakMemory>>20),
			measured: fmt.Sprintf("first tenth: %s; the rest: %s; %d workers; the largest seen had %.1f MiB", begin, rest, seen, mib(most)),
			holds:    begin.only(200) && rest.only(200) && seen >= soakWorkers+soakSoonest && most <= soakMemory+soakOver,
		},
		{
			says:     "the server's own memory stays flat",
			measured: fmt.Sprintf("RSS %.1f MiB in the second third, %.1f MiB in the last (medians of %d looks each)", mib(before), mib(after), third),
			holds:    float64(after) <= soakServer*float64(before),
		},
	}, srv.stop()
}

// showWSGIChurn sends field names that nobody has sent before.
func showWSGIChurn(ctx context.Context, p *proof) ([]claim, error) {
	srv, err := p.startApp(ctx, "wsgi_load", nil, "--workers", "1")
	if err != nil {
		return nil, err
	}
	defer srv.discard()
	churn := func(round string, clients, each int) *crew {
		c := &crew{address: srv.address, clients: clients, request: func(client, n int) []byte {
			return []byte(churned(srv.address, fmt.Sprintf("%s-%d-%d", round, client, n)))
		}}
		c.work(ctx, each)
		return c
	}
	warm := churn("w", 8, 250)
	before, workers, err := srv.largestWorker()
	if err != nil {
		return nil, err
	}
	server, err := srv.memory()
	if err != nil {
		return nil, err
	}
	done := churn("c", 8, churnRequests/8)
	after, again, err := srv.largestWorker()
	if err != nil {
		return nil, err
	}
	serverAfter, err := srv.memory()
	if err != nil {
		return nil, err
	}
	same := slices.Equal(workers, again)
	return []claim{{
		says: fmt.Sprintf("%d distinct header names: a worker grows by less than %d MiB", churnRequests*churnNames, churnGrowth>>20),
		measured: fmt.Sprintf("%s; the worker's RSS %.1f MiB before, %.1f MiB after, the same process: %t; the server's %.1f MiB before, %.1f MiB after",
			done, mib(before), mib(after), same, mib(server), mib(serverAfter)),
		holds: warm.only(200) && done.only(200) && same && after-before < churnGrowth && serverAfter-server < churnServer,
	}}, srv.stop()
}

// churned returns a request with names that follow from a word.
func churned(address, word string) string {
	var text strings.Builder
	fmt.Fprintf(&text, "GET / HTTP/1.1\r\nHost: %s\r\n", address)
	for n := range churnNames {
		fmt.Fprintf(&text, "X-Churn-%s-%d: 1\r\n", word, n)
	}
	text.WriteString("\r\n")
	return text.String()
}

// largestWorker returns the memory of the worker that has most, and all workers.
func (s *server) largestWorker() (int64, []process, error) {
	workers, err := s.workers()
	if err != nil {
		return 0, nil, err
	}
	most := int64(0)
	for _, w := range workers {
		memory, err := memoryOf(w.pid)
		if err != nil {
			return 0, nil, fmt.Errorf("a worker has ended: %w: %s", err, s.lastWords())
		}
		most = max(most, memory)
	}
	if most == 0 {
		return 0, nil, fmt.Errorf("no worker: %s", s.lastWords())
	}
	return most, workers, nil
}
