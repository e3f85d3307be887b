//go:build linux

package gateway

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"highball"
	"highball/internal/servertest"
)

// pythonScript returns a script that prints a header block and goes on with the lines.
func pythonScript(python string, lines ...string) string {
	return "#!" + python + "\nprint('Content-Type: text/plain\\n', flush=True)\n" + strings.Join(lines, "\n") + "\n"
}

// parentOf asks a script that prints it for its parent.
func (s *scripts) parentOf(t *testing.T, name string) int {
	t.Helper()
	r := s.Dial(t).Get("/cgi-bin/" + name)
	pid, err := strconv.Atoi(strings.TrimSpace(r.Body))
	if r.Status != 200 || err != nil {
		t.Fatalf("got %+v\n%s", r, s.log)
	}
	return pid
}

const printParent = "import os; print(os.getppid())"

func TestWarmScriptsHaveOneParent(t *testing.T) {
	leaveNothing(t)
	python := python3(t)
	s := serveCGI(t, servertest.Loop, &highball.Server{}, CGIConfig{Warm: true, Interpreters: map[string]string{".py": python}, Dir: folder(t, map[string]string{
		"one":      pythonScript(python, printParent),
		"two":      pythonScript(python, "import random", printParent),
		"three.py": "print('Content-Type: text/plain\\n')\n" + printParent,
		"other":    pythonScript(python+" -Es", printParent),
		"options":  pythonScript(python+" -Wignore", printParent),
		"env":      pythonScript("/usr/bin/env -S "+filepath.Base(python), printParent),
		"shell":    shell(`printf 'Content-Type: text/plain\n\n%s' $PPID`),
	}), Env: []string{"PATH=" + filepath.Dir(python)}})
	parent := s.parentOf(t, "one")
	if parent == os.Getpid() {
		t.Fatal("the script is run cold")
	}
	for _, name := range []string{"one", "two", "three.py", "env"} {
		if got := s.parentOf(t, name); got != parent {
			t.Errorf("%s has the parent %d, not %d", name, got, parent)
		}
	}
	if got := s.parentOf(t, "other"); got == parent || got == os.Getpid() {
		t.Error("other options have the same parent, or none")
	}
	for _, name := range []string{"options", "shell"} {
		if got := s.parentOf(t, name); got != os.Getpid() {
			t.Errorf("%s has the parent %d instead of the server", name, got)
		}
	}
}

// Scripts that are forked from one process do not have its random numbers.
func TestWarmScriptsDiffer(t *testing.T) {
	eachPython(t, func(t *testing.T, python string) {
		leaveNothing(t)
		s := serveCGI(t, servertest.Goroutine, &highball.Server{}, CGIConfig{Warm: true, Dir: folder(t, map[string]string{
			"random": pythonScript(python, "import random, tempfile; print(random.random(), next(tempfile._get_candidate_names()))"),
		})})
		seen := make(map[string]bool)
		for range 5 {
			for _, word := range strings.Fields(s.Dial(t).Get("/cgi-bin/random").Body) {
				if seen[word] {
					t.Errorf("%s came twice", word)
				}
				seen[word] = true
			}
		}
		if len(seen) != 10 {
			t.Errorf("got %v", seen)
		}
	})
}

// A script is compiled anew when it has changed, however soon after the last time.
func TestWarmScriptChanges(t *testing.T) {
	leaveNothing(t)
	python := python3(t)
	dir := folder(t, map[string]string{"script": ""})
	s := serveCGI(t, servertest.Goroutine, &highball.Server{}, CGIConfig{Warm: true, Dir: dir})
	old := time.Now().Add(-time.Hour)
	for n := range 20 {
		if err := os.WriteFile(dir+"/script", []byte(pythonScript(python, fmt.Sprintf("print(%02d)", 10+n))), 0o755); err != nil {
			t.Fatal(err)
		}
		if n > 15 { // so that only the time of the change of the file's status is new
			if err := os.Chtimes(dir+"/script", old, old); err != nil {
				t.Fatal(err)
			}
		}
		for range 2 {
			if r := s.Dial(t).Get("/cgi-bin/script"); r.Body != fmt.Sprintf("%d\n", 10+n) {
				t.Fatalf("version %d answers %q", 10+n, r.Body)
			}
		}
	}
}

// fakePython returns the path of a program that is called python3, and becomes the real one unless the lines do otherwise.
func fakePython(t *testing.T, lines ...string) string {
	t.Helper()
	python := python3(t)
	return filepath.Join(folder(t, map[string]string{"python3": shell(append(lines, `exec `+python+` "$@"`)...)}), "python3")
}

