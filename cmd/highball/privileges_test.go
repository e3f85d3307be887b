//go:build unix

package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
)

// identities returns the users and groups that a process is: real, effective, saved, of the file system, of all its threads.
func identities(t *testing.T, pid int) string {
	t.Helper()
	tasks, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/status", pid))
	if err != nil || len(tasks) == 0 {
		t.Fatalf("process %d: tasks %q, error %v", pid, tasks, err)
	}
	different := make(map[string]bool)
	for _, task := range tasks {
		text, err := os.ReadFile(task)
		if err != nil {
			continue // the thread has ended
		}
		var who []string
		for _, line := range regexp.MustCompile(`(?m)^(Uid|Gid|Groups|CapEff):.*$`).FindAllString(string(text), -1) {
			who = append(who, strings.Join(strings.Fields(line), " "))
		}
		different[strings.Join(who, "; ")] = true
	}
	var all []string
	for who := range different {
		all = append(all, who)
	}
	return strings.Join(all, " and ")
}

const asNobody = `listen = ["127.0.0.1:0", "unix:web.sock"]
user = "nobody"
log.access_file = "access.log"
[[site]]
  [[site.route]]
  path = "/"
  respond = "here"
`

func needsRoot(t *testing.T) {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("only root can become another user")
	}
	needsProc(t)
}

// A server that is started as root binds, opens its log, and is root no more, in no thread; and so is the one that takes over from it.
func TestBecomesUser(t *testing.T) {
	needsRoot(t)
	s := newService(t, asNobody)
	c := s.start(nil)
	is := regexp.MustCompile(fmt.Sprintf(`^Uid: (%[1]d ){3}%[1]d; Gid: (\d+) (\d+) (\d+) (\d+); Groups: \d+; CapEff: 0+$`, nobody))
	if got := identities(t, c.Process.Pid); !is.MatchString(got) || strings.Contains(got, "Gid: 0") {
		t.Errorf("the server is %q", got)
	}
	if got := s.get("/"); got != "here" {
		t.Errorf("answer %q", got)
	}
	for _, name := range []string{"access.log", "web.sock"} {
		info, err := os.Stat(filepath.Join(s.dir, name))
		if err != nil || info.Sys().(*syscall.Stat_t).Uid != nobody || name == "access.log" && info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, error %v", name, info, err)
		}
	}
	if out, err := s.command("reload"); err != nil {
		t.Errorf("reload: %s, error %v", out, err)
	}
	if out, err := s.command("upgrade"); err != nil {
		t.Fatalf("upgrade: %s, error %v", out, err)
	}
	if err := c.Wait(); err != nil {
		t.Error(err)
	}
	pid := s.pid()
	if got := identities(t, pid); !is.MatchString(got) {
		t.Errorf("after an upgrade the server is %q", got)
	}
	if got := s.get("/"); got != "here" {
		t.Errorf("after an upgrade the answer is %q", got)
	}
	if out, err := s.command("stop"); err != nil {
		t.Errorf("stop: %s, error %v", out, err)
	}
	s.gone(pid)
}

// refused starts the server, which is not to come up, and returns what it says.
func (s *service) refused(as *syscall.Credential) string {
	s.t.Helper()
	c := exec.Command(s.program, "run", "highball.toml", "-p", "0")
	c.Dir, c.Env, c.SysProcAttr = s.dir, []string{"PATH=" + os.Getenv("PATH"), "RUNTIME_DIRECTORY=" + filepath.Join(s.dir, "run")}, &syscall.SysProcAttr{Credential: as}
	out, err := c.CombinedOutput()
	if c.ProcessState.ExitCode() != 1 {
		s.t.Errorf("error %v, want exit status 1", err)
	}
	return string(out)
}

func TestBecomesNobodyElse(t *testing.T) {
	needsRoot(t)
	s := newService(t, strings.ReplaceAll(asNobody, "nobody", "no-such-user"))
	if out := s.refused(nil); !strings.Contains(out, `user: there is no user "no-such-user" on this machine`) {
		t.Errorf("an unknown user: %s", out)
	}
	s.write("highball.toml", strings.Replace(asNobody, "log.access", "group = \"no-such-group\"\nlog.access", 1))
	if out := s.refused(nil); !strings.Contains(out, `group: there is no group "no-such-group" on this machine`) {
		t.Errorf("an unknown group: %s", out)
	}
	s.write("highball.toml", strings.NewReplacer("nobody", "daemon", `log.access_file = "access.log"`, "", `"unix:web.sock"`, "").Replace(asNobody))
	if out := s.refused(&syscall.Credential{Uid: nobody, Gid: nobody}); !strings.Contains(out, `only root can become the user "daemon"; `) {
		t.Errorf("a server that is another user: %s", out)
	}
}

// The workers of an application can be somebody else than a server that stays root.
func TestWorkersAreUser(t *testing.T) {
	needsRoot(t)
	const python = "/usr/bin/python3" // one that everybody may run
	if _, err := os.Stat(python); err != nil {
		t.Skip(err)
	}
	s := newService(t, `listen = ["127.0.0.1:0"]
[app.shop]
wsgi = "shop"
python = "`+python+`"
user = "nobody"
workers = 1
[[site]]
  [[site.route]]
  path = "/"
  app = "shop"
`)
	s.write("shop.py", `import os
def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [("%d %d %s %s" % (os.getuid(), os.geteuid(), os.environ["USER"], os.environ.get("RUNTIME_DIRECTORY"))).encode()]
`)
	c := s.start(nil)
	if got, want := s.get("/"), fmt.Sprintf("%[1]d %[1]d nobody", nobody); !strings.HasPrefix(got, want) {
		t.Errorf("the worker is %q, want %q", got, want)
	}
	if out, err := s.command("stop"); err != nil {
		t.Errorf("stop: %s, error %v", out, err)
	}
	if err := c.Wait(); err != nil {
		t.Error(err)
	}
}
