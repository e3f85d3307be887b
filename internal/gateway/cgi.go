package gateway

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"highball"
)

// CGIConfig is what a CGI is made of.
type CGIConfig struct {
	Name          string            // for logs
	Dir           string            // folder of the scripts, absolute
	Lenient       bool              // a script that prints no header block is text/html; a form value comes in argv[1]
	Env           []string          // K=V for the scripts, beside the allow-list
	Environ       []string          // of the server
	Warm          bool              // Python scripts are forked from an interpreter that was started before
	Interpreters  map[string]string // by extension (".py": "/usr/bin/python3"), for scripts without a #! line
	MaxProcesses  int               // 0: 4 per processor (at least 16)
	QueueLimit    int               // 0: 1024
	QueueDeadline time.Duration     // 0: 10 s
	Logger        *slog.Logger
}

// CGI runs the programs of a folder by the Common Gateway Interface (RFC 3875): a process for each request, which gets the
// request in its environment and on standard input, and prints the response. It is made by NewCGI, and its methods may be
// called from any goroutine.
//
// A request's story is told in cgi_serve.go: the script is found (cgi_find.go), its environment and arguments are made
// (cgi_environ.go), the process is started and attended until its end (cgi_run.go), and what it prints first is the head of the
// response (cgi_head.go). Python scripts may be started in another way (cgi_warm.go).
type CGI struct {
	cfg      CGIConfig
	env      []string // what all scripts get
	https    bool     // env says HTTPS
	root     string   // DOCUMENT_ROOT
	null     *os.File
	spawner  *spawner
	warm     *warmPool
	before   func(step string) error // called before each step that may fail, to make it fail in a test; may be nil
	bodies   bodies
	places   places
	stopping chan struct{} // closed by Stop
	ended    chan struct{} // closed when Stop has found that no script runs any more

	mu      sync.Mutex // guards the following fields
	stopped bool
	runs    map[*cgiRun]struct{}
	running sync.WaitGroup
}

// Why a request gets no process.
var (
	errManyScripts   = errors.New("too many requests wait for a CGI process")
	errNoProcess     = errors.New("no CGI process has ended in time to begin another one")
	errCGIStopping   = errors.New("CGI is being stopped")
	errScriptStopped = errors.New("the script was ended with the server")
)

// NewCGI checks cfg. Its errors say what to do. The caller must call Stop.
func NewCGI(cfg CGIConfig) (*CGI, error) {
	if err := cgiSystem(); err != nil {
		return nil, err
	}
	if !filepath.IsAbs(cfg.Dir) {
		return nil, fmt.Errorf("the folder of CGI scripts %q must be an absolute path", cfg.Dir)
	}
	if info, err := os.Stat(cfg.Dir); err != nil {
		return nil, fmt.Errorf("the folder of CGI scripts: %w", err)
	} else if !info.IsDir() {
		return nil, fmt.Errorf("%s is no folder: CGI wants the one that holds the scripts", cfg.Dir)
	}
	cfg.Name = cmp.Or(cfg.Name, cfg.Dir)
	cfg.MaxProcesses = cmp.Or(cfg.MaxProcesses, max(16, 4*highball.Processors()))
	cfg.QueueLimit = cmp.Or(cfg.QueueLimit, 1024)
	cfg.QueueDeadline = cmp.Or(cfg.QueueDeadline, 10*time.Second)
	if cfg.Logger == nil {
		cfg.Logger = slog.Default()
	}
	var err error
	if cfg.Interpreters, err = findInterpreters(cfg.Interpreters); err != nil {
		return nil, err
	}
	c := &CGI{
		cfg: cfg, places: places{free: cfg.MaxProcesses, most: cfg.QueueLimit}, stopping: make(chan struct{}), ended: make(chan struct{}),
		runs: make(map[*cgiRun]struct{}),
	}
	if c.env, err = scriptEnv(cfg.Environ, cfg.Env); err != nil {
		return nil, err
	}
	c.root, c.https = cfg.Dir, false
	for _, e := range c.env {
		if root, ok := strings.CutPrefix(e, "DOCUMENT_ROOT="); ok {
			c.root = strings.TrimRight(root, "/")
		}
		c.https = c.https || strings.HasPrefix(e, "HTTPS=")
	}
	if c.null, err = os.Open(os.DevNull); err != nil {
		return nil, err
	}
	c.spawner = newSpawner()
	c.warm = newWarmPool(c)
	return c, nil
}

