package route

import (
	"fmt"
	"net/url"
	"strings"
	"unicode"
	"unique"
)

// Pattern is a parsed pattern: the set of requests that a value is registered
// for. The package documentation describes the syntax.
type Pattern struct {
	text     string // as written
	method   string // "" for every method
	host     string // lower-case; "" for every host; may begin with "*."
	segments []segment
}

// String returns the pattern as it was written.
func (p Pattern) String() string { return p.text }

// last returns the final segment. A path holds at least one, since it begins
// with a slash.
func (p *Pattern) last() segment { return p.segments[len(p.segments)-1] }

// kind tells what part of a path a segment of a pattern matches.
type kind uint8

const (
	literal  kind = iota // one segment, equal to the text
	wildcard             // one segment, whatever it is: {name}
	rest                 // a slash and all that follows: {name...}, or a final slash
	end                  // a slash and nothing after it: {$}
)

// segment is one piece of a pattern's path.
type segment struct {
	kind kind
	// text is the decoded octets of a literal, the name of a wildcard or of a
	// rest (empty for a final slash), and empty for an end.
	text string
}

// ParsePattern reads a pattern. Its errors name the column, counted in octets
// from 1, and what to write instead.
func ParsePattern(s string) (Pattern, error) {
	return parsePattern(s, make([]segment, 0, mostSegments(s)))
}

// mostSegments bounds the segments of a pattern.
func mostSegments(s string) int { return strings.Count(s, "/") }

// parsePattern is ParsePattern with a list, still empty, that the segments are put into.
func parsePattern(s string, segments []segment) (Pattern, error) {
	p := parser{text: s, pattern: Pattern{text: s, segments: segments}}
	if err := p.parse(); err != nil {
		return Pattern{}, err
	}
	return p.pattern, nil
}

// parser holds what is known of a pattern while its text is read. Every position
// is an index into text, so that each error can name its column.
type parser struct {
	text    string
	pattern Pattern
}

func (p *parser) errorf(at int, format string, args ...any) error {
	return fmt.Errorf("pattern %q: column %d: %s", p.text, at+1, fmt.Sprintf(format, args...))
}

func (p *parser) parse() error {
	hostAt, err := p.parseMethod()
	if err != nil {
		return err
	}
	n := strings.IndexByte(p.text[hostAt:], '/')
	if n < 0 {
		return p.errorf(len(p.text), "the path is missing: add at least %q", "/")
	}
	pathAt := hostAt + n
	if err := p.parseHost(hostAt, pathAt); err != nil {
		return err
	}
	return p.parsePath(pathAt)
}

// parseMethod reads the method, if there is one, and returns the index of what
// follows it.
func (p *parser) parseMethod() (int, error) {
	blank := strings.IndexByte(p.text, ' ')
	if tab := strings.IndexByte(p.text, '\t'); tab >= 0 && (blank < 0 || tab < blank) {
		blank = tab
	}
	if blank < 0 {
		return 0, nil
	}
	if blank == 0 {
		return 0, p.errorf(0, "begins with white space: remove it")
	}
	method := p.text[:blank]
	if strings.Contains(method, "/") {
		return 0, p.errorf(blank, "white space in a path without a method: write it as %%20")
	}
	for i := range len(method) {
		if c := method[i]; !isMethodByte(c) {
			return 0, p.errorf(i, "%q cannot be part of a method: write an upper-case token such as GET", c)
		}
	}
	// One copy of each method for all patterns stays in the processor's cache.
	p.pattern.method = unique.Make(method).Value()
	remainder := strings.TrimLeft(p.text[blank:], " \t")
	return len(p.text) - len(remainder), nil
}

// isMethodByte reports whether c is a tchar (RFC 9110, section 5.6.2) other than
// a lower-case letter: methods are case-sensitive, and all registered ones are
// written in upper case.
func isMethodByte(c byte) bool {
	return 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.IndexByte("!#$%&'*+-.^_`|~", c) >= 0
}

// parsePath reads the segments from the index at, where there is a slash.
func (p *parser) parsePath(at int) error {
	for at < len(p.text) {
		at++
		if at == len(p.text) {
			p.append(segment{kind: rest})
			break
		}
		stop := len(p.text)
		if n := strings.IndexByte(p.text[at:], '/'); n >= 0 {
			stop = at + n
		}
		if err := p.parseSegment(at, stop); err != nil {
			return err
		}
		at = stop
	}
	return nil
}

func (p *parser) append(s segment) {
	p.pattern.segments = append(p.pattern.segments, s)
}

// parseSegment reads the segment text[at:stop].
func (p *parser) parseSegment(at, stop int) error {
	text := p.text[at:stop]
	brace := strings.IndexByte(text, '{')
	if brace < 0 {
		return p.parseLiteral(at, text)
	}
	if brace > 0 {
		return p.errorf(at+brace, "a wildcard must be a whole segment: put a slash before %q, or write %%7B for the brace itself", "{")
	}
	if text[len(text)-1] != '}' {
		return p.errorf(stop, "a wildcard must be a whole segment: end it with %q", "}")
	}
	name := text[1 : len(text)-1]
	if name == "$" {
		if stop < len(p.text) {
			return p.errorf(stop, "nothing can follow {$}: remove it, or what follows")
		}
		p.append(segment{kind: end})
		return nil
	}
	k := wildcard
	if n, ok := strings.CutSuffix(name, "..."); ok {
		if stop < len(p.text) {
			return p.errorf(stop, "nothing can follow %s: remove the dots, or what follows", text)
		}
		k, name = rest, n
	}
	if !isIdentifier(name) {
		return p.errorf(at+1, "a wildcard's name must be a Go identifier, and %q is none: write something like {id}", name)
	}
	for _, s := range p.pattern.segments {
		if s.kind == wildcard && s.text == name {
			return p.errorf(at+1, "the name %q is used twice: rename one of the two", name)
		}
	}
	p.append(segment{kind: k, text: name})
	return nil
}

// parseLiteral reads a segment without wildcards. Paths are looked up decoded
// and clean, so a literal that no such path can hold is a mistake.
func (p *parser) parseLiteral(at int, text string) error {
	decoded, err := url.PathUnescape(text)
	if err != nil {
		decoded = text // a lone percent sign stands for itself, as in ServeMux
	}
	switch {
	case decoded == "":
		return p.errorf(at, "an empty segment never matches: remove one of the slashes")
	case decoded == "." || decoded == "..":
		return p.errorf(at, "the segment %q never matches, as paths are cleaned first: remove it", text)
	case strings.Contains(decoded, "/"):
		return p.errorf(at, "an encoded slash never matches, as paths are decoded first: write %q", "/")
	}
	p.append(segment{kind: literal, text: decoded})
	return nil
}

func isIdentifier(s string) bool {
	for i, r := range s {
		if !unicode.IsLetter(r) && r != '_' && (i == 0 || !unicode.IsDigit(r)) {
			return false
		}
	}
	return s != ""
}
