package route

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
)

// largeTree has 1,000 hosts with 100 routes each, 10 wildcard hosts, and one
// catch-all.
func largeTree(tb testing.TB) *Tree[int] {
	tb.Helper()
	tree := new(Tree[int])
	add := func(format string, args ...any) {
		if err := tree.Add(fmt.Sprintf(format, args...), len(args)); err != nil {
			tb.Fatal(err)
		}
	}
	add("/")
	for h := range 10 {
		add("*.w%d.example.org/", h)
	}
	for h := range 1000 {
		for r := range 25 {
			add("www%d.example.org/static/r%d/", h, r)
			add("GET www%d.example.org/api/r%d/{id}", h, r)
			add("POST www%d.example.org/api/r%d/{id}", h, r)
			add("www%d.example.org/r%d/{user}/posts/{post}/{tail...}", h, r)
		}
	}
	return tree
}

// requests of each outcome, on hosts that differ from one call to the next.
var costs = []struct {
	name, method, host, path string
	want                     string
}{
	{"subtree", "GET", "www%d.example.org", "/static/r7/css/site.css", "www%d.example.org/static/r7/"},
	{"wildcard", "HEAD", "www%d.example.org", "/api/r24/1234", "GET www%d.example.org/api/r24/{id}"},
	{"wildcards", "GET", "www%d.example.org", "/r3/someone/posts/99/a/b/c", "www%d.example.org/r3/{user}/posts/{post}/{tail...}"},
	{"wildcard-host", "GET", "x%d.w5.example.org", "/a/b/c", "*.w5.example.org/"},
	{"other-host", "GET", "other%d.example.net", "/a/b/c", "/"},
	{"redirect", "GET", "www%d.example.org", "/static/r7", "-> /static/r7/ (www%d.example.org/static/r7/)"},
}

func TestLookupDoesNotAllocate(t *testing.T) {
	tree := newTree(t,
		"*.example.org/a/{x}/c", "GET *.example.org/{x}/b/{y}/{z...}", "*.example.org/d/{$}",
		"GET /only", "POST /only",
	)
	for _, tt := range []struct{ method, path, want string }{
		{"PUT", "/a/1/c", "*.example.org/a/{x}/c"},
		{"GET", "/1/b/2/3/4", "GET *.example.org/{x}/b/{y}/{z...}"},
		{"GET", "/d", "-> /d/ (*.example.org/d/{$})"},
		{"PUT", "/only", "405 GET, HEAD, POST"},
		{"GET", "/none", "404"},
	} {
		if got := answer(tree, tt.method, "www.example.org", tt.path); got != tt.want {
			t.Errorf("%s %s: %s, want %s", tt.method, tt.path, got, tt.want)
		}
		var m Match[string]
		n := testing.AllocsPerRun(100, func() {
			tree.Lookup(tt.method, "www.example.org", tt.path, &m)
			m.PathValue("x")
			m.PathValue("z")
		})
		if n != 0 {
			t.Errorf("%s %s: %v allocations per lookup, want none", tt.method, tt.path, n)
		}
	}
}

// The same holds among 1,000 hosts with 100 routes each.
func TestLookupAmongManyDoesNotAllocate(t *testing.T) {
	tree := largeTree(t)
	for _, c := range costs {
		t.Run(c.name, func(t *testing.T) {
			var hosts [1000]string
			for i := range hosts {
				hosts[i] = fmt.Sprintf(c.host, i)
			}
			for _, i := range []int{0, 1, 999} {
				if got, want := answer(tree, c.method, hosts[i], c.path), strings.ReplaceAll(c.want, "%d", strconv.Itoa(i)); got != want {
					t.Errorf("%s %s%s: %s, want %s", c.method, hosts[i], c.path, got, want)
				}
			}
			var m Match[int]
			i := 0
			n := testing.AllocsPerRun(len(hosts), func() {
				tree.Lookup(c.method, hosts[i*7919%len(hosts)], c.path, &m)
				m.PathValue("id")
				i++
			})
			if n != 0 {
				t.Errorf("%v allocations per lookup, want none", n)
			}
		})
	}
}

func BenchmarkLookup(b *testing.B) {
	tree := largeTree(b)
	for _, c := range costs {
		b.Run(c.name, func(b *testing.B) {
			var hosts [1000]string
			for i := range hosts {
				hosts[i] = fmt.Sprintf(c.host, i)
			}
			if got, want := answer(tree, c.method, hosts[1], c.path), strings.ReplaceAll(c.want, "%d", "1"); got != want {
				b.Fatalf("%s, want %s", got, want)
			}
			var m Match[int]
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				tree.Lookup(c.method, hosts[i*7919%len(hosts)], c.path, &m)
				i++
			}
		})
	}
}

func BenchmarkAdd(b *testing.B) {
	for b.Loop() {
		largeTree(b)
	}
}
