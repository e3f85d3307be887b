package config

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/pelletier/go-toml/v2/unstable"
)

// siteTables returns the setter of the sites, which are added to those there are.
func (d *decoder) siteTables(into *[]Site) func(value) {
	return func(v value) {
		if v.kind != unstable.Array {
			d.mismatch(v, "[[site]] in two pairs of brackets, for there can be several")
			return
		}
		for _, item := range v.items {
			s := DefaultSite("")
			s.Pos = item.pos
			d.site(item, &s)
			if item.table != nil {
				d.checkSite(item.table, &s)
			}
			for i := range s.Routes {
				s.Routes[i].Policy = s.Routes[i].Policy.Over(s.Policy)
			}
			*into = append(*into, s)
			d.sites++
		}
	}
}

// checkSite checks what no single key of a site shows.
func (d *decoder) checkSite(t *table, s *Site) {
	root := t.find("root")
	if route := t.find("route"); root == nil && (route == nil || route.value.kind == unstable.Array && len(route.value.items) == 0) {
		d.errs.add(s.Pos, "this site has no root and no route", `write root = "public", the folder to serve`)
	}
	if root != nil {
		d.checkShadow(root.pos, s)
	}
	d.checkPolicy(t, &s.Policy)
	d.checkUserRates(t, s)
	if t.find("hosts") == nil {
		d.claims = append(d.claims, claim{pos: s.Pos, site: d.sites})
	}
}

// siteHosts returns the setter of the host names of a site.
func (d *decoder) siteHosts(s *Site) func(value) {
	const want = `host names in quotes, such as ["example.org", "*.example.org"]`
	return func(v value) {
		d.list(want, func(item value) {
			host, err := parseHost(item.text)
			if err != nil {
				d.errs.fail(item.pos, err)
				return
			}
			d.claims = append(d.claims, claim{host, item.pos, d.sites})
			s.Hosts = append(s.Hosts, host)
		})(v)
		if v.kind == unstable.Array && len(v.items) == 0 {
			d.errs.add(v.pos, "hosts is empty", "leave the key out to make this the default site")
		}
	}
}

// index returns the setter of the names of index files.
func (d *decoder) index(into *[]string) func(value) {
	return func(v value) {
		names := []string{}
		d.list(`file names in quotes, such as ["index.html"]`, func(item value) {
			if strings.ContainsAny(item.text, "/\\\x00") || strings.Trim(item.text, ".") == "" {
				d.errs.add(item.pos, fmt.Sprintf("%q is not a file name", item.text), "write a name without a folder: it is looked for in each folder")
				return
			}
			names = append(names, item.text)
		})(v)
		*into = names
	}
}

// errorPages returns the setter of the files sent in place of built-in error pages.
func (d *decoder) errorPages(into *map[int]string) func(value) {
	return func(v value) {
		if v.table == nil {
			d.mismatch(v, `a table of status codes and files, such as { 404 = "404.html" }`)
			return
		}
		*into = make(map[int]string)
		for _, e := range v.table.entries {
			status, err := strconv.ParseUint(e.key, 10, 16)
			if err != nil || status < 400 || status > 599 {
				d.errs.add(e.pos, fmt.Sprintf("%q is not the status code of an error", e.key), "write a number from 400 to 599")
				continue
			}
			var file string
			text(d, "the path of a file in quotes", &file, d.resolveFile)(e.value)
			(*into)[int(status)] = file
		}
	}
}

// rewrites returns the setter of the rewrites of a site.
func (d *decoder) rewrites(into *[]Rewrite) func(value) {
	return func(v value) {
		if v.kind != unstable.Array {
			d.mismatch(v, "[[site.rewrite]] in two pairs of brackets, for there can be several")
			return
		}
		for _, item := range v.items {
			r := Rewrite{Pos: item.pos}
			before := len(d.errs)
			d.fields(item, "[[site.rewrite]]",
				field{"match", text(d, `a regular expression in quotes, such as '^/old/(.*)$'`, &r.Match, parseExpression)},
				field{"to", text(d, `a path in quotes, such as "/new/$1"`, &r.To, asItIs)},
				field{"status", d.count(&r.Status, 0)},
			)
			if item.table != nil {
				d.checkRewrite(item.table, &r, len(d.errs) == before)
			}
			*into = append(*into, r)
		}
	}
}

