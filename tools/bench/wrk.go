package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// load is what wrk is asked to do: one thread, a fixed number of connections, for a time.
type load struct {
	address string
	path    string
	conns   int
	seconds int
	header  []string              // whole field lines, "Name: value"
	script  string                // path of a Lua script; "" for none
	start   func(*exec.Cmd) error // nil for where this program runs
}

// tally is what wrk says it did.
type tally struct {
	requests int64         // responses received in full
	elapsed  time.Duration // rounded by wrk
	rate     float64       // responses per second
	failures int64         // connects, reads and writes that failed, and responses that did not come in time
	refusals int64         // responses with a status of 400 and above
}

// run starts wrk and waits for it. Its error has wrk's own words.
func (l load) run(ctx context.Context) (tally, error) {
	r, err := l.begin(ctx, l.seconds)
	if err != nil {
		return tally{}, err
	}
	return r.wait()
}

// running is a load that has begun. Whoever began it calls wait or end once.
type running struct {
	cmd     *exec.Cmd
	ctx     context.Context
	cancel  context.CancelFunc
	printed bytes.Buffer
	active  time.Duration // how long it ran, without the time that it was held
	since   time.Time     // when it last went on; zero while it is held
}

// begin starts wrk for some seconds. It is killed when ctx ends.
func (l load) begin(ctx context.Context, seconds int) (*running, error) {
	args := []string{
		"--threads", "1", "--connections", strconv.Itoa(l.conns), "--duration", strconv.Itoa(seconds) + "s",
		"--timeout", "10s",
	}
	for _, field := range l.header {
		args = append(args, "--header", field)
	}
	if l.script != "" {
		args = append(args, "--script", l.script)
	}
	args = append(args, "http://"+l.address+l.path)

	r := &running{}
	r.ctx, r.cancel = context.WithTimeout(ctx, time.Duration(seconds+15)*time.Second)
	r.cmd = exec.CommandContext(r.ctx, "wrk", args...)
	r.cmd.Stdout, r.cmd.Stderr = &r.printed, &r.printed
	start := r.cmd.Start
	if l.start != nil {
		start = func() error { return l.start(r.cmd) }
	}
	if err := start(); err != nil {
		r.cancel()
		return nil, fmt.Errorf("wrk: %w", err)
	}
	r.since = time.Now()
	return r, nil
}

// hold stops the load where it is.
func (r *running) hold() error {
	err := r.cmd.Process.Signal(syscall.SIGSTOP)
	r.pause()
	return err
}

// pause adds the time since the load last went on to that which it ran.
func (r *running) pause() {
	if !r.since.IsZero() {
		r.active += time.Since(r.since)
		r.since = time.Time{}
	}
}

// resume lets a held load go on.
func (r *running) resume() error {
	r.since = time.Now()
	return r.cmd.Process.Signal(syscall.SIGCONT)
}

// end has wrk say what it did until now; it may be held.
func (r *running) end() (tally, error) {
	if r.since.IsZero() {
		r.resume()
	}
	// It is the first thread that waits for the signal, and a process's signal may go to any. One that has ended by itself says so when it is
	// waited for.
	unix.Tgkill(r.cmd.Process.Pid, r.cmd.Process.Pid, unix.SIGINT)
	return r.wait()
}

// wait waits for wrk's end and reads what it printed.
func (r *running) wait() (tally, error) {
	defer r.cancel()
	err := r.cmd.Wait()
	r.pause()
	out := r.printed.Bytes()
	if err := r.ctx.Err(); err != nil {
		return tally{}, fmt.Errorf("wrk: %w", err)
	}
	if err != nil {
		return tally{}, fmt.Errorf("wrk: %w: %s", err, strings.TrimSpace(string(out)))
	}
	t, err := parseWrk(string(out))
	if err != nil {
		return tally{}, fmt.Errorf("wrk: %w in %q", err, out)
	}
	return t, nil
}

// parseWrk reads what wrk prints at its end. The lines about errors are there only when there were some.
func parseWrk(out string) (tally, error) {
	var t tally
	var counted, rated bool
	lines := bufio.NewScanner(strings.NewReader(out))
	for lines.Scan() {
		line := strings.TrimSpace(lines.Text())
		if count, rest, ok := strings.Cut(line, " requests in "); ok {
			elapsed, _, _ := strings.Cut(rest, ",")
			var errCount, errTime error
			t.requests, errCount = strconv.ParseInt(count, 10, 64)
			t.elapsed, errTime = time.ParseDuration(elapsed)
			if err := errors.Join(errCount, errTime); err != nil {
				return tally{}, err
			}
			counted = true
		}
		if rate, ok := strings.CutPrefix(line, "Requests/sec:"); ok {
			var err error
			if t.rate, err = strconv.ParseFloat(strings.TrimSpace(rate), 64); err != nil {
				return tally{}, err
			}
			rated = true
		}
		if failures, ok := strings.CutPrefix(line, "Socket errors:"); ok {
			for part := range strings.SplitSeq(failures, ",") {
				n, err := strconv.ParseInt(part[strings.LastIndexByte(part, ' ')+1:], 10, 64)
				if err != nil {
					return tally{}, err
				}
				t.failures += n
			}
		}
		if count, ok := strings.CutPrefix(line, "Non-2xx or 3xx responses:"); ok {
			var err error
			if t.refusals, err = strconv.ParseInt(strings.TrimSpace(count), 10, 64); err != nil {
				return tally{}, err
			}
		}
	}
	if !counted || !rated {
		return tally{}, errors.New("no count of requests")
	}
	return t, nil
}

// pipelineScript writes a Lua script for wrk that sends depth requests at once, and returns its path.
func pipelineScript(dir string, depth int) (string, error) {
	path := filepath.Join(dir, fmt.Sprintf("pipeline-%d.lua", depth))
	text := fmt.Sprintf(`local burst

init = function(args)
  local requests = {}
  for i = 1, %d do
    requests[i] = wrk.format()
  end
  burst = table.concat(requests)
end

request = function()
  return burst
end
`, depth)
	return path, os.WriteFile(path, []byte(text), 0o644)
}

// uploadScript writes a Lua script for wrk that sends size bytes with each request, and returns its path.
func uploadScript(dir string, size int) (string, error) {
	path := filepath.Join(dir, fmt.Sprintf("upload-%d.lua", size))
	text := fmt.Sprintf(`wrk.method = "POST"
wrk.headers["Content-Type"] = "application/octet-stream"
wrk.body = string.rep("x", %d)
`, size)
	return path, os.WriteFile(path, []byte(text), 0o644)
}