func TestWarmInterpreterChanges(t *testing.T) {
	leaveNothing(t)
	python := fakePython(t)
	g := newGate(t)
	s := serveCGI(t, servertest.Loop, &highball.Server{}, CGIConfig{Warm: true, Dir: folder(t, map[string]string{
		"parent": pythonScript(python, printParent),
		"wait":   pythonScript(python, "open("+strconv.Quote(g.notes)+", 'w').write('begun 1\\n')", "open("+strconv.Quote(g.pipe.Name())+", 'rb', 0).read(1)", printParent),
	})})
	first := s.parentOf(t, "parent")
	waiting := s.Dial(t)
	waiting.Send("GET /cgi-bin/wait HTTP/1.1\r\nHost: t\r\n\r\n")
	servertest.Eventually(t, "the script runs", func() bool { begun, _ := g.begun(); return len(begun) == 1 })
	if err := os.WriteFile(python, []byte(shell(`exec `+python3(t)+` "$@" # anew`)), 0o755); err != nil {
		t.Fatal(err)
	}
	second := s.parentOf(t, "parent")
	if second == first || second == os.Getpid() {
		t.Errorf("the parent was %d and is %d", first, second)
	}
	s.awaitLog(t, "has changed and is started anew")
	g.open(t, 1)
	if r := waiting.Receive("GET"); r.Body != fmt.Sprintln(first) {
		t.Errorf("the script that was running says %q", r.Body)
	}
	servertest.Eventually(t, "the old parent ends", func() bool { return syscall.Kill(first, 0) == syscall.ESRCH })
	if strings.Contains(s.log.String(), "died") {
		t.Errorf("its end is lamented:\n%s", s.log)
	}
}

// Where there is no parent, scripts are run cold, and one record tells why.
func TestWarmFallsBack(t *testing.T) {
	leaveNothing(t)
	for _, test := range []struct {
		name, python string
		env          string
		want         string
	}{
		{name: "it fails", python: fakePython(t, `case "$1" in -c) echo not today >&2; exit 3;; esac`), want: "(exit status 3) not today"},
		{name: "it is killed", python: fakePython(t, `case "$1" in -c) kill -9 $$;; esac`), want: "signal: killed"},
		{name: "it is something else", python: fakePython(t, `case "$1" in -c) echo hello >&3; exit 0;; esac`), want: "does not get ready"},
		{name: "it is too old", python: fakePython(t, `case "$1" in -c) shift; set -- -c "import sys; sys.version_info = (3, 7, 1)`+"\n"+`$1";; esac`), want: "Python 3.7 cannot run scripts in this way"},
		{name: "relative folders", python: fakePython(t), env: "PYTHONPATH=/usr:lib", want: `PYTHONPATH has the relative folder \"lib\"`},
	} {
		t.Run(test.name, func(t *testing.T) {
			env := []string{"COLOUR=green"}
			if test.env != "" {
				env = append(env, test.env)
			}
			s := serveCGI(t, servertest.Goroutine, &highball.Server{}, CGIConfig{Warm: true, Env: env, Dir: folder(t, map[string]string{
				"parent": pythonScript(test.python, printParent),
			})})
			for range 3 {
				if got := s.parentOf(t, "parent"); got != os.Getpid() {
					t.Errorf("the parent is %d", got)
				}
			}
			if n := strings.Count(s.log.String(), "are run cold"); n != 1 || !strings.Contains(s.log.String(), test.want) {
				t.Errorf("it was told %d times, and %q should be in it:\n%s", n, test.want, s.log)
			}
		})
	}
}

