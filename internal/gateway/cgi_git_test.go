//go:build linux

package gateway

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"highball"
	"highball/internal/servertest"
)

// git runs git in a folder, with no configuration but its own.
func git(t *testing.T, dir string, args ...string) string {
	t.Helper()
	cmd := exec.Command("git", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=/dev/null", "GIT_TERMINAL_PROMPT=0", "HOME="+dir,
		"GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a@example.org", "GIT_COMMITTER_NAME=a", "GIT_COMMITTER_EMAIL=a@example.org")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("git %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

// git http-backend streams, reads chunked and compressed bodies, and sets every kind of status.
func TestCGIGitOverHTTP(t *testing.T) {
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("no git")
	}
	leaveNothing(t)
	work := t.TempDir()
	backend := filepath.Join(strings.TrimSpace(git(t, work, "--exec-path")), "git-http-backend")
	if _, err := os.Stat(backend); err != nil {
		t.Skip("no git http-backend")
	}
	repositories := filepath.Join(work, "repositories")
	git(t, work, "init", "-q", "--bare", "repositories/shop.git")
	git(t, repositories+"/shop.git", "config", "http.receivepack", "true")
	s := serveCGI(t, servertest.Loop, &highball.Server{}, CGIConfig{
		Dir: folder(t, map[string]string{"git": shell("exec " + backend)}),
		Env: []string{"GIT_PROJECT_ROOT=" + repositories, "GIT_HTTP_EXPORT_ALL=1", "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=/dev/null"},
	})
	url := "http://" + s.Addr.String() + "/cgi-bin/git/shop.git"

	one := filepath.Join(work, "one")
	git(t, work, "clone", "-q", url, "one")
	large := strings.Repeat("all work and no play\n", 10) // and something that does not compress
	noise := make([]byte, 3<<20)
	for i, x := 0, uint32(1); i < len(noise); i++ {
		x = x*1664525 + 1013904223
		noise[i] = byte(x >> 24)
	}
	if err := os.WriteFile(one+"/file", append([]byte(large), noise...), 0o644); err != nil {
		t.Fatal(err)
	}
	git(t, one, "add", "file")
	git(t, one, "commit", "-q", "-m", "first")
	git(t, one, "push", "-q", "origin", "HEAD:refs/heads/main") // beyond http.postBuffer: in chunks

	git(t, work, "clone", "-q", "-b", "main", url, "two")
	got, err := os.ReadFile(work + "/two/file")
	if err != nil || string(got) != large+string(noise) {
		t.Errorf("the file came back otherwise: %d bytes, %v", len(got), err)
	}
	if log := git(t, work+"/two", "log", "--format=%s"); log != "first\n" {
		t.Errorf("log %q", log)
	}
	if r := s.Dial(t).Get("/cgi-bin/git/nothing.git/info/refs"); r.Status != 404 {
		t.Errorf("a missing repository: status %d", r.Status)
	}
}
