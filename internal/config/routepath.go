package config

import (
	"path"
	"strings"
)

// ParseRoutePath reads the prefix of paths that a [Route] is for, "/static" or "/static/", and returns it with a slash at
// its end.
func ParseRoutePath(s string) (string, error) {
	if err := checkRoutePath(s); err != nil {
		return "", err
	}
	return strings.TrimSuffix(s, "/") + "/", nil
}

// parseExactPath reads the path of a [Route] where a slash at its end, or none, has its meaning.
func parseExactPath(s string) (string, error) { return s, checkRoutePath(s) }

// checkRoutePath checks the path of a route. It is meant as it reads, so nothing in it may stand for something else.
func checkRoutePath(s string) error {
	clean := path.Clean(s)
	switch {
	case !strings.HasPrefix(s, "/"):
		return fault(`it begins with a slash, such as "/static"`, "%q is not the path of a URL", s)
	case strings.ContainsAny(s, "?#%\\{}* ") || strings.IndexFunc(s, isControl) >= 0:
		return fault(`write it without escapes, patterns, queries and spaces, such as "/static"`, "%q cannot be the path of a route", s)
	case strings.TrimSuffix(clean, "/")+"/" != strings.TrimSuffix(s, "/")+"/":
		return fault("", "%q is never what a path begins with; did you mean %q?", s, clean)
	}
	return nil
}

func isControl(r rune) bool { return r < ' ' || r == 0x7f }
