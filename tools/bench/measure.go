package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"time"
)

// sample is one run of a workload against one server.
type sample struct {
	rate float64 // requests per second
	cost float64 // microseconds of processor time per request
	busy float64 // part of the core that the server used, 0 to 1
}

// result is all samples of a workload. samples[name][round] is nil where a run failed.
type result struct {
	workload workload
	peers    []string // those that took part
	samples  map[string][]*sample
	notes    []string // what went wrong
}

// bench is what the measurements share.
type bench struct {
	fleet    *fleet
	on       cores
	work     string
	rounds   int
	seconds  int
	idle     int // connections of the idle workload
	progress io.Writer
}

// measure runs a workload: in each round every server in slices of time, each round beginning with the next one, so that a slow
// spell of the machine and the order of the servers touch all of them alike. It returns what it has when ctx ends.
func (b *bench) measure(ctx context.Context, w workload) result {
	res := result{workload: w, samples: map[string][]*sample{}}
	loads := map[string]load{}
	defer b.fleet.release(w.app)
	for _, name := range w.peers {
		if !b.fleet.has(name) {
			continue
		}
		l, err := b.prepare(ctx, w, name)
		if err != nil {
			res.notes = append(res.notes, fmt.Sprintf("%s: %v", name, err))
			continue
		}
		if w.app.target != "" {
			srv, err := b.fleet.server(ctx, name, w.app)
			if err != nil {
				res.notes = append(res.notes, fmt.Sprintf("%s: %v", name, err))
				continue
			}
			if served := servedAtOnce(ctx, srv.address, w, time.Second); served < w.conns {
				res.notes = append(res.notes, fmt.Sprintf("%s answers %d of %d connections that stay open, the others wait", name, served, w.conns))
			}
		}
		loads[name] = l
		res.peers = append(res.peers, name)
		res.samples[name] = make([]*sample, b.rounds)
	}
	for round := range b.rounds {
		if ctx.Err() != nil {
			break
		}
		fmt.Fprintf(b.progress, "bench: %s, round %d of %d\n", w.name, round+1, b.rounds)
		order := slices.Concat(res.peers[round%len(res.peers):], res.peers[:round%len(res.peers)])
		for name, taken := range b.round(ctx, w, order, loads) {
			if taken.err != nil {
				res.notes = append(res.notes, fmt.Sprintf("%s, round %d: %v", name, round+1, taken.err))
				continue
			}
			res.samples[name][round] = taken.sample
		}
	}
	return res
}

// A round gives every server slices of time in turn, in which its load goes on while the others are held, so that a slow spell of the
// machine, which may be over in a second, is a slow spell of all of them. Before the next one the server may end what it had begun.
const (
	shortSlice = 50 * time.Millisecond
	bulkySlice = 500 * time.Millisecond // where the sockets hold as much as a short slice moves
	longSlice  = time.Second            // where a request takes long
)

// taken is what became of a server's part of a round.
type taken struct {
	*sample
	err error
}

// round puts the load on the servers, each for the seconds of the workload, and measures what it costs them.
func (b *bench) round(ctx context.Context, w workload, order []string, loads map[string]load) map[string]taken {
	results := map[string]taken{}
	runs := map[string]*trial{}
	seconds := w.secondsOf(b.seconds)
	slice := shortSlice
	switch {
	case w.few:
		slice = longSlice
	case w.bulky:
		slice = bulkySlice
	}
	turns := int(time.Duration(seconds) * time.Second / slice)
	most := 2*seconds*len(order) + 10 // by when wrk would end by itself: later than it is ended
	for turn := range turns {
		for _, name := range order {
			if results[name].err != nil || ctx.Err() != nil {
				continue
			}
			err := func() (err error) {
				if turn > 0 {
					err = runs[name].load.resume()
				} else {
					runs[name], err = b.begin(ctx, w, name, loads[name], most)
				}
				if err != nil {
					return err
				}
				time.Sleep(slice)
				err = runs[name].load.hold()
				runs[name].server.settle(settlePatience)
				return err
			}()
			if err != nil {
				results[name] = taken{err: err}
			}
		}
	}
	for name, r := range runs {
		if r == nil {
			continue
		}
		s, err := r.end(w)
		if results[name].err == nil {
			results[name] = taken{s, err}
		}
	}
	return results
}

