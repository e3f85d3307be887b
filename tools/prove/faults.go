package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const (
	faultSize   = 8 << 20                // of the files, which are too large to be kept in memory
	faultPace   = 64 << 10               // bytes that the slow client takes at a time
	faultPause  = 10 * time.Millisecond  // between
	faultDelay  = 300 * time.Millisecond // of the slow disk, for each piece of a file
	faultRounds = 3
)

// faultyApps is an application that is slow, and one that is quick but has too few workers.
const faultyApps = `import time

def slow(environ, start_response):
    time.sleep(0.3)
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"slow\n"]

def quick(environ, start_response):
    time.sleep(0.03)
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"quick\n"]
`

const faultyConfiguration = `[admin]
socket = "admin.sock"

[app.slow]
wsgi = "faulty:slow"
workers = 2

[app.few]
wsgi = "faulty:quick"
workers = 1

[[site]]
  [[site.route]]
  path = "/client/"
  root = "files"

  [[site.route]]
  path = "/disk/"
  root = "disk"

  [[site.route]]
  path = "/slow/"
  app = "slow"

  [[site.route]]
  path = "/few/"
  app = "few"
`

// fault is something that makes a site slow, and the phase that grows by it.
type fault struct {
	says, route, phase string
	provoke            func(context.Context, *configured) error
}

func faults() []fault {
	return []fault{
		{"a client that reads slowly", "/client/", "send", slowClient},
		{"an application that takes its time", "/slow/", "app", func(ctx context.Context, c *configured) error { return c.askTogether(ctx, "/slow/", 1) }},
		{"too few workers", "/few/", "queue", func(ctx context.Context, c *configured) error { return c.askTogether(ctx, "/few/", 12) }},
		{"a disk that reads slowly", "/disk/", "stream", slowDisk},
	}
}

// showFaults makes a site slow in four ways, and names each by the phases alone: from the log, the metrics, and what the dashboard shows.
func showFaults(ctx context.Context, p *proof) ([]claim, error) {
	content := strings.Repeat("x", faultSize)
	c, err := p.startConfiguredWith(ctx, map[string]string{
		"highball.toml": faultyConfiguration, "faulty.py": faultyApps, "files/large.bin": content, "disk/large.bin": content,
	}, "--access-log", "json")
	if err != nil {
		return nil, err
	}
	defer c.discard()
	if _, err := c.awaitText(ctx, hostOfText, "/few/", "quick", startLimit); err != nil {
		return nil, err
	}
	var claims []claim
	for _, f := range faults() {
		if err := f.provoke(ctx, c); err != nil {
			return claims, fmt.Errorf("%s: %w", f.says, err)
		}
		if err := pauseFor(ctx, 2*time.Second); err != nil { // for the log to be written, and the present second to end
			return claims, err
		}
		var found []string
		holds := true
		for _, from := range []struct {
			name   string
			phases func(context.Context, string) (map[string]float64, error)
		}{{"log", c.phasesOfLog}, {"metrics", c.phasesOfMetrics}, {"dashboard", c.phasesOfStatistics}} {
			phases, err := from.phases(ctx, f.route)
			if err != nil {
				return claims, fmt.Errorf("%s: %s: %w", f.says, from.name, err)
			}
			phase, share := longest(phases)
			found = append(found, fmt.Sprintf("%s: %s %.0f %%", from.name, phase, 100*share))
			holds = holds && phase == f.phase && share > 0.5
		}
		claims = append(claims, claim{
			says: fmt.Sprintf("%s is seen as %s, in the log, the metrics and the dashboard", f.says, f.phase), measured: strings.Join(found, ", "), holds: holds,
		})
	}
	return claims, c.stop()
}

// longest returns the phase that has taken the longest, and its share of all.
func longest(phases map[string]float64) (name string, share float64) {
	sum := 0.0
	for phase, d := range phases {
		if sum += d; d > phases[name] {
			name = phase
		}
	}
	return name, phases[name] / max(sum, 1e-9)
}

// slowClient reads a file a little at a time.
func slowClient(ctx context.Context, c *configured) error {
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", c.address)
	if err != nil {
		return err
	}
	defer conn.Close()
	if err := errors.Join(conn.(*net.TCPConn).SetReadBuffer(faultPace), conn.SetDeadline(time.Now().Add(answerLimit))); err != nil {
		return err
	}
	if _, err := fmt.Fprintf(conn, "GET /client/large.bin HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n", c.address); err != nil {
		return err
	}
	b := make([]byte, faultPace)
	for {
		if _, err := io.ReadFull(conn, b); errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return nil
		} else if err != nil {
			return err
		}
		if err := pauseFor(ctx, faultPause); err != nil {
			return err
		}
	}
}

