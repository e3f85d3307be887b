package main

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"
)

const (
	sleepyName  = "wsgi-sleepy"
	sleepyConns = 32
	// sleepyRate is a quarter of what four workers can bear when one request in a hundred takes a tenth of a second for
	// itself: on average half a worker sleeps, and hardly ever do all four.
	sleepyRate  = 500
	sleepyShare = 0.01
	sleepySlow  = "/slow"
)

// sleepyApp is the application, with the workers that it has.
var sleepyApp = application{target: "sleepy:application", workers: 4, threads: threadsOfPool}

// sleepyPeers returns the servers in the order of the table; the first is the reference.
func sleepyPeers() []string {
	return []string{peerHighballWSGI, peerUWSGI, peerGranian, peerNginxUWSGI, peerGunicorn, peerWaitress}
}

// sleepyResult is what the other requests waited, in milliseconds, by peer and round; a round that failed is absent.
type sleepyResult struct {
	peers  []string
	median map[string][]float64
	p99    map[string]map[int]float64
	notes  []string
}

// measureSleepy sends requests at moments that follow from the round alone, and so are the same for every server. One in
// a hundred sleeps; how long the others take shows whether somebody waits behind a sleeper while a worker is free.
func (b *bench) measureSleepy(ctx context.Context) sleepyResult {
	res := sleepyResult{median: map[string][]float64{}, p99: map[string]map[int]float64{}}
	defer b.fleet.release(sleepyApp)
	hello := workload{path: "/", status: 200, size: len("hello, world\n")}
	for _, name := range sleepyPeers() {
		if !b.fleet.has(name) {
			continue
		}
		srv, err := b.fleet.server(ctx, name, sleepyApp)
		if err == nil {
			_, err = check(ctx, srv.address, hello)
		}
		if err != nil {
			res.notes = append(res.notes, fmt.Sprintf("%s: %v", name, err))
			continue
		}
		res.peers = append(res.peers, name)
		res.p99[name] = map[int]float64{}
	}
	for round := range b.rounds {
		for i := range res.peers {
			name := res.peers[(i+round)%len(res.peers)]
			if ctx.Err() != nil {
				return res
			}
			fmt.Fprintf(b.progress, "bench: %s, round %d of %d: %s\n", sleepyName, round+1, b.rounds, name)
			srv, err := b.fleet.server(ctx, name, sleepyApp)
			if err == nil {
				var took []time.Duration
				plan := arrivals(uint64(round), time.Duration(2*b.seconds)*time.Second)
				if took, err = follow(ctx, srv.address, plan); err == nil {
					res.median[name] = append(res.median[name], milliseconds(quantile(took, 0.5)))
					res.p99[name][round] = milliseconds(quantile(took, 0.99))
				}
			}
			if err != nil {
				res.notes = append(res.notes, fmt.Sprintf("%s, round %d: %v", name, round+1, err))
			}
		}
	}
	return res
}

// ratios returns the spread of a peer's p99 divided by the reference's of the same round.
func (r sleepyResult) ratios(name string) spread {
	var xs []float64
	for round, p99 := range r.p99[name] {
		if reference := r.p99[peerHighballWSGI][round]; reference > 0 {
			xs = append(xs, p99/reference)
		}
	}
	return spreadOf(xs)
}

// arrival is a request that is due some time after the start.
type arrival struct {
	due  time.Duration
	slow bool
}

// arrivals returns the requests of one round: gaps of an exponential distribution, as those of independent clients.
func arrivals(seed uint64, length time.Duration) []arrival {
	random := rand.New(rand.NewPCG(seed, 1))
	var plan []arrival
	for at := time.Duration(0); ; {
		at += time.Duration(random.ExpFloat64() * float64(time.Second) / sleepyRate)
		if at >= length {
			return plan
		}
		plan = append(plan, arrival{at, random.Float64() < sleepyShare})
	}
}

