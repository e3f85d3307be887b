//go:build linux

package gateway

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"highball"
	"highball/internal/servertest"
)

// gate is where scripts wait for the test. Each notes in a file that it has begun, by the number in its query, and goes on
// when it has read a byte from a pipe.
type gate struct {
	notes string
	pipe  *os.File
}

func newGate(t *testing.T) *gate {
	t.Helper()
	dir := t.TempDir()
	g := &gate{notes: filepath.Join(dir, "notes")}
	if err := syscall.Mkfifo(filepath.Join(dir, "gate"), 0o600); err != nil {
		t.Fatal(err)
	}
	var err error
	if g.pipe, err = os.OpenFile(filepath.Join(dir, "gate"), os.O_RDWR, 0); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = g.pipe.Close() })
	return g
}

// script returns a script that waits at the gate.
func (g *gate) script() string {
	return shell("echo begun ${QUERY_STRING%=} >>"+g.notes, "read go <"+g.pipe.Name(), "echo ended ${QUERY_STRING%=} >>"+g.notes,
		`printf 'Content-Type: text/plain\n\nserved %s' "$QUERY_STRING"`)
}

// open lets n scripts go on.
func (g *gate) open(t *testing.T, n int) {
	t.Helper()
	if _, err := g.pipe.Write(bytes.Repeat([]byte{'\n'}, n)); err != nil {
		t.Fatal(err)
	}
}

// begun returns the numbers of the scripts that have begun, in that order, and how many were at work at most at a time.
func (g *gate) begun() (all []int, most int) {
	text, _ := os.ReadFile(g.notes) // nothing has begun
	now := 0
	for _, line := range strings.Split(string(text), "\n") {
		word, number, _ := strings.Cut(line, " ")
		n, err := strconv.Atoi(number)
		switch {
		case err != nil:
		case word == "begun":
			all = append(all, n)
			now++
		default:
			now--
		}
		most = max(most, now)
	}
	return all, most
}

// scriptProcesses returns the processes that are the scripts of s: children of this one, or of its warm parents.
func (s *scripts) scriptProcesses(t *testing.T) (pids []int) {
	t.Helper()
	for _, pid := range childrenOf(t, os.Getpid()) {
		if slices.Contains(s.warmParents(), pid) {
			pids = append(pids, childrenOf(t, pid)...)
		} else {
			pids = append(pids, pid)
		}
	}
	return pids
}

// warmParents returns the processes that scripts are forked from.
func (s *scripts) warmParents() (pids []int) {
	s.cgi.warm.mu.Lock()
	defer s.cgi.warm.mu.Unlock()
	for _, slot := range s.cgi.warm.slots {
		if slot.parent != nil && slot.parent.usable() {
			pids = append(pids, slot.parent.child.Pid)
		}
	}
	return pids
}

// childrenOf returns the children of a process, zombies included.
func childrenOf(t *testing.T, pid int) (pids []int) {
	t.Helper()
	all, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range all {
		b, _ := os.ReadFile(name) // a thread may have ended
		for _, word := range strings.Fields(string(b)) {
			child, err := strconv.Atoi(word)
			if err != nil {
				t.Fatal(err)
			}
			pids = append(pids, child)
		}
	}
	return pids
}

// descriptorsOf returns how many descriptors a process has.
func descriptorsOf(t *testing.T, pid int) int {
	t.Helper()
	names, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
	if err != nil {
		t.Fatal(err)
	}
	return len(names)
}

// Of two hundred clients at once, as many get a process as are allowed; the next wait, and get theirs in the order in which
// they came; the rest is refused at once. Afterwards nothing is left.
func TestCGIForkStorm(t *testing.T) { eachWay(t, testCGIForkStorm) }

func testCGIForkStorm(t *testing.T, w way) {
	leaveNothing(t)
	const clients, most, queue = 200, 16, 100
	g := newGate(t)
	cfg := w.config(t, map[string]string{"wait": g.script(), "plain": shell(`printf 'Content-Type: text/plain\n\nok'`)})
	cfg.MaxProcesses, cfg.QueueLimit, cfg.QueueDeadline = most, queue, time.Minute
	s := serveCGI(t, servertest.Loop, &highball.Server{}, cfg)
	s.Dial(t).Get("/cgi-bin/plain")
	servertest.Eventually(t, "the first script has ended", func() bool { return len(s.scriptProcesses(t)) == 0 })
	before := make(map[int]int)
	for _, pid := range s.warmParents() {
		before[pid] = descriptorsOf(t, pid)
	}

	all := make([]*servertest.Client, clients)
	for n := range all {
		all[n] = s.Dial(t)
		all[n].Send(fmt.Sprintf("GET /cgi-bin/wait?%d= HTTP/1.1\r\nHost: t\r\n\r\n", n))
		switch { // so that they come in this order
		case n < most:
			servertest.Eventually(t, "a script begins", func() bool { begun, _ := g.begun(); return len(begun) == n+1 })
		case n < most+queue:
			servertest.Eventually(t, "a request waits", func() bool { return s.cgi.places.waiting() == n-most+1 })
		default:
			if r := all[n].Receive("GET"); r.Status != 503 || r.Value("Retry-After") == "" {
				t.Fatalf("client %d: %+v", n, r)
			}
		}
	}
	if pids := s.scriptProcesses(t); len(pids) != most {
		t.Errorf("%d processes at once, want %d", len(pids), most)
	}
	for n := range queue {
		g.open(t, 1)
		servertest.Eventually(t, "another script begins", func() bool { begun, _ := g.begun(); return len(begun) == most+n+1 })
		if pids := s.scriptProcesses(t); len(pids) > most {
			t.Fatalf("%d processes at once, of at most %d", len(pids), most)
		}
	}
	g.open(t, most)
	for n, c := range all[:most+queue] {
		if r := c.Receive("GET"); r.Status != 200 || r.Body != fmt.Sprintf("served %d=", n) {
			t.Errorf("client %d: %+v", n, r)
		}
	}
	begun, atOnce := g.begun()
	if !slices.IsSorted(begun) || len(begun) != most+queue {
		t.Errorf("the scripts have begun in this order: %v", begun)
	}
	if atOnce > most {
		t.Errorf("%d scripts at once, of at most %d", atOnce, most)
	}
	servertest.Eventually(t, "no zombie is left", func() bool { return len(s.scriptProcesses(t)) == 0 })
	for pid, n := range before {
		servertest.Eventually(t, "the parent has no more descriptors than before", func() bool { return descriptorsOf(t, pid) <= n })
	}
	if w.warm && len(before) != 1 {
		t.Errorf("%d parents", len(before))
	}
}
