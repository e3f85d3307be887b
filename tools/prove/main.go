// Command prove shows on the built program what tests of packages cannot: that highball serves large real folders to the
// last byte, that it bears slow attackers, a lack of descriptors and abuse, that Python applications stay up whatever becomes
// of their workers and clients, that another configuration or another program takes over without a failed request, and that
// a storm of CGI requests stays within its bounds, and that what makes a site slow is told by the phases. It prints one row of a Markdown table per
// claim, with what was measured, and its exit status is 1 when a claim does not hold or could not be shown.
//
//	make build && go -C tools run ./prove -highball ../bin/highball
//
// The parts are crawl, three of slowloris, starved, abuse, those of wsgi, reload, reload-large, upgrade, cgi-storm, faults and sums, each in its file; each is bounded in time and uses
// the loopback address alone. It runs on Linux, from the module of the tools, and wants slowhttptest, prlimit, taskset, wrk, strace and
// Python.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"time"
)

// proof is what the parts share.
type proof struct {
	highball string        // path of the program
	work     string        // a folder for what the parts write, removed at the end
	abuse    time.Duration // how long the abuse lasts
	seed     uint64        // of all randomness
	python   string        // interpreter of the Python applications
	progress io.Writer
}

// claim is one row of the table.
type claim struct {
	says     string
	measured string
	holds    bool
}

// part shows some claims. An error means that it could not.
type part struct {
	name  string
	limit time.Duration
	show  func(context.Context, *proof) ([]claim, error)
}

func parts(abuse time.Duration) []part {
	all := []part{{"crawl", 4 * time.Minute, showCrawl}}
	for _, a := range attacks() {
		all = append(all, part{a.name, 2 * time.Minute, a.showSlowloris})
	}
	all = append(all,
		part{"starved", time.Minute, showStarved},
		part{"abuse", abuse + 4*time.Minute, showAbuse}, // building it with the race detector may take its time
	)
	return slices.Concat(all, wsgiParts(), configuredParts())
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// run shows the chosen parts and returns the exit status: 0 when every claim holds, 1 when one does not or could not be
// shown, 2 for a wrong command line.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	p := &proof{progress: stderr}
	flags := flag.NewFlagSet("prove", flag.ContinueOnError)
	flags.SetOutput(stderr)
	only := regexp.MustCompile("")
	flags.StringVar(&p.highball, "highball", "../bin/highball", "`path` of the highball to look at")
	flags.DurationVar(&p.abuse, "abuse", time.Minute, "`time` that the abuse lasts")
	flags.Uint64Var(&p.seed, "seed", uint64(time.Now().UnixNano()), "`number` that the abuse's random choices follow from")
	flags.StringVar(&p.python, "python", "python3", "`interpreter` of the Python applications")
	flags.Func("only", "`regexp` of the parts to show: crawl slowloris-heads slowloris-bodies slowloris-readers starved abuse "+
		"wsgi-slow wsgi-killed wsgi-orphans wsgi-reload wsgi-soak wsgi-churn wsgi-stuck reload reload-large upgrade cgi-storm faults sums", func(text string) (err error) {
		only, err = regexp.Compile(text)
		return err
	})
	if err := flags.Parse(args); errors.Is(err, flag.ErrHelp) {
		return 0
	} else if err != nil {
		return 2
	}
	if flags.NArg() > 0 {
		fmt.Fprintf(stderr, "prove: unexpected argument %q\n", flags.Arg(0))
		return 2
	}
	if err := p.prepare(); err != nil {
		fmt.Fprintln(stderr, "prove:", err)
		return 1
	}
	defer os.RemoveAll(p.work)

	status := 0
	fmt.Fprint(stdout, "| claim | measured | verdict |\n|---|---|---|\n")
	for _, part := range parts(p.abuse) {
		if !only.MatchString(part.name) {
			continue
		}
		for _, c := range p.claims(ctx, part) {
			verdict := "pass"
			if !c.holds {
				verdict, status = "**FAIL**", 1
			}
			fmt.Fprintf(stdout, "| %s: %s | %s | %s |\n", part.name, cell(c.says), cell(c.measured), verdict)
		}
	}
	return status
}

// prepare finds the program and makes the folder for files.
func (p *proof) prepare() (err error) {
	if p.highball, err = filepath.Abs(p.highball); err != nil {
		return err
	}
	if _, err := os.Stat(p.highball); err != nil {
		return fmt.Errorf("%w; make it by: make build", err)
	}
	p.work, err = os.MkdirTemp("", "highball-prove-")
	return err
}

// claims shows one part. That it could not be shown to its end is a claim which does not hold.
func (p *proof) claims(ctx context.Context, part part) []claim {
	fmt.Fprintf(p.progress, "prove: %s, at most %s\n", part.name, part.limit)
	ctx, cancel := context.WithTimeout(ctx, part.limit)
	defer cancel()
	claims, err := part.show(ctx, p)
	if err == nil {
		err = ctx.Err()
	}
	if err != nil {
		claims = append(claims, claim{"can be shown", err.Error(), false})
	}
	return claims
}

// cell makes a text fit into one cell of a Markdown table.
func cell(text string) string {
	text = strings.Join(strings.Fields(text), " ")
	return strings.ReplaceAll(text, "|", `\|`)
}
