package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// clockTick is the unit of utime and stime in /proc/PID/stat: USER_HZ, which is 100 on every Linux architecture.
const clockTick = 10 * time.Millisecond

// process is what /proc/PID/stat says of a process, as far as it matters here.
type process struct {
	pid, parent, group int

	// cpu is user and system time of all its threads, and of the children that it has waited for, with theirs: of the processes
	// that a server starts for requests nothing else is left.
	cpu time.Duration
}

// parseStat reads the text of /proc/PID/stat (proc(5)). The name of the program, in parentheses, may hold spaces and
// parentheses itself, so the fields are counted from the last closing one.
func parseStat(text []byte) (process, error) {
	open, end := bytes.IndexByte(text, '('), bytes.LastIndexByte(text, ')')
	if open < 0 || end < open {
		return process{}, errors.New("no program name in parentheses")
	}
	fields := strings.Fields(string(text[end+1:]))
	if len(fields) < 15 {
		return process{}, fmt.Errorf("%d fields after the program name, want at least 15", len(fields))
	}
	number := func(text string) int {
		n, err := strconv.Atoi(text)
		if err != nil {
			return -1
		}
		return n
	}
	p := process{
		pid:    number(strings.TrimSpace(string(text[:open]))),
		parent: number(fields[1]),
		group:  number(fields[2]),
	}
	if p.pid < 0 || p.parent < 0 || p.group < 0 {
		return process{}, errors.New("a number does not parse")
	}
	for _, text := range fields[11:15] { // utime, stime, cutime and cstime
		ticks := number(text)
		if ticks < 0 {
			return process{}, errors.New("a time does not parse")
		}
		p.cpu += time.Duration(ticks) * clockTick
	}
	return p, nil
}

// parseStatm reads the text of /proc/PID/statm and returns the resident pages.
func parseStatm(text []byte) (int64, error) {
	fields := strings.Fields(string(text))
	if len(fields) < 2 {
		return 0, errors.New("fewer than two fields")
	}
	return strconv.ParseInt(fields[1], 10, 64)
}

// tree picks from all processes those of a server: its group, which it leads, and whatever descends from it.
func tree(all []process, leader int) []process {
	member := map[int]bool{leader: true}
	for grown := true; grown; {
		grown = false
		for _, p := range all {
			if !member[p.pid] && (p.group == leader || member[p.parent]) {
				member[p.pid], grown = true, true
			}
		}
	}
	var picked []process
	for _, p := range all {
		if member[p.pid] {
			picked = append(picked, p)
		}
	}
	return picked
}

// processes reads all processes of the machine. One that ends meanwhile is left out.
func processes() ([]process, error) {
	paths, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return nil, err
	}
	var all []process
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			continue
		}
		p, err := parseStat(text)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		all = append(all, p)
	}
	return all, nil
}

// resident returns the bytes of memory that a process has in RAM.
func resident(pid int) (int64, error) {
	path := fmt.Sprintf("/proc/%d/statm", pid)
	text, err := os.ReadFile(path)
	if err != nil {
		return 0, err
	}
	pages, err := parseStatm(text)
	if err != nil {
		return 0, fmt.Errorf("%s: %w", path, err)
	}
	return pages * int64(os.Getpagesize()), nil
}
