//go:build unix

package app

import (
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"highball/internal/admin"
	"highball/internal/config"
)

// The name of a socket is one that a person knows, fits into an address, and is no other configuration's.
func TestSocketName(t *testing.T) {
	seen := make(map[string]string)
	for file, want := range map[string]string{
		"/etc/highball/highball.toml":         `^highball-[0-9a-f]{8}\.sock$`,
		"/srv/shop/highball.toml":             `^shop-[0-9a-f]{8}\.sock$`,
		"/srv/other/shop/highball.toml":       `^shop-[0-9a-f]{8}\.sock$`,
		"/srv/shop/test.toml":                 `^test-[0-9a-f]{8}\.sock$`,
		"/srv/my shop/ü/highball.toml":        `^-+[0-9a-f]{8}\.sock$`,
		"/" + strings.Repeat("x", 300) + ".x": `^x{32}-[0-9a-f]{8}\.sock$`,
	} {
		name := socketName(file)
		if !regexp.MustCompile(want).MatchString(name) {
			t.Errorf("%s: %s, want %s", file, name, want)
		}
		if seen[name] != "" {
			t.Errorf("%s is for %s and %s", name, file, seen[name])
		}
		seen[name] = file
	}
}

func TestSocketFolders(t *testing.T) {
	for _, test := range []struct {
		environ []string
		uid     int
		want    []string
	}{
		{[]string{"TMPDIR=/t"}, 0, []string{"/run/highball", "/t/highball-0"}},
		{[]string{"TMPDIR=/t", "XDG_RUNTIME_DIR=/run/user/0"}, 0, []string{"/run/highball", "/t/highball-0"}},
		{[]string{"TMPDIR=/t", "XDG_RUNTIME_DIR=/run/user/7"}, 7, []string{"/run/user/7/highball", "/t/highball-7", "/run/highball"}},
		{[]string{"TMPDIR=/t", "XDG_RUNTIME_DIR=relative"}, 7, []string{"/t/highball-7", "/run/highball"}},
		{[]string{"TMPDIR=/t", "RUNTIME_DIRECTORY=/run/a:/run/b"}, 7, []string{"/run/a", "/t/highball-7", "/run/highball"}},
	} {
		if got := socketFolders(test.environ, test.uid); !slices.Equal(got, test.want) {
			t.Errorf("%q of user %d: %q, want %q", test.environ, test.uid, got, test.want)
		}
	}
}

// A folder that somebody else has made, or could put something into, is not used.
func TestMakeSocketFolder(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "s")
	if err := makeSocketFolder(path); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("mode %v, error %v", info, err)
	}
	if err := makeSocketFolder(path); err != nil {
		t.Errorf("once more: %v", err)
	}
	link, file, open := filepath.Join(dir, "link"), filepath.Join(dir, "file"), filepath.Join(dir, "open")
	for _, err := range []error{os.Symlink(path, link), os.WriteFile(file, nil, 0o600), os.Mkdir(open, 0o700), os.Chmod(open, 0o770)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	for name, want := range map[string]string{link: "no folder", file: "no folder", open: "others may write to", filepath.Join(dir, "a", "b"): "no such file"} {
		if err := makeSocketFolder(name); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want %q", name, err, want)
		}
	}
}

// What servers have left that were killed does not pile up; what is served, and what is no socket, stays.
func TestSweep(t *testing.T) {
	dir := t.TempDir()
	path := func(name string) string { return filepath.Join(dir, name) }
	listen := func(name string) *net.UnixListener {
		t.Helper()
		l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path(name), Net: "unix"})
		if err != nil {
			t.Fatal(err)
		}
		l.SetUnlinkOnClose(false)
		return l
	}
	defer listen("served.sock").Close()
	if err := listen("left.sock").Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path("file.sock"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		since time.Time
		want  string
	}{
		{time.Now().Add(-time.Minute), "file.sock left.sock served.sock"},
		{time.Now().Add(time.Minute), "file.sock served.sock"},
	} {
		sweep(dir, test.since)
		entries, err := os.ReadDir(dir)
		var names []string
		for _, e := range entries {
			names = append(names, e.Name())
		}
		if got := strings.Join(names, " "); got != test.want || err != nil {
			t.Errorf("left are %s, want %s; error %v", got, test.want, err)
		}
	}
}