// prepare starts the server, checks its answers and returns what wrk is to do.
func (b *bench) prepare(ctx context.Context, w workload, name string) (load, error) {
	srv, err := b.fleet.server(ctx, name, w.app)
	if err != nil {
		return load{}, err
	}
	header, err := check(ctx, srv.address, w)
	if err != nil {
		return load{}, fmt.Errorf("does not answer as it should: %w", err)
	}
	l := load{address: srv.address, path: w.path, conns: w.conns, seconds: w.secondsOf(b.seconds), header: header}
	switch {
	case w.pipelined > 1:
		l.script, err = pipelineScript(b.work, w.pipelined)
	case w.upload > 0:
		l.script, err = uploadScript(b.work, w.upload)
	}
	if w.app.shared {
		l.start = func(cmd *exec.Cmd) error { return b.on.start(cmd, b.on.server, b.on.client) }
	}
	return l, err
}

// trial is the load on one server, and what the server had cost before.
type trial struct {
	server *server
	load   *running
	before time.Duration
}

// begin puts the load on one server.
func (b *bench) begin(ctx context.Context, w workload, name string, l load, seconds int) (*trial, error) {
	srv, err := b.fleet.server(ctx, name, w.app)
	if err != nil {
		return nil, err
	}
	before, err := srv.cpu()
	if err != nil {
		return nil, err
	}
	going, err := l.begin(ctx, seconds)
	if err != nil {
		return nil, err
	}
	return &trial{srv, going, before}, nil
}

// end ends the load and says what it cost. A run with errors is no sample.
func (r *trial) end(w workload) (*sample, error) {
	t, err := r.load.end()
	if err != nil {
		return nil, err
	}
	after, err := r.server.cpu()
	if err != nil {
		return nil, err
	}
	if r.server.peer.logs {
		if err := emptyLog(r.server.logPath()); err != nil {
			return nil, err
		}
	}
	if err := t.sound(w.status); err != nil {
		return nil, err
	}
	used, active := after-r.before, r.load.active
	return &sample{
		rate: float64(t.requests) / active.Seconds(),
		cost: float64(used) / float64(time.Microsecond) / float64(t.requests),
		busy: float64(used) / float64(active),
	}, nil
}

// sound reports whether every request was answered with the expected class of status.
func (t tally) sound(status int) error {
	refused := int64(0)
	if status >= 400 {
		refused = t.requests
	}
	switch {
	case t.requests == 0:
		return errors.New("no request was answered")
	case t.failures > 0:
		return fmt.Errorf("%d socket errors in %d requests", t.failures, t.requests)
	case t.refusals != refused:
		return fmt.Errorf("%d of %d answers have another status than %d", max(t.refusals, refused)-min(t.refusals, refused), t.requests, status)
	}
	return nil
}

// emptyLog truncates an access log to which the server appends, so that no disk fills up. That nothing is in it is an
// error: the server did not log.
func emptyLog(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	if info.Size() == 0 {
		return errors.New("the access log is empty")
	}
	return os.Truncate(path, 0)
}

// spread is the median of some numbers, with the least and the greatest.
type spread struct {
	n               int
	median          float64
	least, greatest float64
}

// spreadOf sorts xs. Of an even count the median is the mean of the two in the middle.
func spreadOf(xs []float64) spread {
	if len(xs) == 0 {
		return spread{}
	}
	slices.Sort(xs)
	middle := len(xs) / 2
	median := xs[middle]
	if len(xs)%2 == 0 {
		median = (xs[middle-1] + xs[middle]) / 2
	}
	return spread{n: len(xs), median: median, least: xs[0], greatest: xs[len(xs)-1]}
}

// absolute returns the spread of one quantity over the rounds of a peer.
func (r result) absolute(name string, of func(*sample) float64) spread {
	var xs []float64
	for _, s := range r.samples[name] {
		if s != nil {
			xs = append(xs, of(s))
		}
	}
	return spreadOf(xs)
}

// ratio returns the spread of a quantity of a peer divided by the reference's in the same round.
func (r result) ratio(name string, of func(*sample) float64) spread {
	var xs []float64
	reference := r.samples[r.workload.reference]
	for round, s := range r.samples[name] {
		if s != nil && round < len(reference) && reference[round] != nil && of(reference[round]) > 0 {
			xs = append(xs, of(s)/of(reference[round]))
		}
	}
	return spreadOf(xs)
}

func rateOf(s *sample) float64 { return s.rate }
func costOf(s *sample) float64 { return s.cost }
func busyOf(s *sample) float64 { return s.busy }
