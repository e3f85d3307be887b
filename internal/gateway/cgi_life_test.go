//go:build linux

package gateway

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"highball"
	"highball/internal/servertest"
)

// gone waits for the end of the processes whose numbers stand in files.
func gone(t *testing.T, files ...string) {
	t.Helper()
	for _, file := range files {
		servertest.Eventually(t, "the process of "+file+" ends", func() bool {
			text, err := os.ReadFile(file)
			if err != nil {
				return false
			}
			pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
			return err == nil && syscall.Kill(pid, 0) == syscall.ESRCH || isZombieOfOthers(pid)
		})
	}
}

// isZombieOfOthers reports whether a process is dead but not reaped by a parent other than this process.
func isZombieOfOthers(pid int) bool {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return false
	}
	_, rest, _ := strings.Cut(string(b), ") ")
	fields := strings.Fields(rest)
	return len(fields) > 1 && fields[0] == "Z" && fields[1] != strconv.Itoa(os.Getpid())
}

// children returns how many children this process has.
func children(t *testing.T) int {
	t.Helper()
	all, err := filepath.Glob("/proc/self/task/*/children")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, name := range all {
		b, _ := os.ReadFile(name) // a thread may have ended
		n += len(strings.Fields(string(b)))
	}
	return n
}

// stuckScript returns a script that notes itself and a child of its own, and ends of itself only after a long time.
func stuckScript(dir string, before ...string) string {
	return shell(append(before, "sleep 100 & echo $! >"+dir+"/child.new; mv "+dir+"/child.new "+dir+"/child",
		"echo $$ >"+dir+"/self.new; mv "+dir+"/self.new "+dir+"/self", "wait")...)
}

func TestCGIDeadline(t *testing.T) { eachWay(t, testCGIDeadline) }

func testCGIDeadline(t *testing.T, w way) {
	servertest.Each(t, func(t *testing.T, d servertest.Driver) {
		leaveNothing(t)
		for _, trap := range []string{":", "trap '' TERM"} {
			marks := t.TempDir()
			s := serveCGI(t, d, &highball.Server{Deadlines: highball.Deadlines{Handler: 500 * time.Millisecond}},
				w.config(t, map[string]string{"stuck": stuckScript(marks, trap), "plain": shell(`printf 'Status: 204\n\n'`)}))
			s.Dial(t).Get("/cgi-bin/plain") // which has the parent of the warm ones started
			for range 20 {                  // on a busy machine the deadline may be before the script has made its marks
				if r := s.Dial(t).Get("/cgi-bin/stuck"); r.Status != 504 {
					t.Errorf("status %d", r.Status)
				}
				servertest.Eventually(t, "the script is over", func() bool { return len(s.cgi.Running()) == 0 })
				if _, err := os.Stat(marks + "/self"); err == nil {
					break
				}
			}
			gone(t, marks+"/self", marks+"/child")
			s.awaitLog(t, "missed the handler's deadline")
		}
	})
}

func TestCGIClientLeaves(t *testing.T) { eachWay(t, testCGIClientLeaves) }

func testCGIClientLeaves(t *testing.T, w way) {
	leaveNothing(t)
	for name, request := range map[string]string{
		"waiting":   "GET /cgi-bin/stuck HTTP/1.1\r\nHost: t\r\n\r\n",
		"sending":   "POST /cgi-bin/stuck HTTP/1.1\r\nHost: t\r\nContent-Length: 10000000\r\n\r\nabc",
		"receiving": "GET /cgi-bin/endless HTTP/1.1\r\nHost: t\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			marks := t.TempDir()
			s := serveCGI(t, servertest.Loop, &highball.Server{}, w.config(t, map[string]string{
				"stuck":   stuckScript(marks),
				"endless": stuckScript(marks, `printf 'Content-Type: text/plain\n\n'`, "yes &"),
			}))
			c := s.Dial(t)
			c.Send(request)
			servertest.Eventually(t, "the script runs", func() bool {
				_, err := os.Stat(marks + "/self")
				return err == nil
			})
			c.Reset()
			gone(t, marks+"/self", marks+"/child")
		})
	}
}

