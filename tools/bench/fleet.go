package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// fleet knows every peer's program and starts servers when a workload first asks for them. close ends them all.
type fleet struct {
	work, docs string
	scripts    string // the folder of CGI scripts
	on         cores
	progress   io.Writer

	env      *environment // nil when no Python server takes part
	known    map[string]peer
	programs map[string]string // by the peer's name; absent when missing
	reasons  map[string]string // why a peer does not take part, by its name
	running  map[deployment]*server
}

// deployment is a server with the application that it runs, if any.
type deployment struct {
	peer string
	app  application
}

// newFleet looks for the programs of the chosen peers and builds those of this repository. A missing one is reported
// with the way to get it, and left out.
func newFleet(ctx context.Context, chosen []peer, highball, work, docs, scripts string, env *environment, on cores, progress io.Writer) *fleet {
	f := &fleet{
		work: work, docs: docs, scripts: scripts, env: env, on: on, progress: progress,
		known: map[string]peer{}, programs: map[string]string{}, reasons: map[string]string{},
		running: map[deployment]*server{},
	}
	for _, p := range chosen {
		f.known[p.name] = p
		program, err := locate(ctx, p, highball, work, env)
		if err != nil {
			f.exclude(p.name, err)
			continue
		}
		f.programs[p.name] = program
	}
	return f
}

// locate returns the path of a peer's program.
func locate(ctx context.Context, p peer, highball, work string, env *environment) (string, error) {
	if p.wsgi && env == nil {
		return "", errors.New("no Python environment")
	}
	if p.python != "" {
		if reason := env.failed[p.pip()]; reason != "" {
			return "", errors.New(reason)
		}
	}
	switch {
	case p.python != "" && p.program == "":
		return env.program(p.python), nil
	case p.source != "":
		program := filepath.Join(work, filepath.Base(p.source))
		out, err := exec.CommandContext(ctx, "go", "build", "-o", program, p.source).CombinedOutput()
		if err != nil {
			return "", fmt.Errorf("does not build: %s", firstLines(string(out), 3))
		}
		return program, nil
	case p.program == "":
		program, err := filepath.Abs(highball)
		if err == nil {
			_, err = os.Stat(program)
		}
		if err != nil {
			return "", fmt.Errorf("%w (%s)", err, p.install)
		}
		return program, nil
	}
	if program, err := exec.LookPath(p.program); err == nil {
		return program, nil
	}
	for _, dir := range []string{"/usr/sbin", "/usr/local/sbin", "/sbin"} {
		if program, err := exec.LookPath(filepath.Join(dir, p.program)); err == nil {
			return program, nil
		}
	}
	return "", fmt.Errorf("%s is missing; install it with: %s", p.program, p.install)
}

// exclude leaves a peer out of everything that follows and says so.
func (f *fleet) exclude(name string, reason error) {
	f.reasons[name] = reason.Error()
	fmt.Fprintf(f.progress, "bench: without %s: %v\n", name, reason)
}

// has reports whether a peer takes part.
func (f *fleet) has(name string) bool {
	_, chosen := f.known[name]
	return chosen && f.reasons[name] == ""
}

// server returns the running server of a peer that takes part, starting it when needed. A peer that does not start
// takes part no longer.
func (f *fleet) server(ctx context.Context, name string, app application) (*server, error) {
	if srv := f.running[deployment{name, app}]; srv != nil {
		return srv, nil
	}
	srv, err := f.fresh(ctx, name, app)
	if err != nil {
		if ctx.Err() == nil {
			f.exclude(name, err)
		}
		return nil, err
	}
	f.running[deployment{name, app}] = srv
	return srv, nil
}

// fresh starts a server that has served nobody yet. The caller stops it.
func (f *fleet) fresh(ctx context.Context, name string, app application) (*server, error) {
	on := []int{f.on.server}
	if app.shared {
		on = []int{f.on.server, f.on.client}
	}
	s := setting{program: f.programs[name], docs: f.docs, scripts: f.scripts, app: app, env: f.env}
	return startServer(ctx, f.known[name], s, f.work, func(cmd *exec.Cmd) error { return f.on.start(cmd, on...) })
}

// release ends the servers of a Python application, so that those of another have the machine to themselves.
func (f *fleet) release(app application) {
	for d, srv := range f.running {
		if d.app == app && app.target != "" {
			srv.stop()
			delete(f.running, d)
		}
	}
}

// versions returns what the programs say of themselves, a line each. One that takes a word for something else, and
// serves, is ended after a few seconds.
func (f *fleet) versions(ctx context.Context) []string {
	var lines []string
	seen := map[string]bool{}
	for _, p := range peers() {
		program := f.programs[p.name]
		if program == "" || len(p.version) == 0 || seen[program] {
			continue
		}
		seen[program] = true
		brief, cancel := context.WithTimeout(ctx, 3*time.Second)
		out, err := exec.CommandContext(brief, program, p.version...).CombinedOutput()
		cancel()
		if err != nil {
			continue
		}
		lines = append(lines, fmt.Sprintf("%s: %s", filepath.Base(program), firstLines(string(out), 1)))
	}
	return lines
}

// close ends all servers.
func (f *fleet) close() {
	for _, srv := range f.running {
		srv.stop()
	}
	clear(f.running)
}

// firstLines returns the first n lines of a text, joined by "; ".
func firstLines(text string, n int) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return strings.Join(lines[:min(n, len(lines))], "; ")
}
