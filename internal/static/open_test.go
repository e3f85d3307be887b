//go:build unix

package static

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
)

func TestSymlinks(t *testing.T) {
	outside := folderWith(t, map[string]string{"passwd": "outside", "dir/index.html": "outside index"})
	root := folderWith(t, map[string]string{
		"real.txt":       "real",
		"dir/file.txt":   "file",
		"dir/up.txt":     "-> ../real.txt",
		"link.txt":       "-> real.txt",
		"chain.txt":      "-> link.txt",
		"linked":         "-> dir",
		"broken":         "-> nowhere",
		"loop":           "-> loop",
		"absolute":       "-> " + filepath.Join(outside, "passwd"),
		"outside":        "-> " + outside,
		"relative":       "-> ../" + filepath.Base(outside) + "/passwd",
		"dir/deep":       "-> ../../../../../../../../../../etc/hostname",
		"self":           "-> .",
		"precom.txt":     "plain",
		"precom.txt.br":  "-> " + filepath.Join(outside, "passwd"),
		"index/index.js": "",
	})
	if err := os.Symlink(filepath.Join(root, "real.txt"), filepath.Join(root, "inside-absolute")); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		target            string
		inside, none, all int
	}{
		{"/real.txt", 200, 200, 200},
		{"/dir/file.txt", 200, 200, 200},
		{"/link.txt", 200, 404, 200},
		{"/chain.txt", 200, 404, 200},
		{"/dir/up.txt", 200, 404, 200},
		{"/linked/file.txt", 200, 404, 200},
		{"/linked/up.txt", 200, 404, 200},
		{"/linked", 301, 404, 301},
		{"/self/self/real.txt", 200, 404, 200},
		{"/broken", 404, 404, 404},
		{"/loop", 404, 404, 404},
		{"/absolute", 404, 404, 200},
		{"/inside-absolute", 404, 404, 200},
		{"/outside/", 404, 404, 403},
		{"/outside/passwd", 404, 404, 200},
		{"/outside/dir/", 404, 404, 200},
		{"/relative", 404, 404, 200},
	}
	policies := map[SymlinkPolicy]*client{}
	for _, policy := range []SymlinkPolicy{SymlinksInside, SymlinksNone, SymlinksAll} {
		policies[policy] = serveConfig(t, Config{Root: root, Symlinks: policy})
	}
	for _, test := range tests {
		for policy, want := range map[SymlinkPolicy]int{SymlinksInside: test.inside, SymlinksNone: test.none, SymlinksAll: test.all} {
			for range 2 {
				a := policies[policy].get(t, test.target)
				if a.status != want {
					t.Errorf("%s, policy %d: got %d, want %d", test.target, policy, a.status, want)
				}
				if policy != SymlinksAll && strings.Contains(a.body, "outside") {
					t.Errorf("%s, policy %d: escaped the root: %q", test.target, policy, a.body)
				}
			}
		}
	}
	listed := serveConfig(t, Config{Root: root, Symlinks: SymlinksAll, Listing: true})
	if a := listed.get(t, "/outside/"); !strings.Contains(a.body, "./passwd") {
		t.Errorf("under SymlinksAll a folder outside is listed as %q", a.body)
	}
	if a := policies[SymlinksInside].get(t, "/dir/deep"); a.status != 404 {
		t.Errorf("a link far up: %d", a.status)
	}
	if a := policies[SymlinksInside].get(t, "/precom.txt", "Accept-Encoding: br"); a.body != "plain" {
		t.Errorf("a variant outside of the root was sent: %q", a.body)
	}
}

