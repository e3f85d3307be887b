//go:build linux

package gateway_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// noFrameworks is the variable with which whoever has no network does without the frameworks.
const noFrameworks = "HIGHBALL_NO_FRAMEWORKS"

// installPatience bounds the making of the virtual environment, within the ten minutes that go test gives a package.
const installPatience = 8 * time.Minute

// frameworks returns the interpreter of a virtual environment with what testdata/requirements.txt lists. It lies in the
// user's cache, is made by the first test that needs it, and is shared by all test binaries. A test that cannot have it
// fails: only -short and HIGHBALL_NO_FRAMEWORKS=1 leave it out.
func frameworks(t *testing.T) string {
	t.Helper()
	switch {
	case testing.Short():
		t.Skip("-short: real frameworks are left out")
	case os.Getenv(noFrameworks) == "1":
		t.Skip(noFrameworks + "=1: real frameworks are left out")
	}
	python, err := installed()
	if err != nil {
		t.Fatalf("no virtual environment with the frameworks: %v\n\n"+
			"This test makes it, with python3, its module venv, pip, and the Python package index or a mirror of it\n"+
			"(PIP_INDEX_URL, PIP_FIND_LINKS). To do without: %s=1, or -short.", err, noFrameworks)
	}
	return python
}

// installed makes the virtual environment unless it is there. What it finds out, every test of this process wants to
// know: without a network it takes long to fail.
var installed = sync.OnceValues(func() (python string, err error) {
	const requirements = "testdata/requirements.txt"
	list, err := os.ReadFile(requirements)
	if err != nil {
		return "", err
	}
	base, err := exec.Command("python3", "-c", "import sys; print(sys.version, sys.base_prefix, sys.executable)").Output()
	if err != nil {
		return "", fmt.Errorf("python3: %w", err)
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		cache = os.TempDir() // there is no HOME
	}
	key := sha256.Sum256(append(base, list...))
	dir := filepath.Join(cache, "highball-test", hex.EncodeToString(key[:8]))
	python = filepath.Join(dir, "bin", "python")
	return python, makeOnce(dir, func() error { return makeEnvironment(dir, python, requirements) })
})

// makeOnce calls f to fill dir unless an earlier call, in any process, has done so without an error.
func makeOnce(dir string, f func() error) error {
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return err
	}
	lock, err := os.OpenFile(dir+".lock", os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return err
	}
	defer lock.Close() // releases it
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		return err
	}
	// The environment is made where it will stay, since its scripts name their interpreter by its path; so what tells a
	// whole one from half of one is a file that is written last.
	whole := filepath.Join(dir, "whole")
	if _, err := os.Stat(whole); err == nil {
		return nil
	}
	if err := os.RemoveAll(dir); err != nil {
		return err
	}
	if err := f(); err != nil {
		return err
	}
	return os.WriteFile(whole, nil, 0o644)
}

// makeEnvironment makes a virtual environment and installs the requirements. Some systems have a venv without pip, or
// virtualenv only.
func makeEnvironment(dir, python, requirements string) error {
	ctx, cancel := context.WithTimeout(context.Background(), installPatience)
	defer cancel()
	recipes := []struct{ begin, pip []string }{
		{[]string{"python3", "-m", "venv", dir}, []string{python, "-m", "pip"}},
		{[]string{"python3", "-m", "virtualenv", dir}, []string{python, "-m", "pip"}},
		{[]string{"virtualenv", "--python", "python3", dir}, []string{python, "-m", "pip"}},
		{[]string{"python3", "-m", "venv", "--without-pip", dir}, []string{"python3", "-m", "pip", "--python", python}},
	}
	var all error
	for _, r := range recipes {
		if err := os.RemoveAll(dir); err != nil {
			return err
		}
		if err := output(exec.CommandContext(ctx, r.begin[0], r.begin[1:]...)); err != nil {
			all = errors.Join(all, err)
			continue
		}
		install := append(r.pip, "install", "--quiet", "--no-input", "--disable-pip-version-check", "--prefer-binary", "--retries", "2", "-r", requirements)
		return output(exec.CommandContext(ctx, install[0], install[1:]...))
	}
	return all
}

// output runs a command, whose error has the end of what it has written.
func output(cmd *exec.Cmd) error {
	out, err := cmd.CombinedOutput()
	if err == nil {
		return nil
	}
	const most = 2000
	text := strings.TrimSpace(string(out))
	if len(text) > most {
		text = "…" + text[len(text)-most:]
	}
	return fmt.Errorf("%s: %w\n%s", strings.Join(cmd.Args, " "), err, text)
}
