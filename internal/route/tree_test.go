package route

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// newTree returns a tree in which each pattern is its own value.
func newTree(t testing.TB, patterns ...string) *Tree[string] {
	t.Helper()
	tree := new(Tree[string])
	for _, p := range patterns {
		if err := tree.Add(p, p); err != nil {
			t.Fatal(err)
		}
	}
	return tree
}

// answer looks a request up and tells the outcome in one line: the pattern, or
// "-> /path/ (pattern)", "405 METHODS" or "404".
func answer[V any](tree *Tree[V], method, host, path string) string {
	var m Match[V]
	switch {
	case tree.Lookup(method, host, path, &m):
		return m.Pattern
	case m.TrailingSlash:
		return "-> " + path + "/ (" + m.Pattern + ")"
	case len(m.Allow) > 0:
		return "405 " + strings.Join(m.Allow, ", ")
	}
	return "404"
}

func TestLookupPath(t *testing.T) {
	tree := newTree(t,
		"/{$}",
		"/static/",
		"/static/logo.png",
		"/static/{file}",
		"/a/b/z",
		"/a/{x}/c",
		"/b/{bucket}/o/{object...}",
		"/b/{bucket}/o/{$}",
		"/b/{bucket}",
		"/dir/{$}",
		"/100%",
	)
	for _, tt := range []struct{ path, want string }{
		{"/", "/{$}"},
		{"/x", "404"},
		{"/static", "-> /static/ (/static/)"},
		{"/static/", "/static/"},
		{"/static/logo.png", "/static/logo.png"},
		{"/static/logo.png/", "/static/"},
		{"/static/other", "/static/{file}"},
		{"/static/x/y", "/static/"},
		{"/Static/", "404"},
		{"/a", "404"},
		{"/a/b", "404"},
		{"/a/b/z", "/a/b/z"},
		{"/a/b/c", "/a/{x}/c"}, // turns back from /a/b
		{"/a/b/d", "404"},
		{"/a/b/c/", "404"},
		{"/b/1", "/b/{bucket}"},
		{"/b/1/", "404"},
		{"/b/1/o", "-> /b/1/o/ (/b/{bucket}/o/{$})"},
		{"/b/1/o/", "/b/{bucket}/o/{$}"},
		{"/b/1/o/2", "/b/{bucket}/o/{object...}"},
		{"/b/1/o/2/", "/b/{bucket}/o/{object...}"},
		{"/dir", "-> /dir/ (/dir/{$})"},
		{"/dir/", "/dir/{$}"},
		{"/dir/x", "404"},
		{"/100%", "/100%"},
		{"*", "404"},
		{"", "404"},
	} {
		if got := answer(tree, "GET", "", tt.path); got != tt.want {
			t.Errorf("%q: %s, want %s", tt.path, got, tt.want)
		}
	}
}

// A subtree without its slash is redirected even if a wider pattern matches it,
// unless it is registered itself.
func TestLookupTrailingSlash(t *testing.T) {
	tree := newTree(t, "/", "/a/", "/b/", "/b", "POST /c/", "GET /c/{x}/", "h.example/d/", "/d", "/e/", "h.example/e/{$}", "i.example/", "/f/")
	for _, tt := range []struct{ method, host, path, want string }{
		{"GET", "", "/a", "-> /a/ (/a/)"},
		{"GET", "", "/a/x", "/a/"},
		{"GET", "", "/b", "/b"},
		{"GET", "", "/c", "/"},
		{"POST", "", "/c", "-> /c/ (POST /c/)"},
		{"GET", "", "/c/x", "-> /c/x/ (GET /c/{x}/)"},
		{"GET", "h.example", "/d", "/d"},
		{"GET", "h.example", "/e", "-> /e/ (h.example/e/{$})"},
		{"GET", "h.example", "/f", "-> /f/ (/f/)"},
		{"GET", "i.example", "/f", "i.example/"},
	} {
		if got := answer(tree, tt.method, tt.host, tt.path); got != tt.want {
			t.Errorf("%s %s%s: %s, want %s", tt.method, tt.host, tt.path, got, tt.want)
		}
	}
}

