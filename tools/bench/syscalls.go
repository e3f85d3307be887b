package main

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const (
	syscallsName  = "system-calls"
	syscallsBound = 3 // per small request
	// syscallsSlack is what belongs to no request: opening and closing the connections, mostly.
	syscallsSlack = 0.05
)

// callCount is how often a system call was made.
type callCount struct {
	name  string
	calls int64
}

// syscallsResult is what strace counted while a server answered requests.
type syscallsResult struct {
	peer     string
	conns    int
	requests int64
	counts   []callCount // most frequent first
	err      error
}

// perRequest returns how many system calls a request took, and apart from them how many sleeps. The sleeps are those of
// the Go runtime's monitor, a thread that wakes by the clock and not by requests; it wakes more often while strace makes
// every call slow, so that they would be an artefact of the measurement.
func (r syscallsResult) perRequest() (calls, sleeps float64) {
	for _, c := range r.counts {
		per := float64(c.calls) / float64(max(r.requests, 1))
		if strings.HasSuffix(c.name, "nanosleep") {
			sleeps += per
		} else {
			calls += per
		}
	}
	return calls, sleeps
}

// met reports whether the bound is kept.
func (r syscallsResult) met() bool {
	calls, _ := r.perRequest()
	return calls <= syscallsBound+syscallsSlack
}

// measureSyscalls attaches strace to a running server and puts load on it. Being traced makes every call slow, so the
// rate means nothing, but the count does: it has all threads and all calls.
func (b *bench) measureSyscalls(ctx context.Context, name string, conns int) syscallsResult {
	fmt.Fprintf(b.progress, "bench: %s, %d connections: %s\n", syscallsName, conns, name)
	r := syscallsResult{peer: name, conns: conns}
	r.err = func() error {
		srv, err := b.fleet.server(ctx, name, application{})
		if err != nil {
			return err
		}
		tracer, err := attach(ctx, srv, filepath.Join(b.work, "strace.txt"))
		if err != nil {
			return err
		}
		l := load{address: srv.address, path: smallDocument.path, conns: conns, seconds: b.seconds}
		t, err := l.run(ctx)
		counts, detachErr := tracer.detach()
		if err := errors.Join(err, detachErr); err != nil {
			return err
		}
		r.requests, r.counts = t.requests, counts
		return t.sound(200)
	}()
	return r
}

// tracer is an strace that counts.
type tracer struct {
	cmd     *exec.Cmd
	summary string // path of the file that it writes at its end
	drained chan struct{}
}

// attach starts strace on all processes of a server and waits until it holds them.
func attach(ctx context.Context, srv *server, summary string) (*tracer, error) {
	family, err := srv.family()
	if err != nil {
		return nil, err
	}
	args := []string{"-c", "-f", "-o", summary}
	for _, p := range family {
		args = append(args, "-p", strconv.Itoa(p.pid))
	}
	t := &tracer{cmd: exec.CommandContext(ctx, "strace", args...), summary: summary, drained: make(chan struct{})}
	messages, err := t.cmd.StderrPipe()
	if err != nil {
		return nil, err
	}
	if err := t.cmd.Start(); err != nil {
		return nil, err
	}
	attached := make(chan error, 1)
	go func() {
		defer close(t.drained)
		attached <- awaitAttached(messages, len(family))
		io.Copy(io.Discard, messages)
	}()
	select {
	case err = <-attached:
	case <-time.After(10 * time.Second):
		err = errors.New("strace does not attach")
	}
	if err != nil {
		t.cmd.Process.Kill()
		<-t.drained
		t.cmd.Wait()
		return nil, err
	}
	return t, nil
}

// awaitAttached reads strace's messages until so many processes are attached, each with all its threads: "Process 7
// attached with 5 threads" is one message.
func awaitAttached(messages io.Reader, processes int) error {
	lines := bufio.NewScanner(messages)
	last := ""
	for n := 0; n < processes; {
		if !lines.Scan() {
			return fmt.Errorf("strace ended: %s", last)
		}
		last = lines.Text()
		if strings.Contains(last, "attached") {
			n++
		}
	}
	return nil
}

// detach ends strace, which leaves the server running, and reads what it counted.
func (t *tracer) detach() ([]callCount, error) {
	if err := t.cmd.Process.Signal(syscall.SIGINT); err != nil {
		return nil, err
	}
	select {
	case <-t.drained:
	case <-time.After(10 * time.Second):
		t.cmd.Process.Kill()
		<-t.drained
	}
	t.cmd.Wait() // its status tells of the interrupt
	text, err := os.ReadFile(t.summary)
	if err != nil {
		return nil, err
	}
	return parseStrace(string(text))
}

// parseStrace reads the table of strace -c: the calls are the fourth column, the name is the last. The column of
// errors, between them, is often empty.
func parseStrace(text string) ([]callCount, error) {
	var counts []callCount
	for line := range strings.Lines(text) {
		fields := strings.Fields(line)
		if len(fields) < 5 || fields[len(fields)-1] == "total" {
			continue
		}
		if _, err := strconv.ParseFloat(fields[0], 64); err != nil {
			continue // the heading or a rule
		}
		calls, err := strconv.ParseInt(fields[3], 10, 64)
		if err != nil {
			return nil, fmt.Errorf("strace: %q: %w", line, err)
		}
		counts = append(counts, callCount{fields[len(fields)-1], calls})
	}
	if len(counts) == 0 {
		return nil, errors.New("strace counted no call")
	}
	slices.SortFunc(counts, func(a, b callCount) int { return cmp.Compare(b.calls, a.calls) })
	return counts, nil
}
