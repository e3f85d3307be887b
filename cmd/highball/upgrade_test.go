//go:build unix

package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// service is a server whose process may change. Its output is that of all of them.
type service struct {
	t       *testing.T
	program string
	dir     string
	environ []string
	output  watched
	over    chan struct{} // closed when no process is left that writes to the output
	addr    string
}

// built returns the program. That is not the test binary, which is told another name than that by which it was started.
var built = sync.OnceValues(func() ([]byte, error) {
	dir, err := os.MkdirTemp("", "highball")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	name := filepath.Join(dir, "highball")
	if out, err := exec.Command("go", "build", "-o", name, ".").CombinedOutput(); err != nil {
		return nil, fmt.Errorf("go build: %w\n%s", err, out)
	}
	return os.ReadFile(name)
})

// newService puts the program in a folder of its own, and writes a configuration there.
func newService(t *testing.T, configuration string) *service {
	t.Helper()
	dir, err := os.MkdirTemp("", "highball")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	s := &service{t: t, dir: dir, program: filepath.Join(dir, "highball"), over: make(chan struct{})}
	s.environ = []string{"PATH=" + os.Getenv("PATH"), "RUNTIME_DIRECTORY=" + filepath.Join(dir, "run")}
	program, err := built()
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.WriteFile(s.program, program, 0o755), os.Chmod(dir, 0o755)); err != nil {
		t.Fatal(err)
	}
	s.write("highball.toml", configuration)
	return s
}

func (s *service) write(name, text string) {
	s.t.Helper()
	name = filepath.Join(s.dir, name)
	if err := os.WriteFile(name+".new", []byte(text), 0o644); err != nil {
		s.t.Fatal(err)
	}
	if err := os.Rename(name+".new", name); err != nil {
		s.t.Fatal(err)
	}
}

// start starts the server, with further descriptors and variables, and waits for its banner.
func (s *service) start(files []*os.File, variables ...string) *exec.Cmd {
	s.t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		s.t.Fatal(err)
	}
	c := exec.Command(s.program, "run", "highball.toml")
	if len(files) > 0 { // sd_listen_fds(3) wants its process's own number in a variable
		c = exec.Command("sh", "-c", `LISTEN_PID=$$ exec "$0" run highball.toml`, s.program)
	}
	c.Dir, c.Env, c.ExtraFiles = s.dir, append(s.environ[:len(s.environ):len(s.environ)], variables...), files
	c.Stdout, c.Stderr = w, w
	if err := c.Start(); err != nil {
		s.t.Fatal(err)
	}
	_ = w.Close()
	go func() {
		defer close(s.over)
		_, _ = io.Copy(&s.output, r)
		_ = r.Close()
	}()
	s.t.Cleanup(func() {
		if pid := s.pid(); pid != 0 {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
		_ = c.Process.Kill() // it may have ended
		_ = c.Wait()
		select {
		case <-s.over:
		case <-time.After(patience):
			s.t.Errorf("a process is left; output:\n%s", s.output.String())
		}
	})
	found := s.output.find(regexp.MustCompile(`serving .* at (?:http://(\S+?)/|unix:\S+)[ ;]`), s.over)
	if found == nil {
		s.t.Fatalf("no banner; output:\n%s", s.output.String())
	}
	s.addr = found[1]
	return c
}

// activated runs the server as systemd does with a socket, where it is to end by itself.
func (s *service) activated(socket *os.File) (string, error) {
	c := exec.Command("sh", "-c", `LISTEN_PID=$$ exec "$0" run highball.toml`, s.program)
	c.Dir, c.Env, c.ExtraFiles = s.dir, append(s.environ[:len(s.environ):len(s.environ)], "LISTEN_FDS=1"), []*os.File{socket}
	out, err := c.CombinedOutput()
	return string(out), err
}

// expect waits for output that matches, and returns the groups.
func (s *service) expect(pattern string) []string {
	s.t.Helper()
	found := s.output.find(regexp.MustCompile(pattern), s.over)
	if found == nil {
		s.t.Fatalf("no match for %q in:\n%s", pattern, s.output.String())
	}
	return found
}