// TestOneContainment: the two ways to open a name agree on every one.
func TestOneContainment(t *testing.T) {
	outside := folderWith(t, map[string]string{"passwd": "outside", "dir/x": "outside"})
	root := folderWith(t, map[string]string{
		"a": "a", "dir/b": "b", "dir/up": "-> ../a", "dir/far": "-> ../../../../../../../etc/hostname", "link": "-> a", "self": "-> .",
		"linked": "-> dir", "loop": "-> loop", "broken": "-> none", "absolute": "-> " + outside, "home": "-> /",
		"sibling": "-> ../" + filepath.Base(outside), "fd": "-> /proc/self/cwd", "way": "-> dir/../dir/b",
	})
	names := []string{
		".", "a", "dir", "dir/b", "dir/up", "dir/far", "link", "self", "self/self/a", "linked/b", "linked/up", "loop", "loop/a", "broken",
		"absolute", "absolute/passwd", "absolute/dir/x", "home", "home/etc/hostname", "sibling/passwd", "fd/a", "way", "a/b", "none/b",
		strings.Repeat("n", 300), "caf\xff", "..", "../" + filepath.Base(root) + "/a", "dir/../../x", "/etc/hostname",
	}
	for _, policy := range []SymlinkPolicy{SymlinksInside, SymlinksNone} {
		tree, err := openTree(root, policy)
		if err != nil {
			t.Fatal(err)
		}
		defer tree.close()
		for _, name := range names {
			one, err := tree.open(name)
			other, otherErr := tree.openInRoot(name)
			if (err == nil) != (otherErr == nil) || err != nil && statusOf(err) != statusOf(otherErr) {
				t.Errorf("policy %d, %q: %v and %v", policy, name, err, otherErr)
			}
			if err == nil && otherErr == nil {
				a, _ := one.Stat()
				b, _ := other.Stat()
				if !os.SameFile(a, b) {
					t.Errorf("policy %d, %q: two files", policy, name)
				}
			}
			if err == nil {
				one.Close()
			}
			if otherErr == nil {
				other.Close()
			}
		}
	}
}

// TestSwap replaces a folder by a link that leads outside while it is being read. No answer may be of outside.
func TestSwap(t *testing.T) {
	outside := folderWith(t, map[string]string{"file.txt": "outside"})
	root := folderWith(t, map[string]string{"a/file.txt": "inside", "b/": ""})
	s := newSite(t, Config{Root: root, CacheBytes: -1})
	stop := make(chan struct{})
	done := make(chan struct{})
	go func() {
		defer close(done)
		dir, aside := filepath.Join(root, "a"), filepath.Join(root, "b", "a")
		for {
			select {
			case <-stop:
				return
			default:
			}
			_ = os.Rename(dir, aside)
			_ = os.Symlink(outside, dir)
			_ = os.Remove(dir)
			_ = os.Rename(aside, dir)
		}
	}()
	for range 3000 {
		found := s.lookup("/a/file.txt")
		if found.kind == file {
			var b [16]byte
			n, _ := found.variants[identity].file.Read(b[:])
			if string(b[:n]) != "inside" {
				t.Errorf("read %q", b[:n])
			}
		}
		found.close()
	}
	close(stop)
	<-done
}

func TestSpecialFiles(t *testing.T) {
	root := folderWith(t, map[string]string{"a.txt": "a"})
	if err := syscall.Mkfifo(filepath.Join(root, "fifo"), 0o644); err != nil {
		t.Fatal(err)
	}
	socket, err := net.Listen("unix", filepath.Join(root, "socket"))
	if err != nil {
		t.Fatal(err)
	}
	defer socket.Close()
	c := serveConfig(t, Config{Root: root, Listing: true, Index: []string{"fifo"}})
	for _, target := range []string{"/fifo", "/socket", "/fifo/", "/socket/"} {
		if a := c.get(t, target); a.status != 404 {
			t.Errorf("%s: got %d", target, a.status)
		}
	}
	if a := c.get(t, "/"); a.status != 200 || strings.Contains(a.body, "fifo") || strings.Contains(a.body, "socket") || !strings.Contains(a.body, "a.txt") {
		t.Errorf("listing: %d %q", a.status, a.body)
	}
	devices := serveConfig(t, Config{Root: "/dev"})
	if a := devices.get(t, "/zero"); a.status != 404 {
		t.Errorf("a device: %d", a.status)
	}
}

