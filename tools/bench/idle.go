package main

import (
	"context"
	"fmt"
	"net"
	"time"
)

const (
	idleName  = "idle-memory"
	idleBound = 1024 // bytes of RAM per connection that highball may take
	idleWarm  = 5 * time.Second
)

// idleResult is what a server's idle connections cost.
type idleResult struct {
	peer          string
	conns         int
	before, after int64 // bytes in RAM, without connections and with all of them
	err           error
}

// perConn returns the bytes that each connection added.
func (r idleResult) perConn() float64 { return float64(r.after-r.before) / float64(r.conns) }

// measureIdle opens many connections to a server that has served one for some time, makes one request on each, leaves
// them alone and looks at how the server has grown. What it keeps of requests, up to a bound, such as Highball's flight recorder does, it has by then.
func (b *bench) measureIdle(ctx context.Context, name string) idleResult {
	fmt.Fprintf(b.progress, "bench: %s, %d connections: %s\n", idleName, b.idle, name)
	r := idleResult{peer: name, conns: b.idle}
	r.err = func() error {
		srv, err := b.fleet.fresh(ctx, name, application{})
		if err != nil {
			return err
		}
		defer srv.stop()
		w := workload{path: smallDocument.path, status: 200, size: smallDocument.size}
		first, err := dial(ctx, srv.address)
		if err != nil {
			return err
		}
		for began := time.Now(); time.Since(began) < idleWarm; {
			if err := first.exchange(w, nil, 1); err != nil {
				return err
			}
		}
		first.Close()
		if r.before, err = settledMemory(ctx, srv); err != nil {
			return err
		}

		conns := make([]*client, 0, b.idle)
		defer func() {
			for _, c := range conns {
				c.Conn.(*net.TCPConn).SetLinger(0) // a reset leaves no TIME_WAIT behind to fill the table of ports
				c.Close()
			}
		}()
		for len(conns) < b.idle {
			c, err := dial(ctx, srv.address)
			if err != nil {
				return fmt.Errorf("connection %d: %w", len(conns), err)
			}
			conns = append(conns, c)
			if err := c.SetDeadline(time.Now().Add(2 * time.Minute)); err != nil {
				return err
			}
			if err := c.exchange(w, nil, 1); err != nil {
				return fmt.Errorf("connection %d: %w", len(conns)-1, err)
			}
		}
		if r.after, err = settledMemory(ctx, srv); err != nil {
			return err
		}
		for i := 0; i < len(conns); i += 100 {
			if err := conns[i].exchange(w, nil, 1); err != nil {
				return fmt.Errorf("connection %d did not stay open: %w", i, err)
			}
		}
		return nil
	}()
	return r
}

// settledMemory waits until the server's memory is the same for half a second, five seconds at most, and returns it.
func settledMemory(ctx context.Context, srv *server) (int64, error) {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	last, same := int64(-1), 0
	for n := 0; n < 50 && same < 5; n++ {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return 0, ctx.Err()
		}
		now, err := srv.memory()
		if err != nil {
			return 0, err
		}
		if now == last {
			same++
		} else {
			last, same = now, 0
		}
	}
	return last, nil
}