// command runs another command of the program and returns what it prints.
func (s *service) command(args ...string) (string, error) {
	c := exec.Command(s.program, args...)
	c.Dir, c.Env = s.dir, s.environ
	out, err := c.CombinedOutput()
	return string(out), err
}

// pid returns the number of the present process, 0 if there is none.
func (s *service) pid() int {
	out, err := s.command("status", "highball.toml")
	if err != nil {
		return 0
	}
	found := regexp.MustCompile(`(?m)^process +(\d+),`).FindStringSubmatch(out)
	if found == nil {
		return 0
	}
	n, _ := strconv.Atoi(found[1])
	return n
}

// gone waits for the end of a process, which need not be a child.
func (s *service) gone(pid int) {
	s.t.Helper()
	again := time.NewTicker(5 * time.Millisecond)
	defer again.Stop()
	for late := time.After(patience); ; {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if _, after, _ := bytes.Cut(stat, []byte(") ")); err != nil || bytes.HasPrefix(after, []byte("Z")) {
			return
		}
		select {
		case <-again.C:
		case <-late:
			s.t.Fatalf("process %d still runs; output:\n%s", pid, s.output.String())
		}
	}
}

func (s *service) get(path string) string {
	s.t.Helper()
	res, err := http.Get("http://" + s.addr + path)
	if err != nil {
		s.t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return string(body)
}

func needsProc(t *testing.T) {
	t.Helper()
	if _, err := os.Stat("/proc/self/stat"); err != nil {
		t.Skip("there is no /proc to see other processes in")
	}
}

const upgradable = `listen = ["127.0.0.1:0", "unix:web.sock"]
log.access = "off"
[[site]]
root = "."
  [[site.route]]
  path = "/answer"
  respond = "here"
`

// Five upgrades under load: every request is answered, each process but the last ends by itself, and none holds more than the one before.
func TestUpgradeUnderLoad(t *testing.T) {
	needsProc(t)
	s := newService(t, upgradable)
	s.write("file", strings.Repeat("x", 100<<10))
	first := s.start(nil)
	var before []string // of the second process, under load as the last is

	ctx, cancel := context.WithCancel(t.Context())
	var answered atomic.Int64
	var clients sync.WaitGroup
	defer clients.Wait()
	defer cancel()
	for i := range 6 {
		network, addr := "tcp", s.addr
		if i == 5 {
			network, addr = "unix", filepath.Join(s.dir, "web.sock")
		}
		path, keep := []string{"/answer", "/file"}[i%2], i%3 > 0
		clients.Go(func() {
			for ctx.Err() == nil {
				if err := requests(ctx, network, addr, path, keep, &answered); err != nil {
					t.Errorf("%s %s: %v", addr, path, err)
					return
				}
			}
		})
	}
	pid := first.Process.Pid
	for i := range 5 {
		seen := answered.Load()
		if i%2 == 0 {
			if err := syscall.Kill(pid, syscall.SIGUSR2); err != nil {
				t.Fatal(err)
			}
		} else if out, err := s.command("upgrade"); err != nil || !strings.HasSuffix(out, "has taken over\n") {
			t.Fatalf("upgrade: %s, error %v", out, err)
		}
		s.expect(fmt.Sprintf(`(?s)(has taken over" pid=.*){%d}`, i+1))
		if pid == first.Process.Pid {
			if err := first.Wait(); err != nil {
				t.Errorf("the end of the first process: %v", err)
			}
		}
		s.gone(pid)
		next := s.pid()
		if next == 0 || next == pid {
			t.Fatalf("after upgrade %d the process is %d, before %d; output:\n%s", i+1, next, pid, s.output.String())
		}
		pid = next
		for late := time.Now().Add(patience); answered.Load() < seen+20 && !t.Failed(); {
			if time.Now().After(late) {
				t.Fatal("nothing is answered any more")
			}
			s.get("/answer")
		}
		if i == 0 {
			before = openIn(pid)
		}
	}
	after := openIn(pid)
	cancel()
	clients.Wait()
	if len(after) > len(before)+6 { // as many as there are clients
		t.Errorf("the last process holds\n%s\nthe second had\n%s", strings.Join(after, "\n"), strings.Join(before, "\n"))
	}
	if out, err := s.command("stop"); err != nil {
		t.Errorf("stop: %s, error %v", out, err)
	}
	s.gone(pid)
	if _, err := os.Lstat(filepath.Join(s.dir, "web.sock")); err == nil {
		t.Error("the socket's name is left")
	}
	if left, _ := filepath.Glob(filepath.Join(s.dir, "run", "*")); len(left) > 0 {
		t.Errorf("control sockets are left: %q", left)
	}
}

// openIn returns the descriptors of a process that are no connection's.
func openIn(pid int) (all []string) {
	dir := fmt.Sprintf("/proc/%d/fd", pid)
	names, _ := os.ReadDir(dir)
	for _, name := range names {
		to, _ := os.Readlink(filepath.Join(dir, name.Name()))
		all = append(all, name.Name()+" "+to)
	}
	return all
}

// requests sends requests over one connection, and fails on any that is not answered as it should be.
func requests(ctx context.Context, network, addr, path string, keep bool, answered *atomic.Int64) error {
	c, err := net.Dial(network, addr)
	if err != nil {
		return err
	}
	defer c.Close()
	r := bufio.NewReader(c)
	for ctx.Err() == nil {
		if _, err := fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: h\r\n\r\n", path); err != nil {
			return err
		}
		res, err := http.ReadResponse(r, nil)
		if err != nil {
			return err
		}
		n, err := io.Copy(io.Discard, res.Body)
		if err != nil || res.StatusCode != 200 || n != res.ContentLength {
			return fmt.Errorf("%s, %d of %d bytes, error %v", res.Status, n, res.ContentLength, err)
		}
		answered.Add(1)
		if !keep || res.Close {
			return nil
		}
	}
	return nil
}

