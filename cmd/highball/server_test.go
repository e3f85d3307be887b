//go:build unix

package main

import (
	"bytes"
	"io"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// patience bounds every wait of a script; it is reached only when something is broken.
const patience = 20 * time.Second

// server is a running highball.
type server struct {
	cmd    *exec.Cmd
	stdout watched
	stderr watched
	exited chan struct{} // closed when the process has ended and its output is complete
}

// watched is output that somebody waits for something in.
type watched struct {
	mu      sync.Mutex // guards the following fields
	text    bytes.Buffer
	changed chan struct{} // closed at the next write, if somebody waits
}

func (w *watched) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.changed != nil {
		close(w.changed)
		w.changed = nil
	}
	return w.text.Write(p)
}

func (w *watched) String() string {
	text, _ := w.now()
	return text
}

// now returns what was written up to now, and a channel that is closed when there is more.
func (w *watched) now() (string, <-chan struct{}) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.changed == nil {
		w.changed = make(chan struct{})
	}
	return w.text.String(), w.changed
}

// find waits until the output matches; it returns nil when that did not come to pass.
func (w *watched) find(pattern *regexp.Regexp, exited <-chan struct{}) []string {
	for late := time.After(patience); ; {
		text, changed := w.now()
		if found := pattern.FindStringSubmatch(text); found != nil {
			return found
		}
		select {
		case <-changed:
		case <-exited:
			text, _ := w.now()
			return pattern.FindStringSubmatch(text)
		case <-late:
			return nil
		}
	}
}

// launch starts c, which is highball, and returns when its banner is out, with the URL in it.
func launch(c *exec.Cmd) (s *server, url string) {
	s = &server{cmd: c, exited: make(chan struct{})}
	c.Stdout, c.Stderr = &s.stdout, &s.stderr
	if err := c.Start(); err != nil {
		close(s.exited)
		_, _ = io.WriteString(&s.stderr, err.Error())
		return s, ""
	}
	go func() {
		_ = c.Wait() // the status is in ProcessState
		close(s.exited)
	}()
	found := s.stderr.find(regexp.MustCompile(`serving .* at ((?:http://|unix:)[^\s;]+).*Ctrl-C stops\n`), s.exited)
	if found == nil {
		s.kill()
		return s, ""
	}
	return s, strings.TrimSuffix(found[1], "/")
}

// kill ends the server if it still runs.
func (s *server) kill() {
	if s.cmd.Process != nil {
		_ = s.cmd.Process.Kill()
		<-s.exited
	}
}

// start NAME [ARG...] starts "highball ARG..." and waits for its banner. $NAME is then its first URL, without the final
// slash, and $NAME_PORT its port.
func start(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 1 {
		ts.Fatalf("usage: start NAME [ARG...]")
	}
	var path string
	for dir := range strings.SplitSeq(ts.Getenv("PATH"), string(os.PathListSeparator)) {
		if name := dir + "/highball"; path == "" && isFile(name) {
			path = name
		}
	}
	c := exec.Command(path, args[1:]...)
	c.Dir = ts.MkAbs(".")
	for _, name := range []string{"PATH", "HOME", "PORT", "HIGHBALL_PORT", "HIGHBALL_LISTING", "HIGHBALL_ACCESS_LOG", "HIGHBALL_NONSENSE", "HIGHBALL_WORKERS", "WEB_CONCURRENCY", "RUNTIME_DIRECTORY", "GORACE"} {
		if value := ts.Getenv(name); value != "" {
			c.Env = append(c.Env, name+"="+value)
		}
	}
	s, url := launch(c)
	ts.Defer(s.kill)
	if url == "" {
		ts.Fatalf("no banner; stderr:\n%s", s.stderr.String())
	}
	ts.Setenv(args[0], url)
	ts.Setenv(args[0]+"_PORT", url[strings.LastIndex(url, ":")+1:])
	running(ts)[args[0]] = s
}

func isFile(name string) bool {
	info, err := os.Stat(name)
	return err == nil && info.Mode().IsRegular()
}

// expect NAME REGEXP waits until the standard error of a server matches.
func expect(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: expect NAME REGEXP")
	}
	s := running(ts)[args[0]]
	if s.stderr.find(regexp.MustCompile(args[1]), s.exited) == nil {
		ts.Fatalf("no match for %q in:\n%s", args[1], s.stderr.String())
	}
}

// send NAME INT|TERM|KILL|HUP|USR1|USR2 sends a signal to a server.
func send(ts *testscript.TestScript, neg bool, args []string) {
	signals := map[string]os.Signal{"INT": os.Interrupt, "TERM": syscall.SIGTERM, "KILL": os.Kill, "HUP": syscall.SIGHUP, "USR1": syscall.SIGUSR1, "USR2": syscall.SIGUSR2}
	if neg || len(args) != 2 || signals[args[1]] == nil {
		ts.Fatalf("usage: send NAME INT|TERM|KILL|HUP|USR1|USR2")
	}
	ts.Check(running(ts)[args[0]].cmd.Process.Signal(signals[args[1]]))
}

// ended NAME STATUS waits for the end of a server, with that exit status. What it has written is then there for the commands stdout and
// stderr, and the latter's banner is cut off.
func ended(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: ended NAME STATUS")
	}
	s := running(ts)[args[0]]
	select {
	case <-s.exited:
	case <-time.After(patience):
		ts.Fatalf("it still runs; stderr:\n%s", s.stderr.String())
	}
	_, after, _ := strings.Cut(s.stderr.String(), "Ctrl-C stops\n")
	_, _ = io.WriteString(ts.Stdout(), s.stdout.String())
	_, _ = io.WriteString(ts.Stderr(), after)
	if got := strconv.Itoa(s.cmd.ProcessState.ExitCode()); got != args[1] {
		ts.Fatalf("exit status %s, want %s; stderr:\n%s", got, args[1], after)
	}
}
