//go:build unix

package main

import (
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// A server outlives the reader of its access log, and still stops in good order.
func TestLogReaderGone(t *testing.T) {
	dir := t.TempDir()
	program := filepath.Join(dir, "highball")
	if err := copyProgram(program); err != nil {
		t.Fatal(err)
	}
	// The reader opens the pipe, which the server's start waits for, and leaves.
	c := exec.Command("sh", "-c", `mkfifo log && { true <log & exec ./highball . -p 0 >log; }`)
	c.Dir, c.Env = dir, []string{"PATH=" + os.Getenv("PATH")}
	s, url := launch(c)
	defer s.kill()
	if url == "" {
		t.Fatalf("no banner; stderr: %s", s.stderr.String())
	}
	res, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	if err := c.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	<-s.exited
	if status := c.ProcessState.ExitCode(); status != 0 {
		t.Errorf("exit status %d, want 0; stderr: %s", status, s.stderr.String())
	}
}
