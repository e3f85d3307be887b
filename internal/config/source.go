package config

import (
	"bytes"
	"regexp"
	"slices"
	"strings"

	"github.com/pelletier/go-toml/v2/unstable"
)

// Source is a file that a configuration was read from, as it was then.
type Source struct {
	Name string // absolute path
	text []byte // nil where there was too much of it
}

// mostSource is how many bytes of its files a Config keeps.
const mostSource = 1 << 20

// keep adds a file to the sources.
func (c *Config) keep(name string, text []byte) {
	total := len(text)
	for _, s := range c.Sources {
		total += len(s.text)
	}
	s := Source{Name: name}
	if total <= mostSource {
		s.text = text
	}
	c.Sources = append(c.Sources, s)
}

// hidden is what stands in the place of a secret.
const hidden = "***"

// Shown returns the text for people who look on: the secrets in it are ***. What stands for one, ${NAME} or "file:PATH", is as it was written.
func (s Source) Shown() string {
	if s.text == nil {
		return "# too much to be kept\n"
	}
	text := userInfo.ReplaceAll(s.text, []byte("${1}"+hidden+"@"))
	if strings.HasSuffix(strings.ToLower(s.Name), ".conf") {
		return string(text) // there is no place for one in a web.conf
	}
	root, syntax := document(s.Name, text)
	if syntax != nil {
		return "# it cannot be shown\n" // which is not to be expected of what was read once
	}
	return hide(text, root)
}

// userInfo is a password in a URL (RFC 3986, section 3.2.1), which may be a variable.
var userInfo = regexp.MustCompile(`(://[^\s/:@"']*:)([^\s/@"'$]+)@`)

// span is where a secret stands in a text.
type span struct{ from, to int }

// hide returns the text of a document with its secrets hidden.
func hide(text []byte, root *table) string {
	lines := lineStarts(text)
	var secrets []span
	var look func(t *table, path string)
	look = func(t *table, path string) {
		for _, e := range t.entries {
			at := path + e.key
			items := e.value.items
			if e.value.kind == unstable.String {
				items = []value{e.value}
			}
			for _, item := range items {
				switch {
				case item.table != nil:
					look(item.table, at+".")
				case item.kind == unstable.String && isSecretKey(path, e.key) && !isReference(item.text):
					s := scanner{text: string(text), offset: lines[item.pos.Line-1] + item.pos.Column - 1}
					from := s.offset
					s.scalar()
					secrets = append(secrets, span{from, s.offset})
				}
			}
			if e.value.table != nil {
				look(e.value.table, at+".")
			}
		}
	}
	look(root, "")
	slices.SortFunc(secrets, func(a, b span) int { return a.from - b.from })
	var b strings.Builder
	done := 0
	for _, s := range secrets {
		b.Write(text[done:s.from])
		b.WriteString(`"` + hidden + `"`)
		done = s.to
	}
	b.Write(text[done:])
	return commented.ReplaceAllStringFunc(b.String(), func(line string) string {
		name, _, _ := strings.Cut(line, "=")
		if !soundsSecret(strings.TrimLeft(name, "# \t")) {
			return line
		}
		return name + `= "` + hidden + `"`
	})
}

// commented is a line of a file that was taken out of it.
var commented = regexp.MustCompile(`(?m)^[ \t]*#[^\n=]*=[^\n]*$`)

func lineStarts(text []byte) []int {
	starts := []int{0}
	for i := 0; ; {
		n := bytes.IndexByte(text[i:], '\n')
		if n < 0 {
			return starts
		}
		i += n + 1
		starts = append(starts, i)
	}
}

// isSecretKey reports whether the values of a key in a table are secrets: the one that is always one, and those that people have given names which sound so.
func isSecretKey(path, key string) bool {
	return path+key == "admin.token" || isNamed(path) && soundsSecret(key)
}

// isNamed reports whether people choose the names in a table: those of variables and of header fields.
func isNamed(path string) bool {
	return strings.HasSuffix(path, ".env.") || strings.Contains("."+path, ".headers.")
}

func soundsSecret(name string) bool {
	name = strings.ToLower(name)
	return slices.ContainsFunc([]string{"token", "secret", "pass", "pwd", "key", "credential", "auth", "cookie", "private", "salt", "dsn"}, func(word string) bool {
		return strings.Contains(name, word)
	})
}

// isReference reports whether a string only says where a secret is.
func isReference(s string) bool {
	inside, ok := strings.CutPrefix(s, "${")
	name, closed := strings.CutSuffix(inside, "}")
	return strings.HasPrefix(s, secretPrefix) || ok && closed && isVariable(name)
}

// HideAssignment returns NAME=VALUE without the value if the name sounds like that of a secret.
func HideAssignment(s string) string {
	name, _, assigned := strings.Cut(s, "=")
	if assigned && soundsSecret(name) {
		return name + "=" + hidden
	}
	return string(userInfo.ReplaceAll([]byte(s), []byte("${1}"+hidden+"@")))
}