// checkRewrite checks what no single key of a rewrite shows. A sound one has no fault in a single key.
func (d *decoder) checkRewrite(t *table, r *Rewrite, sound bool) {
	match, to := t.find("match"), t.find("to")
	if match == nil {
		d.errs.add(r.Pos, "this rewrite has no match", `write match = '^/old/(.*)$', a regular expression for paths`)
	}
	if to == nil {
		d.errs.add(r.Pos, "this rewrite has no to", `write to = "/new/$1", where $1 is what the first group of match has found`)
	}
	if !sound || match == nil || to == nil {
		return
	}
	if status := t.find("status"); status != nil && !slices.Contains(redirects(), r.Status) {
		d.errs.add(status.value.pos, fmt.Sprintf("%d cannot be the status of a rewrite", r.Status), wantRedirect+"; without one, the new path is answered in place of the old")
	}
	absolute := r.Status != 0 && (strings.HasPrefix(r.To, "https://") || strings.HasPrefix(r.To, "http://"))
	switch {
	case strings.IndexFunc(r.To, isControl) >= 0 || strings.ContainsAny(r.To, " \\"):
		d.errs.add(to.value.pos, fmt.Sprintf("%q cannot be a path", r.To), "write it without spaces and backslashes")
	case !absolute && !strings.HasPrefix(r.To, "/") && !strings.HasPrefix(r.To, "$"):
		d.errs.add(to.value.pos, fmt.Sprintf("%q is not a path", r.To), `begin with a slash, or, with a status, with "https://"`)
	}
	if err := checkReferences(r.To, regexp.MustCompile(r.Match)); err != nil {
		d.errs.fail(to.value.pos, err)
	}
}

// parseExpression checks a regular expression.
func parseExpression(s string) (string, error) {
	if _, err := regexp.Compile(s); err != nil {
		return "", fault("write it as RE2 has it", "%q is not a regular expression: %s", s, strings.TrimPrefix(err.Error(), "error parsing regexp: "))
	}
	return s, nil
}

// checkReferences checks that the groups which a template refers to, as [regexp.Regexp.Expand] reads it, are there.
func checkReferences(template string, match *regexp.Regexp) error {
	groups := match.SubexpNames()
	for i := range groups {
		if groups[i] == "" {
			groups[i] = strconv.Itoa(i)
		}
	}
	for {
		_, rest, found := strings.Cut(template, "$")
		if !found {
			return nil
		}
		name, after := referenceIn(rest)
		if strings.HasPrefix(rest, "$") {
			template = rest[1:]
			continue
		}
		if number, err := strconv.Atoi(name); name != "" && !slices.Contains(groups, name) && (err != nil || number >= len(groups)) {
			remedy := fmt.Sprintf("match has the groups %s", strings.Join(groups, ", "))
			if digits := strings.TrimLeft(name, "0123456789"); digits != "" && len(digits) < len(name) {
				remedy = fmt.Sprintf("did you mean ${%s}%s?", strings.TrimSuffix(name, digits), digits)
			}
			return fault(remedy, "match has no group %q", name)
		}
		if name == "" {
			return fault(`write "$1" or "${name}" for a group, and "$$" for a dollar`, "%q refers to no group", "$"+rest)
		}
		template = after
	}
}

// referenceIn returns the name behind a dollar, with or without braces, and what follows it.
func referenceIn(s string) (name, after string) {
	isName := func(r rune) bool { return r == '_' || r < 0x80 && isLetterOrDigit(byte(r)) }
	braced, inBraces := strings.CutPrefix(s, "{")
	after = strings.TrimLeftFunc(braced, isName)
	name = strings.TrimSuffix(braced, after)
	if inBraces {
		var closed bool
		if after, closed = strings.CutPrefix(after, "}"); !closed {
			name = ""
		}
	}
	return name, after
}
