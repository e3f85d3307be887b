package main

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

// cores says where servers run and where everything else does: the load, and this program.
type cores struct {
	server, client int
}

// pin moves every thread of this program to the client's core; programs that it starts inherit that.
func (c cores) pin() error {
	if err := setCore(0, c.server); err != nil { // only to learn now whether there is such a core
		return err
	}
	threads, err := os.ReadDir("/proc/self/task")
	if err != nil {
		return err
	}
	for _, thread := range threads {
		id, err := strconv.Atoi(thread.Name())
		if err != nil {
			return err
		}
		if err := setCore(id, c.client); err != nil {
			return err
		}
	}
	return nil
}

// start starts cmd on some cores. The affinity is the thread's that forks, so the goroutine keeps its
// thread from here to the fork.
func (c cores) start(cmd *exec.Cmd, on ...int) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := setCore(0, on...); err != nil {
		return err
	}
	startErr := cmd.Start()
	if err := setCore(0, c.client); err != nil {
		return err
	}
	return startErr
}

// setCore lets a thread run on some cores only; thread 0 is the calling one.
func setCore(thread int, on ...int) error {
	var set unix.CPUSet
	for _, core := range on {
		set.Set(core)
	}
	if err := unix.SchedSetaffinity(thread, &set); err != nil && err != unix.ESRCH {
		return fmt.Errorf("cannot run on core %v: %w", on, err)
	}
	return nil
}

// raiseFileLimit lets this program and those it starts open as many descriptors as the hard limit allows, and returns
// how many that is. It must go through package syscall: the runtime otherwise gives children the soft limit that it
// was itself started with.
func raiseFileLimit() (int, error) {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return 0, err
	}
	limit.Cur = limit.Max
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return 0, err
	}
	return int(min(limit.Cur, 1<<30)), nil
}