// findInterpreters returns the interpreters with their paths.
func findInterpreters(named map[string]string) (map[string]string, error) {
	found := make(map[string]string, len(named))
	for ext, name := range named {
		if len(ext) < 2 || ext[0] != '.' {
			return nil, fmt.Errorf("the interpreter %s is for the extension %q, which should be like .py", name, ext)
		}
		path, err := exec.LookPath(name)
		if err != nil {
			return nil, fmt.Errorf("the interpreter of %s scripts: %w", ext, err)
		}
		if path, err = filepath.Abs(path); err != nil {
			return nil, err
		}
		found[ext] = path
	}
	return found, nil
}

// Handler returns the handler of the scripts mounted at a path, such as "/cgi-bin": the script is found from the path
// behind it.
func (c *CGI) Handler(mount string) highball.Handler {
	return &cgiHandler{c, strings.TrimSuffix(mount, "/")}
}

// Stop refuses requests from now on, and ends all scripts: by SIGTERM, and soon, or when ctx ends, by force. Afterwards no
// process is left that has not taken pains to leave its script's process group.
func (c *CGI) Stop(ctx context.Context) error {
	c.mu.Lock()
	if c.stopped {
		c.mu.Unlock()
		<-c.ended
		return nil
	}
	c.stopped = true
	close(c.stopping)
	for run := range c.runs {
		run.stop(errScriptStopped)
	}
	c.mu.Unlock()
	force := context.AfterFunc(ctx, func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		for run := range c.runs {
			run.kill()
		}
	})
	defer force()
	c.running.Wait()
	c.warm.close()
	c.spawner.close()
	defer close(c.ended)
	return c.null.Close()
}

// step tells whether the named step of starting a process is to go on.
func (c *CGI) step(name string) error {
	if c.before == nil {
		return nil
	}
	return c.before(name)
}

// enter has the caller wait until it may start a process, which it must call leave for.
func (c *CGI) enter(ctx context.Context) (waited time.Duration, err error) {
	select {
	case <-c.stopping:
		return 0, &highball.Error{Status: 503, Err: errCGIStopping}
	default:
	}
	turn, ok := c.places.take()
	switch {
	case !ok:
		return 0, &highball.Error{Status: 503, Err: errManyScripts}
	case turn == nil:
		return 0, nil
	}
	began := time.Now()
	patience := time.NewTimer(c.cfg.QueueDeadline)
	defer patience.Stop()
	select {
	case <-turn:
		return time.Since(began), nil
	case <-patience.C:
		err = &highball.Error{Status: 503, Err: errNoProcess}
	case <-c.stopping:
		err = &highball.Error{Status: 503, Err: errCGIStopping}
	case <-ctx.Done():
		err = context.Cause(ctx)
	}
	c.places.giveUp(turn)
	return time.Since(began), err
}

func (c *CGI) leave() { c.places.leave() }

// register notes a run that is about to start. It is false when CGI is being stopped; else the run must be forgotten when
// it has ended.
func (c *CGI) register(run *cgiRun) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.stopped {
		return false
	}
	c.runs[run] = struct{}{}
	c.running.Add(1)
	return true
}

func (c *CGI) forget(run *cgiRun) {
	c.mu.Lock()
	delete(c.runs, run)
	c.mu.Unlock()
	c.running.Done()
}
