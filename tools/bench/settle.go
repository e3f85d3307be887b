package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"
)

// A server whose load is held goes on with the requests that it has: with hundreds of connections, and a tenth of a millisecond for each, longer
// than a slice. It would take that time from the server whose slice is next, which is always the same one. So it is waited for.
const (
	settleLook     = 10 * time.Millisecond  // the system adds up what a thread runs when that stops, or at its next tick
	settleStill    = 500 * time.Microsecond // of processor time from one look to the next, at most: runtimes look around now and then
	settlePatience = time.Second
)

// settle waits until a server has nothing to do.
func (s *server) settle() {
	last := s.ran()
	for end := time.Now().Add(settlePatience); time.Now().Before(end); {
		time.Sleep(settleLook)
		now := s.ran()
		if used := now - last; used >= 0 && used < settleStill { // less than nothing, if a process has ended
			return
		}
		last = now
	}
}

// ran returns for how long the threads of a server and of what it has started have run.
func (s *server) ran() time.Duration { return ranOf(s.cmd.Process.Pid) }

func ranOf(pid int) (sum time.Duration) {
	tasks, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*", pid)) // the pattern is a good one; a process that is gone has run no more
	for _, task := range tasks {
		stat, _ := os.ReadFile(task + "/schedstat")
		if fields := bytes.Fields(stat); len(fields) > 0 {
			n, _ := strconv.ParseInt(string(fields[0]), 10, 64)
			sum += time.Duration(n)
		}
		children, _ := os.ReadFile(task + "/children")
		for _, child := range bytes.Fields(children) {
			if n, err := strconv.Atoi(string(child)); err == nil {
				sum += ranOf(n)
			}
		}
	}
	return sum
}