// The control socket is for its user alone, and serves while the server does.
func TestControlSocket(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	s := serveHere(t, freePort+saysOne)
	s.environ = []string{"RUNTIME_DIRECTORY=" + dir}
	c := config.Default()
	if notice, err := s.openControl(&c); err != nil || notice != "" {
		t.Fatalf("notice %q, error %v", notice, err)
	}
	s.control.begin()
	path := strings.TrimPrefix(s.control.addr, "unix:")
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 || filepath.Dir(path) != dir {
		t.Errorf("%s: %v, error %v", path, info, err)
	}
	client := admin.NewClient(path)
	status, err := client.Status(t.Context())
	if err != nil || status.PID != os.Getpid() || status.State != "serving" || status.Configuration != filepath.Join(dir, FileName) ||
		len(status.Listeners) != 1 || status.Listeners[0] != (admin.Listener{Address: "127.0.0.1:0", Bound: s.addr}) {
		t.Errorf("status %+v, error %v", status, err)
	}
	if _, err := client.Stop(t.Context(), admin.StopOrder{Deadline: "soon"}); err == nil {
		t.Error("a deadline that is none is taken")
	}
	again := newApp(&c, Env{Stdout: s.stdout, Stderr: s.stderr})
	again.source, again.environ = s.source, s.environ
	if notice, err := again.openControl(&c); err != nil || !strings.Contains(notice, "another server") || again.control != nil {
		t.Errorf("a second server: notice %q, error %v", notice, err)
	}
	if err := again.Close(); err != nil {
		t.Error(err)
	}
	if _, err := s.stopFor(t.Context(), admin.StopOrder{}); err != nil {
		t.Error(err)
	}
	if err := <-s.ended; err != nil {
		t.Error(err)
	}
	if status, err := client.Status(t.Context()); err != nil || status.State != "stopping" {
		t.Errorf("at the end: status %+v, error %v", status, err)
	}
	if err := s.control.close(); err != nil {
		t.Error(err)
	}
	s.control = nil
	if _, err := os.Stat(path); !os.IsNotExist(err) {
		t.Errorf("then the socket is there: %v", err)
	}
}

// Where no socket can be, a server runs without; unless the configuration names one.
func TestNoControlSocket(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	s := serveHere(t, freePort+saysOne)
	c := config.Default()
	for want, environ := range map[string]string{
		"no such file": filepath.Join(dir, "gone", "x"),
		"too long":     filepath.Join(dir, strings.Repeat("x", 90)),
	} {
		s.environ = []string{"RUNTIME_DIRECTORY=" + environ}
		if notice, err := s.openControl(&c); err != nil || !strings.Contains(notice, "no control socket") || !strings.Contains(notice, want) {
			t.Errorf("%s: notice %q, error %v", want, notice, err)
		}
	}
	c.Admin.Socket = filepath.Join(dir, "gone", "s")
	if notice, err := s.openControl(&c); err == nil || notice != "" || !strings.Contains(err.Error(), "[admin] socket: ") {
		t.Errorf("one that is named: notice %q, error %v", notice, err)
	}
	c.Admin.Socket = noSocket
	if notice, err := s.openControl(&c); err != nil || notice != "" || s.control != nil {
		t.Errorf("none: notice %q, error %v", notice, err)
	}
}

func TestSpan(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "0s", 59 * time.Second: "59s", 61 * time.Second: "1m1s", 3*time.Hour + 4*time.Minute: "3h4m", 50 * time.Hour: "2d2h",
	} {
		if got := span(d); got != want {
			t.Errorf("%v: %s, want %s", d, got, want)
		}
	}
}
