package main

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestEnvironmentKey(t *testing.T) {
	first := environmentKey("3.11", []string{"a==1", "b==2"})
	for what, key := range map[string]string{
		"another interpreter": environmentKey("3.12", []string{"a==1", "b==2"}),
		"another version":     environmentKey("3.11", []string{"a==1", "b==3"}),
		"one package fewer":   environmentKey("3.11", []string{"a==1"}),
	} {
		if key == first {
			t.Errorf("%s has the same environment, %s", what, key)
		}
	}
	if again := environmentKey("3.11", []string{"a==1", "b==2"}); again != first {
		t.Errorf("%s and %s for the same versions", first, again)
	}
	if strings.ContainsAny(first, "/ ") {
		t.Errorf("%q is no name of a folder", first)
	}
}

func TestPackageOf(t *testing.T) {
	for pin, want := range map[string]string{"uwsgi==2.0.31": "uwsgi", "gunicorn[gevent]==1": "gunicorn"} {
		if got := packageOf(pin); got != want {
			t.Errorf("packageOf(%q) = %q, want %q", pin, got, want)
		}
	}
}

func TestInstalledIsNotInstalledAgain(t *testing.T) {
	// There is no interpreter in this environment, so that asking it for anything is an error.
	e := &environment{dir: t.TempDir()}
	if err := os.WriteFile(filepath.Join(e.dir, "installed-a==1"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := e.install(context.Background(), "a==1", io.Discard); err != nil {
		t.Errorf("what is there: %v", err)
	}
	if err := e.install(context.Background(), "a==2", io.Discard); err == nil {
		t.Error("another version: no error, though nothing could install it")
	}
}

func TestScriptsHaveEveryApplication(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "apps")
	if err := copyScripts(dir); err != nil {
		t.Fatal(err)
	}
	apps := []application{sleepyApp}
	for _, w := range pythonWorkloads() {
		apps = append(apps, w.app)
	}
	for _, app := range apps {
		module, name, _ := strings.Cut(app.target, ":")
		text, err := os.ReadFile(filepath.Join(dir, module+".py"))
		if err != nil {
			t.Error(err)
		} else if !strings.Contains(string(text), name) {
			t.Errorf("%s.py has no %s", module, name)
		}
	}
}

func TestEveryPythonPeerIsPinned(t *testing.T) {
	pinned := map[string]bool{}
	for _, pin := range pins {
		pinned[packageOf(pin)] = true
	}
	known := map[string]bool{}
	for _, p := range pythonPeers() {
		known[p.name] = true
		if p.python != "" && !pinned[p.pip()] {
			t.Errorf("%s needs %s, which is not installed", p.name, p.pip())
		}
	}
	for _, w := range pythonWorkloads() {
		for _, name := range w.peers {
			if !known[name] {
				t.Errorf("%s: no peer %s", w.name, name)
			}
		}
	}
}
