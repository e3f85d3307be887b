package top

import (
	"math"
	"reflect"
	"strings"
	"testing"
	"unicode"

	"github.com/charmbracelet/x/ansi"

	"highball/internal/admin"
)

func TestClean(t *testing.T) {
	for text, want := range map[string]string{
		"":                                "",
		"/a b?c=%20":                      "/a b?c=%20",
		"/漢字/é":                           "/漢字/é",
		"/\x1b[2J":                        `/\x1b[2J`,
		"\x1b]0;title\x07":                `\x1b]0;title\a`,
		"\x1b]52;c;aGk=\x1b\\":            `\x1b]52;c;aGk=\x1b\`,
		"a\r\nb\tc\bd\x00e\x7f":           `a\r\nb\tc\bd\x00e\x7f`,
		"\u009b31m":                       `\u009b31m`, // the control sequence introducer of eight-bit terminals
		"\x9b31m":                         `\x9b31m`,   // and as a byte
		"\xff\xc3":                        `\xff\xc3`,
		"\u202egnp.exe":                   `\u202egnp.exe`, // right-to-left override
		"\u2066a\u2069\u200b\u200d\ufeff": `\u2066a\u2069\u200b\u200d\ufeff`,
		"a\u2028b\u00a0c":                 `a\u2028b\u00a0c`,
	} {
		if got := clean(text); got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}

func TestFit(t *testing.T) {
	for _, test := range []struct {
		text  string
		width int
		at    side
		want  string
	}{
		{"abc", 5, left, "abc  "},
		{"abc", 5, right, "  abc"},
		{"abcdef", 5, left, "abcd…"},
		{"漢字漢字", 5, left, "漢字…"},
		{"漢字漢字", 4, left, "漢… "},
		{"a\x1b[m", 10, left, `a\x1b[m   `},
		{"", 2, left, "  "},
		{"abc", 0, left, ""},
		{"abc", -1, left, ""},
	} {
		if got := fit(test.text, test.width, test.at); got != test.want {
			t.Errorf("%q in %d: got %q, want %q", test.text, test.width, got, test.want)
		}
	}
}

// Whatever a server tells, be it that a client has chosen it, the terminal gets no control sequence but those of styles: each text of each message is
// one that attacks, and every pane is looked at.
func TestNothingFromOutsideControlsTheTerminal(t *testing.T) {
	const attack = "\x1b]0;x\x07\x1b[2J\u009b2J\x9b\r\n\t\u202e"
	s := busy()
	poison(reflect.ValueOf(&s.snapshot.status).Elem(), attack)
	poison(reflect.ValueOf(&s.snapshot.statistics).Elem(), attack)
	poison(reflect.ValueOf(&s.snapshot.requests).Elem(), attack)
	poison(reflect.ValueOf(&s.stacked).Elem(), attack)
	harmless := func(w *watcher, when string) {
		t.Helper()
		screen := w.model.View().Content
		if !strings.Contains(screen, `\x1b`) {
			t.Errorf("%s: the attack is not even shown", when)
		}
		var state byte
		for rest := screen; rest != ""; {
			sequence, _, n, next := ansi.DecodeSequence(rest, state, nil)
			rest, state = rest[n:], next
			switch {
			case sequence == "\n", strings.HasPrefix(sequence, "\x1b[") && strings.HasSuffix(sequence, "m") && len(sequence) < 12:
			case strings.ContainsFunc(sequence, func(r rune) bool { return !unicode.IsPrint(r) || r == unicode.ReplacementChar }):
				t.Errorf("%s: %q reaches the terminal", when, sequence)
			}
		}
		w.screen() // whose lines are as wide as they should be
	}
	for _, width := range []int{80, 130} {
		w := watch(t, s, width, 30)
		for _, pane := range []string{"1", "2", "3", "4", "5"} {
			w.press(pane)
			harmless(w, "pane "+pane)
		}
		w.press("4", "enter")
		harmless(w, "stack")
		s.err = &admin.Refused{Status: 409, Lines: []string{attack}}
		w.press("r")
		harmless(w, "no stack")
		w.press("esc", "k")
		harmless(w, "question")
		w.press("y")
		harmless(w, "failed kill")
		w.poll()
		harmless(w, "lost")
		s.err = nil
		w.poll()
		w.press("k", "y")
		harmless(w, "kill")
		w.press("/")
		w.model.filter = attack
		harmless(w, "filter")
		w.press("enter")
		harmless(w, "filtered")
		w = unconnected(t, s, width, 30)
		w.model.name = attack
		harmless(w, "name")
	}
}

// poison sets every text in a message.
func poison(v reflect.Value, text string) {
	switch v.Kind() {
	case reflect.String:
		v.SetString(text)
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Field(i).CanSet() {
				poison(v.Field(i), text)
			}
		}
	case reflect.Slice:
		for i := range v.Len() {
			poison(v.Index(i), text)
		}
	}
}

func TestNumbers(t *testing.T) {
	for _, test := range []struct{ got, want string }{
		{span(0), "0"}, {span(-1), "0"}, {span(math.NaN()), "0"},
		{span(0.0000124), "12µs"}, {span(0.0009994), "999µs"}, {span(0.0009996), "1.0ms"}, {span(0.00994), "9.9ms"}, {span(0.0123), "12ms"},
		{span(0.9994), "999ms"}, {span(0.9996), "1.0s"}, {span(9.94), "9.9s"}, {span(59.9), "59s"}, {span(61), "1m01s"}, {span(3599), "59m59s"},
		{span(3700), "1h01m"}, {span(47 * 3600), "47h00m"}, {span(49 * 3600), "2d1h"}, {span(400 * 86400), "400d0h"},
		{size(0), "0 B"}, {size(999), "999 B"}, {size(1000), "1.0 KiB"}, {size(88 << 20), "88.0 MiB"}, {size(999 << 20), "999 MiB"}, {size(1 << 50), "1024 TiB"},
		{count(0), "0"}, {count(999), "999"}, {count(1000), "1,000"}, {count(-1234567), "-1,234,567"},
		{rate(0), "0"}, {rate(0.44), "0.4"}, {rate(9.94), "9.9"}, {rate(1234.5), "1,235"},
		{percent(0), "0%"}, {percent(0.0001), "<0.1%"}, {percent(0.0234), "2.3%"}, {percent(1), "100%"},
	} {
		if test.got != test.want {
			t.Errorf("got %s, want %s", test.got, test.want)
		}
		if w := ansi.StringWidth(test.got); w > 10 {
			t.Errorf("%s is %d columns wide", test.got, w)
		}
	}
}

// The bar is as long as its room, whatever the shares are.
func TestPhaseBar(t *testing.T) {
	w := watch(t, busy(), 80, 24)
	for _, phases := range []map[string]float64{
		{"head": 1}, {"head": 1, "body": 1, "queue": 1, "app": 1, "stream": 1, "send": 1}, {"head": 1e-9, "send": 1e9}, {"app": 2, "send": 1},
	} {
		s := &snapshot{ticks: []admin.Tick{{Time: 1, Phases: phases}}}
		bar := ansi.Strip(w.model.phaseBar(s))
		if got := len([]rune(strings.TrimRight(bar, " "))); got != 80 {
			t.Errorf("%v: the bar ends at %d: %s", phases, got, bar)
		}
	}
	if got := strings.TrimSpace(ansi.Strip(w.model.phaseBar(new(snapshot)))); got != "phases" {
		t.Errorf("of nothing: %q", got)
	}
}

func TestPortions(t *testing.T) {
	for _, test := range []struct {
		height int
		needs  []int
		want   []int
	}{
		{16, []int{6, 7, 6}, []int{6, 5, 5}},
		{16, []int{3, 100, 3}, []int{3, 10, 3}},
		{30, []int{3, 4, 3}, []int{3, 4, 23}},
		{2, []int{3, 3, 3}, []int{1, 1, 0}},
	} {
		if got := portions(test.height, test.needs); !reflect.DeepEqual(got, test.want) {
			t.Errorf("%d for %v: got %v, want %v", test.height, test.needs, got, test.want)
		}
	}
}