func TestLookupMethod(t *testing.T) {
	tree := newTree(t,
		"/any", "GET /any", "HEAD /any",
		"/get", "GET /get",
		"GET /only", "POST /only",
		"PUT /{x}/deep", "DELETE /only/{y}",
		"HEAD /head",
		"POST /dir/", "GET /dir/sub/{$}",
		"PATCH h.example/only",
	)
	for _, tt := range []struct{ method, host, path, want string }{
		{"GET", "", "/any", "GET /any"},
		{"HEAD", "", "/any", "HEAD /any"},
		{"POST", "", "/any", "/any"},
		{"HEAD", "", "/get", "GET /get"},
		{"BREW", "", "/get", "/get"},
		{"HEAD", "", "/only", "GET /only"},
		{"PUT", "", "/only", "405 GET, HEAD, POST"},
		{"PUT", "h.example", "/only", "405 GET, HEAD, PATCH, POST"},
		{"POST", "h.example", "/only", "POST /only"},
		{"get", "", "/only", "405 GET, HEAD, POST"},
		{"GET", "", "/head", "405 HEAD"},
		{"PUT", "", "/only/deep", "PUT /{x}/deep"},
		{"GET", "", "/only/deep", "405 DELETE, PUT"},
		{"GET", "", "/dir", "405 POST"},
		{"PUT", "", "/dir/sub", "405 GET, HEAD, POST"},
		{"PUT", "", "/dir/sub/", "405 GET, HEAD, POST"},
		{"PUT", "", "/none", "404"},
	} {
		if got := answer(tree, tt.method, tt.host, tt.path); got != tt.want {
			t.Errorf("%s %s%s: %s, want %s", tt.method, tt.host, tt.path, got, tt.want)
		}
	}
}

func TestLookupHost(t *testing.T) {
	patterns := []string{
		"/", "/common",
		"example.org/",
		"*.example.org/", "*.example.org/wild",
		"*.b.example.org/{$}", "*.b.example.org/deep",
		"a.b.example.org/{$}",
		"*.org/tld",
		"[::1]/",
		"127.0.0.1/",
		"Upper.Example.COM/",
	}
	requests := []struct{ host, path, want string }{
		{"", "/x", "/"},
		{"other.net", "/x", "/"},
		{"example.org", "/", "example.org/"},
		{"example.org", "/tld", "example.org/"},
		{"org", "/tld", "/"},
		{"www.example.org", "/", "*.example.org/"},
		{"www.example.org", "/tld", "*.example.org/"},
		{"www.other.org", "/tld", "*.org/tld"},
		{"www.other.org", "/x", "/"},
		{"b.example.org", "/deep", "*.example.org/"},
		{"a.b.example.org", "/", "a.b.example.org/{$}"},
		{"a.b.example.org", "/deep", "*.b.example.org/deep"},
		{"a.b.example.org", "/wild", "*.example.org/wild"},
		{"a.b.example.org", "/common", "*.example.org/"},
		{"c.b.example.org", "/", "*.b.example.org/{$}"},
		{"c.a.b.example.org", "/", "*.b.example.org/{$}"},
		{"a.org", "/tld", "*.org/tld"},
		{".org", "/tld", "/"}, // the wildcard is not empty
		{"xexample.org", "/wild", "/"},
		{"[::1]", "/x", "[::1]/"},
		{"127.0.0.1", "/x", "127.0.0.1/"},
		{"upper.example.com", "/", "Upper.Example.COM/"},
		{strings.Repeat("a.", 2000) + "example.org", "/wild", "*.example.org/wild"},
		{strings.Repeat(".", 2000), "/", "/"},
	}
	backwards := make([]string, len(patterns))
	for i, p := range patterns {
		backwards[len(patterns)-1-i] = p
	}
	for _, order := range [][]string{patterns, backwards} {
		tree := newTree(t, order...)
		for _, tt := range requests {
			if got := answer(tree, "GET", tt.host, tt.path); got != tt.want {
				t.Errorf("%s%s: %s, want %s", tt.host, tt.path, got, tt.want)
			}
		}
	}
}

