package main

import (
	"os"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestParseStat(t *testing.T) {
	tests := []struct {
		name, text string
		want       process
	}{
		{
			"plain",
			"812 (nginx) S 811 810 27 0 -1 4194368 310 0 0 0 151 2307 9 40 20 0 1 0 98765 57380864 1404\n",
			process{pid: 812, parent: 811, group: 810, cpu: (151 + 2307 + 9 + 40) * 10 * time.Millisecond},
		},
		{
			"spaces and parentheses in the name",
			"5 (a) (b c) R 4 3 2 0 -1 0 0 0 0 0 1 2 0 0 20 0\n",
			process{pid: 5, parent: 4, group: 3, cpu: 30 * time.Millisecond},
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := parseStat([]byte(test.text))
			if err != nil {
				t.Fatal(err)
			}
			if got != test.want {
				t.Errorf("got %+v, want %+v", got, test.want)
			}
		})
	}
	for _, text := range []string{"", "5 name S 1", ") (", "5 (x) R 4 3", "5 (x) R 4 3 2 0 -1 0 0 0 0 0 1 2 0", "5 (x) R 4 3 2 0 -1 0 0 0 0 0 1 2 y 0", "x (x) R 4 3 2 0 -1 0 0 0 0 0 1 2 0 0"} {
		if got, err := parseStat([]byte(text)); err == nil {
			t.Errorf("parseStat(%q) = %+v, want an error", text, got)
		}
	}
}

func TestTree(t *testing.T) {
	all := []process{
		{pid: 30, parent: 20, group: 10}, // a child's child, listed before its parent
		{pid: 1, parent: 0, group: 1},
		{pid: 10, parent: 1, group: 10},
		{pid: 20, parent: 10, group: 10},
		{pid: 40, parent: 1, group: 10},  // adopted by init, of the group still
		{pid: 50, parent: 30, group: 50}, // in a group of its own, but a descendant
		{pid: 60, parent: 1, group: 60},
	}
	var got []int
	for _, p := range tree(all, 10) {
		got = append(got, p.pid)
	}
	if diff := cmp.Diff([]int{30, 10, 20, 40, 50}, got); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

func TestParseStatm(t *testing.T) {
	if got, err := parseStatm([]byte("14009 1404 1180 270 0 391 0\n")); got != 1404 || err != nil {
		t.Errorf("got %d, %v, want 1404 pages", got, err)
	}
	if _, err := parseStatm([]byte("14009\n")); err == nil {
		t.Error("no error for one field")
	}
}

// What the kernel says of this test's own process must be readable, whatever the samples above look like.
func TestOwnProcess(t *testing.T) {
	all, err := processes()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range all {
		if p.pid == os.Getpid() {
			if p.parent != os.Getppid() {
				t.Errorf("parent %d, want %d", p.parent, os.Getppid())
			}
			if n, err := resident(p.pid); err != nil || n < 1<<20 {
				t.Errorf("resident memory %d, %v", n, err)
			}
			return
		}
	}
	t.Error("this process is not among all processes")
}
