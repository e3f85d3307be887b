package main

import (
	"context"
	"crypto/sha256"
	"embed"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// pins are the Python packages that take part; gunicorn_h1c is the parser in C that gunicorn takes where it finds it. They
// are installed from PyPI; uWSGI
// is compiled on the way.
var pins = [...]string{
	"uwsgi==2.0.31", "gunicorn==27.0.1", "gunicorn_h1c==0.6.9", "granian==2.8.7", "waitress==3.0.2", "flask==3.1.3",
}

// scripts are the applications. All servers run the same files under the same interpreter.
//
//go:embed python/*.py
var scripts embed.FS

// environment is a virtual environment that has the Python servers, and a folder with the applications.
type environment struct {
	dir      string // of the virtual environment
	apps     string
	versions []string          // what is installed, a line each
	failed   map[string]string // why a package is not there, by its name
}

// program returns the path of a program of the environment.
func (e *environment) program(name string) string { return filepath.Join(e.dir, "bin", name) }

// newEnvironment writes the applications to a folder under work and makes the virtual environment, once for each
// interpreter and set of versions: it lies in the user's cache and is used again by the next run. A package that cannot be
// installed is left out; without any there is no error either.
func newEnvironment(ctx context.Context, python, work string, progress io.Writer) (*environment, error) {
	version, err := exec.CommandContext(ctx, python, "-c", "import sys; print(sys.version); print(sys.executable)").Output()
	if err != nil {
		return nil, fmt.Errorf("%s: %w; install it with: apt-get install python3-venv python3-dev gcc", python, err)
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return nil, err
	}
	e := &environment{
		dir:      filepath.Join(cache, "highball-bench", environmentKey(string(version), pins[:])),
		apps:     filepath.Join(work, "apps"),
		versions: []string{"Python: " + firstLines(string(version), 1)},
		failed:   map[string]string{},
	}
	if err := copyScripts(e.apps); err != nil {
		return nil, err
	}
	if err := e.create(ctx, python, progress); err != nil {
		return nil, err
	}
	for _, pin := range pins {
		if err := e.install(ctx, pin, progress); err != nil {
			if ctx.Err() != nil {
				return nil, ctx.Err()
			}
			e.failed[packageOf(pin)] = err.Error()
			continue
		}
		e.versions = append(e.versions, strings.Replace(pin, "==", ": ", 1)+" (PyPI)")
	}
	return e, nil
}

// packageOf returns the name of the package that a pin is for, without its extras.
func packageOf(pin string) string { return pin[:strings.IndexAny(pin, "[=")] }

// environmentKey names the folder of an environment by what it depends on.
func environmentKey(python string, pins []string) string {
	sum := sha256.Sum256([]byte(python + "\n" + strings.Join(pins, "\n")))
	return fmt.Sprintf("python-%x", sum[:6])
}

// create makes the environment, unless it is there. One that was begun and not finished is made anew.
func (e *environment) create(ctx context.Context, python string, progress io.Writer) error {
	made := filepath.Join(e.dir, "made")
	if _, err := os.Stat(made); err == nil {
		return nil
	}
	fmt.Fprintf(progress, "bench: making a virtual environment in %s\n", e.dir)
	if err := os.RemoveAll(e.dir); err != nil {
		return err
	}
	if out, err := exec.CommandContext(ctx, python, "-m", "venv", e.dir).CombinedOutput(); err != nil {
		return fmt.Errorf("%s -m venv: %w: %s", python, err, firstLines(string(out), 3))
	}
	return os.WriteFile(made, nil, 0o644)
}

// install installs one package, unless it is there.
func (e *environment) install(ctx context.Context, pin string, progress io.Writer) error {
	done := filepath.Join(e.dir, "installed-"+pin)
	if _, err := os.Stat(done); err == nil {
		return nil
	}
	fmt.Fprintf(progress, "bench: installing %s\n", pin)
	cmd := exec.CommandContext(ctx, e.program("python"), "-m", "pip", "install", "--quiet", "--no-input", "--disable-pip-version-check", pin)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("pip install %s: %w: %s", pin, err, firstLines(string(out), 3))
	}
	return os.WriteFile(done, nil, 0o644)
}

// copyScripts writes the applications to a folder that every user may read.
func copyScripts(dir string) error {
	entries, err := fs.ReadDir(scripts, "python")
	if err != nil {
		return err
	}
	all := []error{os.MkdirAll(dir, 0o755)}
	for _, entry := range entries {
		text, err := fs.ReadFile(scripts, "python/"+entry.Name())
		all = append(all, err, os.WriteFile(filepath.Join(dir, entry.Name()), text, 0o644))
	}
	return errors.Join(all...)
}
