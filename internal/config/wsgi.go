package config

import (
	"path/filepath"
	"strings"
)

// IsModule reports whether s has the form of a Python module's name, "shop" or "shop.wsgi".
func IsModule(s string) bool {
	for part := range strings.SplitSeq(s, ".") {
		if !isIdentifier(part) {
			return false
		}
	}
	return true
}

// IsAttribute reports whether s has the form of what follows the colon of a callable: "app", "site.app", "create_app()".
func IsAttribute(s string) bool { return IsModule(strings.TrimSuffix(s, "()")) }

func isIdentifier(s string) bool {
	for i, c := range s {
		letter := c == '_' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || c >= 0x80
		if !letter && (i == 0 || c < '0' || c > '9') {
			return false
		}
	}
	return s != ""
}

// parseWSGI checks what [App].WSGI may be. Whether it is there is known once the folder of the application is.
func parseWSGI(s string) (string, error) {
	file, attribute, called := cutAttribute(s)
	switch {
	case called && !IsAttribute(attribute), !isPythonFile(file) && !IsModule(file):
		return "", fault(`write module:callable, such as "shop.wsgi:application", or a file, such as "hello.py"`, "%q does not name a Python application", s)
	}
	return s, nil
}

// parseWSGIInPlace checks what a route may name: as [parseWSGI], but for a module alone, which looks like an application's name.
func parseWSGIInPlace(s string) (string, error) {
	if file, _, called := cutAttribute(s); !called && !isPythonFile(file) && IsModule(s) {
		return "", fault("write module:callable, such as "+`"`+s+`:application"`, "%q names no callable", s)
	}
	return parseWSGI(s)
}

// cutAttribute cuts a WSGI target around its last colon: before it may stand the path of a file, which has some of its own on some systems.
func cutAttribute(s string) (file, attribute string, called bool) {
	if i := strings.LastIndexByte(s, ':'); i >= 0 {
		return s[:i], s[i+1:], true
	}
	return s, "", false
}

func isPythonFile(s string) bool {
	return strings.HasSuffix(s, ".py") && filepath.Base(s) != ".py" && !strings.Contains(s, "\x00")
}
