package h1

import (
	"strings"
	"testing"
)

func TestCanonicalPath(t *testing.T) {
	const refused = "!"
	for _, c := range []struct{ raw, want string }{
		{"/", "/"},
		{"", "/"},
		{"/a/b", "/a/b"},
		{"/a/b/", "/a/b/"},
		{"/a//b", "/a/b"},
		{"//", "/"},
		{"///a///", "/a/"},
		{"/.", "/"},
		{"/./", "/"},
		{"/a/.", "/a/"},
		{"/a/./b", "/a/b"},
		{"/a/..", "/"},
		{"/a/../", "/"},
		{"/a/../b", "/b"},
		{"/a/b/../../c", "/c"},
		{"/a//../b", "/b"},
		{"/..", refused},
		{"/../a", refused},
		{"/a/../..", refused},
		{"/./..", refused},
		{"/%2e%2e", refused},
		{"/a%2f..%2f..", refused},
		{"/.well-known/x", "/.well-known/x"},
		{"/...", "/..."},
		{"/..a", "/..a"},
		{"/a..", "/a.."},
		{"/.a/.b", "/.a/.b"},
		{"/%61", "/a"},
		{"/%2525", "/%25"},
		{"/a%2Fb", "/a/b"},
		{"/a%2F%2Fb", "/a/b"},
		{"/a/%2e%2E/b", "/b"},
		{"/a%2f.%2fb", "/a/b"},
		{"/%C3%A9", "/\xc3\xa9"},
		{"/\xc3\xa9", "/\xc3\xa9"},
		{"/a\\..\\b", "/a\\..\\b"},
		{"/%0a", "/\n"},
		{"/%", refused},
		{"/%4", refused},
		{"/%zz", refused},
		{"/%4g", refused},
		{"/%00", refused},
		{"/\x00", refused},
		{"a", refused},
		{"%2Fa", refused},
		{"*", refused},
		{"/" + strings.Repeat("a/", 300) + "%41", "/" + strings.Repeat("a/", 300) + "A"},
	} {
		got, ok := CanonicalPath(c.raw)
		if !ok {
			got = refused
		}
		if got != c.want {
			t.Errorf("CanonicalPath(%q) = %q, want %q", c.raw, got, c.want)
		}
		checkCanonical(t, c.raw)
	}
}

// checkCanonical holds the properties of every accepted path.
func checkCanonical(t *testing.T, raw string) {
	t.Helper()
	path, ok := CanonicalPath(raw)
	if !ok {
		return
	}
	if !strings.HasPrefix(path, "/") || strings.Contains(path, "//") || strings.ContainsRune(path, 0) {
		t.Errorf("%q became %q", raw, path)
	}
	for segment := range strings.SplitSeq(path, "/") {
		if segment == "." || segment == ".." {
			t.Errorf("%q became %q, with a dot segment", raw, path)
		}
	}
	escaped := string(AppendPath(nil, path))
	if again, ok := CanonicalPath(escaped); !ok || again != path {
		t.Errorf("%q became %q, and that, as %q, became %q", raw, path, escaped, again)
	}
	if raw != "" && !strings.ContainsRune(raw, '%') {
		if fast := isCanonical(raw); fast != (path == raw) {
			t.Errorf("%q became %q, but isCanonical says %t", raw, path, fast)
		}
	}
}

func FuzzCanonicalPath(f *testing.F) {
	for _, seed := range []string{"/", "/a/../b//c/.", "/%2e%2e/", "/.well-known/", "/a%2fb%00", "/..a/...", "x", ""} {
		f.Add(seed)
	}
	f.Fuzz(checkCanonical)
}

func TestAppendPath(t *testing.T) {
	if got, want := string(AppendPath([]byte("x"), "/a b/%/\"\r\n?#é~;=:@")), "x/a%20b/%25/%22%0D%0A%3F%23%C3%A9~;=:@"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
