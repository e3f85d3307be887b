package config

import (
	"bytes"
	"strings"
	"unicode/utf8"
)

// Format returns a TOML text in the one form that "highball fmt" writes:
//
//   - one blank line before each table, and before the comments that stand right above it; elsewhere at most one;
//   - the tables of a table, and what stands below their headers, are moved two columns to the right of it;
//   - "key = value", "[1, 2]" and "{ a = 1, b = 2 }"; an array of several lines has an item in each, and a comma behind it;
//   - comments stay where they are, those behind something in their column if there is room;
//   - each line ends in "\n", without white space before it.
//
// What the text means does not change, and neither do the strings and numbers as they are written. The error is of type [Errors], with
// the first fault of syntax; its position has no file.
func Format(text []byte) ([]byte, error) {
	text = withoutMark(text)
	if _, syntax := document("", text); syntax != nil {
		return nil, Errors{syntax}
	}
	f := &formatter{scanner: scanner{text: string(text)}}
	f.file()
	return []byte(f.out.String()), nil
}

// formatter writes what its scanner reads, an expression at a time.
type formatter struct {
	scanner
	out      strings.Builder
	line     bytes.Buffer // the line that is being written
	indent   int          // columns, of the current table
	headers  []string     // the tables that had a header of their own
	comments []string     // lines that may belong to what follows
	gap      bool         // blank lines came before them
	loose    bool         // a blank line came after them
	begun    bool         // something was written
	opened   bool         // a header was the last thing
}

// file writes the whole text.
func (f *formatter) file() {
	for !f.end() {
		switch f.space(); {
		case f.end():
		case f.newline():
			f.blank()
		case f.at("#"):
			if f.loose {
				f.part()
			}
			f.comments = append(f.comments, f.comment())
			f.newline()
		case f.at("["):
			f.header()
		default:
			f.flush(f.indent)
			f.pad(f.indent)
			f.line.WriteString(f.key() + " = ")
			f.space()
			f.skip("=")
			f.space()
			f.value(f.indent)
			f.finish()
		}
	}
	f.loose = false
	f.gap = f.gap && len(f.comments) > 0
	f.flush(f.indent)
}

// blank takes note of a blank line.
func (f *formatter) blank() {
	if len(f.comments) > 0 {
		f.loose = true
	} else {
		f.gap = true
	}
}

// flush writes the comments that were kept back, and the blank lines before and after them.
func (f *formatter) flush(indent int) {
	if f.gap && f.begun && !f.opened {
		f.out.WriteByte('\n')
	}
	for _, c := range f.comments {
		f.out.WriteString(strings.Repeat(" ", indent) + c + "\n")
		f.begun, f.opened = true, false
	}
	if f.loose {
		f.out.WriteByte('\n')
	}
	f.comments, f.gap, f.loose = nil, false, false
}

// part writes the comments that were kept back, which do not belong to what comes after the blank line behind them.
func (f *formatter) part() {
	f.loose = false
	f.flush(f.indent)
	f.gap = true
}

// header writes the header of a table, with the comments right above it.
func (f *formatter) header() {
	open, closed := "[", "]"
	if f.at("[[") {
		open, closed = "[[", "]]"
	}
	if f.loose {
		f.part()
	}
	f.skip(open)
	f.space()
	key := f.key()
	f.space()
	f.skip(closed)
	f.indent = 0
	for _, above := range f.headers {
		if strings.HasPrefix(key, above+".") {
			f.indent += 2
		}
	}
	f.remember(key)
	f.gap, f.opened = true, false
	f.flush(f.indent)
	f.pad(f.indent)
	f.line.WriteString(open + key + closed)
	f.finish()
	f.opened = true
}

// remember keeps the name of a table for those below it, once.
func (f *formatter) remember(key string) {
	for _, known := range f.headers {
		if known == key {
			return
		}
	}
	f.headers = append(f.headers, key)
}

func (f *formatter) pad(columns int) { f.line.WriteString(strings.Repeat(" ", columns)) }

// finish ends an expression, with the comment behind it.
func (f *formatter) finish() {
	f.trailing()
	f.newline()
	f.out.Write(f.line.Bytes())
	f.line.Reset()
	f.begun, f.opened = true, false
}

// trailing ends a line of an expression. A comment behind it stays in its column, where there is room.
func (f *formatter) trailing() {
	f.space()
	if f.at("#") {
		f.pad(max(1, f.column()-f.width()))
		f.line.WriteString(f.comment())
	}
	f.line.WriteByte('\n')
}

// width returns the columns of the last line that was written.
func (f *formatter) width() int {
	written := f.line.Bytes()
	return utf8.RuneCount(written[bytes.LastIndexByte(written, '\n')+1:])
}

// value writes a value that begins in a line which is indented by so many columns.
func (f *formatter) value(indent int) {
	switch {
	case f.at("["):
		f.list(indent, "[", "]", func(indent int) { f.value(indent) })
	case f.at("{"):
		f.list(indent, "{", "}", func(indent int) {
			f.line.WriteString(f.key() + " = ")
			f.space()
			f.skip("=")
			f.space()
			f.value(indent)
		})
	default:
		f.line.WriteString(f.scalar())
	}
}

// list writes an array or an inline table, whose items are written by item: in one line, if it is in one, or else an item in each.
func (f *formatter) list(indent int, open, closed string, item func(indent int)) {
	f.skip(open)
	if f.empty(closed) || !f.breaks() {
		f.oneLine(indent, open, closed, item)
		return
	}
	f.line.WriteString(open)
	f.trailing()
	for {
		f.inside(indent + 2)
		if f.at(closed) {
			break
		}
		f.pad(indent + 2)
		item(indent + 2)
		f.line.WriteByte(',')
		f.lateComma()
		f.trailing()
		f.newline()
	}
	f.skip(closed)
	f.pad(indent)
	f.line.WriteString(closed)
}

// empty takes the lines of a list in which there is nothing, and leaves its closing bracket.
func (f *formatter) empty(closed string) bool {
	at := f.scanner
	for f.space(); f.newline(); f.space() {
	}
	if f.at(closed) {
		return true
	}
	f.scanner = at
	return false
}

// oneLine writes what follows the opening bracket of a list in which no item stands in a line of its own.
func (f *formatter) oneLine(indent int, open, closed string, item func(indent int)) {
	margin := ""
	if open == "{" {
		margin = " "
	}
	f.line.WriteString(open)
	for first := true; ; first = false {
		f.space()
		if f.at(closed) {
			if !first {
				f.line.WriteString(margin)
			}
			break
		}
		if first {
			f.line.WriteString(margin)
		} else {
			f.line.WriteString(", ")
		}
		item(indent)
		f.space()
		f.skip(",")
	}
	f.skip(closed)
	f.line.WriteString(closed)
}

// inside writes the comments that stand before an item of a list, each in a line of its own.
func (f *formatter) inside(indent int) {
	for {
		switch f.space(); {
		case f.newline():
		case f.at("#"):
			f.pad(indent)
			f.line.WriteString(f.comment() + "\n")
		default:
			return
		}
	}
}

// lateComma takes the comma behind an item, also where comments come before it, which then stay behind the comma.
func (f *formatter) lateComma() {
	if f.space(); f.skip(",") {
		return
	}
	at := f.scanner
	for {
		switch f.space(); {
		case f.newline():
		case f.at("#"):
			f.comment()
		case f.at(","):
			// Only the comma is taken out: what was before it is read again.
			f.text = at.text[:f.offset] + " " + at.text[f.offset+1:]
			f.offset = at.offset
			return
		default:
			f.scanner = at
			return
		}
	}
}