func TestLookupAllowAcrossHosts(t *testing.T) {
	tree := newTree(t, "GET a.b.c/x", "POST *.b.c/x", "PUT *.c/x", "DELETE /x", "GET /x")
	if got, want := answer(tree, "PATCH", "a.b.c", "/x"), "405 DELETE, GET, HEAD, POST, PUT"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

// An unclean path is a mistake of the caller, but must not bring the server down.
func TestLookupUncleanPath(t *testing.T) {
	tree := newTree(t, "/a/{x}", "/b/{$}")
	for _, path := range []string{"//", "/a//", "///", "/b//", "/a/../b", "a", "*", ""} {
		answer(tree, "GET", "a..b", path)
		answer(tree, "PUT", ".", path)
	}
}

func TestLookupEmptyTree(t *testing.T) {
	if got := answer(new(Tree[int]), "GET", "a.b.c", "/x"); got != "404" {
		t.Errorf("%s, want 404", got)
	}
}

func TestPathValue(t *testing.T) {
	tree := newTree(t, "/b/{bucket}/o/{object...}", "/{a}/{b}", "/{a}/{b}/", "GET /m/{get}", "POST /m/{post}", "/r/{$}")
	for _, tt := range []struct {
		method, path string
		want         map[string]string
	}{
		{"GET", "/b/1/o/x/y/", map[string]string{"bucket": "1", "object": "x/y/"}},
		{"GET", "/b/1/o/", map[string]string{"bucket": "1", "object": ""}},
		{"GET", "/ä b/%41", map[string]string{"a": "ä b", "b": "%41"}},
		{"GET", "/1/2/3", map[string]string{"a": "1", "b": "2"}},
		{"GET", "/m/1", map[string]string{"get": "1"}},
		{"POST", "/m/1", map[string]string{"post": "1"}},
		{"PUT", "/m/1", map[string]string{"a": "m", "b": "1"}},
		{"GET", "/r", nil},
		{"GET", "/none", nil},
	} {
		var m Match[string]
		tree.Lookup(tt.method, "", tt.path, &m)
		var got map[string]string
		for _, name := range []string{"a", "b", "bucket", "object", "get", "post", "r", "m", "$", ""} {
			if v, ok := m.PathValue(name); ok {
				if got == nil {
					got = make(map[string]string)
				}
				got[name] = v
			}
		}
		if d := cmp.Diff(tt.want, got); d != "" {
			t.Errorf("%s %s: (-want +got)\n%s", tt.method, tt.path, d)
		}
	}
}

// A Match is used for one request after the other: nothing of an earlier one may
// be seen in a later one.
func TestMatchForgets(t *testing.T) {
	tree := newTree(t, "GET /get/{x}", "GET /dir/")
	var m Match[string]
	for _, path := range []string{"/get/1", "/dir", "/none"} {
		tree.Lookup("GET", "", path, &m)
		tree.Lookup("PUT", "", "/get/1", &m)
		if _, ok := m.PathValue("x"); ok || m.Value != "" || m.Pattern != "" || m.TrailingSlash || len(m.Allow) != 2 {
			t.Errorf("405 after %s: %+v", path, m)
		}
		tree.Lookup("GET", "", path, &m)
		if len(m.Allow) != 0 {
			t.Errorf("%s after 405: Allow is %q", path, m.Allow)
		}
	}
}

func TestAddConflicts(t *testing.T) {
	const (
		equal   = `pattern %q conflicts with pattern %q: both match the same requests; remove one of the two`
		overlap = `pattern %q conflicts with pattern %q: both match `
	)
	for _, tt := range []struct{ earlier, later, want string }{
		{"/a", "/a", equal},
		{"/{x}", "/{y}", equal},
		{"/a/", "/a/{x...}", equal},
		{"/{$}", "/{$}", equal},
		{"GET EXAMPLE.org/", "GET example.org/", equal},
		{"*.example.org/", "*.EXAMPLE.org/", equal},
		{"/a%62", "/ab", equal},

		{"/{x}/b", "/a/{y}", overlap + `"/a/b"`},
		{"/a/{y}", "/{x}/b", overlap + `"/a/b"`},
		{"GET /", "/index.html", overlap + `"GET /index.html"`},
		{"/index.html", "GET /", overlap + `"GET /index.html"`},
		{"GET /a", "HEAD /{x}", overlap + `"HEAD /a"`},
		{"HEAD /{x}", "GET /a", overlap + `"HEAD /a"`},
		{"/{x}/b/", "/a/", overlap + `"/a/b/"`},
		{"/a/", "/{x}/b/{$}", overlap + `"/a/b/"`},
		{"/a/{z...}", "/{x}/{y}/c", overlap + `"/a/y/c"`},
		{"*.example.org/{x}/b", "*.example.org/a/{y}", overlap + `"www.example.org/a/b"`},

		{"/a", "/b", ""},
		{"/a", "/a/", ""},
		{"/a/", "/a/{$}", ""},
		{"/a/{x}", "/a/{$}", ""},
		{"/a/{x}", "/a/", ""},
		{"/", "/a/b/c", ""},
		{"GET /{x}/b", "POST /a/{y}", ""},
		{"GET /", "GET /index.html", ""},
		{"GET /", "HEAD /", ""},
		{"GET /", "/", ""},
		{"/{x}/b", "example.org/a/{y}", ""},
		{"example.org/{x}/b", "*.org/a/{y}", ""},
		{"example.org/", "*.example.org/", ""},
		{"*.org/", "*.example.org/", ""},
	} {
		for _, pair := range [][2]string{{tt.earlier, tt.later}, {tt.later, tt.earlier}} {
			tree := newTree(t, pair[0])
			err := tree.Add(pair[1], pair[1])
			if tt.want == "" {
				if err != nil {
					t.Errorf("%q, then %q: %v", pair[0], pair[1], err)
				}
				continue
			}
			want := strings.Replace(strings.Replace(tt.want, "%q", `"`+pair[1]+`"`, 1), "%q", `"`+pair[0]+`"`, 1)
			if err == nil || !strings.HasPrefix(err.Error(), want) {
				t.Errorf("%q, then %q:\n got %v\nwant %s", pair[0], pair[1], err, want)
			}
		}
	}
}

// Of several conflicts the earliest is reported, and the refused pattern leaves
// no trace.
func TestAddRefused(t *testing.T) {
	for range 20 {
		tree := newTree(t, "/a/x/{p}", "/b/x/{p}", "/c/x/{p}", "/d/x/{p}")
		err := tree.Add("/{any}/x/p", "")
		if err == nil || !strings.Contains(err.Error(), `"/a/x/{p}"`) {
			t.Fatalf("got %v, want a conflict with /a/x/{p}", err)
		}
		if got := answer(tree, "GET", "", "/e/x/p"); got != "404" {
			t.Fatalf("after the refusal: %s, want 404", got)
		}
	}
	if err := new(Tree[int]).Add("/{", 0); err == nil {
		t.Error("a malformed pattern was added")
	}
}

// The answers do not depend on the order of registration.
func TestOrderOfRegistration(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		hosts := rapid.SampledFrom([]string{"", "a.b.c", "b.c", "*.c", "*.b.c", "*.a.b.c"})
		first := new(Tree[string])
		var added []string
		for _, p := range rapid.SliceOf(patternsOn(hosts)).Draw(rt, "patterns") {
			if first.Add(p, p) == nil {
				added = append(added, p)
			}
		}
		second := new(Tree[string])
		for _, p := range rapid.Permutation(added).Draw(rt, "permuted") {
			if err := second.Add(p, p); err != nil {
				rt.Fatalf("refused in another order: %v", err)
			}
		}
		host := rapid.SampledFrom([]string{"", "c", "b.c", "a.b.c", "z.a.b.c", "z.b.c", "z.c"})
		for range 20 {
			m, h, p := methods.Draw(rt, "method"), host.Draw(rt, "host"), paths.Draw(rt, "path")
			if a, b := answer(first, m, h, p), answer(second, m, h, p); a != b {
				rt.Fatalf("%s %s%s: %s, in another order %s", m, h, p, a, b)
			}
		}
	})
}
