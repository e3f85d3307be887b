package main

import (
	"fmt"
	"io"
	"strings"
)

// report writes tables in Markdown and remembers what became of the targets.
type report struct {
	out      io.Writer
	verdicts []verdict
}

// verdict is a target after the measurement.
type verdict struct {
	what     string
	measured string // "" when it was not measured
	ok       bool
}

// String returns "pass", "FAIL" or "not measured".
func (v verdict) String() string {
	switch {
	case v.measured == "":
		return "not measured"
	case v.ok:
		return "pass"
	default:
		return "FAIL"
	}
}

// heading writes what was measured, on what machine, and how to read the tables.
func (r *report) heading(machine, versions []string, rounds int) {
	fmt.Fprintf(r.out, "# Benchmark\n\n")
	for _, line := range append(machine, versions...) {
		fmt.Fprintf(r.out, "- %s\n", line)
	}
	fmt.Fprintf(r.out, `
Medians of %d rounds; a ratio is that of the two runs in the same round, with its range in parentheses. In a round the servers
have short slices of time in turn, so that a slow spell of the machine is one of all of them.
CPU is user and system time of all processes of the server per answered request. "Core" is how much of the server's core
it used: far from 100 %%, the client was the slower one, and the requests per second say little. A CPU ratio above 1
means that the server costs more than the reference; a request ratio above 1 that it answers more requests per second.
The floor answers with a canned response and does nothing else: when its row is slow, the machine is.
`, rounds)
}

// missing lists the peers that were asked for and do not take part.
func (r *report) missing(reasons map[string]string) {
	if len(reasons) == 0 {
		return
	}
	fmt.Fprintf(r.out, "\n## Missing\n\n")
	for _, p := range peers() {
		if reason := reasons[p.name]; reason != "" {
			fmt.Fprintf(r.out, "- %s: %s\n", p.name, reason)
		}
	}
}

// workload writes the table of a workload and judges its targets.
func (r *report) workload(res result) {
	w := res.workload
	fmt.Fprintf(r.out, "\n## %s\n\n%s\n\n", w.name, w.title)
	fmt.Fprintf(r.out, "| server | requests/s | CPU µs/request | core | requests ÷ %[1]s | CPU ÷ %[1]s | target | |\n", w.reference)
	fmt.Fprintf(r.out, "|---|--:|--:|--:|--:|--:|---|---|\n")
	for _, name := range res.peers {
		rate, cost, busy := res.absolute(name, rateOf), res.absolute(name, costOf), res.absolute(name, busyOf)
		aim, judged := "", ""
		for _, t := range w.targets {
			if t.peer == name {
				aim = fmt.Sprintf("%s (%s)", t.bound, t.says)
				judged = judge(t.bound, res.ratio(name, t.of.in)).String()
			}
		}
		fmt.Fprintf(r.out, "| %s | %s | %s | %s | %s | %s | %s | %s |\n", name,
			number(rate, "%.0f"), number(cost, "%.2f"), number(spread{rate.n, 100 * busy.median, 0, 0}, "%.0f %%"),
			ranged(res.ratio(name, rateOf)), ranged(res.ratio(name, costOf)), aim, judged)
	}
	for _, t := range w.targets {
		v := judge(t.bound, res.ratio(t.peer, t.of.in))
		v.what = fmt.Sprintf("%s: %s of %s ÷ %s %s (%s)", w.name, t.of, t.peer, w.reference, t.bound, t.says)
		r.verdicts = append(r.verdicts, v)
	}
	r.notes(res.notes)
}

