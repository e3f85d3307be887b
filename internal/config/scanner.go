package config

import (
	"strings"
	"unicode/utf8"
)

// scanner reads a text that is known to be TOML, in pieces that are as they are written. It relies on that and checks nothing.
type scanner struct {
	text   string
	offset int // of what comes next
}

func (s *scanner) end() bool { return s.offset >= len(s.text) }

// at reports whether the text goes on with word.
func (s *scanner) at(word string) bool { return strings.HasPrefix(s.text[s.offset:], word) }

// skip takes word, if the text goes on with it.
func (s *scanner) skip(word string) bool {
	if !s.at(word) {
		return false
	}
	s.offset += len(word)
	return true
}

// space takes white space, but no end of a line.
func (s *scanner) space() {
	for !s.end() && (s.text[s.offset] == ' ' || s.text[s.offset] == '\t') {
		s.offset++
	}
}

// newline takes the end of a line.
func (s *scanner) newline() bool { return s.skip("\n") || s.skip("\r\n") }

// column returns how many characters stand before what comes next in its line.
func (s *scanner) column() int {
	return utf8.RuneCountInString(s.text[strings.LastIndexByte(s.text[:s.offset], '\n')+1 : s.offset])
}

// take returns the next n bytes.
func (s *scanner) take(n int) string {
	s.offset += n
	return s.text[s.offset-n : s.offset]
}

// comment takes a comment up to the end of the line.
func (s *scanner) comment() string {
	line, _, _ := strings.Cut(s.text[s.offset:], "\n")
	s.offset += len(strings.TrimSuffix(line, "\r"))
	return strings.TrimRight(line, " \t\r")
}

// key takes a key, and returns it without the white space around its dots.
func (s *scanner) key() string {
	var b strings.Builder
	for {
		s.space()
		if s.at(`"`) || s.at(`'`) {
			b.WriteString(s.quoted())
		} else {
			b.WriteString(s.take(len(s.rest()) - len(strings.TrimLeftFunc(s.rest(), isBareKey))))
		}
		after := *s
		after.space()
		if !after.skip(".") {
			return b.String()
		}
		*s = after
		b.WriteByte('.')
	}
}

func (s *scanner) rest() string { return s.text[s.offset:] }

func isBareKey(r rune) bool { return !strings.ContainsRune(" \t\r\n.=]\"'#", r) }

// scalar takes a value that is neither an array nor a table.
func (s *scanner) scalar() string {
	if s.at(`"`) || s.at(`'`) {
		return s.quoted()
	}
	word := s.word()
	// A date and a time may have a space between them (RFC 3339, section 5.6).
	if after := *s; len(word) == len("1979-05-27") && strings.Count(word, "-") == 2 && after.skip(" ") {
		if next := after.word(); len(next) > 2 && next[2] == ':' {
			*s = after
			return word + " " + next
		}
	}
	return word
}

// word takes what is not quoted.
func (s *scanner) word() string {
	n := strings.IndexAny(s.rest(), " \t\r\n,]}#")
	if n < 0 {
		n = len(s.rest())
	}
	return s.take(n)
}

// quoted takes a string of any kind, with its quotes.
func (s *scanner) quoted() string {
	quote := s.text[s.offset : s.offset+1]
	escapes := quote == `"`
	begin := s.offset
	if s.skip(strings.Repeat(quote, 3)) {
		s.upTo(strings.Repeat(quote, 3), escapes)
		// One or two more quotes belong to the string.
		for s.skip(quote) {
		}
	} else {
		s.skip(quote)
		s.upTo(quote, escapes)
	}
	return s.text[begin:s.offset]
}

// upTo takes everything up to the closing quotes, with them.
func (s *scanner) upTo(closing string, escapes bool) {
	for !s.skip(closing) {
		if escapes && s.at(`\`) {
			s.offset++
		}
		s.offset++
	}
}

// breaks reports whether a list, whose opening bracket was taken, has the end of a line between its brackets and outside of its items.
func (s scanner) breaks() bool {
	for depth := 0; ; {
		switch s.space(); {
		case s.at("\n") || s.at("\r\n") || s.at("#"):
			if depth == 0 {
				return true
			}
			s.comment()
			s.newline()
		case s.skip("[") || s.skip("{"):
			depth++
		case s.skip("]") || s.skip("}"):
			if depth--; depth < 0 {
				return false
			}
		case s.at(`"`) || s.at(`'`):
			s.quoted()
		default:
			s.offset++
		}
	}
}
