package config

import (
	"fmt"
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

// parsePattern reads the path of a [Route] where a slash at its end, or none, has its meaning, and so have stars.
func parsePattern(s string) (string, error) {
	if strings.Contains(s, "***") {
		return "", fault(`"*" is any part of one segment, "**" any part of the path`, "%q has three stars in a row", s)
	}
	// Letters in place of the stars: what is wrong with them is wrong with the pattern.
	if err := checkRoutePath(strings.ReplaceAll(s, "*", "x")); err != nil {
		if !IsPattern(s) {
			return "", err
		}
		return "", fault(`write it as it reads, from its first slash on, such as "/img/*.png"`, "%q cannot be the path of a route", s)
	}
	return s, nil
}

// parsePrefixPath reads what is taken from the front of paths: whole segments.
func parsePrefixPath(s string) (string, error) {
	if trimmed := strings.TrimSuffix(s, "/"); trimmed != s {
		return "", fault(fmt.Sprintf("did you mean %q?", trimmed), "%q ends in a slash", s)
	}
	return s, checkRoutePath(s)
}

// checkRoutePath checks the path of a route. It is meant as it reads, so nothing in it may stand for something else.
func checkRoutePath(s string) error {
	if readsPlainly(s) {
		return nil
	}
	clean := path.Clean(s)
	switch {
	case !strings.HasPrefix(s, "/"):
		return fault(`it begins with a slash, such as "/static"`, "%q is not the path of a URL", s)
	case strings.ContainsAny(s, "?#%\\{}* ") || strings.IndexFunc(s, isControl) >= 0:
		return fault(`write it without escapes, patterns, queries and spaces, such as "/static"`, "%q cannot be the path of a route", s)
	case strings.TrimSuffix(clean, "/") != strings.TrimSuffix(s, "/"):
		return fault("", "%q is never what a path begins with; did you mean %q?", s, clean)
	}
	return nil
}

// readsPlainly reports whether a path is made of segments of letters, digits, hyphens, underscores and dots that do not come first, as nearly
// all are: then nothing in it can stand for something else.
func readsPlainly(s string) bool {
	after := byte(0)
	for i := range len(s) {
		c := s[i]
		if c == '/' && after == '/' || c == '.' && after == '/' || c != '/' && after == 0 || !isLetterOrDigit(c) && strings.IndexByte("-_./", c) < 0 {
			return false
		}
		after = c
	}
	return s != ""
}

func isControl(r rune) bool { return r < ' ' || r == 0x7f }
