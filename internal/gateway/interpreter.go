package gateway

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"time"
)

// interpreter is the Python that runs the workers.
type interpreter struct {
	Path           string // absolute
	Version        string // "3.11.7"
	Implementation string // "CPython"
}

// The oldest version of CPython that the worker runs on.
const oldestMajor, oldestMinor = 3, 8

// probePatience is for how long an interpreter may take to tell its version.
const probePatience = 10 * time.Second

// findInterpreter finds the user's Python and asks it for its version. In this order: what cfg.Python names, the
// environment that is active (VIRTUAL_ENV, CONDA_PREFIX), a folder .venv or venv beside the application or above, python3
// and python on PATH. What is named or active must be usable: another one in its place would lack what is installed in it.
func findInterpreter(ctx context.Context, cfg *Config) (*interpreter, error) {
	s := search{env: workerEnvironment(cfg), dir: cfg.Dir}
	path, err := s.find(cfg.Python)
	if err != nil {
		return nil, err
	}
	if path, err = filepath.Abs(path); err != nil {
		return nil, err
	}
	return probe(ctx, path, s.env, cfg.As)
}

// workerEnvironment returns the environment of the workers, each variable once.
func workerEnvironment(cfg *Config) []string {
	values := make(map[string]int)
	var env []string
	for _, list := range [][]string{cfg.Environ, cfg.Env} {
		for _, kv := range list {
			name, _, _ := strings.Cut(kv, "=")
			if i, ok := values[name]; ok {
				env[i] = kv
				continue
			}
			values[name] = len(env)
			env = append(env, kv)
		}
	}
	return env
}

// search is a search for an interpreter.
type search struct {
	env []string
	dir string // of the application
}

func (s *search) variable(name string) string {
	for _, kv := range s.env {
		if value, ok := strings.CutPrefix(kv, name+"="); ok {
			return value
		}
	}
	return ""
}

func (s *search) find(wanted string) (string, error) {
	if wanted != "" {
		return s.named(wanted)
	}
	for _, name := range []string{"VIRTUAL_ENV", "CONDA_PREFIX"} {
		folder := s.variable(name)
		if folder == "" {
			continue
		}
		if path := pythonIn(folder); path != "" {
			return path, nil
		}
		return "", fmt.Errorf("%s is %s, where there is no Python: make the environment anew, unset %s, or name another interpreter with --python", name, folder, name)
	}
	above, err := s.beside()
	if above != "" || err != nil {
		return above, err
	}
	for _, name := range []string{"python3", "python"} {
		if path := s.onPath(name); path != "" {
			return path, nil
		}
	}
	return "", errors.New("no Python found: looked for VIRTUAL_ENV and CONDA_PREFIX, for .venv and venv in the application's folder and above, and for python3 and python on PATH: " +
		"install Python, or name an interpreter or a virtual environment with --python")
}

// named returns the interpreter that the user means by a path, the folder of an environment, or a name.
func (s *search) named(wanted string) (string, error) {
	info, err := os.Stat(wanted)
	switch {
	case err == nil && info.IsDir():
		if path := pythonIn(wanted); path != "" {
			return path, nil
		}
		return "", fmt.Errorf("--python %s: that folder is not a virtual environment: it has no %s", wanted, filepath.Join(binaries(), "python3"))
	case strings.ContainsRune(wanted, filepath.Separator) || strings.Contains(wanted, "/"):
		if err != nil {
			return "", fmt.Errorf("--python %s: there is no such file: give the path of an interpreter or of the folder of a virtual environment", wanted)
		}
		if !executable(wanted) {
			return "", fmt.Errorf("--python %s: that file is not executable", wanted)
		}
		return wanted, nil
	}
	if path := s.onPath(wanted); path != "" {
		return path, nil
	}
	return "", fmt.Errorf("--python %s: neither a folder here nor a program on PATH: give the path of an interpreter or of the folder of a virtual environment", wanted)
}