func TestCGIStopEndsScripts(t *testing.T) { eachWay(t, testCGIStopEndsScripts) }

func testCGIStopEndsScripts(t *testing.T, w way) {
	leaveNothing(t)
	marks := t.TempDir()
	s := serveCGI(t, servertest.Goroutine, &highball.Server{}, w.config(t, map[string]string{"stuck": stuckScript(marks)}))
	c := s.Dial(t)
	c.Send("GET /cgi-bin/stuck HTTP/1.1\r\nHost: t\r\n\r\n")
	servertest.Eventually(t, "the script runs", func() bool {
		_, err := os.Stat(marks + "/self")
		return err == nil
	})
	if err := s.cgi.Stop(t.Context()); err != nil {
		t.Error(err)
	}
	if n := children(t); n != 0 {
		t.Errorf("%d processes are left", n)
	}
	if r := c.Receive("GET"); r.Status != 502 {
		t.Errorf("the script's client got %d", r.Status)
	}
	if r := c.Get("/cgi-bin/stuck"); r.Status != 503 {
		t.Errorf("afterwards a client got %d", r.Status)
	}
	gone(t, marks+"/child")
}

// What a script has printed is sent when it pauses, and while it goes on.
func TestCGIStreams(t *testing.T) { eachWay(t, testCGIStreams) }

func testCGIStreams(t *testing.T, w way) {
	servertest.Each(t, func(t *testing.T, d servertest.Driver) {
		leaveNothing(t)
		fifo := filepath.Join(t.TempDir(), "go")
		if err := syscall.Mkfifo(fifo, 0o600); err != nil {
			t.Fatal(err)
		}
		s := serveCGI(t, d, &highball.Server{}, w.config(t, map[string]string{
			"slow": shell(`printf 'Content-Type: text/plain\n\nfirst\n'`, "cat "+fifo),
		}))
		c := s.Dial(t)
		c.Send("GET /cgi-bin/slow HTTP/1.1\r\nHost: t\r\n\r\n")
		var got strings.Builder
		b := make([]byte, 1000)
		for !strings.Contains(got.String(), "first\n") {
			n, err := c.Read(b)
			if err != nil {
				t.Fatal(err)
			}
			got.Write(b[:n])
		}
		if err := os.WriteFile(fifo, []byte("second"), 0o600); err != nil {
			t.Fatal(err)
		}
		for !strings.HasSuffix(got.String(), "0\r\n\r\n") {
			n, err := c.Read(b)
			if err != nil {
				t.Fatal(err)
			}
			got.Write(b[:n])
		}
		if !strings.Contains(got.String(), "second") {
			t.Errorf("got %q", got.String())
		}
	})
}

// A script may answer without reading what it is sent.
func TestCGIAnswersEarly(t *testing.T) { eachWay(t, testCGIAnswersEarly) }

func testCGIAnswersEarly(t *testing.T, w way) {
	leaveNothing(t)
	s := serveCGI(t, servertest.Loop, &highball.Server{}, w.config(t, map[string]string{
		"early": shell(`printf 'Status: 413\nContent-Type: text/plain\n\ntoo much'`),
	}))
	c := s.Dial(t)
	go c.Send("POST /cgi-bin/early HTTP/1.1\r\nHost: t\r\nContent-Length: 200000\r\n\r\n" + strings.Repeat("x", 200000))
	if r := c.Receive("POST"); r.Status != 413 || r.Body != "too much" {
		t.Errorf("%d %q", r.Status, r.Body)
	}
}

// A large body is passed on as it comes, and the output taken meanwhile, so that neither waits for the other.
func TestCGILargeBodyBothWays(t *testing.T) { eachWay(t, testCGILargeBodyBothWays) }

