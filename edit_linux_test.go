package highball_test

import (
	"log/slog"
	"net/netip"
	"strings"
	"testing"
	"time"

	"highball"
	"highball/internal/servertest"
)

// What was done to a request in ServeLater holds for its answer, whoever gives it, though the read buffer is used again meanwhile; and for
// nothing behind it.
func TestEditsOfWhatComesLater(t *testing.T) {
	o := newOracle(t)
	log := new(servertest.Log)
	edited := around{o, func(r *highball.Request) {
		if strings.HasPrefix(r.Path(), "/plain") {
			return
		}
		path := strings.Clone(r.Path())
		r.SetClient(netip.MustParseAddrPort("203.0.113.9:1"), "https", r.Header().Value("X-Host")) // an alias of the read buffer
		r.SetUser(r.Header().Value("X-User"))
		r.EditResponse(headEdits(func(r *highball.Request, status int, h *highball.Header) {
			h.Set("X-Seen", strings.Join([]string{path, r.Path(), r.Scheme(), r.Host(), r.Hostname(), r.RemoteAddr().Addr().String()}, " "))
		}))
	}}
	srv := &highball.Server{Loops: 1, Handler: edited, AccessLog: log, AccessFormat: "common"}
	o.join(srv)
	s := servertest.New(t, servertest.Loop, srv)
	go o.answerAll()
	c := s.Dial(t)
	paths := []string{"/a", "/served", "/plain", "/elsewhere", "/large", "/plain/2"}
	var requests strings.Builder
	for _, path := range paths {
		requests.WriteString(get(path, "X-Host: EXAMPLE.org:81\r\nX-User: ann\r\n"))
	}
	for range 3 {
		c.Send(requests.String())
		for _, path := range paths {
			got := c.Receive("GET")
			want := path + " " + path + " https EXAMPLE.org:81 example.org 203.0.113.9"
			if strings.HasPrefix(path, "/plain") {
				want = ""
			}
			if seen := got.Value("X-Seen"); seen != want || got.Status != 200 {
				t.Errorf("%s: the editor has seen %q, want %q", path, seen, want)
			}
		}
	}
	servertest.Eventually(t, "all lines", func() bool { return strings.Count(log.String(), "\n") == 3*len(paths) })
	for line := range strings.Lines(log.String()) {
		want := "203.0.113.9 - ann ["
		if strings.Contains(line, "/plain") {
			want = "127.0.0.1 - - ["
		}
		if !strings.HasPrefix(line, want) {
			t.Errorf("logged %s, want %s", line, want)
		}
	}
}

// An editor's bad field fails the answer, which cannot be replaced any more on the event loop.
func TestBadEditOfWhatComesLater(t *testing.T) {
	o, log := newOracle(t), new(servertest.Log)
	srv := &highball.Server{Logger: slog.New(slog.NewTextHandler(log, nil)), Handler: around{o, func(r *highball.Request) {
		r.EditResponse(headEdits(func(_ *highball.Request, _ int, h *highball.Header) { h.Set("X-Bad", "a\r\nb") }))
	}}}
	o.join(srv)
	s := servertest.New(t, servertest.Loop, srv)
	go o.answerAll()
	if got := s.Do(t, get("/a", "")); got != "" {
		t.Errorf("sent %q", got)
	}
	if !strings.Contains(log.String(), "invalid field") {
		t.Errorf("the log says %s", log)
	}
}

// A deadline that was set in ServeLater is that of what was begun.
func TestExtendDeadlineLater(t *testing.T) {
	o := newOracle(t)
	srv := &highball.Server{Deadlines: highball.Deadlines{Handler: time.Hour}, Handler: around{o, func(r *highball.Request) {
		r.ExtendDeadline(time.Millisecond)
	}}}
	o.join(srv)
	s := servertest.New(t, servertest.Loop, srv)
	c := s.Dial(t)
	c.Send(get("/a", ""))
	o.hears("/a")
	if got := c.Receive("GET"); got.Status != 504 {
		t.Errorf("answered by %d", got.Status)
	}
	if cause := o.abandoned(); cause != highball.ErrHandlerDeadline {
		t.Errorf("abandoned for %v", cause)
	}
	o.says("1 /a\n")
}
