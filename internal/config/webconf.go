package config

import (
	"bytes"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// ParseWebConf reads the text of a web.conf, the format of an older server:
//
//	host default /srv/web1
//	host www.example.org /srv/web2
//	media html text/html
//	parameter timeout 1
//
// Each line is "host NAME PATH", "media EXT TYPE" or "parameter NAME VALUE", split on white space.
// Lines that are none of these, or too short, are ignored, and so are words beyond the third; of
// lines about the same thing the last one counts. The host default is the fallback; the port and the case of
// a host name do not matter. Files with an unlisted extension are text/plain. The one parameter is
// timeout: how many seconds, 1 if not set and perhaps with decimals, a connection may be idle.
//
// The name appears in positions, and relative paths start at dir. The error is of type [Errors].
// The format lets pass what it does not know, but what would fail at a visitor's
// request is an error here: a folder that does not exist, a host name or a media type that
// cannot be one, a timeout that is not a positive number, and a file without any host.
func ParseWebConf(name string, text []byte, dir string) (*Config, error) {
	base, err := newFolder(dir)
	if err != nil {
		return nil, err
	}
	w := &webConf{folder: base}
	w.read(name, text)
	c := Default()
	c.DefaultMedia = "text/plain"
	c.Timeouts.Idle = time.Second
	c.Sites = w.sites()
	c.Media = w.mediaTypes()
	w.timeout(&c.Timeouts.Idle)
	if len(w.hosts.names) == 0 {
		w.errs.add(Pos{File: name, Line: 1, Column: 1}, "there is no host, so there is nothing to serve", `write "host default PATH", where PATH is the folder to serve`)
	}
	if err := w.errs.result(); err != nil {
		return nil, err
	}
	return &c, nil
}

// word is a word of a line and where it stands.
type word struct {
	text string
	pos  Pos
}

// words splits a line on white space.
func words(line string, at Pos) []word {
	var all []word
	for rest := line; ; {
		rest = strings.TrimLeftFunc(rest, unicode.IsSpace)
		if rest == "" {
			return all
		}
		at.Column = len(line) - len(rest) + 1
		end := strings.IndexFunc(rest, unicode.IsSpace)
		if end < 0 {
			end = len(rest)
		}
		all = append(all, word{rest[:end], at})
		rest = rest[end:]
	}
}

// settings are the lines of one kind: what they name, in order of appearance, and the last value of each.
type settings struct {
	names []word
	last  map[string]word
}

func (s *settings) set(key string, name, value word) {
	if s.last == nil {
		s.last = make(map[string]word)
	}
	if _, known := s.last[key]; !known {
		s.names = append(s.names, word{key, name.pos})
	}
	s.last[key] = value
}

// webConf collects the lines of a file. Only what counts in the end is judged.
type webConf struct {
	folder
	errs                     Errors
	hosts, media, parameters settings
}

func (w *webConf) read(name string, text []byte) {
	text = bytes.TrimPrefix(text, []byte("\ufeff"))
	for i, line := range strings.Split(string(text), "\n") {
		w.line(words(line, Pos{File: name, Line: i + 1}))
	}
}

func (w *webConf) line(words []word) {
	if len(words) < 3 {
		return
	}
	name, value := words[1], words[2]
	switch words[0].text {
	case "host":
		w.hosts.set(withoutPort(strings.ToLower(name.text)), name, value)
	case "media":
		w.media.set(strings.ToLower(name.text), name, value)
	case "parameter":
		w.parameters.set(name.text, name, value)
	}
}

// withoutPort removes ":8080" from a host name, and the final dot that a full name may have.
func withoutPort(host string) string {
	if name, port, ok := strings.Cut(host, ":"); ok && strings.Trim(port, "0123456789") == "" {
		host = name
	} else if end := strings.LastIndex(host, "]:"); end >= 0 {
		host = host[:end+1]
	}
	return strings.TrimSuffix(host, ".")
}

func (w *webConf) sites() []Site {
	var all []Site
	for _, name := range w.hosts.names {
		path := w.hosts.last[name.text]
		root, err := w.resolveDir(path.text)
		if err != nil {
			w.errs.fail(path.pos, err)
		}
		s := DefaultSite(root)
		s.Pos = name.pos
		if name.text != "default" {
			host, err := parseHost(name.text)
			if err != nil {
				w.errs.fail(name.pos, err)
			}
			s.Hosts = []string{host}
		}
		all = append(all, s)
	}
	return all
}

func (w *webConf) mediaTypes() map[string]string {
	types := make(map[string]string)
	for _, extension := range w.media.names {
		t := w.media.last[extension.text]
		if strings.IndexFunc(t.text, notPrintable) >= 0 {
			w.errs.add(t.pos, strconv.Quote(t.text)+" is not a media type", `write it as in "text/html"`)
		}
		types[extension.text] = t.text
	}
	return types
}

// timeout stores the idle timeout, if it is given.
func (w *webConf) timeout(into *time.Duration) {
	t, given := w.parameters.last["timeout"]
	if !given {
		return
	}
	const shortest, longest = 0.001, 1e9
	seconds, err := strconv.ParseFloat(t.text, 64)
	inRange := seconds >= shortest && seconds <= longest // and not NaN
	if err != nil || !inRange {
		w.errs.add(t.pos, "the timeout "+strconv.Quote(t.text)+" is not a positive number", "write the seconds that a connection may be idle, such as 1 or 2.5")
		return
	}
	*into = time.Duration(seconds * float64(time.Second))
}
