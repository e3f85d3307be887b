//go:build unix

package gateway

import (
	"os"
	"slices"
	"strings"
	"testing"
)

func TestOutput(t *testing.T) {
	long := strings.Repeat("x", longestLine)
	for _, test := range []struct {
		name   string
		writes []string
		want   []string
	}{
		{"nothing", nil, nil},
		{"lines", []string{"one\ntwo\n"}, []string{"one", "two"}},
		{"a line in pieces", []string{"o", "n", "e\nt", "wo\n"}, []string{"one", "two"}},
		{"empty lines", []string{"\n", "\n\n"}, []string{"", "", ""}},
		{"no end", []string{"one\ntwo"}, []string{"one", "two"}},
		{"as long as may be", []string{long, "\n"}, []string{long}},
		{"longer", []string{long, "yz\n"}, []string{long, "yz"}},
		{"much longer", []string{long + long + "z"}, []string{long, long, "z"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			leaveNothing(t)
			r, w, err := os.Pipe()
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			o := readOutput(r, func(line []byte) { got = append(got, string(line)) })
			for _, s := range test.writes {
				if _, err := w.WriteString(s); err != nil {
					t.Fatal(err)
				}
			}
			_ = w.Close()
			<-o.over
			if !slices.Equal(got, test.want) {
				t.Errorf("%d lines: %.80q, want %d", len(got), got, len(test.want))
			}
			all := strings.Join(test.writes, "")
			if want := all[max(0, len(all)-tailSize):]; o.tail() != want {
				t.Errorf("%d bytes are remembered, want the last %d", len(o.tail()), len(want))
			}
		})
	}
}

// A descendant of a dead worker may hold the pipe for ever: what was said until then is not lost.
func TestOutputOfTheDead(t *testing.T) {
	leaveNothing(t)
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	var got []string
	o := readOutput(r, func(line []byte) { got = append(got, string(line)) })
	if _, err := w.WriteString("last\nwords"); err != nil {
		t.Fatal(err)
	}
	o.finish()
	if !slices.Equal(got, []string{"last", "words"}) {
		t.Errorf("lines %q", got)
	}
}
