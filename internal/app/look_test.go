package app

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"highball/internal/admin"
)

// Whoever looks on a terminal gets lines that fit; what is no terminal gets everything.
func TestTableIsCut(t *testing.T) {
	for _, on := range []terminal{{}, {pretty: true}} {
		table := newTable("ID", "REQUEST")
		table.add("a-1-1", "GET /"+strings.Repeat("ü", 100))
		table.add("a-1-2", "GET /tab\there\x1b[31m")
		var b strings.Builder
		if err := table.write(&b, on); err != nil {
			t.Fatal(err)
		}
		lines := strings.Split(b.String(), "\n")
		if cut := len([]rune(lines[1])) == 80 && strings.HasSuffix(lines[1], "…"); cut != on.pretty {
			t.Errorf("%+v: %q", on, lines[1])
		}
		if lines[2] != "a-1-2  GET /tab here?[31m" {
			t.Errorf("%q", lines[2])
		}
	}
}

func TestBrief(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "0.0ms", 850 * time.Microsecond: "0.8ms", 12 * time.Millisecond: "12ms", 999 * time.Millisecond: "999ms", 3400 * time.Millisecond: "3.4s", 125 * time.Second: "2m5s",
	} {
		if got := brief(d); got != want {
			t.Errorf("%v: %s, want %s", d, got, want)
		}
	}
}

// What a person is shown of an exchange is text, whatever was sent.
func TestWriteExchange(t *testing.T) {
	e := &admin.Exchange{
		ID: "a-1-1", Client: "192.0.2.1", Status: 500, Duration: 0.5, Phases: map[string]float64{"app": 0.5}, Stack: "at x.py:1",
		RequestHead: "GET / HTTP/1.1\r\nHost: h\r\n\r\n", RequestBody: []byte("gr\xc3\xbc\xc3"), ResponseHead: "HTTP/1.1 500 Internal Server Error\r\n\r\n", ResponseBody: []byte("\x00\xff\x1b"),
	}
	var b strings.Builder
	if err := writeExchange(&b, e); err != nil {
		t.Fatal(err)
	}
	_, got, _ := strings.Cut(b.String(), "\n")
	want := `head 0.0ms, body 0.0ms, queue 0.0ms, app 500ms, stream 0.0ms, send 0.0ms

at x.py:1

GET / HTTP/1.1
Host: h

grü

HTTP/1.1 500 Internal Server Error

(3 bytes that are no text; --json has them)
`
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	for status, want := range map[*admin.Exchange]string{{Status: 200}: "200", {Status: 200, Aborted: true}: "200 cut", {}: "cut"} {
		if got := statusText(status); got != want {
			t.Errorf("%d: %s, want %s", status.Status, got, want)
		}
	}
}

// The token is in a file that only the user can read, and in no argument of a program.
func TestDashboardPage(t *testing.T) {
	name := pageOf(filepath.Join(t.TempDir(), "shop.sock"))
	if err := os.WriteFile(name, []byte("of the server before"), 0o644); err != nil {
		t.Fatal(err)
	}
	const url = "http://127.0.0.1:9000/#token=0123"
	if err := writePage(name, url); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(name)
	if err != nil || info.Mode().Perm() != 0o600 || filepath.Base(name) != "shop.html" {
		t.Errorf("%s: %v, error %v", name, info.Mode(), err)
	}
	text, err := os.ReadFile(name)
	if err != nil || strings.Count(string(text), url) != 2 {
		t.Errorf("%s, error %v", text, err)
	}
	for environ, want := range map[string]bool{"": false, "DISPLAY=:0": true, "WAYLAND_DISPLAY=wayland-0": true, "DISPLAY=": false} {
		if got := hasDisplay("linux", []string{environ}); got != want {
			t.Errorf("%q: %t", environ, got)
		}
	}
}

func TestTokensDiffer(t *testing.T) {
	a, b := newToken(), newToken()
	if len(a) != 32 || a == b {
		t.Errorf("%s, %s", a, b)
	}
}
