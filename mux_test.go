package highball_test

import (
	"fmt"
	"testing"

	"highball"
	"highball/internal/servertest"
)

// say answers with the pattern that matched and its wildcards; inline where inline is set.
type say struct{ name string }

func (h say) Serve(w *highball.Response, r *highball.Request) error {
	_, err := fmt.Fprintf(w, "%s %s [%s] %q %q", h.name, r.Pattern(), r.Path(), r.PathValue("id"), r.PathValue("rest"))
	return err
}

// sayInline is say without a goroutine.
type sayInline struct{ say }

func (h sayInline) ServeInline(w *highball.Response, r *highball.Request) bool {
	return h.Serve(w, r) == nil
}

func TestMux(t *testing.T) {
	tests := []struct {
		request  string // method and target
		host     string
		status   int
		body     string
		location string
		allow    string
	}{
		{"GET /inline", "a", 200, `inline /inline [/inline] "" ""`, "", ""},
		{"GET /items/7", "a", 200, `item GET /items/{id} [/items/7] "7" ""`, "", ""},
		{"GET /items/a%2Fb", "a", 404, "", "", ""}, // decoded before it is matched: two segments
		{"DELETE /items/7", "a", 405, "", "", "GET, HEAD, PUT"},
		{"PUT /items/7", "a", 200, `put PUT /items/{id} [/items/7] "7" ""`, "", ""},
		{"GET /tree/a/b/c", "a", 200, `tree /tree/{rest...} [/tree/a/b/c] "" "a/b/c"`, "", ""},
		{"GET /dir", "a", 308, "", "/dir/", ""},
		{"GET /dir?x=1&y", "a", 308, "", "/dir/?x=1&y", ""},
		{"GET //dir/./?", "a", 200, `dir /dir/ [/dir/] "" ""`, "", ""},
		{"GET /d%C3%ACr%3F", "a", 308, "", "/d%C3%ACr%3F/", ""},
		{"GET /dir/below", "a", 200, `dir /dir/ [/dir/below] "" ""`, "", ""},
		{"GET /exact/", "a", 200, `exact /exact/{$} [/exact/] "" ""`, "", ""},
		{"GET /exact/x", "a", 404, "", "", ""},
		{"GET /none", "a", 404, "", "", ""},
		{"GET /who", "EXAMPLE.org.:8000", 200, `host example.org/who [/who] "" ""`, "", ""},
		{"GET /who", "www.example.org", 200, `below *.example.org/who [/who] "" ""`, "", ""},
		{"GET /who", "other", 200, `any /who [/who] "" ""`, "", ""},
	}
	handlers := map[string]highball.Handler{
		"/inline":           sayInline{say{"inline"}},
		"GET /items/{id}":   say{"item"},
		"PUT /items/{id}":   sayInline{say{"put"}},
		"/tree/{rest...}":   sayInline{say{"tree"}},
		"/dir/":             say{"dir"},
		"/dìr?/":            say{"odd"},
		"/exact/{$}":        sayInline{say{"exact"}},
		"example.org/who":   say{"host"},
		"*.example.org/who": sayInline{say{"below"}},
		"/who":              say{"any"},
	}
	servertest.Each(t, func(t *testing.T, d servertest.Driver) {
		s := servertest.New(t, d, &highball.Server{Handler: newMux(t, handlers)})
		c := s.Dial(t)
		for _, tt := range tests {
			c.Send(tt.request + " HTTP/1.1\r\nHost: " + tt.host + "\r\n\r\n")
			got := c.Receive("GET")
			if got.Status != tt.status || tt.body != "" && got.Body != tt.body {
				t.Errorf("%s: %d %q, want %d %q", tt.request, got.Status, got.Body, tt.status, tt.body)
			}
			if got.Value("Location") != tt.location || got.Value("Allow") != tt.allow {
				t.Errorf("%s: Location %q, Allow %q", tt.request, got.Value("Location"), got.Value("Allow"))
			}
		}
	})
}

func TestMuxRefusesBadPatterns(t *testing.T) {
	m := newMux(t, map[string]highball.Handler{"/a/{x}": say{}})
	for _, pattern := range []string{"", "a", "/{", "/{x}/{x}", "GET", "/a/{y}"} {
		if err := m.Handle(pattern, say{}); err == nil {
			t.Errorf("the pattern %q was taken", pattern)
		}
	}
}
