package rewrite

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// template is text with places for the groups of a regular expression.
type template []part

// part is text, and a group behind it.
type part struct {
	text  string
	group int // less than 0 is none
}

// form is how groups are put into a text.
type form uint8

const (
	asItIs  form = iota
	encoded      // for a query: nothing but unreserved characters (RFC 3986, section 2.3) stands for itself
)

// target is what a Rule's To says.
type target struct {
	origin string // scheme and authority, for redirects to elsewhere
	path   template
	query  template
	asks   bool // it has a query of its own, be it empty
}

// parseTo reads a Rule's To. It is divided before any group stands in it: so a "?" in what a group has matched stays in the path, and no
// group gets into the origin.
func parseTo(to string, match *regexp.Regexp) (t target, err error) {
	rest := to
	if at := absolute.FindStringIndex(to); at != nil {
		t.origin, rest = to[:at[1]], to[at[1]:]
		if rest == "" || rest[0] == '?' {
			rest = "/" + rest
		}
	}
	path, query, asks := strings.Cut(rest, "?")
	switch {
	case !strings.HasPrefix(path, "/") && !strings.HasPrefix(path, "$"):
		err = errors.New(`it must begin with "/", or with "https://" and a host`)
	case strings.HasPrefix(path, "//"):
		err = errors.New("a path begins with one slash")
	case strings.Contains(to, "#"):
		err = errors.New("a fragment never reaches a server")
	case escaped.MatchString(path):
		err = errors.New("the path is to be written plainly, not percent-encoded")
	case hasControl(path):
		err = errors.New("it has a control character")
	case strings.ContainsFunc(query, func(c rune) bool { return c <= ' ' || c > '~' }):
		err = errors.New("the query is to be percent-encoded")
	}
	if err != nil {
		return t, err
	}
	t.asks = asks
	if t.path, err = parseTemplate(path, match); err == nil {
		t.query, err = parseTemplate(query, match)
	}
	return t, err
}

// absolute finds the scheme and the authority of a URI, which has no user information.
var absolute = regexp.MustCompile(`^https?://(?:[A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]+)?`)

// escaped finds what would be encoded a second time.
var escaped = regexp.MustCompile(`%[0-9A-Fa-f]{2}`)

func parseTemplate(s string, match *regexp.Regexp) (t template, err error) {
	text := ""
	for {
		before, rest, found := strings.Cut(s, "$")
		text += before
		if !found {
			break
		}
		if after, ok := strings.CutPrefix(rest, "$"); ok {
			text += "$"
			s = after
			continue
		}
		group := 0
		if group, s, err = cutGroup(rest, match); err != nil {
			return nil, err
		}
		t = append(t, part{text, group})
		text = ""
	}
	if text != "" {
		t = append(t, part{text, -1})
	}
	return t, nil
}

// wordCharacters are those of a name without braces, as regexp.Expand has it.
const wordCharacters = "0123456789_abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

// cutGroup reads what follows a dollar sign.
func cutGroup(s string, match *regexp.Regexp) (group int, rest string, err error) {
	name, braced := strings.CutPrefix(s, "{")
	if braced {
		var closed bool
		if name, rest, closed = strings.Cut(name, "}"); !closed {
			return 0, "", errors.New("a ${ without }")
		}
	} else {
		n := len(s) - len(strings.TrimLeft(s, wordCharacters))
		name, rest = s[:n], s[n:]
	}
	switch {
	case name == "":
		return 0, "", errors.New("a $ without a group: $1, ${name}, or $$ for a dollar sign")
	case strings.Trim(name, "0123456789") != "":
		group = match.SubexpIndex(name)
	default:
		if group, err = strconv.Atoi(name); err != nil || group > match.NumSubexp() {
			group = -1
		}
	}
	if group < 0 {
		return 0, "", fmt.Errorf("the expression has no group %s", name)
	}
	return group, rest, nil
}

// expand appends t with the groups that were found in src; one that took no part in the match is empty.
func (t template) expand(dst []byte, src string, groups []int, f form) []byte {
	for _, p := range t {
		dst = append(dst, p.text...)
		if p.group < 0 || groups[2*p.group] < 0 {
			continue
		}
		value := src[groups[2*p.group]:groups[2*p.group+1]]
		if f == encoded {
			dst = appendEncoded(dst, value)
		} else {
			dst = append(dst, value...)
		}
	}
	return dst
}

func appendEncoded(dst []byte, s string) []byte {
	const digits = "0123456789ABCDEF"
	for i := range len(s) {
		switch c := s[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '-', c == '.', c == '_', c == '~':
			dst = append(dst, c)
		default:
			dst = append(dst, '%', digits[c>>4], digits[c&15])
		}
	}
	return dst
}
