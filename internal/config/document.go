package config

import (
	"bytes"
	"errors"
	"sort"
	"strings"

	"github.com/pelletier/go-toml/v2"
	"github.com/pelletier/go-toml/v2/unstable"
)

// The TOML library decodes into Go values and forgets where they stood. So a text is read twice: once by its
// decoder, which finds every fault of syntax and every key or table given twice, and then as a
// sequence of expressions, from which a document of our own is built that remembers the place of
// every key and value. The second reading relies on the first and checks nothing.

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

// put adds an entry whose value is v; the value takes the name of the key.
func (t *table) put(key string, pos Pos, v value) *entry {
	v.key = key
	e := &entry{key: key, pos: pos, value: v}
	if t.entries == nil {
		t.entries = make([]*entry, 0, 4) // as many as most routes have
	}
	t.entries = append(t.entries, e)
	return e
}

// descend returns the table at a key, which is made if it is not there. Of an array of tables it is
// the last one, as TOML has it.
//
// Of a text with faults, which has given the key to something else, it is one that nobody sees.
func (t *table) descend(key string, pos Pos) *table {
	e := t.find(key)
	if e == nil {
		e = t.put(key, pos, value{pos: pos, kind: unstable.Table, table: new(table)})
	}
	v := &e.value
	if n := len(v.items); n > 0 {
		v = &v.items[n-1]
	}
	if v.table == nil {
		return new(table)
	}
	return v.table
}

// document reads a TOML text; the error is the first fault of its syntax.
func document(name string, text []byte) (*table, *Error) {
	r := &reader{name: name, text: text}
	r.indexLines()
	read := make(chan *table, 1)
	go func() { read <- r.read() }() // both take their time with a large text; what comes of one with faults is dropped
	var discard map[string]any
	err := toml.Unmarshal(text, &discard)
	root := <-read
	if err != nil {
		at := Pos{File: name, Line: 1, Column: 1}
		var syntax *toml.DecodeError
		if errors.As(err, &syntax) {
			at.Line, at.Column = syntax.Position()
		}
		return nil, &Error{Pos: at, Problem: strings.TrimPrefix(err.Error(), "toml: ")}
	}
	return root, nil
}

// reader builds the document.
type reader struct {
	name  string
	text  []byte
	lines []int // the offset at which each line begins
}

func (r *reader) indexLines() {
	r.lines = append(make([]int, 0, bytes.Count(r.text, []byte{'\n'})+1), 0)
	for i, c := range r.text {
		if c == '\n' {
			r.lines = append(r.lines, i+1)
		}
	}
}

// pos turns an offset into a position.
func (r *reader) pos(offset int) Pos {
	line := sort.SearchInts(r.lines, offset+1)
	return Pos{File: r.name, Line: line, Column: offset - r.lines[line-1] + 1}
}

func (r *reader) read() *table {
	root := new(table)
	into := root
	var p unstable.Parser
	p.Reset(r.text)
	for p.NextExpression() {
		switch e := p.Expression(); e.Kind {
		case unstable.Table:
			into = root
			for it := e.Key(); it.Next(); {
				key := it.Node()
				into = into.descend(string(key.Data), r.pos(int(key.Raw.Offset)))
			}
		case unstable.ArrayTable:
			into = r.arrayTable(root, e)
		default:
			r.keyValue(into, e)
		}
	}
	return root
}

// arrayTable adds an element to an array of tables and returns it.
func (r *reader) arrayTable(into *table, header *unstable.Node) *table {
	for it := header.Key(); it.Next(); {
		name, at := string(it.Node().Data), r.pos(int(it.Node().Raw.Offset))
		if !it.IsLast() {
			into = into.descend(name, at)
			continue
		}
		e := into.find(name)
		if e == nil {
			e = into.put(name, at, value{pos: at, kind: unstable.Array})
		}
		into = new(table)
		e.value.items = append(e.value.items, value{key: name, pos: at, kind: unstable.Table, table: into})
	}
	return into
}

// keyValue adds what "key = value" says to a table.
func (r *reader) keyValue(into *table, kv *unstable.Node) {
	for it := kv.Key(); it.Next(); {
		key := it.Node()
		name, start := string(key.Data), int(key.Raw.Offset)
		if it.IsLast() {
			into.put(name, r.pos(start), r.value(name, kv.Value(), r.valueOffset(start+int(key.Raw.Length))))
			return
		}
		into = into.descend(name, r.pos(start))
	}
}

// valueOffset returns where the value after a key begins, given where the key ends. Only white
// space and the equals sign can lie between the two.
func (r *reader) valueOffset(offset int) int {
	for strings.IndexByte(" \t=", r.text[offset]) >= 0 {
		offset++
	}
	return offset
}

// value converts a value that begins at offset.
func (r *reader) value(key string, n *unstable.Node, offset int) value {
	v := value{key: key, pos: r.pos(offset), kind: n.Kind, text: string(n.Data)}
	switch n.Kind {
	case unstable.InlineTable:
		v.kind, v.table = unstable.Table, new(table)
		for it := n.Children(); it.Next(); {
			r.keyValue(v.table, it.Node())
		}
	case unstable.Array:
		for it := n.Children(); it.Next(); {
			at := offset // the library does not tell where an array in an array begins
			if it.Node().Raw.Length > 0 {
				at = int(it.Node().Raw.Offset)
			}
			v.items = append(v.items, r.value(key, it.Node(), at))
		}
	}
	return v
}
