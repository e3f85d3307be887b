package config

import (
	"fmt"
	"strconv"
	"time"

	"github.com/pelletier/go-toml/v2/unstable"
)

// field is a key that a table may have. set takes the value.
type field struct {
	key string
	set func(value)
}

// decoder carries what is known while a document is turned into a Config: where relative paths start, what is
// wrong so far, and what is judged at the end, when all files were read.
type decoder struct {
	folder            // of the file that is being decoded
	main       folder // of the file that includes the others
	errs       Errors
	variables  map[string]string // of the environment
	unexpanded map[Pos]bool      // strings that need a variable which is not set
	includes   []value           // the patterns
	files      []string          // that were included
	secrets    []string          // files that stand for a value
	listens                      // what the sites say about where they answer
	pools                        // what the sites' routes lead to
	routeForm
}

func newDecoder(main folder, environ []string) *decoder {
	return &decoder{folder: main, main: main, variables: variables(environ), unexpanded: make(map[Pos]bool)}
}

// mismatch records that a value is of a type that its key does not take.
func (d *decoder) mismatch(v value, want string) {
	d.errs.add(v.pos, v.key+" is "+describe(v), "write "+want)
}

// describe names the type of a value, with its article.
func describe(v value) string {
	switch v.kind {
	case unstable.Table:
		return "a table"
	case unstable.Array:
		return "an array"
	case unstable.String:
		return "the string " + strconv.Quote(v.text)
	case unstable.Bool, unstable.Integer, unstable.Float:
		return v.text
	}
	return "a date or a time"
}

// fields hands each entry of the table v to the field of that key.
func (d *decoder) fields(v value, place string, known ...field) {
	if v.table == nil {
		d.mismatch(v, "a table, "+place)
		return
	}
	for _, e := range v.table.entries {
		d.entry(e, place, known)
	}
}

func (d *decoder) entry(e *entry, place string, known []field) {
	for i := range known {
		if known[i].key != e.key {
			continue
		}
		known[i].set(e.value)
		return
	}
	var names []string
	for _, f := range known {
		names = append(names, f.key)
	}
	d.errs.add(e.pos, fmt.Sprintf("unknown key %q in %s", e.key, place), didYouMean(e.key, names))
}

// table returns the setter of a key whose value is a table of known fields.
func (d *decoder) table(place string, known ...field) func(value) {
	return func(v value) { d.fields(v, place, known...) }
}

// bool returns a setter that stores true or false.
func (d *decoder) bool(into *bool) func(value) {
	return func(v value) {
		if v.kind != unstable.Bool {
			d.mismatch(v, "true or false, without quotes")
			return
		}
		*into = v.text == "true"
	}
}

// text returns a setter that stores what parse makes of a string.
func text[T any](d *decoder, want string, into *T, parse func(string) (T, error)) func(value) {
	return func(v value) {
		if v.kind != unstable.String {
			d.mismatch(v, want)
			return
		}
		parsed, err := parse(v.text)
		if err != nil {
			d.errs.fail(v.pos, err)
			return
		}
		*into = parsed
	}
}

// list returns a setter that hands each string of an array, or a lone string, to add.
func (d *decoder) list(want string, add func(value)) func(value) {
	return func(v value) {
		items := v.items
		if v.kind == unstable.String {
			items = []value{v}
		} else if v.kind != unstable.Array {
			d.mismatch(v, want)
		}
		for _, item := range items {
			if item.kind != unstable.String {
				d.errs.add(item.pos, "an item of "+v.key+" is "+describe(item), "write "+want)
				continue
			}
			add(item)
		}
	}
}

// timeout returns a setter that stores a deadline.
func (d *decoder) timeout(into *time.Duration) func(value) {
	return func(v value) {
		if v.kind == unstable.Integer {
			d.mismatch(v, fmt.Sprintf("it with a unit, in quotes: %q for seconds", v.text+"s"))
			return
		}
		text(d, `a duration in quotes, such as "10s", or "off"`, into, func(s string) (time.Duration, error) {
			t, err := ParseDuration(s)
			if err == nil && t == 0 {
				err = fault(`write "off" to have no deadline`, "a deadline of %s leaves no time at all", s)
			}
			return t, err
		})(v)
	}
}

// maxAge returns a setter that stores how long responses may be cached.
func (d *decoder) maxAge(into **time.Duration) func(value) {
	return func(v value) {
		var age time.Duration
		var err error
		switch v.kind {
		case unstable.Integer:
			age, err = maxAge(integer(v))
		case unstable.String:
			age, err = parseMaxAge(v.text)
		default:
			d.mismatch(v, `seconds, a duration in quotes such as "1h", or "off"`)
			return
		}
		if err != nil {
			d.errs.fail(v.pos, err)
		} else if age >= 0 {
			*into = &age
		}
	}
}

// most is the largest value of the limits that are kept as int, on every platform.
const most = 1 << 30

// size returns a setter that stores a number of bytes.
func (d *decoder) size(into *int64) func(value) {
	return func(v value) {
		n, ok := d.number(v, ParseSize)
		switch {
		case !ok:
		case n == 0:
			d.errs.add(v.pos, v.key+" is 0", `write a positive size, or "off" to have no limit`)
		case n < 0 && n != Off:
			d.errs.add(v.pos, v.key+" is negative", `write a positive size, or "off" to have no limit`)
		default:
			*into = n
		}
	}
}

// bound returns a setter that stores a limit that cannot be switched off.
func (d *decoder) bound(into *int, parse func(string) (int64, error)) func(value) {
	return func(v value) {
		n, ok := d.number(v, parse)
		switch {
		case !ok:
		case n < 1 || n > most:
			d.errs.add(v.pos, fmt.Sprintf("%s is out of bounds", v.key), fmt.Sprintf("write a value from 1 to %d; this limit cannot be switched off", most))
		default:
			*into = int(n)
		}
	}
}

// number reads an integer, or a string that parse makes one of. A negative integer is never Off:
// that is written as a word.
func (d *decoder) number(v value, parse func(string) (int64, error)) (int64, bool) {
	var n int64
	var err error
	switch v.kind {
	case unstable.Integer:
		if n = integer(v); n == Off {
			n--
		}
	case unstable.String:
		n, err = parse(v.text)
	default:
		d.mismatch(v, `a whole number, or one with a unit in quotes, such as "64KiB"`)
		return 0, false
	}
	if err != nil {
		d.errs.fail(v.pos, err)
	}
	return n, err == nil
}

// integer returns the value of a TOML integer, whose forms are those of Go. That it fits into 64 bits
// was seen when the document was read.
func integer(v value) int64 {
	n, _ := strconv.ParseInt(v.text, 0, 64)
	return n
}
