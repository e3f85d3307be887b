package config

import (
	"errors"
	"strings"

	"github.com/pelletier/go-toml/v2"
	"github.com/pelletier/go-toml/v2/unstable"
)

// The TOML library decodes into Go values and forgets where they stood. So a text is read as a sequence of expressions, from which a
// document of our own is built that remembers the place of every key and value. What is wrong with a text only the library's decoder
// finds and says: it reads it again where the first reading has met anything but what is plainly right.

// value is a TOML value and where it stands.
type value struct {
	key    string // the key it was given to, for messages
	pos    Pos
	kind   unstable.Kind
	text   string  // of a string what it stands for, of other scalars what is written
	secret bool    // a string that is written as "file:PATH"
	items  []value // of an array, and of an array of tables
	table  *table  // of a table, however it was written
}

// table is a TOML table: its entries, in the order in which the file names them.
type table struct {
	entries []*entry
	inline  bool // it is written as a value, in braces, and complete with that
	dotted  bool // it is there because of the dots of a key, which others may go on with
}

// entry is a key of a table, where it stands, and its value.
type entry struct {
	key   string
	pos   Pos
	value value
}

// find returns the entry of a key, or nil.
func (t *table) find(key string) *entry {
	for _, e := range t.entries {
		if e.key == key {
			return e
		}
	}
	return nil
}

// open returns the table that a header can go on in: the value, or of an array of tables the last one; nil if there is none.
func (v *value) open() *table {
	t := v.table
	if n := len(v.items); n > 0 {
		t = v.items[n-1].table
	}
	if t == nil || t.inline {
		return nil
	}
	return t
}

// document reads a TOML text; the error is the first fault of its syntax.
func document(name string, text []byte) (*table, *Error) {
	r := newReader(name, text)
	if root := r.read(); !r.doubtful {
		return root, nil
	}
	var discard map[string]any
	if err := toml.Unmarshal(text, &discard); err != nil {
		at := Pos{File: name, Line: 1, Column: 1}
		var syntax *toml.DecodeError
		if errors.As(err, &syntax) {
			at.Line, at.Column = syntax.Position()
		}
		return nil, &Error{Pos: at, Problem: strings.TrimPrefix(err.Error(), "toml: ")}
	}
	return r.root, nil
}
