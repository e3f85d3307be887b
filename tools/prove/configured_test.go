package main

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

func TestSaid(t *testing.T) {
	printed := filepath.Join(t.TempDir(), "output")
	const text = "level=INFO msg=reloaded took=12ms\nlevel=ERROR msg=\"reload failed\"\nlevel=INFO msg=reloaded took=1.5s\n"
	if err := os.WriteFile(printed, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	s := &server{printed: printed}
	tests := []struct {
		pattern *regexp.Regexp
		want    string
	}{
		{reloaded, "12ms 1.5s"},
		{tookOver, ""},
	}
	for _, test := range tests {
		found, err := s.said(test.pattern)
		var all []string
		for _, one := range found {
			all = append(all, string(one))
		}
		if got := strings.Join(all, " "); err != nil || got != test.want {
			t.Errorf("%s: %q, %v, want %q", test.pattern, got, err, test.want)
		}
	}
	if got, err := s.awaitSaid(t.Context(), reloaded, 2, time.Second); err != nil || got != "1.5s" {
		t.Errorf("the second reload took %q, %v, want 1.5s", got, err)
	}
	if got, err := s.awaitSaid(t.Context(), reloaded, 3, 0); err == nil {
		t.Errorf("a third reload took %q, and there was none", got)
	}
}

func TestCorpses(t *testing.T) {
	all := []process{
		{pid: 10, parent: 1},
		{pid: 11, parent: 10},
		{pid: 12, parent: 10, dead: true},
		{pid: 13, parent: 11, dead: true}, // of a child
		{pid: 21, parent: 20, dead: true}, // somebody else's
	}
	if got := corpses(all, 10); got != 2 {
		t.Errorf("%d, want 2", got)
	}
}

func TestRefusals(t *testing.T) {
	answer := func(status int, field string) *http.Response {
		return &http.Response{StatusCode: status, Header: http.Header{field: {"1"}}}
	}
	var r refusals
	r.count(answer(200, "Retry-After"), 0)
	r.count(answer(503, "Retry-After"), time.Millisecond)
	r.count(answer(503, "Retry-After"), cgiWait+time.Second)
	r.count(answer(503, "Date"), cgiWait)
	if want := (refusals{all: 3, mute: 1, atOnce: 1, soonest: time.Millisecond, last: cgiWait + time.Second}); r != want {
		t.Errorf("%+v, want %+v", r, want)
	}
}

// What is counted as a failed request of a client that keeps its connection: an end without an answer, but not one that was announced.
func TestCrewLosesConnections(t *testing.T) {
	tests := []struct {
		name, answer string
		failures     bool
	}{
		{"announced", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", false},
		{"not announced", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", true},
		{"cut short", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc", true},
		{"refused", "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c := asking(&server{address: answering(t, test.answer)}, 1, "/")
			c.work(t.Context(), 2)
			if got := !c.only(200); got != test.failures {
				t.Errorf("%s; failures %v, want %v", c, got, test.failures)
			}
			if c.connections() < 1 {
				t.Error("no connection was counted")
			}
		})
	}
}

// answering listens for clients, gives the first request of each an answer, and closes the connection.
func answering(t *testing.T, answer string) (address string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			if _, err := http.ReadRequest(bufio.NewReader(conn)); err == nil {
				_, _ = io.WriteString(conn, answer) // a client that has left sees that itself
			}
			_ = conn.Close()
		}
	}()
	return listener.Addr().String()
}
