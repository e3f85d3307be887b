package highball_test

import (
	"regexp"
	"strings"
	"testing"
	"time"

	"highball"
	"highball/internal/servertest"
)

// Every response says its request's id, however it was made, no two alike; the handler and the log know it by the same.
func TestRequestIDs(t *testing.T) {
	form := regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]+-[0-9]+$`)
	servertest.Each(t, func(t *testing.T, d servertest.Driver) {
		log := new(servertest.Log)
		s := servertest.New(t, d, &highball.Server{RequestIDs: true, AccessLog: log, AccessFormat: "json", Handler: around{everyWay(t), func(r *highball.Request) {
			id := r.ID()
			r.EditResponse(headEdits(func(r *highball.Request, _ int, h *highball.Header) {
				if r.ID() != id {
					t.Errorf("the id was %s and became %s", id, r.ID())
				}
				h.Set("X-Seen", id)
			}))
		}}})
		seen := make(map[string]bool)
		for range 2 {
			c := s.Dial(t)
			for _, way := range ways {
				for _, raw := range []string{get(way, ""), post(way, "Content-Length: 1\r\n", "x"), get(way, "") + get(way, "")} {
					c.Send(raw)
					for range strings.Count(raw, "HTTP/1.1") {
						got := c.Receive("GET")
						id := got.Value("X-Request-ID")
						if seen[id] || !form.MatchString(id) || got.Value("X-Seen") != id {
							t.Errorf("%s: the id is %q, and %q for the handler", way, id, got.Value("X-Seen"))
						}
						seen[id] = true
					}
				}
			}
		}
		servertest.Eventually(t, "all lines", func() bool { return strings.Count(log.String(), "\n") == len(seen) })
		for id := range seen {
			if strings.Count(log.String(), `"id":"`+id+`"`) != 1 {
				t.Errorf("%s does not stand in the log, or more than once", id)
			}
		}
	})
}

// An id that was given is the request's, for its answer, its log, and a deadline; one that would break these is not taken; the next request has
// its own again. What a handler says of itself stands.
func TestGivenRequestID(t *testing.T) {
	servertest.Each(t, func(t *testing.T, d servertest.Driver) {
		release := make(chan struct{})
		prepared, err := highball.Prepare(200, headerOf("X-Request-ID", "prepared"), nil)
		if err != nil {
			t.Fatal(err)
		}
		h := newMux(t, map[string]highball.Handler{
			"/inline":   inlineFunc{inline: func(w *highball.Response, _ *highball.Request) bool { return true }},
			"/plain":    highball.HandlerFunc(func(*highball.Response, *highball.Request) error { return nil }),
			"/prepared": inlineFunc{inline: func(w *highball.Response, _ *highball.Request) bool { return w.Send(prepared) == nil }},
			"/own": highball.HandlerFunc(func(w *highball.Response, _ *highball.Request) error {
				w.Header().Set("x-request-id", "own")
				return nil
			}),
			"/late": highball.HandlerFunc(func(*highball.Response, *highball.Request) error {
				<-release
				return nil
			}),
		})
		log := new(servertest.Log)
		s := servertest.New(t, d, &highball.Server{
			RequestIDs: true, AccessLog: log, AccessFormat: "json", Deadlines: highball.Deadlines{Handler: 100 * time.Millisecond},
			Handler: around{h, func(r *highball.Request) {
				if id := r.Header().Value("X-Request-ID"); id != "" {
					r.SetID(id)
				}
			}},
		})
		c := s.Dial(t)
		ask := func(path, given string) string {
			c.Send(get(path, "X-Request-ID: "+given+"\r\n"))
			got := c.Receive("GET")
			if n := len(got.Fields); strings.Count(strings.ToLower(fieldNames(got)), "x-request-id") != 1 {
				t.Errorf("%s: not exactly one id among %d fields", path, n)
			}
			return got.Value("X-Request-ID")
		}
		for _, test := range []struct{ path, given, want string }{
			{"/inline", "given-1", "given-1"},
			{"/plain", "given-2", "given-2"},
			{"/prepared", "given-3", "prepared"},
			{"/own", "given-4", "own"},
		} {
			if got := ask(test.path, test.given); got != test.want {
				t.Errorf("%s: %q, want %q", test.path, got, test.want)
			}
		}
		for _, bad := range []string{`a"b`, "a b", strings.Repeat("x", 129), "\xff", `a\b`} {
			if got := ask("/plain", bad); !strings.Contains(got, "-") || strings.Contains(got, bad) {
				t.Errorf("%q was taken: %q", bad, got)
			}
		}
		if got := c.Get("/plain"); strings.HasPrefix(got.Value("X-Request-ID"), "given") {
			t.Errorf("the next request has %q", got.Value("X-Request-ID"))
		}
		if got := ask("/late", "given-5"); got != "given-5" {
			t.Errorf("a late one: %q", got)
		}
		close(release)
		servertest.Eventually(t, "the late one is logged", func() bool { return strings.Contains(log.String(), `"id":"given-5"`) })
		for _, id := range []string{"given-1", "given-2", "given-3", "given-4"} {
			if !strings.Contains(log.String(), `"id":"`+id+`"`) {
				t.Errorf("%s does not stand in the log", id)
			}
		}
	})
}

func headerOf(name, value string) *highball.Header {
	h := new(highball.Header)
	h.Set(name, value)
	return h
}

func fieldNames(r servertest.Response) string {
	var b strings.Builder
	for _, f := range r.Fields {
		b.WriteString(f.Name + " ")
	}
	return b.String()
}