func testCGILargeBodyBothWays(t *testing.T, w way) {
	servertest.Each(t, func(t *testing.T, d servertest.Driver) {
		leaveNothing(t)
		s := serveCGI(t, d, &highball.Server{}, w.config(t, map[string]string{
			"echo": shell(`printf 'Content-Type: text/plain\n\n'`, "cat"),
		}))
		body := strings.Repeat("0123456789", 1<<20)
		for _, framing := range []string{
			fmt.Sprintf("Content-Length: %d\r\n\r\n%s", len(body), body),
			fmt.Sprintf("Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n", len(body), body),
		} {
			c := s.Dial(t)
			go c.Send("POST /cgi-bin/echo HTTP/1.1\r\nHost: t\r\n" + framing)
			if r := c.Receive("POST"); r.Body != body {
				t.Errorf("status %d, %d bytes, want %d", r.Status, len(r.Body), len(body))
			}
		}
	})
}

func TestCGIStandardError(t *testing.T) { eachWay(t, testCGIStandardError) }

func testCGIStandardError(t *testing.T, w way) {
	leaveNothing(t)
	s := serveCGI(t, servertest.Goroutine, &highball.Server{}, w.config(t, map[string]string{
		"says":  shell(`printf 'Content-Type: text/plain\n\nok'`, `printf 'bad \033thing\r\nnext' >&2`, "exit 3"),
		"much":  shell(`printf 'Content-Type: text/plain\n\nok'`, "seq 1 1000 >&2", "head -c 5000 /dev/zero | tr '\\0' x >&2"),
		"fails": shell("echo sorry >&2", "exit 7"),
	}))
	c := s.Dial(t)
	if r := c.Get("/cgi-bin/says?x=1"); r.Status != 200 || r.Body != "ok" {
		t.Errorf("got %+v", r)
	}
	s.awaitLog(t, `level=WARN msg="a CGI script says"`)
	s.awaitLog(t, ` method=GET target="/cgi-bin/says?x=1" line="bad \x1bthing"`)
	s.awaitLog(t, `line=next`)
	s.awaitLog(t, `err="exit status 3"`)
	c.Get("/cgi-bin/much")
	s.awaitLog(t, `says too much`)
	if n := strings.Count(s.log.String(), "a CGI script says\""); n > 2+3*stderrRate {
		t.Errorf("%d lines were logged", n)
	}
	if r := c.Get("/cgi-bin/fails"); r.Status != 502 {
		t.Errorf("status %d", r.Status)
	}
	s.awaitLog(t, "sorry")
	s.awaitLog(t, "(exit status 7)")
}

// What a script says is logged while it goes on, before and after its header block, and it can say more than a pipe takes.
func TestCGIStandardErrorMeanwhile(t *testing.T) { eachWay(t, testCGIStandardErrorMeanwhile) }

