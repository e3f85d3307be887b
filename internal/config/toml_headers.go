package config

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/pelletier/go-toml/v2/unstable"
)

// headers returns the setter of what is done to the header of answers.
func (d *decoder) headers(into *[]HeaderEdit) func(value) {
	return func(v value) {
		if v.table == nil {
			d.mismatch(v, `a table such as { set = { X-Frame-Options = "DENY" }, remove = ["Server"] }`)
			return
		}
		places := make(map[string]Pos) // of the names that are set or removed
		d.fields(v, "headers",
			field{"set", d.headerValues(HeaderSet, into, places)},
			field{"add", d.headerValues(HeaderAdd, into, places)},
			field{"remove", d.list(`names of header fields in quotes, such as ["Server"]`, func(item value) {
				if d.headerName(HeaderRemove, item.text, item.pos, places) {
					*into = append(*into, HeaderEdit{Op: HeaderRemove, Name: item.text})
				}
			})},
		)
	}
}

// headerValues returns the setter of fields and their values. Fields that are added may have several.
func (d *decoder) headerValues(op HeaderOp, into *[]HeaderEdit, places map[string]Pos) func(value) {
	return func(v value) {
		if v.table == nil {
			d.mismatch(v, `a table of header fields and values, such as { X-Frame-Options = "DENY" }`)
			return
		}
		for _, e := range v.table.entries {
			if !d.headerName(op, e.key, e.pos, places) {
				continue
			}
			add := func(item value) {
				content, err := d.secret(item)
				if err == nil {
					err = checkFieldValue(e.key, content)
				}
				if err != nil {
					d.errs.fail(item.pos, err)
					return
				}
				*into = append(*into, HeaderEdit{op, e.key, content})
			}
			const want = "the value of the field in quotes"
			switch {
			case op == HeaderAdd:
				d.list(want, add)(e.value)
			case e.value.kind != unstable.String:
				d.mismatch(e.value, want)
			default:
				add(e.value)
			}
		}
	}
}

// headerName checks the name of a field that an edit is about.
func (d *decoder) headerName(op HeaderOp, name string, pos Pos, places map[string]Pos) bool {
	if _, err := parseFieldName(name); err != nil {
		d.errs.fail(pos, err)
		return false
	}
	folded := strings.ToLower(name)
	if slices.Contains(framing(), folded) {
		d.errs.add(pos, fmt.Sprintf("the server itself has to say what %s is", name), "leave it out")
		return false
	}
	if op == HeaderAdd {
		return true
	}
	if _, twice := places[folded]; twice {
		d.errs.add(pos, fmt.Sprintf("the field %s is set or removed twice", name), "keep one of them")
		return false
	}
	places[folded] = pos
	return true
}

// framing returns the names of the fields that say where messages end and connections go (RFC 9110, section 7.6.1; RFC 9112), and of
// Date, which an origin server has to send.
func framing() []string {
	return []string{"connection", "content-length", "transfer-encoding", "date", "trailer", "upgrade", "keep-alive"}
}

// parseFieldName checks the name of a header field (RFC 9110, section 5.1).
func parseFieldName(s string) (string, error) {
	if !isToken(s) {
		return "", fault("write letters, digits and hyphens", "%q is not the name of a header field", s)
	}
	return s, nil
}

// isToken reports whether s is a token (RFC 9110, section 5.6.2).
func isToken(s string) bool {
	for i := range len(s) {
		if c := s[i]; !isLetterOrDigit(c) && strings.IndexByte("!#$%&'*+-.^_`|~", c) < 0 {
			return false
		}
	}
	return s != ""
}

// checkFieldValue checks the value of a header field (RFC 9110, section 5.5). It may be a secret, so the error does not show it.
func checkFieldValue(name, s string) error {
	if s != strings.Trim(s, " \t") {
		return fault("leave it out", "the value of %s begins or ends with white space", name)
	}
	for _, r := range s {
		if notPrintable(r) && r != '\t' {
			return fault("write it in ASCII, in one line", "the value of %s has the character %s, which cannot be sent", name, strconv.QuoteRuneToASCII(r))
		}
	}
	return nil
}

// cacheDirectives returns the directives that answers may have in Cache-Control (RFC 9111, section 5.2.2; RFC 5861; RFC 8246).
func cacheDirectives() []string {
	return []string{
		"max-age", "s-maxage", "no-cache", "no-store", "private", "public", "must-revalidate", "proxy-revalidate", "must-understand",
		"no-transform", "immutable", "stale-while-revalidate", "stale-if-error",
	}
}

// parseCacheControl checks a value of Cache-Control; "off" is "". What nobody knows is allowed (RFC 9111, section 5.2.3), but for slips of
// the finger.
func parseCacheControl(s string) (*string, error) {
	if s == "off" {
		s = ""
		return &s, nil
	}
	const remedy = `write it as in "public, max-age=60", or "off"`
	if err := checkFieldValue("Cache-Control", s); err != nil {
		return nil, err
	}
	for directive := range strings.SplitSeq(unquotedPart(s), ",") {
		name, argument, given := strings.Cut(strings.Trim(directive, " \t"), "=")
		if !isToken(name) {
			return nil, fault(remedy, "%q is not a value of Cache-Control", s)
		}
		folded := strings.ToLower(name)
		known := slices.Contains(cacheDirectives(), folded)
		if guess := nearest(name, cacheDirectives()); !known && guess != "" {
			return nil, fault(fmt.Sprintf("did you mean %q?", guess), "there is no %q in Cache-Control", name)
		}
		switch seconds := strings.HasSuffix(folded, "age") || strings.HasPrefix(folded, "stale-"); {
		case known && seconds && (argument == "" || strings.Trim(argument, "0123456789") != ""):
			return nil, fault(fmt.Sprintf(`write seconds: "%s=60"`, folded), "%q in Cache-Control needs a number", name)
		case given && argument == "":
			return nil, fault(remedy, "%q is not a value of Cache-Control", s)
		}
	}
	return &s, nil
}

// unquotedPart returns a list without what stands between quotes, where a comma separates nothing.
func unquotedPart(s string) string {
	var b strings.Builder
	for i, part := range strings.Split(s, `"`) {
		if i%2 == 0 {
			b.WriteString(part)
		} else {
			b.WriteString("x")
		}
	}
	return b.String()
}
