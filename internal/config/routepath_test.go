package config

import "testing"

func TestParseRoutePath(t *testing.T) {
	for s, want := range map[string]string{
		"/": "/", "/static": "/static/", "/static/": "/static/", "/a/b": "/a/b/", "/größe": "/größe/", "/.well-known": "/.well-known/",
	} {
		if got, err := ParseRoutePath(s); err != nil || got != want {
			t.Errorf("%q: %q, %v", s, got, err)
		}
	}
	for s, want := range map[string]string{
		"":          `"" is not the path of a URL; it begins with a slash, such as "/static"`,
		"static":    `"static" is not the path of a URL; it begins with a slash, such as "/static"`,
		"/{name}":   `"/{name}" cannot be the path of a route; write it without escapes, patterns, queries and spaces, such as "/static"`,
		"/a%20b":    `"/a%20b" cannot be the path of a route; write it without escapes, patterns, queries and spaces, such as "/static"`,
		"/a?b":      `"/a?b" cannot be the path of a route; write it without escapes, patterns, queries and spaces, such as "/static"`,
		"/a\n":      `"/a\n" cannot be the path of a route; write it without escapes, patterns, queries and spaces, such as "/static"`,
		"//static":  `"//static" is never what a path begins with; did you mean "/static"?`,
		"/a/../b":   `"/a/../b" is never what a path begins with; did you mean "/b"?`,
		"/static//": `"/static//" is never what a path begins with; did you mean "/static"?`,
		"//":        `"//" is never what a path begins with; did you mean "/"?`,
	} {
		if got, err := ParseRoutePath(s); err == nil || err.Error() != want {
			t.Errorf("%q: %q, error %v, want %s", s, got, err, want)
		}
	}
}