func testCGIStandardErrorMeanwhile(t *testing.T, w way) {
	leaveNothing(t)
	first, second := filepath.Join(t.TempDir(), "first"), filepath.Join(t.TempDir(), "second")
	for _, fifo := range []string{first, second} {
		if err := syscall.Mkfifo(fifo, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s := serveCGI(t, servertest.Goroutine, &highball.Server{}, w.config(t, map[string]string{
		"long": shell("echo beginning >&2", "seq 1 40000 >&2", "cat "+first, `printf 'Content-Type: text/plain\n\nok'`, "sleep 1", "echo going on >&2", "cat "+second),
	}))
	c := s.Dial(t)
	c.Send("GET /cgi-bin/long HTTP/1.1\r\nHost: t\r\n\r\n")
	s.awaitLog(t, "line=beginning")
	write := func(fifo string) {
		if err := os.WriteFile(fifo, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(first) // which waits until the script reads, and so until it has said everything
	s.awaitLog(t, `line="going on"`)
	write(second)
	if r := c.Receive("GET"); r.Status != 200 || r.Body != "ok" {
		t.Errorf("got %d %q", r.Status, r.Body)
	}
}

// An answer that was cut by its script's death does not look whole.
func TestCGIScriptIsKilled(t *testing.T) { eachWay(t, testCGIScriptIsKilled) }

func testCGIScriptIsKilled(t *testing.T, w way) {
	servertest.Each(t, func(t *testing.T, d servertest.Driver) {
		leaveNothing(t)
		s := serveCGI(t, d, &highball.Server{}, w.config(t, map[string]string{
			"dies": shell(`printf 'Content-Type: text/plain\n\npart'`, "kill -9 $$"),
		}))
		c := s.Dial(t)
		c.Send("GET /cgi-bin/dies HTTP/1.1\r\nHost: t\r\n\r\n")
		if r, err := c.TryReceive("GET"); err == nil && r.Status == 200 {
			t.Errorf("a whole answer: %+v", r)
		}
		s.awaitLog(t, "signal: killed")
	})
}

func TestCGIQueueDeadline(t *testing.T) { eachWay(t, testCGIQueueDeadline) }

func testCGIQueueDeadline(t *testing.T, w way) {
	leaveNothing(t)
	marks := t.TempDir()
	cfg := w.config(t, map[string]string{"stuck": stuckScript(marks)})
	cfg.MaxProcesses, cfg.QueueDeadline = 1, 50*time.Millisecond
	log := new(servertest.Log)
	s := serveCGI(t, servertest.Goroutine, &highball.Server{AccessLog: log, AccessFormat: "{status} {phase.queue} {phase.app}"}, cfg)
	first := s.Dial(t)
	first.Send("GET /cgi-bin/stuck HTTP/1.1\r\nHost: t\r\n\r\n")
	servertest.Eventually(t, "the script runs", func() bool {
		_, err := os.Stat(marks + "/self")
		return err == nil
	})
	if r := s.Dial(t).Get("/cgi-bin/stuck"); r.Status != 503 || r.Value("Retry-After") == "" {
		t.Errorf("got %+v", r)
	}
	s.awaitLog(t, errNoProcess.Error())
	var status int
	var queue, app float64
	servertest.Eventually(t, "a line", func() bool { return strings.HasSuffix(log.String(), "\n") })
	if _, err := fmt.Sscan(log.String(), &status, &queue, &app); err != nil || status != 503 || queue < 0.05 || app < 0 {
		t.Errorf("what waited for a process in vain is told of as %q, %v", log, err)
	}
}

// orphanVariable has the test binary be a server that is killed.
const orphanVariable = "HIGHBALL_TEST_CGI_ORPHAN"

// orphanPython has it run its script warm.
const orphanPython = "HIGHBALL_TEST_CGI_PYTHON"

// A script dies with its server, even if that is killed; of a warm one, all that it has started as well.
func TestCGIServerIsKilled(t *testing.T) {
	if marks := os.Getenv(orphanVariable); marks != "" {
		w := way{python: os.Getenv(orphanPython)}
		w.warm = w.python != ""
		s := serveCGI(t, servertest.Goroutine, &highball.Server{}, w.config(t, map[string]string{"stuck": stuckScript(marks)}))
		s.Dial(t).Get("/cgi-bin/stuck")
		return
	}
	eachWay(t, func(t *testing.T, w way) {
		marks := t.TempDir()
		server := exec.Command(os.Args[0], "-test.run=^TestCGIServerIsKilled$")
		server.Env = append(os.Environ(), orphanVariable+"="+marks, orphanPython+"="+w.python)
		if err := server.Start(); err != nil {
			t.Fatal(err)
		}
		servertest.Eventually(t, "the script runs", func() bool {
			_, err := os.Stat(marks + "/self")
			return err == nil
		})
		_ = server.Process.Kill() // it runs, since its script does
		_ = server.Wait()         // it was killed
		gone(t, marks+"/self")
		if w.warm {
			gone(t, marks+"/child")
			return
		}
		text, err := os.ReadFile(marks + "/child")
		if err != nil {
			t.Fatal(err)
		}
		pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
		if err != nil {
			t.Fatal(err)
		}
		_ = syscall.Kill(pid, syscall.SIGKILL) // nobody else does
	})
}
