package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
)

// Attackers come from other machines. On one machine they take turns with the server and with the client whose answers
// are timed, and what is measured is the scheduler; so the attacker gets a core to itself, where there are two.
const (
	servedCore = 0 // of the server and this program, which has little to do
	attackCore = 1
)

// onCore returns the beginning of a command that shall run on one core; nothing on a machine that has only one.
func onCore(core int) []string {
	if runtime.NumCPU() < 2 {
		return nil
	}
	return []string{"taskset", "--cpu-list", strconv.Itoa(core)}
}

// separate moves this program to one core. The function that it returns lets it run everywhere again.
func separate(ctx context.Context, core int) (mix func(), err error) {
	if runtime.NumCPU() < 2 {
		return func() {}, nil
	}
	move := func(list string) error {
		args := []string{"--all-tasks", "--cpu-list", "--pid", list, strconv.Itoa(os.Getpid())}
		out, err := exec.CommandContext(ctx, "taskset", args...).CombinedOutput()
		if err != nil {
			return fmt.Errorf("taskset: %w: %s", err, out)
		}
		return nil
	}
	all := fmt.Sprintf("0-%d", runtime.NumCPU()-1)
	return func() { _ = move(all) }, move(strconv.Itoa(core))
}
