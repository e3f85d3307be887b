package config

import (
	"path"
	"strings"
)

// ParseRoutePath reads the prefix of paths that a [Route] is for, "/static" or "/static/", and returns it with a slash at
// its end. It is meant as it reads, so nothing in it may stand for something else.
func ParseRoutePath(s string) (string, error) {
	canonical := strings.TrimSuffix(s, "/") + "/"
	switch {
	case !strings.HasPrefix(s, "/"):
		return "", fault(`it begins with a slash, such as "/static"`, "%q is not the path of a URL", s)
	case strings.ContainsAny(s, "?#%\\{}* ") || strings.IndexFunc(s, isControl) >= 0:
		return "", fault(`write it without escapes, patterns, queries and spaces, such as "/static"`, "%q cannot be the path of a route", s)
	case strings.TrimSuffix(path.Clean(s), "/")+"/" != canonical:
		return "", fault("", "%q is never what a path begins with; did you mean %q?", s, path.Clean(s))
	}
	return canonical, nil
}

func isControl(r rune) bool { return r < ' ' || r == 0x7f }