// An upgrade to what does not serve leaves everything as it is, and says why.
func TestUpgradeFails(t *testing.T) {
	needsProc(t)
	s := newService(t, upgradable)
	c := s.start(nil)
	pid := c.Process.Pid

	s.write("highball.toml", "lissten = 1\n")
	if out, err := s.command("upgrade", "--socket", s.socket()); err == nil || !strings.Contains(out, `unknown key "lissten"`) {
		t.Errorf("with a broken configuration: %s, error %v", out, err)
	}
	s.expect(`the upgrade failed; this process goes on.*lissten`)
	s.write("highball.toml", upgradable)

	working := s.program + ".works"
	if err := os.Rename(s.program, working); err != nil {
		t.Fatal(err)
	}
	upgrade := func() string {
		t.Helper()
		c := exec.Command(working, "upgrade", "--socket", s.socket())
		c.Dir, c.Env = s.dir, s.environ
		out, err := c.CombinedOutput()
		if err == nil {
			t.Fatalf("there was an upgrade: %s", out)
		}
		return string(out)
	}
	if out := upgrade(); !strings.Contains(out, "no such file") {
		t.Errorf("without a program: %s", out)
	}
	s.write("highball", "#!/bin/sh\nexit 3\n")
	if err := os.Chmod(s.program, 0o755); err != nil {
		t.Fatal(err)
	}
	if out := upgrade(); !strings.Contains(out, "the new process has ended: exit status 3") {
		t.Errorf("with a program that ends: %s", out)
	}
	if got := s.get("/answer"); got != "here" {
		t.Errorf("then the answer is %q", got)
	}
	if err := os.Rename(working, s.program); err != nil {
		t.Fatal(err)
	}
	if now := s.pid(); now != pid {
		t.Errorf("the process is %d, before %d", now, pid)
	}
	if out, err := s.command("stop"); err != nil {
		t.Errorf("stop: %s, error %v", out, err)
	}
	if err := c.Wait(); err != nil {
		t.Error(err)
	}
	if _, err := os.Lstat(filepath.Join(s.dir, "web.sock")); err == nil {
		t.Error("the socket's name is left")
	}
}

// socket returns the path of the control socket.
func (s *service) socket() string {
	s.t.Helper()
	all, err := filepath.Glob(filepath.Join(s.dir, "run", "*.sock"))
	if err != nil || len(all) != 1 {
		s.t.Fatalf("sockets %q, error %v", all, err)
	}
	return all[0]
}
