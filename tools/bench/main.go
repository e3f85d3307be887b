// Command bench compares highball with other servers, on one machine and side by side: throughput, processor time per
// request, memory per idle connection and system calls per request, and says which targets are met.
//
// It starts nginx, lighttpd, h2o and Caddy as the distribution packages them, net/http's server, and "the floor", a bare
// epoll loop with a canned response; lighttpd's mod_cgi, for CGI scripts; and, for applications in Python, uWSGI, Granian, gunicorn and waitress from PyPI, in a virtual
// environment that the first run makes. Every server has a core to itself and the load, by wrk, has another. In each of
// several rounds every server is measured once, and only ratios within a round are compared, because a machine has
// fast and slow spells. A server that is missing is named, with the way to install it, and left out.
//
//	make build && go -C tools run ./bench -highball ../bin/highball
//
// It runs on Linux only, from the module of the tools. peers.go has the servers, workloads.go the requests and targets.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"
)

// options are what the command line says.
type options struct {
	highball    string
	rounds      int
	seconds     int
	idle        int
	out         string
	only, peers *regexp.Regexp
	python      string
	on          cores
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// run does everything and returns the exit status: 0 when all was measured, whatever the verdicts; 1 when something
// broke or a signal ended it; 2 for a wrong command line. Servers are ended and files removed in any case.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	o, err := parse(args, stderr)
	if errors.Is(err, flag.ErrHelp) {
		return 0
	}
	if err != nil {
		return 2
	}
	if err := o.bench(ctx, stdout, stderr); err != nil {
		fmt.Fprintln(stderr, "bench:", err)
		return 1
	}
	return 0
}

// parse reads the command line. It prints its error itself.
func parse(args []string, stderr io.Writer) (options, error) {
	var o options
	var only, chosen string
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.StringVar(&o.highball, "highball", "../bin/highball", "`path` of the highball to measure")
	flags.IntVar(&o.rounds, "rounds", 5, "rounds per workload")
	flags.IntVar(&o.seconds, "seconds", 2, "seconds per run")
	flags.IntVar(&o.idle, "idle", 10_000, "connections of the workload "+idleName)
	flags.StringVar(&only, "only", "", "`regexp` of the workloads to run (default all): "+strings.Join(names(), " "))
	flags.StringVar(&chosen, "peers", "", "`regexp` of the servers to run besides highball (default all)")
	flags.StringVar(&o.out, "out", "", "`file` to write the tables to as well")
	flags.StringVar(&o.python, "python", "python3", "`interpreter` that the Python servers run under")
	flags.IntVar(&o.on.server, "server-core", 0, "core that the servers run on")
	flags.IntVar(&o.on.client, "client-core", 1, "core that the load runs on")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	err := func() (err error) {
		if flags.NArg() > 0 {
			return fmt.Errorf("unexpected argument %q", flags.Arg(0))
		}
		if o.rounds < 1 || o.seconds < 1 || o.idle < 1 {
			return errors.New("-rounds, -seconds and -idle must be at least 1")
		}
		if o.only, err = regexp.Compile(only); err != nil {
			return fmt.Errorf("-only: %w", err)
		}
		if o.peers, err = regexp.Compile(chosen); err != nil {
			return fmt.Errorf("-peers: %w", err)
		}
		return nil
	}()
	if err != nil {
		fmt.Fprintln(stderr, "bench:", err)
	}
	return o, err
}

// names returns the names of all workloads, for the help text.
func names() []string {
	var all []string
	for _, w := range workloads() {
		all = append(all, w.name)
	}
	return append(all, sleepyName, idleName, syscallsName)
}

// bench runs the chosen workloads and writes the report as it goes.
func (o options) bench(ctx context.Context, stdout, stderr io.Writer) (err error) {
	if _, err := exec.LookPath("wrk"); err != nil {
		return errors.New("wrk is missing; install it with: apt-get install wrk")
	}
	if err := o.on.pin(); err != nil {
		return err
	}
	files, err := raiseFileLimit()
	if err != nil {
		return err
	}
	if most := files - 500; o.idle > most {
		fmt.Fprintf(stderr, "bench: only %d idle connections, by the limit of %d descriptors\n", most, files)
		o.idle = most
	}

	limit := o.limit()
	fmt.Fprintf(stderr, "bench: this ends within %s\n", limit.Round(time.Minute))
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()

	work, err := os.MkdirTemp("", "highball-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	if err := os.Chmod(work, 0o755); err != nil { // servers drop privileges before they read
		return err
	}
	docs, err := os.MkdirTemp(work, "docs-")
	if err != nil {
		return err
	}
	programs := filepath.Join(work, "cgi")
	if err := errors.Join(os.Chmod(docs, 0o755), makeDocuments(docs), makeScripts(ctx, programs, o.python)); err != nil {
		return err
	}

	out := stdout
	if o.out != "" {
		file, err := os.Create(o.out)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, file.Close()) }()
		out = io.MultiWriter(stdout, file)
	}

	var env *environment
	if o.wantsPython() {
		if env, err = newEnvironment(ctx, o.python, work, stderr); err != nil {
			fmt.Fprintln(stderr, "bench: without Python applications:", err)
		}
	}
	fleet := newFleet(ctx, o.chosen(), o.highball, work, docs, programs, env, o.on, stderr)
	defer fleet.close()
	b := &bench{fleet: fleet, on: o.on, work: work, rounds: o.rounds, seconds: o.seconds, idle: o.idle, progress: stderr}
	r := &report{out: out}
	versions := fleet.versions(ctx)
	if env != nil {
		versions = append(versions, env.versions...)
	}
	r.heading(machine(), versions, o.rounds)
	o.measureAll(ctx, b, r)
	r.missing(fleet.reasons)
	r.summary()
	if ctx.Err() != nil {
		return fmt.Errorf("ended early: %w", context.Cause(ctx))
	}
	return nil
}

