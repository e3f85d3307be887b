package config

import (
	"fmt"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/pelletier/go-toml/v2/unstable"
)

// routeText is what a route's keys say before it is known how they go together.
type routeText struct {
	wsgi, classes     string
	respond, textType string
}

// route is the table of the keys of a [[site.route]], which are put into r and t.
func (d *decoder) route(r *Route, t *routeText) []field {
	return d.withPolicy(&r.Policy,
		field{"path", text(d, `a path in quotes, such as "/shop/"`, &r.Path, parsePattern)},
		field{"methods", d.methods(&r.Methods)},
		field{"app", d.reference(r)},
		field{"wsgi", text(d, wantWSGI, &t.wsgi, parseWSGIInPlace)},
		field{"root", text(d, wantFolder, &r.Root, d.resolveDir)},
		field{"cgi", text(d, wantFolder, &r.CGI, d.resolveDir)},
		field{"classes", text(d, wantFolder, &t.classes, d.resolveDir)},
		field{"redirect", text(d, `a URL or a path in quotes, such as "/new/"`, &r.Redirect, parseLocation)},
		field{"respond", text(d, "a text in quotes", &t.respond, asItIs)},
		field{"status", d.count(&r.Status, 200)},
		field{"metrics", d.metrics(&r.Metrics)},
		field{"type", text(d, `a media type in quotes, such as "text/html"`, &t.textType, parseMedia)},
		field{"index", d.index(&r.Files.Index)},
		field{"listing", d.maybe(&r.Files.Listing)},
		field{"spa", d.maybe(&r.Files.SPA)},
		field{"cache", d.cache(&r.Files.Cache)},
		field{"lenient", d.bool(&r.Lenient)},
		field{"env", d.env(&r.Env)},
		field{"max_processes", d.count(&r.MaxProcesses, 1)},
		field{"interpreters", d.interpreters(&r.Interpreters)},
		field{"warm", d.bool(&r.Warm)},
		field{"strip_prefix", text(d, `the beginning of the path in quotes, such as "/api"`, &r.StripPrefix, parsePrefixPath)},
	)
}

// routeForm is what a route is read into, and its keys. There is one for all: there may be very many routes.
type routeForm struct {
	route Route
	said  routeText
	known []field
}

// form returns a form with what was read into it last.
func (d *decoder) form() (*Route, *routeText, []field) {
	f := &d.routeForm
	if f.known == nil {
		f.known = d.route(&f.route, &f.said)
	}
	return &f.route, &f.said, f.known
}

// targets returns the keys that say what a route leads to.
func targets() []string {
	return []string{"app", "wsgi", "root", "cgi", "classes", "redirect", "respond", "metrics", "status"}
}

// belongsTo returns the targets that a key means something beside; nil is all.
func belongsTo(key string) []string {
	switch key {
	case "type":
		return []string{"respond"}
	case "index", "listing", "spa", "cache":
		return []string{"root"}
	case "lenient", "env", "max_processes", "interpreters", "warm":
		return []string{"cgi"}
	case "strip_prefix":
		return []string{"app", "wsgi", "root", "cgi", "classes"}
	}
	return nil
}

// routes returns the setter of the routes of a site.
func (d *decoder) routes(s *Site) func(value) {
	return func(v value) {
		if v.kind != unstable.Array {
			d.mismatch(v, "[[site.route]] in two pairs of brackets, for there can be several")
			return
		}
		r, t, known := d.form()
		s.Routes = slices.Grow(s.Routes, len(v.items))
		paths := make(map[string]bool, len(v.items)) // of the routes so far
		patterns := false                            // are among them
		for _, item := range v.items {
			*r, *t = Route{Pos: item.pos}, routeText{}
			before := len(d.errs)
			d.fields(item, "[[site.route]]", known...)
			if item.table == nil {
				continue
			}
			d.checkRoute(item.table, r, t, len(d.errs) == before)
			d.checkPolicy(item.table, &r.Policy)
			if r.Path != "" {
				pattern := IsPattern(r.Path)
				if pattern || patterns || paths[r.Path] { // else none of the others can be in its way
					d.checkPath(item.table, r, s)
				}
				paths[r.Path], patterns = true, patterns || pattern
				s.Routes = append(s.Routes, *r)
			}
		}
	}
}