// beside returns the interpreter of an environment in the application's folder or above. Folders that others could have
// put there, such as in /tmp, are passed over.
func (s *search) beside() (string, error) {
	dir, err := filepath.Abs(s.dir)
	if err != nil {
		return "", err
	}
	owner, err := os.Stat(dir)
	if err != nil {
		return "", fmt.Errorf("the application's folder: %w", err)
	}
	for {
		for _, name := range []string{".venv", "venv"} {
			folder := filepath.Join(dir, name)
			if info, err := os.Stat(folder); err != nil || !info.IsDir() || !trusted(info, owner) {
				continue
			}
			if path := pythonIn(folder); path != "" {
				return path, nil
			}
		}
		above := filepath.Dir(dir)
		if above == dir {
			return "", nil
		}
		dir = above
	}
}

// onPath looks a program up on the workers' PATH.
func (s *search) onPath(name string) string {
	for _, dir := range filepath.SplitList(s.variable("PATH")) {
		if dir == "" {
			continue // would be the present folder
		}
		if path := filepath.Join(dir, programName(name)); executable(path) {
			return path
		}
	}
	return ""
}

// pythonIn returns the interpreter of a virtual environment, "" without one.
func pythonIn(folder string) string {
	for _, path := range []string{
		filepath.Join(folder, binaries(), programName("python3")),
		filepath.Join(folder, binaries(), programName("python")),
		filepath.Join(folder, programName("python")),
	} {
		if executable(path) {
			return path
		}
	}
	return ""
}

// binaries is the folder for programs in a virtual environment.
func binaries() string {
	if runtime.GOOS == "windows" {
		return "Scripts"
	}
	return "bin"
}

func programName(name string) string {
	if runtime.GOOS == "windows" && filepath.Ext(name) == "" {
		return name + ".exe"
	}
	return name
}

// executable tells whether path is a program.
func executable(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular() && (runtime.GOOS == "windows" || info.Mode()&0o111 != 0)
}

// probeText runs on any Python that was ever in use, so that it can be told what it is.
const probeText = `import sys
i = getattr(sys, "implementation", None)
sys.stdout.write("%d %d %d\n%s\n%s\n" % (sys.version_info[0], sys.version_info[1], sys.version_info[2], i and i.name or "unknown", sys.executable))`

// probe runs an interpreter to learn what it is.
func probe(ctx context.Context, path string, env []string, as *Identity) (*interpreter, error) {
	ctx, cancel := context.WithTimeout(ctx, probePatience)
	defer cancel()
	// Without the site module, which takes most of the time and could fail for reasons of the environment's.
	cmd := exec.CommandContext(ctx, path, "-S", "-c", probeText)
	cmd.Env, cmd.SysProcAttr = env, as.attributes()
	cmd.WaitDelay = time.Second
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		said := strings.TrimSpace(stderr.String())
		said = said[strings.LastIndexByte(said, '\n')+1:]
		return nil, fmt.Errorf("%s does not run as Python: %w %s", path, err, said)
	}
	lines := strings.Split(stdout.String(), "\n")
	version := strings.Fields(lines[0])
	if len(lines) < 3 || len(version) != 3 {
		return nil, fmt.Errorf("%s does not answer as Python does: is it an interpreter?", path)
	}
	major, _ := strconv.Atoi(version[0])
	minor, _ := strconv.Atoi(version[1])
	found := &interpreter{Path: path, Version: strings.Join(version, "."), Implementation: lines[1]}
	if major < oldestMajor || major == oldestMajor && minor < oldestMinor {
		return nil, fmt.Errorf("%s is Python %s, and the oldest that serves is %d.%d: name a newer interpreter with --python", path, found.Version, oldestMajor, oldestMinor)
	}
	if found.Implementation != "cpython" {
		return nil, fmt.Errorf("%s is %s, and workers need CPython: name its interpreter with --python", path, found.Implementation)
	}
	found.Implementation = "CPython"
	// What was found may be a script that looks for the interpreter anew each time, as pyenv's does.
	if real := strings.TrimSpace(lines[2]); filepath.IsAbs(real) && executable(real) {
		found.Path = real
	}
	return found, nil
}