// measureAll runs the chosen workloads until ctx ends.
func (o options) measureAll(ctx context.Context, b *bench, r *report) {
	for _, w := range workloads() {
		if ctx.Err() == nil && o.only.MatchString(w.name) {
			if res := b.measure(ctx, w); len(res.peers) > 0 {
				r.workload(res)
			}
		}
	}
	if ctx.Err() == nil && o.only.MatchString(sleepyName) {
		if res := b.measureSleepy(ctx); len(res.peers) > 0 {
			r.sleepy(res)
		}
	}
	static := []string{
		peerHighball, peerFloor, peerNginxSendfile, peerNginxCopy, peerLighttpd, peerH2O, peerCaddy, peerNetHTTP,
	}
	if ctx.Err() == nil && o.only.MatchString(syscallsName) {
		if _, err := exec.LookPath("strace"); err != nil {
			fmt.Fprintln(b.progress, "bench: without "+syscallsName+": strace is missing; install it with: apt-get install strace")
		} else {
			var results []syscallsResult
			for _, conns := range []int{64, 1} {
				for _, name := range static {
					if ctx.Err() == nil && b.fleet.has(name) {
						results = append(results, b.measureSyscalls(ctx, name, conns))
					}
				}
			}
			r.syscalls(results)
		}
	}
	if ctx.Err() == nil && o.only.MatchString(idleName) {
		var results []idleResult
		for _, name := range static {
			if ctx.Err() == nil && b.fleet.has(name) {
				results = append(results, b.measureIdle(ctx, name))
			}
		}
		r.idle(results)
	}
}

// wantsPython reports whether a workload was chosen that needs the Python servers.
func (o options) wantsPython() bool {
	return o.only.MatchString(sleepyName) || slices.ContainsFunc(workloads(), func(w workload) bool {
		return w.app.target != "" && o.only.MatchString(w.name)
	})
}

// chosen returns the peers that take part: highball and those of -peers.
func (o options) chosen() []peer {
	var chosen []peer
	for _, p := range peers() {
		if p.wsgi && !o.wantsPython() {
			continue
		}
		own := strings.HasPrefix(p.name, peerHighball) || p.name == peerAdapter
		if own || o.peers.MatchString(p.name) {
			chosen = append(chosen, p)
		}
	}
	return chosen
}

// limit is a generous bound on how long everything takes: twice the time of the runs, and what the rest may need.
func (o options) limit() time.Duration {
	runs := time.Duration(0)
	for _, w := range workloads() {
		if o.only.MatchString(w.name) {
			runs += time.Duration(len(w.peers)*o.rounds*(w.secondsOf(o.seconds)+1)) * time.Second
		}
	}
	limit := 2*runs + 3*time.Minute
	if o.wantsPython() {
		limit += 5 * time.Minute // to install them
	}
	if o.only.MatchString(sleepyName) {
		limit += time.Duration(len(sleepyPeers())*o.rounds*(2*o.seconds+12)) * time.Second
	}
	if o.only.MatchString(syscallsName) {
		limit += time.Duration(16*(o.seconds+2)) * time.Second
	}
	if o.only.MatchString(idleName) {
		limit += 8 * 20 * time.Second
	}
	return limit
}

// machine describes what the numbers were measured on.
func machine() []string {
	var name syscall.Utsname
	lines := []string{"Go: " + runtime.Version()}
	if err := syscall.Uname(&name); err == nil {
		var release []byte
		for _, c := range name.Release {
			if c == 0 {
				break
			}
			release = append(release, byte(c))
		}
		lines = append(lines, "Linux: "+string(release))
	}
	if text, err := os.ReadFile("/proc/sys/net/ipv4/tcp_congestion_control"); err == nil {
		lines = append(lines, "TCP congestion control: "+strings.TrimSpace(string(text))) // which large answers depend on
	}
	if text, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		for line := range strings.Lines(string(text)) {
			if key, model, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(key) == "model name" {
				lines = append(lines, fmt.Sprintf("CPU: %s, %d cores seen", strings.TrimSpace(model), runtime.NumCPU()))
				break
			}
		}
	}
	return lines
}
