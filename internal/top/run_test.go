package top

import (
	"bytes"
	"context"
	"io"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"highball/internal/admin"
)

// display is what a program has written, and tells whoever waits for something in it.
type display struct {
	mu      sync.Mutex // guards the following fields
	text    bytes.Buffer
	changed chan struct{}
}

func newDisplay() *display { return &display{changed: make(chan struct{}, 1)} }

func (d *display) Write(p []byte) (int, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	select {
	case d.changed <- struct{}{}:
	default:
	}
	return d.text.Write(p)
}

func (d *display) String() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.text.String()
}

// shows waits until a text was written, and reports whether it was.
func (d *display) shows(text string) bool {
	for late := time.After(20 * time.Second); !strings.Contains(d.String(), text); {
		select {
		case <-d.changed:
		case <-late:
			return false
		}
	}
	return true
}

// await waits until a text was written.
func (d *display) await(t *testing.T, text string) {
	t.Helper()
	if !d.shows(text) {
		t.Fatalf("%q was not written:\n%q", text, d.String())
	}
}

// run runs the program on a display, and returns what types keys, and what awaits the end.
func run(ctx context.Context, t *testing.T, s Server, d *display) (keys io.Writer, end func() error) {
	in, keys := io.Pipe()
	done := make(chan error, 1)
	go func() {
		done <- Run(ctx, s, Terminal{In: in, Out: d, Environ: []string{"TERM=xterm"}, Name: "shop.toml"})
		_ = in.Close()
	}()
	return keys, func() error {
		t.Helper()
		select {
		case err := <-done:
			return err
		case <-time.After(20 * time.Second):
			t.Fatal("it does not end")
			return nil
		}
	}
}

const (
	entersAltScreen = "\x1b[?1049h"
	leavesAltScreen = "\x1b[?1049l"
)

// restored checks that the terminal was left as it was.
func restored(t *testing.T, d *display) {
	t.Helper()
	text := d.String()
	if in, out := strings.LastIndex(text, entersAltScreen), strings.LastIndex(text, leavesAltScreen); in < 0 || out < in {
		t.Errorf("the terminal is left with another screen: %q", text)
	}
	if hidden, shown := strings.LastIndex(text, "\x1b[?25l"), strings.LastIndex(text, "\x1b[?25h"); shown < hidden {
		t.Errorf("the terminal is left without a cursor: %q", text)
	}
}

func TestRunUntilQuit(t *testing.T) {
	s := busy()
	d := newDisplay()
	keys, end := run(t.Context(), t, s, d)
	d.await(t, entersAltScreen)
	if _, err := io.WriteString(keys, "q"); err != nil {
		t.Fatal(err)
	}
	if err := end(); err != nil {
		t.Error(err)
	}
	restored(t, d)
}

func TestRunUntilCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	d := newDisplay()
	_, end := run(ctx, t, busy(), d)
	d.await(t, entersAltScreen)
	cancel()
	if err := end(); err != nil {
		t.Error(err)
	}
	restored(t, d)
}

// faulty is a server whose client has a fault of ours, as soon as something is on the display.
type faulty struct {
	*server
	d *display
}

func (f faulty) Requests(context.Context) (admin.Requests, error) {
	f.d.shows(entersAltScreen)
	panic("a fault")
}

// Bubble Tea tells of the fault itself, at the standard error of the test.
func TestPanicRestoresTheTerminal(t *testing.T) {
	d := newDisplay()
	_, end := run(t.Context(), t, faulty{busy(), d}, d)
	if err := end(); err == nil || !strings.Contains(err.Error(), "panic") {
		t.Errorf("error %v", err)
	}
	restored(t, d)
}

func TestCheck(t *testing.T) {
	if err := (Terminal{Out: new(bytes.Buffer), Environ: []string{"TERM=xterm"}}).Check(); err == nil || !strings.Contains(err.Error(), `"highball requests --json"`) {
		t.Errorf("not a terminal: %v", err)
	}
	pipe, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer pipe.Close()
	defer w.Close()
	if err := (Terminal{Out: w, Environ: []string{"TERM=xterm"}}).Check(); err == nil || !strings.Contains(err.Error(), `"highball status --json"`) {
		t.Errorf("a pipe: %v", err)
	}
	terminal, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Skipf("no terminal can be made here: %v", err)
	}
	defer terminal.Close()
	for environ, want := range map[string]string{
		"TERM=xterm":            "",
		"TERM=dumb TERM=xterm":  "", // the last counts
		"TERM=xterm NO_COLOR=1": "",
		"TERM=dumb":             "TERM=dumb says",
		"TERM=xterm TERM=dumb":  "TERM=dumb says",
		"LANG=C":                "set it, such as TERM=xterm",
		"TERM=":                 "set it, such as TERM=xterm",
	} {
		err := Terminal{Out: terminal, Environ: strings.Fields(environ)}.Check()
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want one of %q", environ, err, want)
		}
	}
}
