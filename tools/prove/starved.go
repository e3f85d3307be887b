package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

const (
	starvedFiles   = "64:64" // soft and hard limit of descriptors
	starvedClients = 500
	stormTime      = 5 * time.Second
	settleTime     = time.Second
	idleTime       = 4 * time.Second // less than the deadline for a request's head, so that nobody is sent away by it
	mostStarvedCPU = 0.05            // of a core
	recoverTime    = time.Second
)

// showStarved lets many clients crowd a server that has few descriptors: first clients in a hurry, then clients that
// come to stay, and those who find no room try again each second.
func showStarved(ctx context.Context, p *proof) ([]claim, error) {
	if _, err := exec.LookPath("prlimit"); err != nil {
		return nil, fmt.Errorf("%w; install it by: apt-get install util-linux", err)
	}
	root, err := os.MkdirTemp(p.work, "docs-")
	if err != nil {
		return nil, err
	}
	if err := os.WriteFile(filepath.Join(root, "small.html"), []byte("here\n"), 0o644); err != nil {
		return nil, err
	}
	srv, err := p.startServer(ctx, "prlimit", "--nofile="+starvedFiles, p.highball, root)
	if err != nil {
		return nil, err
	}
	defer srv.kill()
	regular, err := visit(ctx, srv.address, "/small.html")
	if err != nil {
		return nil, err
	}
	defer regular.conn.Close()
	// A file takes a descriptor too, and there may be none just now.
	regular.lenient = true

	var claims []claim
	storm := &crowd{address: srv.address, path: "/small.html", pause: 5 * time.Millisecond}
	cpu, took, err := storm.during(ctx, srv, regular, 0, stormTime)
	if err != nil {
		return nil, err
	}
	claims = append(claims, claim{
		says: fmt.Sprintf("%d clients that connect, ask and leave, at %s descriptors: no crash, and who is connected is answered",
			starvedClients, starvedFiles),
		measured: fmt.Sprintf("%d connections in %s, of them %d answered by 200, %d by 503, %d without an answer; "+
			"%.0f %% of a core, %.0f µs each; the connected client made %d requests, %d answered by 503, p99 %s",
			storm.tries.Load(), stormTime, storm.served.Load(), storm.refused.Load(), storm.failed.Load(), cpu*100,
			cpu*stormTime.Seconds()*1e6/float64(max(storm.tries.Load(), 1)), len(took), regular.refused, ms(p99(took))),
		holds: storm.served.Load() > 0 && len(took) > 0,
	})

	settled := &crowd{address: srv.address, pause: time.Second}
	cpu, _, err = settled.during(ctx, srv, regular, settleTime, idleTime)
	if err != nil {
		return claims, err
	}
	claims = append(claims, claim{
		says: fmt.Sprintf("%d clients that connect and wait: less than %.0f %% of a core", starvedClients, mostStarvedCPU*100),
		measured: fmt.Sprintf("%.1f %% over %s with %d descriptors open; %d stayed, %d were turned away and came back each second",
			cpu*100, idleTime, settled.open, settled.staying, settled.tries.Load()-int64(settled.staying)),
		holds: cpu < mostStarvedCPU && settled.staying > 0,
	})

	began := time.Now()
	status, err := srv.get(ctx, "/small.html")
	for ; (err != nil || status != http.StatusOK) && time.Since(began) < 5*recoverTime; status, err = srv.get(ctx, "/small.html") {
		if err := pauseFor(ctx, 5*time.Millisecond); err != nil {
			return claims, err
		}
	}
	waited := time.Since(began)
	claims = append(claims, claim{
		says:     fmt.Sprintf("a new client is served within %s after they have left", recoverTime),
		measured: fmt.Sprintf("status %d after %s", status, ms(waited)),
		holds:    err == nil && status == http.StatusOK && waited <= recoverTime,
	})
	return claims, srv.stop()
}

// crowd is many clients at once. They ask for path, or, when it is empty, stay until the server or they are sent away.
type crowd struct {
	address string
	path    string
	pause   time.Duration // between two connections of one client

	tries, served, refused, failed atomic.Int64
	inside                         atomic.Int64 // connected just now
	staying, open                  int          // clients inside and descriptors of the server, at the end of the measurement
}

// during lets the crowd come, waits until it has settled, and measures which share of a core the server takes while a
// connected client goes on asking. It returns when all have left.
func (c *crowd) during(ctx context.Context, srv *server, regular *visitor, settle, d time.Duration) (float64, []time.Duration, error) {
	visiting, leave := context.WithCancel(ctx)
	defer leave()
	var clients sync.WaitGroup
	defer clients.Wait()
	defer leave()
	for range starvedClients {
		clients.Go(func() { c.client(visiting) })
	}
	if err := pauseFor(ctx, settle); err != nil {
		return 0, nil, err
	}
	before, err := srv.cpu()
	if err != nil {
		return 0, nil, err
	}
	began := time.Now()
	var took []time.Duration
	if c.path != "" {
		if took, err = regular.measure(after(d)); err != nil {
			return 0, nil, fmt.Errorf("the connected client: %w: %s", err, srv.lastWords())
		}
	} else if err := pauseFor(ctx, d); err != nil {
		return 0, nil, err
	}
	used, err := srv.cpu()
	if err != nil {
		return 0, nil, err
	}
	share := float64(used-before) / float64(time.Since(began))
	c.staying = int(c.inside.Load())
	c.open, err = srv.descriptors()
	return share, took, err
}

// client connects again and again until it is to leave.
func (c *crowd) client(ctx context.Context) {
	if pauseFor(ctx, rand.N(c.pause)) != nil { // not all at the same moment
		return
	}
	for ctx.Err() == nil {
		c.tries.Add(1)
		switch status, err := c.connect(ctx); {
		case ctx.Err() != nil: // it was told to leave while it waited
		case err != nil:
			c.failed.Add(1)
		case status == http.StatusOK:
			c.served.Add(1)
		case status == http.StatusServiceUnavailable:
			c.refused.Add(1)
		}
		if pauseFor(ctx, c.pause) != nil {
			return
		}
	}
}

// connect makes one connection and returns the status of what the server says on it.
func (c *crowd) connect(ctx context.Context) (int, error) {
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", c.address)
	if err != nil {
		return 0, err
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	if c.path != "" {
		request := fmt.Sprintf("GET %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n", c.path, c.address)
		if err := conn.SetDeadline(time.Now().Add(2 * time.Second)); err != nil {
			return 0, err
		}
		if _, err := io.WriteString(conn, request); err != nil && !errors.Is(err, syscall.EPIPE) && !errors.Is(err, syscall.ECONNRESET) {
			return 0, err
		}
	}
	c.inside.Add(1)
	defer c.inside.Add(-1)
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return 0, err
	}
	_, err = bytesOf(response)
	return response.StatusCode, err
}

// bytesOf reads the body of a response to its end and returns its size.
func bytesOf(response *http.Response) (int64, error) {
	defer response.Body.Close()
	return io.Copy(io.Discard, response.Body)
}

// pauseFor waits, or returns the error of a context that ends before.
func pauseFor(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
