package main

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// openTerminal opens a terminal of a size: what a person has before him, and what a program is given.
func openTerminal(t *testing.T, columns, rows uint16) (person, program *os.File) {
	t.Helper()
	person, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Skipf("no terminal can be made here: %v", err)
	}
	t.Cleanup(func() { _ = person.Close() })
	fd := int(person.Fd())
	if err := unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	number, err := unix.IoctlGetUint32(fd, unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, &unix.Winsize{Col: columns, Row: rows}); err != nil {
		t.Fatal(err)
	}
	program, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = program.Close() })
	return person, program
}

// inTerminal starts a program in a terminal, and returns it with what types there. Its stdout is what the terminal gets.
func inTerminal(t *testing.T, c *exec.Cmd) (s *server, keys io.Writer) {
	t.Helper()
	person, program := openTerminal(t, 80, 24)
	s = &server{cmd: c, exited: make(chan struct{})}
	c.Stdin, c.Stdout, c.Stderr = program, program, program
	c.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	_ = program.Close()
	go func() {
		_, _ = io.Copy(&s.stdout, person) // until nobody has the other side
		_ = c.Wait()                      // the status is in ProcessState
		close(s.exited)
	}()
	return s, person
}

// "highball top" shows a server in a terminal, and leaves that as it was; where it cannot, it says what can be done.
func TestTop(t *testing.T) {
	dir := t.TempDir()
	program := filepath.Join(dir, "highball")
	if err := copyProgram(program); err != nil {
		t.Fatal(err)
	}
	socket := filepath.Join(dir, "control")
	text := fmt.Sprintf("listen = [\"127.0.0.1:0\"]\n\n[admin]\nsocket = %q\n\n[[site]]\nroot = \".\"\n", socket)
	if err := os.WriteFile(filepath.Join(dir, "highball.toml"), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	command := func(environ string, args ...string) *exec.Cmd {
		c := exec.Command(program, args...)
		c.Dir, c.Env = dir, strings.Fields(environ)
		return c
	}
	ends := func(s *server, want int) {
		t.Helper()
		<-s.exited
		if got := s.cmd.ProcessState.ExitCode(); got != want {
			t.Errorf("exit status %d, want %d; the terminal got %q", got, want, s.stdout.String())
		}
	}

	s, _ := inTerminal(t, command("TERM=xterm", "top"))
	defer s.kill()
	if s.stdout.find(regexp.MustCompile(`no server of highball\.toml runs here`), s.exited) == nil {
		t.Errorf("without a server: %q", s.stdout.String())
	}
	ends(s, exitNotRunning)

	running, url := launch(command("", "run"))
	defer running.kill()
	if url == "" {
		t.Fatalf("no banner; stderr: %s", running.stderr.String())
	}

	s, keys := inTerminal(t, command("TERM=xterm", "top"))
	defer s.kill()
	if s.stdout.find(regexp.MustCompile(fmt.Sprintf(`pid %d`, running.cmd.Process.Pid)), s.exited) == nil {
		t.Fatalf("no header: %q", s.stdout.String())
	}
	if _, err := io.WriteString(keys, "q"); err != nil {
		t.Fatal(err)
	}
	ends(s, exitOK)
	screen := s.stdout.String()
	if strings.LastIndex(screen, "\x1b[?1049l") < strings.LastIndex(screen, "\x1b[?1049h") {
		t.Errorf("the terminal is left with another screen: %q", screen)
	}

	s, _ = inTerminal(t, command("TERM=dumb", "top"))
	defer s.kill()
	ends(s, exitFailure)
	if !strings.Contains(s.stdout.String(), "TERM=dumb says") {
		t.Errorf("on a dumb terminal: %q", s.stdout.String())
	}

	out, err := command("TERM=xterm", "top").CombinedOutput()
	if err == nil || !strings.Contains(string(out), `"highball requests --json"`) {
		t.Errorf("without a terminal: %s, error %v", out, err)
	}
}
