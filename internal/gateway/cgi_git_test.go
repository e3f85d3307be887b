//go:build linux

package gateway

import (
	"fmt"
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

// inCI is a variable that says that every program a test needs must be there.
const inCI = "HIGHBALL_CI"

// program reads a CGI program that a package of the system has installed. Without it the test is left out, but not where
// all of them should be there.
func program(t *testing.T, name, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err == nil {
		return string(text)
	}
	if os.Getenv(inCI) != "" {
		t.Fatalf("%s=%s, but %v: the Debian package %s has it", inCI, os.Getenv(inCI), err, name)
	}
	t.Skipf("%v: the Debian package %s has it", err, name)
	return ""
}

// publish makes a folder of repositories with one, shop.git, which has a history and says what it is.
func publish(t *testing.T) (repositories string) {
	t.Helper()
	work := t.TempDir()
	git(t, work, "init", "-q", "-b", "main", "shop")
	shop := filepath.Join(work, "shop")
	for _, text := range []string{"one kettle\n", "one kettle\ntwo cups\n"} {
		if err := os.WriteFile(shop+"/stock.txt", []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		git(t, shop, "add", "stock.txt")
		git(t, shop, "commit", "-q", "-m", "count <"+strings.TrimSpace(text[len(text)-9:])+">")
	}
	repositories = filepath.Join(work, "repositories")
	git(t, work, "clone", "-q", "--bare", "shop", "repositories/shop.git")
	if err := os.WriteFile(repositories+"/shop.git/description", []byte("The shop's stock\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	return repositories
}

// page is a request for a page of a program, and what is to be found in the answer.
type page struct {
	target string
	status int
	want   []string
}

func (s *scripts) checkPages(t *testing.T, pages []page) {
	t.Helper()
	for _, p := range pages {
		r := s.Dial(t).Get(p.target)
		if r.Status != p.status {
			t.Errorf("%s: status %d, want %d", p.target, r.Status, p.status)
		}
		for _, want := range p.want {
			if !strings.Contains(r.Body, want) {
				t.Errorf("%s lacks %q: %.2000s", p.target, want, r.Body)
			}
		}
	}
	if t.Failed() {
		t.Log(s.log)
	}
}

// gitweb is a Perl script that goes by PATH_INFO or by the query, and prints its own Status.
func TestCGIGitweb(t *testing.T) {
	leaveNothing(t)
	script := program(t, "gitweb", "/usr/share/gitweb/gitweb.cgi")
	repositories := publish(t)
	config := filepath.Join(t.TempDir(), "gitweb.conf")
	text := fmt.Sprintf("$projectroot = %q; $feature{'pathinfo'}{'default'} = [1]; $feature{'snapshot'}{'default'} = ['zip']; 1;\n", repositories)
	if err := os.WriteFile(config, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	s := serveCGI(t, servertest.Loop, &highball.Server{}, CGIConfig{
		Dir: folder(t, map[string]string{"gitweb.cgi": script}), Warm: true, // which is not for Perl
		Env: []string{"GITWEB_CONFIG=" + config, "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_COUNT=1", "GIT_CONFIG_KEY_0=safe.directory", "GIT_CONFIG_VALUE_0=*"},
	})
	s.checkPages(t, []page{
		{"/cgi-bin/gitweb.cgi", 200, []string{"shop.git", "The shop&#39;s stock"}},
		{"/cgi-bin/gitweb.cgi/shop.git", 200, []string{"count &lt;two cups&gt;", "stock"}},
		{"/cgi-bin/gitweb.cgi?p=shop.git;a=shortlog", 200, []string{"count &lt;"}},
		{"/cgi-bin/gitweb.cgi/shop.git/blob_plain/HEAD:/stock.txt", 200, []string{"one kettle\ntwo cups\n"}},
		{"/cgi-bin/gitweb.cgi/shop.git/commitdiff/HEAD", 200, []string{"+two", "cups"}},
		{"/cgi-bin/gitweb.cgi/shop.git/rss", 200, []string{"<rss", "count"}},
		{"/cgi-bin/gitweb.cgi/shop.git/snapshot/HEAD.zip", 200, []string{"PK", "stock.txt"}},
		{"/cgi-bin/gitweb.cgi?p=nothing.git", 404, nil},
		{"/cgi-bin/gitweb.cgi?p=shop.git;a=nonsense", 400, nil},
	})
}

// cgit is a binary.
func TestCGICgit(t *testing.T) {
	leaveNothing(t)
	binary := program(t, "cgit", "/usr/lib/cgit/cgit.cgi")
	repositories := publish(t)
	config := filepath.Join(t.TempDir(), "cgitrc")
	text := "cache-size=0\nenable-http-clone=1\nsnapshots=zip\nvirtual-root=/cgi-bin/cgit.cgi\nscan-path=" + repositories + "\n"
	if err := os.WriteFile(config, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	s := serveCGI(t, servertest.Loop, &highball.Server{}, CGIConfig{
		Dir: folder(t, map[string]string{"cgit.cgi": binary}), Warm: true, // which is not for binaries
		Env: []string{"CGIT_CONFIG=" + config},
	})
	s.checkPages(t, []page{
		{"/cgi-bin/cgit.cgi/", 200, []string{"shop.git", "The shop"}},
		{"/cgi-bin/cgit.cgi/shop.git/", 200, []string{"count &lt;two cups&gt;"}},
		{"/cgi-bin/cgit.cgi/shop.git/log/?q=count", 200, []string{"count &lt;"}},
		{"/cgi-bin/cgit.cgi/shop.git/plain/stock.txt", 200, []string{"one kettle\ntwo cups\n"}},
		{"/cgi-bin/cgit.cgi/shop.git/diff/", 200, []string{"two cups"}},
		{"/cgi-bin/cgit.cgi/shop.git/atom/?h=main", 200, []string{"<feed"}},
		{"/cgi-bin/cgit.cgi/shop.git/snapshot/shop-main.zip", 200, []string{"PK", "stock.txt"}},
		{"/cgi-bin/cgit.cgi/nothing.git/", 404, nil},
	})
	git(t, t.TempDir(), "clone", "-q", "http://"+s.Addr.String()+"/cgi-bin/cgit.cgi/shop.git", "mine")
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