// follow sends a plan's requests over a fixed number of connections and returns how long those took that do not sleep,
// the wait for a free connection included.
func follow(ctx context.Context, address string, plan []arrival) ([]time.Duration, error) {
	type due struct {
		at   time.Time
		slow bool
	}
	queue := make(chan due, len(plan))
	results := make(chan []time.Duration, sleepyConns)
	failures := make(chan error, sleepyConns)
	var clients sync.WaitGroup
	for range sleepyConns {
		clients.Go(func() {
			var took []time.Duration
			c, err := dialSleepy(ctx, address, plan)
			for d := range queue { // emptied after an error too
				if err == nil {
					err = c.once(d.slow)
					if !d.slow {
						took = append(took, time.Since(d.at))
					}
				}
			}
			if c != nil {
				c.conn.Close()
			}
			results <- took
			failures <- err
		})
	}
	begun := time.Now()
	for _, a := range plan {
		if wait := time.Until(begun.Add(a.due)); wait > 0 {
			time.Sleep(wait)
		}
		if ctx.Err() != nil {
			break
		}
		queue <- due{time.Now(), a.slow} // late by the clock's fault counts from here
	}
	close(queue)
	clients.Wait()
	var all []time.Duration
	errs := []error{ctx.Err()}
	for range sleepyConns {
		all = append(all, <-results...)
		errs = append(errs, <-failures)
	}
	return all, errors.Join(errs...)
}

// sleepyClient is one connection of follow.
type sleepyClient struct {
	conn       net.Conn
	in         *bufio.Reader
	fast, slow []byte
}

func dialSleepy(ctx context.Context, address string, plan []arrival) (*sleepyClient, error) {
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	length := 10 * time.Second
	if len(plan) > 0 {
		length += plan[len(plan)-1].due
	}
	if err := conn.SetDeadline(time.Now().Add(length)); err != nil {
		conn.Close()
		return nil, err
	}
	request := func(path string) []byte {
		return fmt.Appendf(nil, "GET %s HTTP/1.1\r\nHost: %s\r\n\r\n", path, address)
	}
	return &sleepyClient{conn: conn, in: bufio.NewReader(conn), fast: request("/"), slow: request(sleepySlow)}, nil
}

// once makes one request.
func (c *sleepyClient) once(slow bool) error {
	request := c.fast
	if slow {
		request = c.slow
	}
	if _, err := c.conn.Write(request); err != nil {
		return err
	}
	response, err := http.ReadResponse(c.in, nil)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return errors.New(response.Status)
	}
	_, err = io.Copy(io.Discard, response.Body)
	return err
}

// quantile returns the least duration that at least this part of the others does not exceed; 0 of none.
func quantile(took []time.Duration, part float64) time.Duration {
	if len(took) == 0 {
		return 0
	}
	sorted := slices.SortedFunc(slices.Values(took), cmp.Compare[time.Duration])
	n := int(part*float64(len(sorted)) + 0.999999)
	return sorted[min(max(n, 1), len(sorted))-1]
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// sleepy writes the table of the requests beside sleepers.
func (r *report) sleepy(res sleepyResult) {
	fmt.Fprintf(r.out, "\n## %s\n\n%d requests per second at random moments over %d connections to %d workers; one in %.0f sleeps for 100 ms, and these are the others\n\n",
		sleepyName, sleepyRate, sleepyConns, sleepyApp.workers, 1/sleepyShare)
	fmt.Fprintf(r.out, "| server | p50 ms | p99 ms | p99 ÷ %s | target | |\n|---|--:|--:|--:|---|---|\n", peerHighballWSGI)
	for _, name := range res.peers {
		var p99 []float64
		for _, x := range res.p99[name] {
			p99 = append(p99, x)
		}
		aim, judged := "", ""
		if name != peerHighballWSGI {
			b := bound{atLeast, 1}
			v := judge(b, res.ratios(name))
			aim, judged = b.String()+" (highball no worse)", v.String()
			v.what = fmt.Sprintf("%s: p99 of %s ÷ %s %s", sleepyName, name, peerHighballWSGI, b)
			r.verdicts = append(r.verdicts, v)
		}
		fmt.Fprintf(r.out, "| %s | %s | %s | %s | %s | %s |\n", name, number(spreadOf(res.median[name]), "%.2f"),
			ranged(spreadOf(p99)), ranged(res.ratios(name)), aim, judged)
	}
	r.notes(res.notes)
}
