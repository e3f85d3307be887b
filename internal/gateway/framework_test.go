//go:build linux

package gateway_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"highball"
	"highball/internal/gateway"
	"highball/internal/servertest"
)

// Real projects of real frameworks run here, unmodified. What is said to each is said to it on the standard library's
// server too, and both must answer the same.

// project is an application below testdata/apps.
type project struct {
	folder    string
	target    string // for Highball
	reference string // MODULE:CALLABLE for the standard library's server
	workers   int
	prepare   func(t *testing.T, python, dir string) // may be nil: works on the copy of which further ones are made
}

// environment is what the applications' processes get: what the test has, but for what would make a difference to them.
func environment() []string {
	env := slices.DeleteFunc(os.Environ(), func(pair string) bool {
		name, _, _ := strings.Cut(pair, "=")
		return name == "DJANGO_SETTINGS_MODULE" || strings.HasPrefix(name, "PYTHON") || strings.HasPrefix(name, "HG")
	})
	return append(env,
		"PYTHONDONTWRITEBYTECODE=1", // copies come and go within what a file's time can tell
		"PYTHONHASHSEED=0",          // sets have one order in all processes
		"HGRCPATH=",
		"HGUSER=Ada <ada@example.org>",
		"HGPLAIN=1",
	)
}

// converse holds the same conversation with the project on both servers, and compares what was answered.
func (p project) converse(t *testing.T, talk func(t *testing.T, b *browser)) {
	python, prepared := p.prepared(t)
	dir := filepath.Join(t.TempDir(), "project") // the same for both, since answers can depend on it
	serve := func(name string, start func(t *testing.T, p project, python, dir string) string) (heard []exchange) {
		t.Run(name, func(t *testing.T) {
			lay(t, dir, prepared)
			b := newBrowser(t, start(t, p, python, dir))
			b.python, b.dir = python, dir
			talk(t, b)
			heard = b.exchanges
		})
		return heard
	}
	reference := serve("reference", startReference)
	highball := serve("highball", startHighball)
	if !t.Failed() {
		compare(t, reference, highball)
	}
}

// browse returns a browser of the project on Highball alone.
func (p project) browse(t *testing.T) *browser {
	python, dir := p.prepared(t)
	b := newBrowser(t, startHighball(t, p, python, dir))
	b.python, b.dir = python, dir
	return b
}

// prepared returns the interpreter and a prepared copy of the project.
func (p project) prepared(t *testing.T) (python, dir string) {
	python, dir = frameworks(t), t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(filepath.Join("testdata", "apps", p.folder))); err != nil {
		t.Fatal(err)
	}
	if p.prepare != nil {
		p.prepare(t, python, dir)
	}
	return python, dir
}

// lay makes dir a copy of what was prepared. Its files all have one time, so that each copy has the same entity tags.
func lay(t *testing.T, dir, prepared string) {
	t.Helper()
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	if err := os.CopyFS(dir, os.DirFS(prepared)); err != nil {
		t.Fatal(err)
	}
	when := time.Date(2020, 2, 29, 12, 0, 0, 0, time.UTC)
	err := filepath.WalkDir(dir, func(path string, _ os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Chtimes(path, when, when)
	})
	if err != nil {
		t.Fatal(err)
	}
}

// startReference serves the project with wsgiref.simple_server until the test ends, and returns its URL.
func startReference(t *testing.T, p project, python, dir string) string {
	t.Helper()
	cmd := exec.Command(python, filepath.Join("testdata", "apps", "reference.py"), dir, p.reference)
	cmd.Env = environment()
	var log bytes.Buffer
	cmd.Stderr = &log
	input, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = input.Close() // it may have ended
		if err := cmd.Wait(); err != nil {
			t.Errorf("the reference server: %v", err)
		}
		if t.Failed() {
			t.Logf("the reference server said:\n%s", &log)
		}
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatalf("the reference server does not start: %v", err)
	}
	if _, err := strconv.ParseUint(strings.TrimSpace(line), 10, 16); err != nil {
		t.Fatal(err)
	}
	return "http://127.0.0.1:" + strings.TrimSpace(line)
}

// startHighball serves the project with Highball until the test ends, and returns its URL.
func startHighball(t *testing.T, p project, python, dir string) string {
	t.Helper()
	s := host(t, p, python, dir, "")
	return "http://" + s.Addr.String()
}

// host serves the project with Highball, mounted at a path, until the test ends.
func host(t *testing.T, p project, python, dir, mount string) *servertest.Server {
	t.Helper()
	var lines servertest.Log
	app, err := gateway.New(gateway.Config{
		Name:    p.folder,
		Target:  p.target,
		Dir:     dir,
		Python:  python,
		Environ: environment(),
		Workers: max(p.workers, 1),
		Version: "test",
		Output: func(worker int, line []byte) {
			_, _ = fmt.Fprintf(&lines, "%d: %s\n", worker, line) // it is in memory
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := app.Stop(ctx); err != nil {
			t.Errorf("Stop: %v", err)
		}
		if t.Failed() {
			t.Logf("the workers said:\n%s", lines.String())
		}
	})
	srv := &highball.Server{Handler: app.Handler(mount)}
	s := servertest.New(t, servertest.Loop, srv)
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the server said:\n%s", s.Log)
		}
	})
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := app.Start(ctx, srv); err != nil {
		t.Fatal(err)
	}
	return s
}

// run runs a program of the virtual environment in a folder, and returns what it has written.
func run(t *testing.T, dir, program string, arguments ...string) string {
	t.Helper()
	cmd := exec.Command(program, arguments...)
	cmd.Dir = dir
	cmd.Env = environment()
	var out, log bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &log
	if err := cmd.Run(); err != nil {
		t.Fatalf("%s: %v\n%s%s", cmd, err, &out, &log)
	}
	return out.String()
}

// blocks is n bytes of a body in which a lost or doubled part would show.
func blocks(n int) string {
	var b strings.Builder
	for i := 0; b.Len() < n; i++ {
		_, _ = fmt.Fprintf(&b, "%d,", i) // it is in memory
	}
	return b.String()[:n]
}

// unsized hides the length of a body, which is then sent in chunks.
func unsized(s string) io.Reader { return struct{ io.Reader }{strings.NewReader(s)} }
