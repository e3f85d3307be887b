package main

import (
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const spoken = `one.jsonl                    2/3
  one/a: want reject, got [200] open | a description: with a colon
two.jsonl                    4/5
  two/b/c: want accept, got [] open | 
6/8 pass, 1 reject cases fail, server alive
`

func TestParseOutcome(t *testing.T) {
	o, err := parseOutcome(spoken)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"one/a": "want reject, got [200] open", "two/b/c": "want accept, got [] open"}
	if diff := cmp.Diff(want, o.failures); diff != "" || o.passed != 6 || o.total != 8 {
		t.Errorf("passed %d of %d\n%s", o.passed, o.total, diff)
	}
}

func TestParseOutcomeRefuses(t *testing.T) {
	tests := map[string]string{
		"": "no summary",
		strings.Replace(spoken, "alive", "DEAD", 1):     "no longer answers",
		strings.Replace(spoken, "6/8", "5/8", 1):        "3 cases failed, but 2 were named",
		"0/0 pass, 0 reject cases fail, server alive\n": "no vectors",
	}
	for text, want := range tests {
		if _, err := parseOutcome(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got the error %v, want %q for\n%s", err, want, text)
		}
	}
}

func TestParseExceptions(t *testing.T) {
	got, err := parseExceptions("# a comment\n\none/a   contradicts two/b\ntwo/c it is so\n")
	if diff := cmp.Diff(map[string]string{"one/a": "contradicts two/b", "two/c": "it is so"}, got); diff != "" || err != nil {
		t.Error(err, diff)
	}
	for text, want := range map[string]string{"a because\na why\n": "line 2: a is listed twice", "\na\n": "line 2: a has no reason"} {
		if _, err := parseExceptions(text); err == nil || err.Error() != want {
			t.Errorf("got the error %v, want %q", err, want)
		}
	}
}

func TestCompare(t *testing.T) {
	o := outcome{passed: 3, total: 5, failures: map[string]string{"x": "want accept", "y": "want reject"}}
	tests := []struct {
		name  string
		known map[string]string
		good  bool
		want  string
	}{
		{"all are known", map[string]string{"x": "r", "y": "r"}, true, "3 of 5 vectors pass, 2 are known exceptions, 0 fail\n"},
		{"one is not", map[string]string{"x": "r"}, false, "fails: y: want reject\n3 of 5 vectors pass, 1 are known exceptions, 1 fail\n"},
		{"one passes", map[string]string{"x": "r", "y": "r", "z": "r"}, true,
			"passes, though it is listed as an exception: z\n3 of 5 vectors pass, 2 are known exceptions, 0 fail\n"},
	}
	for _, test := range tests {
		var said strings.Builder
		r := compare(o, test.known)
		r.write(&said)
		if r.good() != test.good || said.String() != test.want {
			t.Errorf("%s: good %v, said %q, want %v, %q", test.name, r.good(), said.String(), test.good, test.want)
		}
	}
}

func TestCommittedExceptions(t *testing.T) {
	text, err := os.ReadFile("exceptions.txt")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := parseExceptions(string(text)); err != nil {
		t.Error(err)
	}
}
