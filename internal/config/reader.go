package config

import (
	"strings"

	"github.com/pelletier/go-toml/v2/unstable"
)

// reader builds a document. There may be hundreds of thousands of values, so strings are parts of the text, and what each needs is cut from
// larger pieces.
type reader struct {
	parser   unstable.Parser
	text     string
	root     *table
	doubtful bool   // the text may have a fault
	latest   *entry // array of tables that was begun
	place

	tables  []table // that are not in use yet, as are the following
	entries []entry
	lists   []*entry
}

const (
	pieces    = 128 // that are made at a time
	fewFields = 4   // as many as most routes have
)

func newReader(name string, text []byte) *reader {
	r := &reader{text: string(text), place: place{name: name, line: 1}}
	r.parser.Reset(text)
	r.root = r.table()
	return r
}

// read reads the whole text. Of a doubtful one the document means something only if the text is found to have no fault.
func (r *reader) read() *table {
	into := r.root
	for r.parser.NextExpression() {
		switch e := r.parser.Expression(); e.Kind {
		case unstable.Table, unstable.ArrayTable:
			into = r.header(e)
		default:
			r.keyValue(into, e)
		}
	}
	r.doubtful = r.doubtful || r.parser.Error() != nil
	return r.root
}

// header returns the table that a header begins.
func (r *reader) header(header *unstable.Node) *table {
	into := r.root
	for it := header.Key(); it.Next(); {
		key := it.Node()
		name, at := r.string(key), r.at(key)
		e := into.find(name)
		switch {
		case !it.IsLast():
			into = r.descend(into, e, name, at)
		case header.Kind == unstable.ArrayTable:
			if e == nil {
				e = r.array(into, name, at)
			} else if e.value.kind != unstable.Array || e.value.open() == nil {
				r.doubtful = true
			}
			into = r.table()
			e.value.items = append(e.value.items, value{key: name, pos: at, kind: unstable.Table, table: into})
		default:
			r.doubtful = r.doubtful || e != nil // which is a fault, or else the end of [a.b] and then [a]
			into = r.descend(into, e, name, at)
		}
	}
	return into
}

// array puts an array of tables into a table. As a rule there are as many in it as in the one before.
func (r *reader) array(into *table, name string, at Pos) *entry {
	usual := 0
	if r.latest != nil {
		usual = len(r.latest.value.items)
	}
	r.latest = r.put(into, name, at, value{pos: at, kind: unstable.Array, items: make([]value, 0, usual)})
	return r.latest
}

// descend returns the table at a key of another, of which e is the entry. It is made if there is no entry. Of an array of tables it is the
// last one, as TOML has it; of a text with faults, which has given the key to something else, one that nobody sees.
func (r *reader) descend(into *table, e *entry, name string, at Pos) *table {
	if e == nil {
		e = r.put(into, name, at, value{pos: at, kind: unstable.Table, table: r.table()})
	}
	if t := e.value.open(); t != nil {
		return t
	}
	r.doubtful = true
	return new(table)
}

// keyValue adds what "key = value" says to a table.
func (r *reader) keyValue(into *table, kv *unstable.Node) {
	for it := kv.Key(); it.Next(); {
		key := it.Node()
		name, at := r.string(key), r.at(key)
		e := into.find(name)
		if it.IsLast() {
			r.doubtful = r.doubtful || e != nil
			r.put(into, name, at, r.value(name, kv.Value(), r.pos(r.text, r.valueOffset(int(key.Raw.Offset+key.Raw.Length)))))
			return
		}
		into = r.descend(into, e, name, at)
		if e == nil {
			into.dotted = true
		}
		r.doubtful = r.doubtful || !into.dotted
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

// value converts a value that begins at pos.
func (r *reader) value(key string, n *unstable.Node, pos Pos) value {
	v := value{key: key, pos: pos, kind: n.Kind}
	switch n.Kind {
	case unstable.InlineTable:
		v.kind, v.table = unstable.Table, r.table()
		for it := n.Children(); it.Next(); {
			r.keyValue(v.table, it.Node())
		}
		v.table.inline = true
	case unstable.Array:
		for it := n.Children(); it.Next(); {
			item := it.Node()
			at := pos // the library does not tell where an array in an array begins
			if item.Raw.Length > 0 {
				at = r.at(item)
			}
			v.items = append(v.items, r.value(key, item, at))
		}
	default:
		v.text = r.string(n)
		r.doubtful = r.doubtful || !isPlain(n.Kind, v.text)
	}
	return v
}

// isPlain reports whether a scalar that the parser takes stands for something in any case. A number may be too large, and a date be none.
func isPlain(kind unstable.Kind, text string) bool {
	const always = 18 // digits that fit into 64 bits
	return kind == unstable.String || kind == unstable.Bool || kind == unstable.Integer && len(text) <= always && strings.Trim(text, "0123456789") == ""
}

// string returns the text of a key or a scalar: a part of the whole text, unless it is written in another way than it reads.
func (r *reader) string(n *unstable.Node) string {
	for from := int(n.Raw.Offset); from <= int(n.Raw.Offset)+1; from++ { // there may be a quote before it
		if to := from + len(n.Data); to <= len(r.text) && r.text[from:to] == string(n.Data) {
			return r.text[from:to]
		}
	}
	return string(n.Data)
}

// at returns the place of a key or a value that the parser knows it of.
func (r *reader) at(n *unstable.Node) Pos { return r.pos(r.text, int(n.Raw.Offset)) }

// put adds an entry whose value is v to a table; the value takes the name of the key.
func (r *reader) put(t *table, key string, pos Pos, v value) *entry {
	if len(r.entries) == 0 {
		r.entries = make([]entry, pieces)
	}
	v.key = key
	e := &r.entries[0]
	r.entries = r.entries[1:]
	*e = entry{key: key, pos: pos, value: v}
	if t.entries == nil {
		if len(r.lists) < fewFields {
			r.lists = make([]*entry, pieces*fewFields)
		}
		t.entries, r.lists = r.lists[:0:fewFields], r.lists[fewFields:]
	}
	t.entries = append(t.entries, e)
	return e
}

func (r *reader) table() *table {
	if len(r.tables) == 0 {
		r.tables = make([]table, pieces)
	}
	t := &r.tables[0]
	r.tables = r.tables[1:]
	return t
}

// place is where a reader is. What it asks for lies behind what it has asked for before.
type place struct {
	name  string
	line  int
	begin int // of the line
	seen  int // up to here no other line begins
}

// pos turns an offset of a text into a position.
func (p *place) pos(text string, offset int) Pos {
	for p.seen < offset {
		n := strings.IndexByte(text[p.seen:offset], '\n')
		if n < 0 {
			p.seen = offset
			break
		}
		p.line++
		p.seen += n + 1
		p.begin = p.seen
	}
	return Pos{File: p.name, Line: p.line, Column: offset - p.begin + 1}
}
