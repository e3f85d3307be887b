package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os/exec"
	"regexp"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

const (
	slowEach      = 500      // uploaders, and as many downloaders
	slowSize      = 10 << 20 // that each of them sends or asks for
	slowBytes     = 20 << 10 // per second
	slowPieces    = 5        // per second
	slowShare     = 0.80     // of their rate that fast clients keep
	slowThere     = slowEach * 95 / 100
	slowArriving  = 64 // downloaders that wait for the beginning of their answer: 5 GB are taken over from the workers, which takes as long as writing them does
	slowSettle    = 60 * time.Second
	fastSeconds   = 4
	fastClients   = 32
	slowReceives  = 64 << 10 // bytes of a downloader's receive buffer, so that the kernel does not take the answer for it
	slowWithin    = slowSettle + 40*time.Second
	fastRateWords = `Requests/sec:\s+([0-9.]+)`
)

var (
	fastRate    = regexp.MustCompile(fastRateWords)
	fastTrouble = regexp.MustCompile(`(?m)^\s*(Socket errors|Non-2xx).*$`)
)

// showWSGISlow compares the rate of fast clients without and with many clients that take their time. Other work on the
// machine may fall into one phase and not into the other, so the verdict is that of two runs of three.
func showWSGISlow(ctx context.Context, p *proof) ([]claim, error) {
	if _, err := exec.LookPath("wrk"); err != nil {
		return nil, fmt.Errorf("%w; install it by: apt-get install wrk", err)
	}
	var summary claim
	verdicts := map[bool]int{}
	for n := 1; verdicts[true] < 2 && verdicts[false] < 2; n++ {
		c, err := p.bearSlow(ctx)
		if err != nil {
			return nil, err
		}
		verdicts[c.holds]++
		summary = claim{c.says, summary.measured + fmt.Sprintf("run %d: %s. ", n, c.measured), verdicts[true] == 2}
	}
	return []claim{summary}, nil
}

// bearSlow measures once, with a fresh server. Server and workers have one core, the clients the other.
func (p *proof) bearSlow(ctx context.Context) (claim, error) {
	srv, err := p.startApp(ctx, "wsgi_load", onCore(servedCore), "--workers", "2", "--max-body", "16MiB")
	if err != nil {
		return claim{}, err
	}
	defer srv.discard()
	mix, err := separate(ctx, attackCore)
	if err != nil {
		return claim{}, err
	}
	defer mix()

	before, err := fast(ctx, srv)
	if err != nil {
		return claim{}, fmt.Errorf("before: %w", err)
	}
	memory, err := srv.memory()
	if err != nil {
		return claim{}, err
	}
	slow := &slowCrowd{address: srv.address, arriving: make(chan struct{}, slowArriving)}
	crowded, leave := context.WithTimeout(ctx, slowWithin)
	defer leave()
	var clients sync.WaitGroup
	defer clients.Wait()
	defer leave()
	// What it takes to come to this is not measured.
	for range slowEach {
		clients.Go(func() { slow.upload(crowded) })
		clients.Go(func() { slow.download(crowded) })
	}
	for began := time.Now(); (slow.uploading.Load() < slowEach || slow.downloading.Load() < slowEach) && time.Since(began) < slowSettle; {
		if err := pauseFor(ctx, 50*time.Millisecond); err != nil {
			return claim{}, err
		}
	}
	during, err := fast(ctx, srv)
	if err != nil {
		return claim{}, fmt.Errorf("beside slow clients: %w", err)
	}
	uploading, downloading := slow.uploading.Load(), slow.downloading.Load()
	sent, received, broken := slow.sent.Load(), slow.received.Load(), slow.broken.Load()
	with, err := srv.memory()
	if err != nil {
		return claim{}, err
	}
	leave()
	clients.Wait()
	if err := pauseFor(ctx, time.Second); err != nil {
		return claim{}, err
	}
	after, err := fast(ctx, srv)
	if err != nil {
		return claim{}, fmt.Errorf("afterwards: %w", err)
	}
	share := during / ((before + after) / 2)
	return claim{
		says: fmt.Sprintf("%d slow uploaders and %d slow downloaders of 10 MiB, %d KiB/s each, 2 workers: fast clients keep %.0f %% of their rate",
			slowEach, slowEach, slowBytes>>10, slowShare*100),
		measured: fmt.Sprintf("%.0f requests/s before, %.0f during, %.0f after: %.0f %%; then %d were uploading (%.1f MiB so far) and %d downloading (%.1f MiB), %d broken; server's RSS %.1f MiB before, %.1f MiB during",
			before, during, after, share*100, uploading, mib(sent), downloading, mib(received), broken, mib(memory), mib(with)),
		holds: share >= slowShare && uploading >= slowThere && downloading >= slowThere && broken == 0,
	}, srv.stop()
}

