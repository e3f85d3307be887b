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

// settle waits until a server has nothing to do, for as long as the patience lasts.
func (s *server) settle(patience time.Duration) {
	last := doneBy(s.cmd.Process.Pid)
	for end := time.Now().Add(patience); time.Now().Before(end); {
		time.Sleep(settleLook)
		now := doneBy(s.cmd.Process.Pid)
		if used := now.ran - last.ran; !now.busy && used >= 0 && used < settleStill { // less than nothing, if a process has ended
			return
		}
		last = now
	}
}

// work is what the threads of a process, and of those that it has started, have done.
type work struct {
	ran  time.Duration
	busy bool // one of them runs, or would if there were a processor
}

func doneBy(pid int) (w work) {
	tasks, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*", pid)) // the pattern is a good one; a process that is gone does no more
	for _, task := range tasks {
		schedule, _ := os.ReadFile(task + "/schedstat")
		if fields := bytes.Fields(schedule); len(fields) > 0 {
			n, _ := strconv.ParseInt(string(fields[0]), 10, 64)
			w.ran += time.Duration(n)
		}
		stat, _ := os.ReadFile(task + "/stat")
		if end := bytes.LastIndexByte(stat, ')'); end >= 0 {
			w.busy = w.busy || bytes.HasPrefix(stat[end:], []byte(") R"))
		}
		children, _ := os.ReadFile(task + "/children")
		for _, child := range bytes.Fields(children) {
			if n, err := strconv.Atoi(string(child)); err == nil {
				below := doneBy(n)
				w.ran, w.busy = w.ran+below.ran, w.busy || below.busy
			}
		}
	}
	return w
}