// checkRoute checks what no single key of a route shows, and completes r. A sound one has no fault in a single key.
func (d *decoder) checkRoute(t *table, r *Route, said *routeText, sound bool) {
	if t.find("path") == nil {
		d.errs.add(r.Pos, "this route has no path", `write path = "/shop/"; a slash at its end has it be for all that lies below`)
	}
	target := d.target(t, r)
	for _, e := range t.entries {
		if to := belongsTo(e.key); to != nil && target != "" && !slices.Contains(to, target) {
			d.errs.add(e.pos, fmt.Sprintf("%s has no meaning beside %s", e.key, target), "it is for a route with "+strings.Join(to, " or "))
		}
	}
	if e := t.find(target); e != nil && slices.Contains([]string{"root", "cgi", "classes"}, target) && r.Path != "" && !strings.HasSuffix(r.Path, "/") && !IsPattern(r.Path) {
		d.errs.add(t.find("path").value.pos, fmt.Sprintf("a folder cannot answer at exactly %q", r.Path), fmt.Sprintf("did you mean %q?", r.Path+"/"))
	}
	if r.StripPrefix != "" && r.Path != "" && !strings.HasPrefix(Literal(r.Path)+"/", r.StripPrefix+"/") {
		d.errs.add(t.find("strip_prefix").value.pos, fmt.Sprintf("%q is not what the path %q begins with", r.StripPrefix, r.Path), "write whole segments of the path")
	}
	d.checkStatus(t, target, r, sound)
	switch {
	case target == "wsgi" && said.wsgi != "":
		a := DefaultApp(said.wsgi, said.wsgi, string(d.folder))
		a.Pos = r.Pos
		d.checkTarget(t.find("wsgi").value.pos, &a)
		r.App = d.runs(a)
	case target == "classes" && said.classes != "":
		// An application's name has no slash in it, so this one is nobody else's.
		a := DefaultApp(filepath.ToSlash(strings.TrimRight(t.find("classes").value.text, `/\`))+"/", "", string(d.folder))
		a.Classes, a.Pos = said.classes, r.Pos
		r.App = d.runs(a)
	case target == "respond":
		r.Respond = &Text{Body: said.respond, Type: "text/plain; charset=utf-8"}
		if said.textType != "" {
			r.Respond.Type = said.textType
		}
	}
}

// target returns the key that says what a route leads to, "" if that is not clear.
func (d *decoder) target(t *table, r *Route) string {
	all := targets()
	first, more := "", false
	for _, e := range t.entries {
		switch {
		case e.key == "status" || !slices.Contains(all, e.key):
		case first == "":
			first = e.key
		default:
			more = true
			d.errs.add(e.pos, fmt.Sprintf("this route has %s already, and %s too", first, e.key), "give each a route of its own")
		}
	}
	switch {
	case more:
		return ""
	case first != "":
		return first
	case t.find("status") != nil:
		return "status"
	}
	for _, e := range t.entries {
		if e.key != "path" && nearest(e.key, all) != "" {
			return "" // misspelt, which was said
		}
	}
	d.errs.add(r.Pos, "this route leads nowhere", "write one of "+strings.Join(all[:len(all)-1], ", ")+" and "+all[len(all)-1])
	return ""
}

// checkStatus checks the status of a route's answer, or sets it.
func (d *decoder) checkStatus(t *table, target string, r *Route, sound bool) {
	e := t.find("status")
	wrong := func(remedy string) {
		d.errs.add(e.value.pos, fmt.Sprintf("%d cannot be the status of this route", r.Status), remedy)
	}
	switch {
	case e == nil && target == "redirect":
		r.Status = 307
	case e == nil && target == "respond":
		r.Status = 200
	case e == nil || !sound || target == "":
	case target == "redirect" && !slices.Contains(redirects(), r.Status):
		wrong(wantRedirect)
	case target == "respond" && (r.Status > 599 || r.Status == 204 || r.Status == 205 || r.Status == 304):
		wrong("write one from 200 to 599 whose answer has a body")
	case target == "status" && (r.Status < 400 || r.Status > 599):
		wrong(`an error page has one from 400 to 599; for others there is respond = "text"`)
	case target != "redirect" && target != "respond" && target != "status":
		d.errs.add(e.pos, "status has no meaning beside "+target, "it is for a route with redirect or respond, or without any other target")
	}
}

const wantRedirect = "a redirect has 301 or 308 (for good), 302 or 307 (for now) or 303"

func redirects() []int { return []int{301, 302, 303, 307, 308} }

// checkPath checks that a route answers for something that no earlier one of its site does, and leaves something to each of these.
func (d *decoder) checkPath(t *table, r *Route, s *Site) {
	for i := range s.Routes {
		other := &s.Routes[i]
		var method string
		both := false
		if other.Path == r.Path {
			method, both = r.overlaps(other)
		}
		switch {
		case both && method != "":
			d.errs.add(t.find("methods").pos, fmt.Sprintf("the path %q already has a route for %s, in line %d", r.Path, method, other.Pos.Line), "give each method to one of them")
			return
		case both:
			d.errs.add(t.find("path").value.pos, fmt.Sprintf("the path %q already has a route, in line %d", r.Path, other.Pos.Line),
				`give each route a path of its own, or methods = ["GET"]`)
			return
		case other.hides(r):
			d.errs.add(t.find("path").value.pos, fmt.Sprintf("the path %q is never reached, since %q in line %d goes before it", r.Path, other.Path, other.Pos.Line),
				"leave one of them out, or make a path more specific")
			return
		case r.hides(other):
			d.errs.add(t.find("path").value.pos, fmt.Sprintf("the path %q goes before %q in line %d, which would never be reached", r.Path, other.Path, other.Pos.Line),
				"leave one of them out, or make a path more specific")
			return
		}
	}
}

// checkShadow tells of a site's root that stands behind a route for everything.
func (d *decoder) checkShadow(root Pos, s *Site) {
	for i := range s.Routes {
		if r := &s.Routes[i]; len(r.Methods) == 0 && (r.Path == "/" || r.hides(&Route{Path: "/"})) {
			d.errs.add(r.Pos, fmt.Sprintf("this route answers for every path, so the site's root in line %d never would", root.Line),
				`leave the root out, or give the route a path such as "/app/"`)
		}
	}
}

// reference returns the setter of the name of a route's application.
func (d *decoder) reference(r *Route) func(value) {
	return func(v value) {
		if v.kind != unstable.String {
			d.mismatch(v, `the name of an application in quotes, such as "shop" for [app.shop]`)
			return
		}
		if file, _, called := cutAttribute(v.text); called || isPythonFile(file) {
			d.errs.add(v.pos, fmt.Sprintf("%q is not the name of an application", v.text), fmt.Sprintf("write wsgi = %q", v.text))
			return
		}
		r.App = v.text
		d.references = append(d.references, reference{v.text, v.pos})
	}
}

// methods returns the setter of the methods of a route.
func (d *decoder) methods(into *[]string) func(value) {
	const want = `methods in quotes, such as ["GET", "POST"]`
	each := d.list(want, func(item value) {
		switch upper := strings.ToUpper(item.text); {
		case strings.Trim(upper, "ABCDEFGHIJKLMNOPQRSTUVWXYZ-") != "" || upper == "":
			d.errs.add(item.pos, fmt.Sprintf("%q is not a method", item.text), "write "+want)
		case upper != item.text:
			d.errs.add(item.pos, fmt.Sprintf("%q is not a method", item.text), fmt.Sprintf("did you mean %q?", upper))
		case slices.Contains(*into, upper):
			d.errs.add(item.pos, fmt.Sprintf("the method %q is named twice", upper), "write it once")
		default:
			*into = append(*into, upper)
		}
	})
	return func(v value) {
		each(v)
		if v.kind == unstable.Array && len(v.items) == 0 {
			d.errs.add(v.pos, "methods is empty", "leave the key out to have the route be for all of them")
		}
	}
}

// interpreters returns the setter of the interpreters of scripts.
func (d *decoder) interpreters(into *map[string]string) func(value) {
	return func(v value) {
		if v.table == nil {
			d.mismatch(v, `a table of extensions and programs, such as { py = "python3" }`)
			return
		}
		*into = make(map[string]string)
		for _, e := range v.table.entries {
			extension := strings.TrimPrefix(e.key, ".")
			if extension == "" || strings.ContainsAny(extension, "./\\\x00") {
				d.errs.add(e.pos, fmt.Sprintf("%q is not an extension", e.key), "write what follows the last dot of the script's name")
				continue
			}
			var path string
			text(d, "a program in quotes", &path, func(s string) (string, error) {
				return d.program(s, "write a program, such as python3 or /usr/bin/perl")
			})(e.value)
			(*into)["."+extension] = path
		}
	}
}

// metrics returns the setter of a route that leads to the server's metrics.
func (d *decoder) metrics(into *bool) func(value) {
	return func(v value) {
		if d.bool(into)(v); v.kind == unstable.Bool && !*into {
			d.errs.add(v.pos, "a route with metrics = false leads nowhere", "write metrics = true, or leave the route out")
		}
	}
}

// maybe returns a setter that stores true or false where nil is neither.
func (d *decoder) maybe(into **bool) func(value) {
	return func(v value) {
		var b bool
		before := len(d.errs)
		if d.bool(&b)(v); len(d.errs) == before {
			*into = &b
		}
	}
}

// cache returns a setter as maxAge does, which stores "off" too.
func (d *decoder) cache(into **time.Duration) func(value) {
	return func(v value) {
		if v.kind == unstable.String && v.text == "off" {
			off := time.Duration(Off)
			*into = &off
			return
		}
		d.maxAge(into)(v)
	}
}

// parseLocation checks the target of a redirect, which ends up in a header field (RFC 9110, section 10.2.2).
func parseLocation(s string) (string, error) {
	if readsPlainly(s) {
		return s, nil
	}
	u, err := url.Parse(s)
	if err != nil || s == "" || strings.IndexFunc(s, notPrintable) >= 0 || strings.ContainsAny(s, " \"<>\\^`{|}") {
		return "", fault(`write it as browsers get it, such as "/new/" or "https://example.org/"`, "%q is not a URL", s)
	}
	if !strings.HasPrefix(s, "/") && u.Scheme == "" {
		return "", fault(fmt.Sprintf("write %q for a path, or begin with https://", "/"+s), "%q is neither a path nor a URL", s)
	}
	return s, nil
}

func asItIs(s string) (string, error) { return s, nil }