// idle writes the table of idle connections.
func (r *report) idle(results []idleResult) {
	fmt.Fprintf(r.out, "\n## %s\n\nkeep-alive connections that made one request each and then nothing\n\n", idleName)
	fmt.Fprintf(r.out, "| server | connections | MiB without | MiB with | bytes/connection | target | |\n|---|--:|--:|--:|--:|---|---|\n")
	v := verdict{what: fmt.Sprintf("%s: highball at most %d bytes per connection", idleName, idleBound)}
	var notes []string
	for _, res := range results {
		if res.err != nil {
			notes = append(notes, fmt.Sprintf("%s: %v", res.peer, res.err))
			continue
		}
		aim, judged := "", ""
		if res.peer == peerHighball {
			v.measured, v.ok = fmt.Sprintf("%.0f", res.perConn()), res.perConn() <= idleBound
			aim, judged = fmt.Sprintf("≤ %d", idleBound), v.String()
		}
		const mebi = 1 << 20
		fmt.Fprintf(r.out, "| %s | %d | %.1f | %.1f | %.0f | %s | %s |\n", res.peer, res.conns,
			float64(res.before)/mebi, float64(res.after)/mebi, res.perConn(), aim, judged)
	}
	r.verdicts = append(r.verdicts, v)
	r.notes(notes)
}

// syscalls writes the table of system calls.
func (r *report) syscalls(results []syscallsResult) {
	fmt.Fprintf(r.out, "\n## %s\n\n1 KiB file, system calls of all threads divided by the requests; sleeps are made by the clock and not by requests\n\n", syscallsName)
	fmt.Fprintf(r.out, "| server | connections | calls/request | sleeps/request | most frequent | target | |\n|---|--:|--:|--:|---|---|---|\n")
	var notes []string
	judgedAny := false
	for _, res := range results {
		if res.err != nil {
			notes = append(notes, fmt.Sprintf("%s, %d connections: %v", res.peer, res.conns, res.err))
			continue
		}
		calls, sleeps := res.perRequest()
		aim, judged := "", ""
		if res.peer == peerHighball {
			v := verdict{
				what:     fmt.Sprintf("%s: highball at most %d per request, %d connections", syscallsName, syscallsBound, res.conns),
				measured: fmt.Sprintf("%.2f", calls),
				ok:       res.met(),
			}
			r.verdicts = append(r.verdicts, v)
			aim, judged, judgedAny = fmt.Sprintf("≤ %d", syscallsBound), v.String(), true
		}
		var frequent []string
		for _, c := range res.counts[:min(5, len(res.counts))] {
			frequent = append(frequent, fmt.Sprintf("%s %.2f", c.name, float64(c.calls)/float64(max(res.requests, 1))))
		}
		fmt.Fprintf(r.out, "| %s | %d | %.2f | %.2f | %s | %s | %s |\n",
			res.peer, res.conns, calls, sleeps, strings.Join(frequent, ", "), aim, judged)
	}
	if !judgedAny {
		r.verdicts = append(r.verdicts, verdict{what: fmt.Sprintf("%s: highball at most %d per request", syscallsName, syscallsBound)})
	}
	r.notes(notes)
}

// summary lists all targets.
func (r *report) summary() {
	if len(r.verdicts) == 0 {
		return
	}
	fmt.Fprintf(r.out, "\n## Targets\n\n| target | measured | |\n|---|--:|---|\n")
	for _, v := range r.verdicts {
		fmt.Fprintf(r.out, "| %s | %s | %s |\n", v.what, v.measured, v)
	}
}

func (r *report) notes(notes []string) {
	if len(notes) > 0 {
		fmt.Fprintln(r.out)
	}
	for _, note := range notes {
		fmt.Fprintf(r.out, "- %s\n", strings.ReplaceAll(note, "\n", " "))
	}
}

// judge compares the median with a bound.
func judge(b bound, s spread) verdict {
	if s.n == 0 {
		return verdict{}
	}
	return verdict{measured: fmt.Sprintf("%.2f", s.median), ok: b.holds(s.median)}
}

// String returns the bound as the tables show it.
func (b bound) String() string {
	sign := map[boundKind]string{atLeast: "≥", atMost: "≤", above: ">"}[b.kind]
	return fmt.Sprintf("%s %.3g", sign, b.value)
}

func number(s spread, format string) string {
	if s.n == 0 {
		return "–"
	}
	return fmt.Sprintf(format, s.median)
}

func ranged(s spread) string {
	if s.n == 0 {
		return "–"
	}
	return fmt.Sprintf("%.2f (%.2f–%.2f)", s.median, s.least, s.greatest)
}