// TestUnreadable runs itself as another user where permissions do not bind the present one.
func TestUnreadable(t *testing.T) {
	const variable = "HIGHBALL_TEST_UNREADABLE"
	root := os.Getenv(variable)
	if root == "" && os.Getuid() == 0 {
		dir, err := os.MkdirTemp("", "static")
		if err != nil {
			t.Fatal(err)
		}
		defer os.RemoveAll(dir)
		program := filepath.Join(dir, "test")
		binary, err := os.ReadFile(os.Args[0])
		if err == nil {
			err = errors.Join(os.WriteFile(program, binary, 0o755), os.Chmod(dir, 0o777), os.Mkdir(dir+"/root", 0o777), os.Chmod(dir+"/root", 0o777))
		}
		if err != nil {
			t.Fatal(err)
		}
		run := exec.Command(program, "-test.run=^TestUnreadable$")
		run.Dir = dir
		run.Env = append(os.Environ(), variable+"="+dir+"/root", "TMPDIR="+dir)
		run.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
		if out, err := run.CombinedOutput(); err != nil {
			t.Fatalf("as nobody: %v\n%s", err, out)
		}
		return
	}
	if root == "" {
		root = t.TempDir()
	}
	err := errors.Join(
		os.WriteFile(root+"/closed.txt", []byte("x"), 0),
		os.WriteFile(root+"/open.txt", []byte("open"), 0o644),
		os.WriteFile(root+"/open.txt.gz", []byte("x"), 0),
		os.Mkdir(root+"/blind", 0o755),
		os.WriteFile(root+"/blind/index.html", []byte("index"), 0o644),
		os.WriteFile(root+"/blind/other.txt", []byte("other"), 0o644),
		os.Chmod(root+"/blind", 0o311),
		os.Mkdir(root+"/shut", 0o700),
		os.WriteFile(root+"/shut/a.txt", nil, 0o644),
		os.Chmod(root+"/shut", 0),
	)
	if err != nil {
		t.Fatal(err)
	}
	defer os.Chmod(root+"/shut", 0o700)
	defer os.Chmod(root+"/blind", 0o700)
	beneath := 200
	if runtime.GOOS != "linux" {
		beneath = 403 // os.Root has to open a folder in order to pass through it
	}
	c := serveConfig(t, Config{Root: root, Listing: true, Upload: true})
	for target, want := range map[string]int{
		"/closed.txt": 403, "/open.txt": 200, "/blind": 301, "/blind/": beneath, "/blind/other.txt": beneath,
		"/shut": 301, "/shut/": 403, "/shut/a.txt": 403, "/shut/none": 403,
	} {
		if a := c.get(t, target, "Accept-Encoding: gzip"); a.status != want {
			t.Errorf("%s: got %d, want %d", target, a.status, want)
		}
	}
	if a := c.do(t, "PUT", "/shut/new", "x"); a.status != 403 {
		t.Errorf("PUT into a shut folder: %d", a.status)
	}
}

func TestStatusOfErrors(t *testing.T) {
	wrap := func(err error) error { return fmt.Errorf("deep: %w", &fs.PathError{Op: "openat", Path: "x", Err: err}) }
	for err, want := range map[error]int{
		wrap(fs.ErrNotExist): 404, wrap(syscall.ENOENT): 404, wrap(syscall.ENOTDIR): 404, wrap(syscall.ENAMETOOLONG): 404,
		wrap(syscall.ELOOP): 404, wrap(syscall.ENXIO): 404, wrap(syscall.EACCES): 403, wrap(syscall.EPERM): 403,
		wrap(syscall.EMFILE): 503, wrap(syscall.ENFILE): 503, wrap(syscall.EIO): 500, wrap(os.ErrClosed): 500,
		errSymlink: 404, errSpecial: 404, wrap(errors.New("path escapes from parent")): 404,
	} {
		if got := statusOf(err); got != want {
			t.Errorf("%v: got %d, want %d", err, got, want)
		}
	}
	s := newSite(t, Config{Root: t.TempDir()})
	s.Close()
	if a := serve(t, s).get(t, "/x"); a.status != 500 {
		t.Errorf("a closed site: %d", a.status)
	}
}