// A parent that dies takes its scripts with it, and is followed by another.
func TestWarmParentDies(t *testing.T) {
	leaveNothing(t)
	python, marks := python3(t), t.TempDir()
	s := serveCGI(t, servertest.Loop, &highball.Server{}, CGIConfig{Warm: true, Dir: folder(t, map[string]string{
		"parent": pythonScript(python, printParent),
		"stuck":  "#!" + python + "\nimport os\nos.execv('/bin/sh', ['sh', '-c', " + strconv.Quote(stuckScript(marks)) + "])\n",
	})})
	first := s.parentOf(t, "parent")
	c := s.Dial(t)
	c.Send("GET /cgi-bin/stuck HTTP/1.1\r\nHost: t\r\n\r\n")
	servertest.Eventually(t, "the script runs", func() bool {
		_, err := os.Stat(marks + "/self")
		return err == nil
	})
	if err := syscall.Kill(first, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if r := c.Receive("GET"); r.Status != 502 {
		t.Errorf("the script's client got %d", r.Status)
	}
	gone(t, marks+"/self", marks+"/child")
	s.awaitLog(t, "an interpreter of warm CGI has died")
	s.awaitLog(t, errWarmLost.Error())
	for range 2 { // the first may still be waiting for another attempt
		if got := s.parentOf(t, "parent"); got == first {
			t.Error("the dead parent has a child")
		}
	}
	s.cgi.warm.mu.Lock()
	for _, slot := range s.cgi.warm.slots {
		slot.retry = time.Time{}
	}
	s.cgi.warm.mu.Unlock()
	if got := s.parentOf(t, "parent"); got == os.Getpid() || got == first {
		t.Errorf("the next parent is %d", got)
	}
}

// Nothing of a script stays in its parent, whatever the script does.
func TestWarmParentKeepsNothing(t *testing.T) {
	leaveNothing(t)
	python := python3(t)
	s := serveCGI(t, servertest.Loop, &highball.Server{}, CGIConfig{Warm: true, Dir: folder(t, map[string]string{
		"parent": pythonScript(python, printParent),
		"leaves": pythonScript(python, "import os, sys, threading, json", "json.loads = None; sys.path.clear(); os.environ.clear(); os.chdir('/')",
			"os.open('/dev/null', os.O_RDONLY); sys.modules.clear()", "raise KeyError"),
		"json": pythonScript(python, "import json, sys, os; print(json.loads('[1]'), len(sys.path) > 1, 'PATH' in os.environ)"),
	})})
	parent := s.parentOf(t, "parent")
	before := descriptorsOf(t, parent)
	for range 20 {
		s.Dial(t).Get("/cgi-bin/leaves")
	}
	if r := s.Dial(t).Get("/cgi-bin/json"); r.Body != "[1] True True\n" {
		t.Errorf("got %+v", r)
	}
	if got := s.parentOf(t, "parent"); got != parent {
		t.Errorf("the parent was %d and is %d", parent, got)
	}
	servertest.Eventually(t, "all scripts were reaped", func() bool { return len(s.scriptProcesses(t)) == 0 })
	if n := descriptorsOf(t, parent); n != before {
		t.Errorf("the parent had %d descriptors and has %d", before, n)
	}
	if t.Failed() {
		t.Log(s.log)
	}
}

// Whatever step of starting a process fails, the client gets an answer, the log tells why, and nothing is left.
func TestCGIStepFails(t *testing.T) {
	eachWay(t, func(t *testing.T, w way) {
		for _, failure := range []error{syscall.EAGAIN, syscall.ENOENT, syscall.EACCES, syscall.EMFILE} {
			for n := 1; ; n++ {
				failed := ""
				t.Run(fmt.Sprintf("%v %d", failure, n), func(t *testing.T) { failed = failStep(t, w, n, failure) })
				if failed == "" {
					if n < 5 {
						t.Errorf("there are %d steps only", n-1)
					}
					break
				}
			}
		}
	})
}

// failStep makes the nth step fail, and returns its name.
func failStep(t *testing.T, w way, n int, failure error) (failed string) {
	leaveNothing(t)
	s := serveCGI(t, servertest.Goroutine, &highball.Server{}, w.config(t, map[string]string{
		"echo": shell(`printf 'Content-Type: text/plain\n\n'`, "cat"),
	}))
	var done atomic.Int64
	s.cgi.before = func(step string) error {
		if done.Add(1) != int64(n) {
			return nil
		}
		failed = step
		return failure
	}
	c := s.Dial(t)
	post := func() servertest.Response {
		c.Send("POST /cgi-bin/echo HTTP/1.1\r\nHost: t\r\nContent-Length: 4\r\n\r\nbody")
		return c.Receive("POST")
	}
	r := post()
	done.Store(1 << 32) // no further one fails
	want := map[error]int{syscall.EAGAIN: 503, syscall.EMFILE: 503, syscall.ENOENT: 500, syscall.EACCES: 403}[failure]
	switch failed {
	case "", "control", "boot", "out", "start": // run cold instead
		want = 200
	}
	if r.Status != want || want == 200 && r.Body != "body" || want == 503 && r.Value("Retry-After") == "" {
		t.Errorf("the step %s has failed: %+v, want status %d", failed, r, want)
	}
	if failed != "" {
		s.awaitLog(t, failure.Error())
	}
	if r := post(); r.Status != 200 || r.Body != "body" {
		t.Errorf("afterwards: %+v", r)
	}
	return failed
}

// A body beyond the limit is refused, declared or not, and no script begins for it.
func TestCGIBodyLimit(t *testing.T) {
	eachWay(t, func(t *testing.T, w way) {
		leaveNothing(t)
		marks := t.TempDir()
		cfg := w.config(t, map[string]string{
			"echo": shell("touch "+marks+"/begun", `printf 'Content-Type: text/plain\n\n'`, "cat"),
		})
		s := serveCGI(t, servertest.Loop, &highball.Server{Limits: highball.Limits{Body: 100 << 10}}, cfg)
		over := strings.Repeat("x", 200<<10)
		for _, framing := range []string{
			fmt.Sprintf("Content-Length: %d\r\n\r\n%s", len(over), over),
			fmt.Sprintf("Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n", len(over), over),
		} {
			c := s.Dial(t)
			go c.Send("POST /cgi-bin/echo HTTP/1.1\r\nHost: test\r\n" + framing)
			if r := c.Receive("POST"); r.Status != 413 {
				t.Errorf("status %d", r.Status)
			}
		}
		if _, err := os.Stat(marks + "/begun"); !errors.Is(err, os.ErrNotExist) {
			t.Error("the script has begun")
		}
	})
}
