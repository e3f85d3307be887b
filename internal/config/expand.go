package config

import (
	"io"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/pelletier/go-toml/v2/unstable"
)

// What a file does not say itself: the environment has it, or another file. Both are put in place once, so that what comes from there
// is taken as it is, whatever it looks like.

const (
	secretPrefix = "file:"
	secretMost   = 1 << 20 // bytes of a file that stands for a value
)

// variables returns the variables of environ, which is in the form of os.Environ. Of several of one name the last counts.
func variables(environ []string) map[string]string {
	set := make(map[string]string)
	for _, assignment := range environ {
		name, content, _ := strings.Cut(assignment, "=")
		set[name] = content
	}
	return set
}

// expand puts variables into all strings of a table, except where "${" has a meaning of its own. The path is that of the table's keys.
func (d *decoder) expand(t *table, path string) {
	for _, e := range t.entries {
		if e.key != "to" || path != "site.rewrite." {
			d.expandValue(&e.value, path)
		}
	}
}

// expandValue does it in a value of a table at path.
func (d *decoder) expandValue(v *value, path string) {
	switch {
	case v.kind == unstable.String:
		v.secret = strings.HasPrefix(v.text, secretPrefix)
		expanded, err := d.expandText(v.text)
		if err != nil {
			d.unexpanded[v.pos] = true
			d.errs.fail(v.pos, err)
			return
		}
		v.text = expanded
	case v.table != nil:
		d.expand(v.table, path+v.key+".")
	default:
		below := "" // made once for all: there may be very many
		for i := range v.items {
			item := &v.items[i]
			if item.table == nil {
				d.expandValue(item, path)
				continue
			}
			if below == "" {
				below = path + v.key + "."
			}
			d.expand(item.table, below)
		}
	}
}

// expandText puts variables in place of ${NAME} and ${NAME:-default}, and "${" in place of "$${".
func (d *decoder) expandText(s string) (string, error) {
	var b strings.Builder
	for {
		i := strings.Index(s, "${")
		if i < 0 {
			return b.String() + s, nil
		}
		if i > 0 && s[i-1] == '$' {
			b.WriteString(s[:i-1] + "${")
			s = s[i+2:]
			continue
		}
		b.WriteString(s[:i])
		inside, rest, closed := strings.Cut(s[i+2:], "}")
		name, otherwise, optional := strings.Cut(inside, ":-")
		if !closed || !isVariable(name) {
			return "", fault(`write "${NAME}" or "${NAME:-default}" for a variable, and "$${" for the characters themselves`,
				"%q names no environment variable", s[i:len(s)-len(rest)])
		}
		content, set := d.variables[name]
		switch {
		case optional && content == "":
			content = otherwise
		case !set && !optional:
			return "", d.unset(name)
		}
		b.WriteString(content)
		s = rest
	}
}

func (d *decoder) unset(name string) error {
	remedy := `set it, or write "${` + name + `:-default}"`
	if guess := nearest(name, slices.Sorted(maps.Keys(d.variables))); guess != "" {
		remedy = "did you mean ${" + guess + "}?"
	}
	return fault(remedy, "the environment variable %s is not set", name)
}

// consequences returns the errors without those about strings that a variable is missing in: they were said to be at fault already.
func (d *decoder) consequences(errs Errors) Errors {
	said := make(map[Pos]bool)
	return slices.DeleteFunc(errs, func(e *Error) bool {
		again := said[e.Pos]
		said[e.Pos] = d.unexpanded[e.Pos]
		return again
	})
}

// secret returns the text of a string, or, if it is written as "file:PATH", that of the file without the end of its last line. No
// error shows what is in the file.
func (d *decoder) secret(v value) (string, error) {
	if !v.secret {
		return v.text, nil
	}
	path, err := d.resolveFile(strings.TrimPrefix(v.text, secretPrefix))
	if err != nil {
		return "", err
	}
	content, err := d.readFile(path, secretMost)
	if err != nil {
		return "", err
	}
	if !slices.Contains(d.secrets, path) {
		d.secrets = append(d.secrets, path)
	}
	return strings.TrimSuffix(strings.TrimSuffix(string(content), "\n"), "\r"), nil
}

// readFile reads a file of at most so many bytes.
func (d *decoder) readFile(path string, most int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fault("", "the file %q cannot be read: %v", path, cause(err))
	}
	defer f.Close()
	content, err := io.ReadAll(io.LimitReader(f, most+1))
	switch {
	case err != nil:
		return nil, fault("", "the file %q cannot be read: %v", path, cause(err))
	case int64(len(content)) > most:
		return nil, fault("", "the file %q has more than %d bytes", path, most)
	}
	return content, nil
}
