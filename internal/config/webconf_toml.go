package config

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// FromWebConf returns the text of a highball.toml that says what a web.conf does, for a file in the same folder: the paths stay as they
// are written. Comments tell of what has no equivalent: lines that the old format passes over, and its media type for unknown
// extensions. The name and the folder are those of [ParseWebConf], and so is the error.
func FromWebConf(name string, text []byte, dir string) ([]byte, error) {
	c, err := ParseWebConf(name, text, dir)
	if err != nil {
		return nil, err
	}
	base, err := newFolder(dir)
	if err != nil {
		return nil, err
	}
	w := &webConf{folder: base}
	w.read(name, text)
	t := &translation{webConf: w}
	t.writeHead(name, text)
	t.section("[timeouts]")
	t.assign("idle", c.Timeouts.Idle.String())
	t.writeMedia()
	if err := t.writeSites(); err != nil {
		return nil, err
	}
	return []byte(t.out.String()), nil
}

// translation writes a web.conf as TOML.
type translation struct {
	*webConf
	out strings.Builder
}

func (t *translation) comment(format string, args ...any) {
	t.out.WriteString(strings.TrimRight("# "+fmt.Sprintf(format, args...), " ") + "\n")
}

func (t *translation) section(header string) { t.out.WriteString("\n" + header + "\n") }

func (t *translation) assign(key, text string) {
	t.out.WriteString(key + " = " + tomlString(text) + "\n")
}

// writeHead writes what holds for the file as a whole, and what is lost.
func (t *translation) writeHead(name string, text []byte) {
	t.comment("From %s.", oneLine(name))
	t.comment("Files with an extension that nobody knows were text/plain there; here they are application/octet-stream.")
	number := 0
	for line := range strings.Lines(string(text)) {
		number++
		line = strings.TrimSpace(strings.TrimPrefix(line, "\ufeff"))
		words := words(line, Pos{})
		switch note, isNote := strings.CutPrefix(line, "#"); {
		case len(words) == 0 || len(words) >= 3 && t.counts(words, number):
		case isNote:
			t.comment("%s", oneLine(strings.TrimSpace(note)))
		default:
			t.comment("Line %d has no effect: %s", number, oneLine(line))
		}
	}
}

// counts reports whether a line says something that no later one does.
func (t *translation) counts(words []word, line int) bool {
	last := func(s settings, name string) bool { return s.last[name].pos.Line == line }
	name := words[1].text
	switch words[0].text {
	case "host":
		return last(t.hosts, withoutPort(strings.ToLower(name)))
	case "media":
		return last(t.media, strings.ToLower(name))
	case "parameter":
		return name == "timeout" && last(t.parameters, name)
	}
	return false
}

// writeMedia writes the media types. Those that no file has, since its name has another extension or none, are left out.
func (t *translation) writeMedia() {
	if len(t.media.names) == 0 {
		return
	}
	t.section("[media]")
	for _, extension := range t.media.names {
		mediaType := t.media.last[extension.text].text
		_, err := parseMedia(mediaType)
		if err != nil || strings.ContainsAny(extension.text, "./") || !utf8.ValidString(extension.text) {
			t.comment("Line %d cannot be said here: media %s %s", extension.pos.Line, oneLine(extension.text), oneLine(mediaType))
			continue
		}
		t.assign(tomlKey(extension.text), mediaType)
	}
}

// writeSites writes a site for each host.
func (t *translation) writeSites() error {
	var errs Errors
	for _, host := range t.hosts.names {
		path := t.hosts.last[host.text]
		if !utf8.ValidString(path.text) {
			errs.add(path.pos, fmt.Sprintf("the path %q is not UTF-8, as TOML is", path.text), "rename the folder")
		}
		t.section("[[site]]")
		if host.text != "default" {
			name, err := parseHost(host.text)
			if err != nil {
				errs.fail(host.pos, err)
			}
			t.out.WriteString("hosts = [" + tomlString(name) + "]\n")
		}
		t.assign("root", path.text)
	}
	return errs.result()
}

// oneLine returns s as it can stand in a comment.
func oneLine(s string) string {
	if strings.IndexFunc(s, isControl) >= 0 || !utf8.ValidString(s) {
		return strconv.Quote(s)
	}
	return s
}

// tomlKey returns a key as it is written in TOML.
func tomlKey(s string) string {
	if s != "" && !slices.ContainsFunc([]byte(s), func(c byte) bool { return !isLetterOrDigit(c) && c != '-' && c != '_' }) {
		return s
	}
	return quotedTOML(s)
}

// tomlString returns a string as it is written in a highball.toml, where "${" has a meaning.
func tomlString(s string) string { return quotedTOML(strings.ReplaceAll(s, "${", "$${")) }

// quotedTOML returns s as a basic string, which has other escapes than Go has.
func quotedTOML(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b.WriteString(`\` + string(r))
		case isControl(r):
			fmt.Fprintf(&b, `\u%04X`, r)
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
	return b.String()
}
