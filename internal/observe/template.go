package observe

import (
	"fmt"
	"slices"
	"strings"
)

// template is the layout of a line as somebody has written it.
type template struct {
	text  string
	steps []step
}

// step is a piece of a template: a value, and the text before it.
type step struct {
	before string
	value  func([]byte, entry, scribe) []byte // nil for none
	lowest byte                               // for scribe
}

// scribe is what a line of a template is written with.
type scribe struct {
	clock  *Clock
	masks  *Masks
	lowest byte // that a field value may have as it is
}

// append appends the line of a request, without its end.
func (t *template) append(dst []byte, e entry, clock *Clock, m *Masks) []byte {
	for i := range t.steps {
		s := &t.steps[i]
		dst = append(dst, s.before...)
		if s.value != nil {
			dst = s.value(dst, e, scribe{clock, m, s.lowest})
		}
	}
	return dst
}

// parseTemplate reads a template: text, in which {name} stands for a value, {{ for an opening brace and }} for a closing one. The text is
// printable ASCII and tabs, so that the line is, too. The errors count the characters of the template from 1.
func parseTemplate(text string) (*template, error) {
	t := &template{text: text}
	var before strings.Builder
	quoted := false
	for i := 0; i < len(text); {
		switch c := text[i]; {
		case strings.HasPrefix(text[i:], "{{") || strings.HasPrefix(text[i:], "}}"):
			before.WriteByte(c)
			i += 2
		case c == '}':
			return nil, templateFault(i, "a closing brace that nothing has opened; write }} for the character")
		case c == '{':
			name, _, closed := strings.Cut(text[i+1:], "}")
			if !closed || strings.Contains(name, "{") {
				return nil, templateFault(i, "an opening brace that nothing closes; write {{ for the character")
			}
			value := templateValue(name)
			if value == nil {
				return nil, templateFault(i, "unknown name {%s}; %s", name, nearest(name))
			}
			s := step{before: before.String(), value: value, lowest: escapeSpace}
			if quoted {
				s.lowest = keepSpace
			}
			t.steps = append(t.steps, s)
			before.Reset()
			i += len(name) + 2
		case (c < ' ' || c > '~') && c != '\t':
			return nil, templateFault(i, "a character that is not printable ASCII")
		default:
			quoted = quoted != (c == '"')
			before.WriteByte(c)
			i++
		}
	}
	if len(t.steps) == 0 {
		return nil, fmt.Errorf("the template %q has no value such as {status}", text)
	}
	t.steps = append(t.steps, step{before: before.String()})
	return t, nil
}

func templateFault(at int, format string, args ...any) error {
	return fmt.Errorf("template, character %d: %s", at+1, fmt.Sprintf(format, args...))
}

// nearest says which name was probably meant.
func nearest(name string) string {
	best, least := "", 2+len(name)/3
	for _, known := range TemplateNames() {
		if d := distance(name, known); d < least {
			best, least = known, d
		}
	}
	if best == "" {
		return "known are " + strings.Join(TemplateNames(), ", ")
	}
	return "did you mean {" + best + "}?"
}

// distance returns how many bytes have to be put in, taken out, exchanged or swapped with their neighbour to make b of a.
func distance(a, b string) int {
	var before, row []int
	above := make([]int, len(b)+1)
	for j := range above {
		above[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row = append(make([]int, 0, len(b)+1), i)
		for j := 1; j <= len(b); j++ {
			exchange := above[j-1]
			if a[i-1] != b[j-1] {
				exchange++
			}
			d := min(above[j]+1, row[j-1]+1, exchange)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				d = min(d, before[j-2]+1)
			}
			row = append(row, d)
		}
		before, above = above, row
	}
	return above[len(b)]
}

// TemplateNames returns the names that stand for values in templates.
func TemplateNames() []string {
	all := templateValues()
	names := make([]string, len(all))
	for i := range all {
		names[i] = all[i].name
	}
	return names
}

func templateValue(name string) func([]byte, entry, scribe) []byte {
	all := templateValues()
	i := slices.IndexFunc(all, func(v namedValue) bool { return v.name == name })
	if i < 0 {
		return nil
	}
	return all[i].value
}
