//go:build unix

package main

import (
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
)

// nobody is a user that may read only what everybody may.
const nobody = 65534

// TestUnreadableFile looks at a file that the server may not open. Root may open everything; so where the
// test runs as root, the server runs as nobody.
func TestUnreadableFile(t *testing.T) {
	dir, err := os.MkdirTemp("", "highball")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	for _, err := range []error{
		os.Chmod(dir, 0o755),
		os.WriteFile(filepath.Join(dir, "closed.txt"), []byte("closed"), 0),
		os.WriteFile(filepath.Join(dir, "open.txt"), []byte("open"), 0o644),
		os.Mkdir(filepath.Join(dir, "folder"), 0),
		copyProgram(filepath.Join(dir, "highball")),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	c := exec.Command(filepath.Join(dir, "highball"), dir, "--port", "0")
	c.Dir, c.Env = dir, []string{}
	if os.Getuid() == 0 {
		c.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	}
	s, url := launch(c)
	defer s.kill()
	if url == "" {
		t.Fatalf("no banner; stderr: %s", s.stderr.String())
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	for path, want := range map[string]int{"/open.txt": 200, "/closed.txt": 403, "/folder/": 403, "/folder/x": 403} {
		res, err := client.Get(url + path)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(res.Body)
		_ = res.Body.Close()
		if err != nil || res.StatusCode != want || len(body) == 0 {
			t.Errorf("%s: %s, %d bytes, error %v; want %d and a body", path, res.Status, len(body), err, want)
		}
	}
}

// copyProgram puts the test binary, which is also the program, where everybody may run it.
func copyProgram(name string) error {
	program, err := os.Executable()
	if err != nil {
		return err
	}
	text, err := os.ReadFile(program)
	if err != nil {
		return err
	}
	return os.WriteFile(name, text, 0o755)
}