// askTogether has clients make some requests each.
func (c *configured) askTogether(ctx context.Context, path string, clients int) error {
	crew := asking(c.server, clients, path)
	crew.work(ctx, faultRounds)
	if !crew.only(http.StatusOK) {
		return errors.New(crew.String())
	}
	return nil
}

// slowDisk has the system take its time with each piece of a file that the server reads, and asks for the file.
func slowDisk(ctx context.Context, c *configured) error {
	strace, err := exec.LookPath("strace")
	if err != nil {
		return fmt.Errorf("%w; install it by: apt-get install strace", err)
	}
	file := filepath.Join(c.dir, "disk", "large.bin")
	// The time passes when the call has done its work: a signal, as the Go scheduler sends them, would undo one that has not, and have it begun anew, again
	// and again. What waits for a real disk hears of none.
	calls := "sendfile,pread64,read"
	trace := exec.Command(strace, "-f", "-qq", "-o", os.DevNull, "-p", strconv.Itoa(c.cmd.Process.Pid), "-P", file, "-e", "trace="+calls,
		"-e", fmt.Sprintf("inject=%s:delay_exit=%d", calls, faultDelay.Microseconds()))
	if err := trace.Start(); err != nil {
		return err
	}
	defer func() {
		_ = trace.Process.Signal(syscall.SIGINT) // it detaches
		_ = trace.Wait()
	}()
	for began := time.Now(); time.Since(began) < startLimit; {
		attached := time.Now()
		if _, err := c.fetch(ctx, hostOfText, "/disk/large.bin"); err != nil {
			return err
		}
		if time.Since(attached) >= faultDelay {
			return nil
		}
	}
	return errors.New("strace does not slow the server down")
}

// phasesOfLog sums up the phases of a route's requests in the access log.
func (c *configured) phasesOfLog(_ context.Context, route string) (map[string]float64, error) {
	text, err := os.ReadFile(c.printed)
	if err != nil {
		return nil, err
	}
	sums := make(map[string]float64)
	for line := range bytes.Lines(text) {
		var record struct {
			Target string
			Phases map[string]float64
		}
		if json.Unmarshal(line, &record) != nil || !strings.HasPrefix(record.Target, route) { // the server prints other things, too
			continue
		}
		for phase, d := range record.Phases {
			sums[phase] += d
		}
	}
	return sums, nil
}

// phasesOfMetrics returns the phases of a route as Prometheus would find them.
func (c *configured) phasesOfMetrics(ctx context.Context, route string) (map[string]float64, error) {
	text, err := c.ask(ctx, "/metrics")
	if err != nil {
		return nil, err
	}
	sums := make(map[string]float64)
	lines := bufio.NewScanner(bytes.NewReader(text))
	for lines.Scan() {
		labels, isPhase := strings.CutPrefix(lines.Text(), "highball_route_phase_seconds_total{")
		if !isPhase || !strings.Contains(labels, fmt.Sprintf("route=%q", route)) {
			continue
		}
		_, phase, _ := strings.Cut(labels, `phase="`)
		phase, _, _ = strings.Cut(phase, `"`)
		_, value, _ := strings.Cut(labels, "} ")
		if sums[phase], err = strconv.ParseFloat(value, 64); err != nil {
			return nil, err
		}
	}
	return sums, lines.Err()
}

// phasesOfStatistics returns the phases of a route as the dashboard draws them.
func (c *configured) phasesOfStatistics(ctx context.Context, route string) (map[string]float64, error) {
	text, err := c.ask(ctx, "/statistics")
	if err != nil {
		return nil, err
	}
	var statistics struct {
		Routes []struct {
			Path   string
			Phases map[string]float64
		}
	}
	if err := json.Unmarshal(text, &statistics); err != nil {
		return nil, err
	}
	for _, r := range statistics.Routes {
		if r.Path == route {
			return r.Phases, nil
		}
	}
	return nil, fmt.Errorf("no route %s in %s", route, text)
}

// ask asks the server's control socket.
func (c *configured) ask(ctx context.Context, path string) ([]byte, error) {
	client := &http.Client{Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", filepath.Join(c.dir, "admin.sock"))
		},
	}}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://highball"+path, nil)
	if err != nil {
		return nil, err
	}
	res, err := client.Do(r)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err == nil && res.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s: %s", path, res.Status, text)
	}
	return text, err
}
