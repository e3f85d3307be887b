package main

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// outcome is what the vectors' runner has said.
type outcome struct {
	passed, total int
	failures      map[string]string // by id: what was wanted and what was got
}

// parseOutcome reads the output of conform.py -v.
func parseOutcome(text string) (outcome, error) {
	failure := regexp.MustCompile(`(?m)^  (\S+): (want .*)$`)
	summary := regexp.MustCompile(`(?m)^(\d+)/(\d+) pass, \d+ reject cases fail, server (\w+)$`)
	o := outcome{failures: make(map[string]string)}
	for _, m := range failure.FindAllStringSubmatch(text, -1) {
		what, _, _ := strings.Cut(m[2], " | ")
		o.failures[m[1]] = what
	}
	m := summary.FindStringSubmatch(text)
	if m == nil {
		return o, errors.New("no summary at the end of its output")
	}
	o.passed, _ = strconv.Atoi(m[1]) // digits, by the expression
	o.total, _ = strconv.Atoi(m[2])
	switch {
	case m[3] != "alive":
		return o, errors.New("the server no longer answers after the vectors")
	case o.total == 0:
		return o, errors.New("there are no vectors")
	case o.total-o.passed != len(o.failures):
		return o, fmt.Errorf("%d cases failed, but %d were named", o.total-o.passed, len(o.failures))
	}
	return o, nil
}

// parseExceptions reads a list of known exceptions: "id  reason" in each line, empty lines and # comments aside.
func parseExceptions(text string) (map[string]string, error) {
	known := make(map[string]string)
	number := 0
	for line := range strings.Lines(text) {
		number++
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		id, reason, _ := strings.Cut(line, " ")
		reason = strings.TrimSpace(reason)
		_, twice := known[id]
		switch {
		case reason == "":
			return nil, fmt.Errorf("line %d: %s has no reason", number, id)
		case twice:
			return nil, fmt.Errorf("line %d: %s is listed twice", number, id)
		}
		known[id] = reason
	}
	return known, nil
}

// report is an outcome beside the known exceptions.
type report struct {
	outcome
	unexpected []string // ids that failed and are not listed
	resolved   []string // ids that are listed and did not fail
}

func compare(o outcome, known map[string]string) *report {
	r := &report{outcome: o}
	for _, id := range slices.Sorted(maps.Keys(o.failures)) {
		if _, ok := known[id]; !ok {
			r.unexpected = append(r.unexpected, id)
		}
	}
	for _, id := range slices.Sorted(maps.Keys(known)) {
		if _, ok := o.failures[id]; !ok {
			r.resolved = append(r.resolved, id)
		}
	}
	return r
}

func (r *report) good() bool { return len(r.unexpected) == 0 }

func (r *report) write(w io.Writer) {
	for _, id := range r.unexpected {
		fmt.Fprintf(w, "fails: %s: %s\n", id, r.failures[id])
	}
	for _, id := range r.resolved {
		fmt.Fprintf(w, "passes, though it is listed as an exception: %s\n", id)
	}
	excused := len(r.failures) - len(r.unexpected)
	fmt.Fprintf(w, "%d of %d vectors pass, %d are known exceptions, %d fail\n", r.passed, r.total, excused, len(r.unexpected))
}