// fast lets wrk ask for the smallest answer and returns its rate.
func fast(ctx context.Context, srv *server) (float64, error) {
	ctx, cancel := context.WithTimeout(ctx, (fastSeconds+15)*time.Second)
	defer cancel()
	args := append(onCore(attackCore), "wrk", "--threads", "1", "--connections", strconv.Itoa(fastClients),
		"--duration", strconv.Itoa(fastSeconds)+"s", "--timeout", "10s", "http://"+srv.address+"/")
	out, err := exec.CommandContext(ctx, args[0], args[1:]...).CombinedOutput()
	if err != nil {
		return 0, fmt.Errorf("wrk: %w: %s", err, lastLine(out))
	}
	if trouble := fastTrouble.Find(out); trouble != nil {
		return 0, fmt.Errorf("wrk: %s: %s", bytes.TrimSpace(trouble), srv.lastWords())
	}
	match := fastRate.FindSubmatch(out)
	if match == nil {
		return 0, fmt.Errorf("wrk: no rate in %q", out)
	}
	return strconv.ParseFloat(string(match[1]), 64)
}

// slowCrowd is the clients that take their time.
type slowCrowd struct {
	address                string
	arriving               chan struct{} // has a token of each downloader that waits for the beginning of its answer
	uploading, downloading atomic.Int64  // just now
	sent, received         atomic.Int64  // bytes of bodies
	broken                 atomic.Int64  // connections that ended before their time
}

// dial connects with a small receive buffer.
func (c *slowCrowd) dial(ctx context.Context) (net.Conn, error) {
	dialer := net.Dialer{Control: func(_, _ string, raw syscall.RawConn) error {
		var optErr error
		err := raw.Control(func(fd uintptr) {
			optErr = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF, slowReceives)
		})
		if err != nil {
			return err
		}
		return optErr
	}}
	return dialer.DialContext(ctx, "tcp", c.address)
}

// upload sends a body, a piece at a time.
func (c *slowCrowd) upload(ctx context.Context) {
	conn, err := c.dial(ctx)
	if err != nil {
		c.broke(ctx)
		return
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	head := fmt.Sprintf("POST /upload HTTP/1.1\r\nHost: %s\r\nContent-Length: %d\r\n\r\n", c.address, slowSize)
	if _, err := io.WriteString(conn, head); err != nil {
		c.broke(ctx)
		return
	}
	c.uploading.Add(1)
	defer c.uploading.Add(-1)
	piece := bytes.Repeat([]byte("x"), slowBytes/slowPieces)
	c.trickle(ctx, &c.sent, func() (int, error) { return conn.Write(piece) })
}

// download asks for a large body and reads a piece at a time.
func (c *slowCrowd) download(ctx context.Context) {
	select {
	case c.arriving <- struct{}{}:
	case <-ctx.Done():
		return
	}
	conn, err := c.begin(ctx)
	<-c.arriving
	if err != nil {
		c.broke(ctx)
		return
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	c.downloading.Add(1)
	defer c.downloading.Add(-1)
	piece := make([]byte, slowBytes/slowPieces)
	c.trickle(ctx, &c.received, func() (int, error) { return io.ReadFull(conn, piece) })
}

// begin asks for a large body and waits for the answer's beginning.
func (c *slowCrowd) begin(ctx context.Context) (net.Conn, error) {
	conn, err := c.dial(ctx)
	if err != nil {
		return nil, err
	}
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	const status = "HTTP/1.1 200 "
	beginning := make([]byte, len(status))
	_, err = fmt.Fprintf(conn, "GET /large HTTP/1.1\r\nHost: %s\r\n\r\n", c.address)
	if err == nil {
		_, err = io.ReadFull(conn, beginning)
	}
	if err == nil && string(beginning) != status {
		err = fmt.Errorf("the answer begins with %q", beginning)
	}
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return conn, nil
}

// trickle moves pieces at their pace until ctx ends. It is over well before a body is.
func (c *slowCrowd) trickle(ctx context.Context, moved *atomic.Int64, piece func() (int, error)) {
	tick := time.NewTicker(time.Second / slowPieces)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		n, err := piece()
		moved.Add(int64(n))
		if err != nil {
			c.broke(ctx)
			return
		}
	}
}

// broke counts a connection that ended, unless it was to end.
func (c *slowCrowd) broke(ctx context.Context) {
	if ctx.Err() == nil {
		c.broken.Add(1)
	}
}
