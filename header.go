package highball

import (
	"iter"
	"strings"
)

// Field is one header or trailer field line.
type Field struct {
	Name, Value string
}

// Header is an ordered list of fields, as they stand on the wire. Names are compared without regard to case
// (RFC 9110, section 5.1) and sent as they were given. The zero value is an empty header, ready to use.
//
// A Header belongs to its Request or Response and must not be used after the handler has returned.
// It is not safe for use by several goroutines at once.
type Header struct {
	fields  []Field
	changed bool // since it was made from a request's head
}

// Value returns the value of the first field with the given name, or "".
func (h *Header) Value(name string) string {
	for i := range h.fields {
		if sameName(h.fields[i].Name, name) {
			return h.fields[i].Value
		}
	}
	return ""
}

// Has reports whether a field with the given name is present, be its value empty or not.
func (h *Header) Has(name string) bool {
	for i := range h.fields {
		if sameName(h.fields[i].Name, name) {
			return true
		}
	}
	return false
}

// Values yields the values of all fields with the given name, in order.
func (h *Header) Values(name string) iter.Seq[string] {
	return func(yield func(string) bool) {
		for i := range h.fields {
			if sameName(h.fields[i].Name, name) && !yield(h.fields[i].Value) {
				return
			}
		}
	}
}

// Joined returns the values of all fields with the given name joined by ", ", the form in which RFC 9110,
// section 5.2 lets a recipient combine them; ok tells whether there was one.
func (h *Header) Joined(name string) (value string, ok bool) {
	for v := range h.Values(name) {
		if ok {
			value += ", " + v
		} else {
			value, ok = v, true
		}
	}
	return value, ok
}

// All yields every field in order.
func (h *Header) All() iter.Seq2[string, string] {
	return func(yield func(string, string) bool) {
		for i := range h.fields {
			if !yield(h.fields[i].Name, h.fields[i].Value) {
				return
			}
		}
	}
}

// Len returns the number of fields.
func (h *Header) Len() int { return len(h.fields) }

// Add appends a field.
func (h *Header) Add(name, value string) {
	h.fields = append(h.fields, Field{name, value})
	h.changed = true
}

// Set replaces every field with the given name by one, in the place of the first.
func (h *Header) Set(name, value string) {
	for i := range h.fields {
		if sameName(h.fields[i].Name, name) {
			h.fields[i] = Field{name, value}
			h.removeFrom(i+1, name)
			return
		}
	}
	h.Add(name, value)
}

// Del removes every field with the given name.
func (h *Header) Del(name string) { h.removeFrom(0, name) }

// Reset removes every field.
func (h *Header) Reset() {
	clear(h.fields)
	h.fields = h.fields[:0]
	h.changed = true
}

func (h *Header) removeFrom(start int, name string) {
	h.changed = true
	kept := h.fields[:start]
	for _, f := range h.fields[start:] {
		if !sameName(f.Name, name) {
			kept = append(kept, f)
		}
	}
	clear(h.fields[len(kept):])
	h.fields = kept
}

// sameName compares the lengths first, which settles nearly every comparison.
func sameName(a, b string) bool {
	return len(a) == len(b) && (a == b || strings.EqualFold(a, b))
}

// hasToken reports whether one of the comma-separated lists has the token, in any case.
func hasToken(values iter.Seq[string], token string) bool {
	for v := range values {
		for part := range strings.SplitSeq(v, ",") {
			if strings.EqualFold(strings.Trim(part, " \t"), token) {
				return true
			}
		}
	}
	return false
}
