package main

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// scripts are the Python applications; they need nothing but Python.
//
//go:embed python/*.py
var scripts embed.FS

// wsgiParts are what is shown of Python applications.
func wsgiParts() []part {
	return []part{
		{"wsgi-slow", 5 * time.Minute, showWSGISlow},
		{"wsgi-killed", 2 * time.Minute, showWSGIKilled},
		{"wsgi-orphans", time.Minute, showWSGIOrphans},
		{"wsgi-reload", 2 * time.Minute, showWSGIReload},
		{"wsgi-soak", 5 * time.Minute, showWSGISoak},
		{"wsgi-churn", 4 * time.Minute, showWSGIChurn},
		{"wsgi-stuck", 2 * time.Minute, showWSGIStuck},
	}
}

// startApp starts highball with one of the applications and waits until that answers. The command may begin with
// another, which runs it.
func (p *proof) startApp(ctx context.Context, module string, before []string, flags ...string) (*server, error) {
	dir, err := os.MkdirTemp(p.work, "apps-")
	if err != nil {
		return nil, err
	}
	entries, err := fs.ReadDir(scripts, "python")
	if err != nil {
		return nil, err
	}
	for _, entry := range entries {
		text, err := fs.ReadFile(scripts, "python/"+entry.Name())
		if err := errors.Join(err, os.WriteFile(filepath.Join(dir, entry.Name()), text, 0o644)); err != nil {
			return nil, err
		}
	}
	python, err := exec.LookPath(p.python)
	if err != nil {
		return nil, fmt.Errorf("%w; install it by: apt-get install python3", err)
	}
	command := append(before[:len(before):len(before)], p.highball, module+":application", "--chdir", dir, "--python", python)
	srv, err := p.startServer(ctx, append(command, flags...)...)
	if err != nil {
		return nil, err
	}
	for began := time.Now(); ; {
		status, err := srv.get(ctx, "/")
		if err == nil && status == 200 {
			return srv, nil
		}
		if time.Since(began) > startLimit || ctx.Err() != nil {
			srv.kill()
			return nil, fmt.Errorf("the application does not answer: status %d, %v: %s", status, err, srv.lastWords())
		}
		if err := pauseFor(ctx, 20*time.Millisecond); err != nil {
			srv.kill()
			return nil, err
		}
	}
}

// process is one line of the machine's table of processes.
type process struct {
	pid, parent int
	started     string // in ticks since the machine was started: with the number it tells processes apart for ever
	dead        bool   // ended, and not yet waited for
}

// parseProcess reads the text of /proc/PID/stat (proc(5)).
func parseProcess(text string) (process, error) {
	open, end := strings.IndexByte(text, '('), strings.LastIndexByte(text, ')')
	if open < 0 || end < open {
		return process{}, errors.New("no program name in parentheses")
	}
	fields := strings.Fields(text[end+1:])
	if len(fields) < 20 {
		return process{}, fmt.Errorf("%d fields after the program name, want at least 20", len(fields))
	}
	pid, pidErr := strconv.Atoi(strings.TrimSpace(text[:open]))
	parent, parentErr := strconv.Atoi(fields[1])
	dead := fields[0] == "Z" || fields[0] == "X"
	return process{pid, parent, fields[19], dead}, errors.Join(pidErr, parentErr)
}

// processes reads the table of processes.
func processes() ([]process, error) {
	paths, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return nil, err
	}
	var all []process
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			continue // it has ended meanwhile
		}
		proc, err := parseProcess(string(text))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		all = append(all, proc)
	}
	return all, nil
}

// offspring picks the living processes that descend from one.
func offspring(all []process, ancestor int) []process {
	member := map[int]bool{ancestor: true}
	var picked []process
	for grown := true; grown; {
		grown = false
		for _, p := range all {
			if member[p.parent] && !member[p.pid] {
				member[p.pid], grown = true, true
				if !p.dead {
					picked = append(picked, p)
				}
			}
		}
	}
	return picked
}

// workers returns the server's processes but itself.
func (s *server) workers() ([]process, error) {
	all, err := processes()
	return offspring(all, s.cmd.Process.Pid), err
}

// alive reports whether a process has not ended.
func (p process) alive() bool {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.pid))
	if err != nil {
		return false
	}
	now, err := parseProcess(string(text))
	return err == nil && now.started == p.started && !now.dead
}

// end ends what is left of some processes, so that nothing outlives a part that fails.
func end(all []process) {
	for _, p := range all {
		if p.alive() {
			_ = syscall.Kill(p.pid, syscall.SIGKILL) // it fails only when the process has just ended
		}
	}
}

// discard ends the server and every process of its own, whatever they do: its descendants, and, when it has ended before
// them, those of its process group.
func (s *server) discard() {
	left, _ := s.workers() // without them there is still the group
	s.kill()
	end(left)
	_ = syscall.Kill(-s.cmd.Process.Pid, syscall.SIGKILL) // it fails when nobody is left, as it should be
}

// awaitWorkers waits until the server has so many workers, and returns them.
func (s *server) awaitWorkers(ctx context.Context, count int) ([]process, error) {
	for began := time.Now(); ; {
		workers, err := s.workers()
		if err != nil || len(workers) == count {
			return workers, err
		}
		if time.Since(began) > startLimit {
			return nil, fmt.Errorf("%d workers, want %d: %s", len(workers), count, s.lastWords())
		}
		if err := pauseFor(ctx, 10*time.Millisecond); err != nil {
			return nil, err
		}
	}
}

// memoryOf returns the bytes that a process has in RAM.
func memoryOf(pid int) (int64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	if err != nil {
		return 0, err
	}
	return parseMemory(string(text))
}

// parseMemory reads the text of /proc/PID/statm (proc(5)).
func parseMemory(text string) (int64, error) {
	fields := strings.Fields(text)
	if len(fields) < 2 {
		return 0, errors.New("/proc/PID/statm: fewer than two fields")
	}
	pages, err := strconv.ParseInt(fields[1], 10, 64)
	return pages * int64(os.Getpagesize()), err
}
