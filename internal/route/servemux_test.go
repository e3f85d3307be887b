package route

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// Small alphabets, so that patterns often meet and paths often match.
var (
	methods = rapid.SampledFrom([]string{"GET", "HEAD", "POST", "PUT"})

	paths = rapid.Custom(func(t *rapid.T) string {
		segs := rapid.SliceOfN(rapid.SampledFrom([]string{"a", "b", "c"}), 0, 4).Draw(t, "segments")
		tail := rapid.SampledFrom([]string{"", "/"}).Draw(t, "tail")
		if len(segs) == 0 {
			return "/"
		}
		return "/" + strings.Join(segs, "/") + tail
	})
)

// patternsOn generates well-formed patterns on some hosts.
func patternsOn(hosts *rapid.Generator[string]) *rapid.Generator[string] {
	return rapid.Custom(func(t *rapid.T) string {
		var b strings.Builder
		b.WriteString(rapid.SampledFrom([]string{"", "", "GET ", "HEAD ", "POST "}).Draw(t, "method"))
		b.WriteString(hosts.Draw(t, "host"))
		n := rapid.IntRange(0, 3).Draw(t, "segments")
		for i := range n {
			seg := rapid.SampledFrom([]string{"a", "b", "%63", "{%d}"}).Draw(t, "segment")
			b.WriteString("/" + strings.Replace(seg, "%d", fmt.Sprint("w", i), 1))
		}
		tails := []string{"/", "/{$}", "/{rest...}", ""}
		if n == 0 {
			tails = tails[:3]
		}
		b.WriteString(rapid.SampledFrom(tails).Draw(t, "tail"))
		return b.String()
	})
}

// TestAgreesWithServeMux holds a Tree to net/http.ServeMux: the same patterns
// are refused, and every request has the same outcome and the same values.
func TestAgreesWithServeMux(t *testing.T) {
	hosts := rapid.SampledFrom([]string{"", "", "h.example", "other.example"})
	rapid.Check(t, func(rt *rapid.T) {
		mux := http.NewServeMux()
		tree := new(Tree[string])
		for _, p := range rapid.SliceOfN(patternsOn(hosts), 1, 20).Draw(rt, "patterns") {
			ours, theirs := tree.Add(p, p), addToServeMux(mux, p)
			if (ours == nil) != (theirs == nil) {
				rt.Fatalf("adding %q: %v; ServeMux: %v", p, ours, theirs)
			}
		}
		for range 20 {
			method, host, path := methods.Draw(rt, "method"), hosts.Draw(rt, "host"), paths.Draw(rt, "path")
			ours := treeOutcome(tree, method, host, path)
			theirs := serveMuxOutcome(mux, method, host, path)
			if ours != theirs {
				rt.Fatalf("%s %s%s:\n%s\nServeMux:\n%s", method, host, path, ours, theirs)
			}
		}
	})
}

// valueNames are all the names of wildcards that patternsOn makes.
const valueNames = "w0 w1 w2 rest"

func treeOutcome(tree *Tree[string], method, host, path string) string {
	var m Match[string]
	switch {
	case tree.Lookup(method, host, path, &m):
		out := m.Value
		for name := range strings.FieldsSeq(valueNames) {
			v, _ := m.PathValue(name)
			out += fmt.Sprintf(" %s=%q", name, v)
		}
		return out
	case m.TrailingSlash:
		return fmt.Sprintf("to %s/ by %s", path, m.Pattern)
	}
	return "Allow: " + strings.Join(m.Allow, ", ")
}

func serveMuxOutcome(mux *http.ServeMux, method, host, path string) string {
	w := httptest.NewRecorder()
	r := &http.Request{Method: method, Host: host, URL: &url.URL{Path: path}, Header: http.Header{}}
	_, pattern := mux.Handler(r)
	mux.ServeHTTP(w, r)
	switch w.Code {
	case http.StatusOK:
		out := pattern
		for name := range strings.FieldsSeq(valueNames) {
			out += fmt.Sprintf(" %s=%q", name, r.PathValue(name))
		}
		return out
	case http.StatusTemporaryRedirect:
		return fmt.Sprintf("to %s by %s", w.Header().Get("Location"), pattern)
	}
	return "Allow: " + w.Header().Get("Allow")
}

// addToServeMux registers a pattern and turns the panic of a refusal into an
// error.
func addToServeMux(mux *http.ServeMux, pattern string) (err error) {
	defer func() {
		if refusal := recover(); refusal != nil {
			err = fmt.Errorf("%v", refusal)
		}
	}()
	mux.HandleFunc(pattern, func(http.ResponseWriter, *http.Request) {})
	return nil
}
