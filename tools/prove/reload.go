package main

import (
	"context"
	"fmt"
	"io/fs"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"time"
)

// configuredParts are what is shown of servers that run a configuration file.
func configuredParts() []part {
	return []part{
		{"reload", 2 * time.Minute, showReload},
		{"reload-large", 2 * time.Minute, showReloadLarge},
		{"upgrade", 4 * time.Minute, showUpgrade},
		{"cgi-storm", 3 * time.Minute, showStorm},
		{"faults", 2 * time.Minute, showFaults},
		{"sums", 3 * time.Minute, showSums},
	}
}

const (
	configReloads = 20
	takeOverLimit = 5 * time.Second        // for another text to be answered
	betweenSteps  = 300 * time.Millisecond // under load
	hostOfText    = "127.0.0.1"
)

// reloaded finds the log record of a reload, with its time.
var reloaded = regexp.MustCompile(`level=INFO msg=reloaded took=(\S+)`)

// stepText is what the nth configuration has at /text.
func stepText(n int) string { return fmt.Sprintf("text %d", n) }

// stepFiles returns a folder with the nth configuration: a fixed answer that differs with it, and a folder of files, scripts and an
// application that do not.
func (p *proof) stepFiles(n int) (map[string]string, error) {
	python, err := exec.LookPath(p.python)
	if err != nil {
		return nil, fmt.Errorf("%w; install it by: apt-get install python3", err)
	}
	app, err := fs.ReadFile(scripts, "python/wsgi_load.py")
	if err != nil {
		return nil, err
	}
	return map[string]string{
		"wsgi_load.py":      string(app),
		"public/small.html": strings.Repeat("clear track, full speed\n", 40),
		"cgi-bin/hello.sh":  "#!/bin/sh\necho 'Content-Type: text/plain'\necho\nsleep 0.05\necho 'hello, world'\n",
		"highball.toml": fmt.Sprintf(`listen = ["127.0.0.1:0"]

[app.load]
wsgi = "wsgi_load:application"
python = %q
workers = 2

[[site]]
root = "public"

  [[site.route]]
  path = "/text"
  respond = %q
  headers = { set = { X-Worker = %[2]q } }

  [[site.route]]
  path = "/app/"
  app = "load"

  [[site.route]]
  path = "/cgi-bin/"
  cgi = "cgi-bin"
`, python, stepText(n)),
	}, nil
}

// throng is crews of several kinds that all ask one server.
type throng []*crew

// throngAt returns clients that keep their connections, for whatever the configuration has; such that do not; and such that pause
// between their requests.
func throngAt(srv *server) throng {
	thoughtful := asking(srv, 4, "/text")
	thoughtful.pause = 20 * time.Millisecond
	return throng{
		asking(srv, 8, "/text"), parting(srv, 4, "/text"), thoughtful,
		asking(srv, 4, "/small.html"), asking(srv, 4, "/app/work"), parting(srv, 2, "/app/work"), asking(srv, 2, "/cgi-bin/hello.sh"),
	}
}

// start has all of them work until stop is called.
func (t throng) start(ctx context.Context) (stop func()) {
	var all []func()
	for _, c := range t {
		all = append(all, c.start(ctx))
	}
	return func() {
		for _, stop := range all {
			stop()
		}
	}
}

// sound reports whether every request was answered by 200.
func (t throng) sound() bool {
	return !slices.ContainsFunc(t, func(c *crew) bool { return !c.only(200) })
}

// String tells what became of the requests of all of them.
func (t throng) String() string {
	sum := &crew{statuses: map[int]int{}}
	for _, c := range t {
		c.mu.Lock()
		for status, n := range c.statuses {
			sum.statuses[status] += n
		}
		sum.failures += c.failures
		if sum.first == "" {
			sum.first = c.first
		}
		sum.slowest = max(sum.slowest, c.slowest)
		c.mu.Unlock()
	}
	return fmt.Sprintf("%s; the slowest took %s", sum, ms(sum.slowest))
}

// texts returns how many of the texts the clients have had.
func (t throng) texts() int {
	seen := map[string]bool{}
	for _, c := range t {
		for text := range c.firstAnswers() {
			if strings.HasPrefix(text, "text ") {
				seen[text] = true
			}
		}
	}
	return len(seen)
}

// showReload changes the configuration again and again while clients ask: by "highball reload", which leaves workers as they are, and by
// SIGHUP in turns.
func showReload(ctx context.Context, p *proof) ([]claim, error) {
	files, err := p.stepFiles(0)
	if err != nil {
		return nil, err
	}
	srv, err := p.startConfigured(ctx, files)
	if err != nil {
		return nil, err
	}
	defer srv.discard()
	first, err := srv.awaitWorkers(ctx, 2)
	if err != nil {
		return nil, err
	}
	clients := throngAt(srv.server)
	stop := clients.start(ctx)
	defer stop()
	if err := pauseFor(ctx, betweenSteps); err != nil {
		return nil, err
	}
	var took []time.Duration
	var kept []process
	for n := 1; n <= configReloads; n++ {
		files, err := p.stepFiles(n)
		if err == nil {
			err = srv.configure(files["highball.toml"])
		}
		if err != nil {
			return nil, err
		}
		began := time.Now()
		if n <= configReloads/2 {
			if err := p.command(ctx, "reload", srv.file); err != nil {
				return nil, err
			}
		} else if err := srv.cmd.Process.Signal(syscall.SIGHUP); err != nil {
			return nil, err
		}
		at, err := srv.awaitText(ctx, hostOfText, "/text", stepText(n), takeOverLimit)
		if err != nil {
			return nil, err
		}
		took = append(took, at.Sub(began))
		if _, err := srv.awaitSaid(ctx, reloaded, n, takeOverLimit); err != nil {
			return nil, err
		}
		if n == configReloads/2 {
			if kept, err = srv.awaitWorkers(ctx, 2); err != nil {
				return nil, err
			}
		}
		if err := pauseFor(ctx, betweenSteps); err != nil {
			return nil, err
		}
	}
	stop()
	anew := clients[0].connections() - clients[0].clients
	return []claim{
		{
			says: fmt.Sprintf("%d reloads of a changing configuration under load, half of them by \"highball reload\" and half by SIGHUP: no request fails",
				configReloads),
			measured: fmt.Sprintf("%s; %d texts seen by clients; a new one after %s (median), %s at most", clients, clients.texts(),
				ms(middle(took)), ms(slices.Max(took))),
			holds: clients.sound() && clients.texts() == configReloads+1,
		},
		{
			says:     "connections and, with \"highball reload\", workers of applications that have not changed go on",
			measured: fmt.Sprintf("%d connections made anew by %d clients; workers %v, and %v after %d reloads", anew, clients[0].clients, numbers(first), numbers(kept), configReloads/2),
			holds:    anew == 0 && slices.Equal(numbers(first), numbers(kept)),
		},
	}, srv.stop()
}

// command runs highball for something else than serving.
func (p *proof) command(ctx context.Context, args ...string) error {
	out, err := exec.CommandContext(ctx, p.highball, args...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("highball %s: %w: %s", strings.Join(args, " "), err, out)
	}
	return nil
}

// numbers returns the numbers of some processes, sorted.
func numbers(all []process) (pids []int) {
	for _, p := range all {
		pids = append(pids, p.pid)
	}
	slices.Sort(pids)
	return pids
}
