package highball_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"highball"
	"highball/internal/servertest"
)

// logged serves the raw requests, each on a connection of its own, and returns the access log as objects.
func logged(t *testing.T, d servertest.Driver, srv *highball.Server, raws ...string) []map[string]any {
	t.Helper()
	lines := new(servertest.Log)
	srv.AccessLog, srv.AccessFormat = lines, "json"
	s := servertest.New(t, d, srv)
	for _, raw := range raws {
		c := s.Dial(t)
		c.Send(raw)
		c.Rest()
		c.Close()
	}
	if err := s.Highball.Close(); err != nil {
		t.Fatal(err)
	}
	var entries []map[string]any
	for line := range strings.Lines(lines.String()) {
		var entry map[string]any
		if err := json.Unmarshal([]byte(line), &entry); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		entries = append(entries, entry)
	}
	return entries
}

// There is one line for every answer, whoever gave it and however it ended.
func TestAccessLog(t *testing.T) {
	h := newMux(t, map[string]highball.Handler{
		"/inline":   text("inline"),
		"/blocking": highball.HandlerFunc(echo),
		"/cut": highball.HandlerFunc(func(w *highball.Response, _ *highball.Request) error {
			_, err := w.WriteString("12345")
			return errors.Join(err, w.Flush(), errors.New("failed"))
		}),
		"/abort": highball.HandlerFunc(func(*highball.Response, *highball.Request) error { return highball.ErrAbort }),
		"/late": highball.HandlerFunc(func(w *highball.Response, r *highball.Request) error {
			<-r.Context().Done()
			return highball.ErrAbort
		}),
	})
	const closing = "Connection: close\r\n"
	tests := []struct {
		name, raw string
		want      map[string]any
	}{
		{"inline", get("/inline?a=b", closing+"User-Agent: me\r\nReferer: there\r\n"),
			map[string]any{"status": 200.0, "bytes": 6.0, "method": "GET", "target": "/inline?a=b", "host": "test", "user_agent": "me", "referer": "there", "aborted": nil}},
		{"blocking", post("/blocking", closing+"Content-Length: 3\r\n", "abc"),
			map[string]any{"status": 200.0, "bytes": 3.0, "method": "POST", "aborted": nil}},
		{"1.0", "GET /inline HTTP/1.0\r\n\r\n", map[string]any{"protocol": "HTTP/1.0", "host": nil}},
		{"not found", get("/none", closing), map[string]any{"status": 404.0}},
		{"cut", get("/cut", ""), map[string]any{"status": 200.0, "bytes": 5.0, "aborted": true}},
		{"aborted", get("/abort", ""), map[string]any{"target": "/abort", "aborted": true}},
		{"refused", "GET / HTTP/1.1\r\n\r\n", map[string]any{"status": 400.0, "method": "", "target": ""}},
		{"late", get("/late", ""), map[string]any{"status": 504.0, "target": "/late", "aborted": nil}},
		{"HEAD", "HEAD /inline HTTP/1.1\r\nHost: a\r\n" + closing + "\r\n", map[string]any{"status": 200.0, "bytes": 0.0}},
	}
	servertest.Each(t, func(t *testing.T, d servertest.Driver) {
		for _, tt := range tests {
			t.Run(tt.name, func(t *testing.T) {
				entries := logged(t, d, &highball.Server{Handler: h, Deadlines: highball.Deadlines{Handler: 50 * time.Millisecond}}, tt.raw)
				if len(entries) != 1 {
					t.Fatalf("%d lines: %v", len(entries), entries)
				}
				for name, want := range tt.want {
					if got := entries[0][name]; got != want {
						t.Errorf("%s is %v, want %v", name, got, want)
					}
				}
			})
		}
	})
}

// What a client sends cannot make a line, or hide in one.
func TestAccessLogCannotBeForged(t *testing.T) {
	servertest.Each(t, func(t *testing.T, d servertest.Driver) {
		lines := new(servertest.Log)
		s := servertest.New(t, d, &highball.Server{Handler: text(""), AccessLog: lines})
		c := s.Dial(t)
		c.Send("GET /\"\\\xc3\xa9 HTTP/1.0\r\nUser-Agent: \" 200 \\ \xff\x80\tx\r\n\r\n")
		c.Rest()
		if err := s.Highball.Close(); err != nil {
			t.Fatal(err)
		}
		line := lines.String()
		if strings.Count(line, "\n") != 1 || strings.Count(line, `"`) != 6 {
			t.Errorf("the line is %q", line)
		}
		for i := range len(line) - 1 {
			if line[i] < ' ' || line[i] >= 0x7f {
				t.Errorf("the line has %#x: %q", line[i], line)
			}
		}
	})
}

// A trace shows each head as it came and went, in this order, and no secret.
func TestTrace(t *testing.T) {
	servertest.Each(t, func(t *testing.T, d servertest.Driver) {
		for _, h := range []highball.Handler{text("answer"), highball.HandlerFunc(echo)} {
			lines := new(servertest.Log)
			s := servertest.New(t, d, &highball.Server{Handler: h, Trace: lines})
			c := s.Dial(t)
			c.Send(get("/traced", "Authorization: Basic c2VjcmV0\r\n"))
			c.Receive("GET")
			c.Send("nonsense\r\n\r\n")
			c.Receive("GET")
			c.WantClosed()
			got, at := lines.String(), 0
			for _, part := range []string{"< GET /traced HTTP/1.1\n", "> HTTP/1.1 200 OK\n", "< nonsense\n", "> HTTP/1.1 400 Bad Request\n"} {
				i := strings.Index(got[at:], part)
				if i < 0 {
					t.Fatalf("%q is missing, or out of place, in %s", part, got)
				}
				at += i
			}
			if strings.Contains(got, "c2VjcmV0") {
				t.Error("a secret is shown")
			}
		}
	})
}
