package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// A server that is at work is waited for, and so is what it has started; one that is not, or is gone, is not.
func TestSettle(t *testing.T) {
	for name, test := range map[string]struct {
		script string
		busy   bool
	}{
		"at work":      {"n=0; while [ $n -lt 50000 ]; do n=$((n+1)); done; : >$DONE; exec sleep 60", true},
		"a child is":   {"sh -c 'n=0; while [ $n -lt 50000 ]; do n=$((n+1)); done'; : >$DONE; exec sleep 60", true},
		"idle":         {"exec sleep 60", false},
		"gone already": {"exit 0", false},
	} {
		done := filepath.Join(t.TempDir(), "done")
		cmd := exec.Command("sh", "-c", test.script)
		cmd.Env = append(os.Environ(), "DONE="+done)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		s := &server{cmd: cmd}
		if !test.busy {
			time.Sleep(20 * time.Millisecond) // it starts
		} else {
			for !doneBy(cmd.Process.Pid).busy {
				time.Sleep(time.Millisecond)
			}
		}
		s.settle(30 * time.Second)
		if _, err := os.Stat(done); (err == nil) != test.busy {
			t.Errorf("%s: after it has settled: %v", name, err)
		}
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}
}
