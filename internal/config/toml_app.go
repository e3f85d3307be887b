package config

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/pelletier/go-toml/v2/unstable"
)

// pools are the applications of a file, and where its routes name them. A route may stand before its application, so the two are brought
// together at the end.
type pools struct {
	named      []App // of [app.NAME], also where it has faults
	inPlace    []App // of routes
	references []reference
}

// reference is the name of an application in a route.
type reference struct {
	name string
	pos  Pos
}

// app is the table of the keys of one [app.NAME].
func (d *decoder) app(v value, place string, a *App) {
	d.fields(v, place,
		field{"wsgi", text(d, wantWSGI, &a.WSGI, parseWSGI)},
		field{"classes", text(d, wantFolder, &a.Classes, d.resolveDir)},
		field{"factory", d.bool(&a.Factory)},
		field{"dir", text(d, wantFolder, &a.Dir, d.resolveDir)},
		field{"python", text(d, "an interpreter or the folder of a virtual environment in quotes", &a.Python, d.python)},
		field{"env", d.env(&a.Env)},
		field{"env_file", text(d, "the path of a file in quotes", &a.EnvFile, d.resolveFile)},
		field{"workers", d.count(&a.Workers, 1)},
		field{"max_workers", d.count(&a.MaxWorkers, 1)},
		field{"threads", d.count(&a.Threads, 1)},
		field{"preload", d.bool(&a.Preload)},
		field{"max_requests", d.count(&a.MaxRequests, 0)},
		field{"max_requests_jitter", d.count(&a.RequestsJitter, 0)},
		field{"max_age", d.period(&a.MaxAge, neverOr(parseWait))},
		field{"max_memory", d.memory(&a.MaxMemory)},
		field{"queue", d.count(&a.QueueLimit, 1)},
		field{"queue_timeout", d.period(&a.QueueDeadline, parseWait)},
		field{"max_body", d.size(&a.MaxBody)},
		field{"stop_timeout", d.period(&a.StopDeadline, parseWait)},
		field{"user", text(d, "the name of a user in quotes", &a.User, parseAccount)},
		field{"group", text(d, "the name of a group in quotes", &a.Group, parseAccount)},
		field{"reload", d.bool(&a.Reload)},
	)
}

const (
	wantWSGI   = `module:callable in quotes, such as "shop.wsgi:application"`
	wantFolder = "the path of a folder in quotes"
)

// apps returns the setter of the applications: a table of tables by name.
func (d *decoder) apps() func(value) {
	return func(v value) {
		if v.table == nil {
			d.mismatch(v, "a table for each application, such as [app.shop]")
			return
		}
		for _, e := range v.table.entries {
			if strings.Trim(e.key, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") != "" || e.key == "" {
				d.errs.add(e.pos, fmt.Sprintf("%q cannot be the name of an application", e.key), "write letters, digits, hyphens and underscores")
				continue
			}
			if e.value.table == nil {
				d.errs.add(e.pos, fmt.Sprintf("%s = … stands in [app] itself", e.key), "applications have names: write [app.shop] and the keys below it")
				continue
			}
			if i := slices.IndexFunc(d.named, func(a App) bool { return a.Name == e.key }); i >= 0 {
				d.errs.add(e.pos, fmt.Sprintf("there is an application %q already, %s", e.key, d.named[i].Pos.seenFrom(e.pos)), "give each a name of its own")
				continue
			}
			a := DefaultApp(e.key, "", string(d.folder))
			a.Pos = e.pos
			before := len(d.errs)
			d.app(e.value, "[app."+e.key+"]", &a)
			d.checkApp(e.value.table, &a, len(d.errs) == before)
			d.named = append(d.named, a)
		}
	}
}

// checkApp checks what no single key of an application shows. A sound one has no fault in a single key.
func (d *decoder) checkApp(t *table, a *App, sound bool) {
	wsgi, classes := t.find("wsgi"), t.find("classes")
	switch {
	case wsgi == nil && classes == nil:
		d.errs.add(a.Pos, fmt.Sprintf("the application %q does not say what it runs", a.Name), "write wsgi = "+`"module:callable"`)
	case wsgi != nil && classes != nil:
		d.errs.add(classes.pos, fmt.Sprintf("the application %q has both wsgi and classes", a.Name), "give each an application of its own")
	case wsgi != nil && a.WSGI != "" && sound:
		d.checkTarget(wsgi.value.pos, a)
	}
	if a.MaxWorkers != 0 && a.MaxWorkers < a.Workers {
		d.errs.add(t.find("max_workers").value.pos, fmt.Sprintf("there are to be %d workers and at most %d", a.Workers, a.MaxWorkers),
			"max_workers is the larger number, or left out")
	}
	if factory := t.find("factory"); a.Factory && (classes != nil || filepath.Base(a.WSGI) == "manage.py") {
		d.errs.add(factory.pos, "factory has no meaning for classes and for a Django project", "leave it out")
	}
	if a.MaxRequests != 0 && t.find("max_requests_jitter") == nil {
		a.RequestsJitter = a.MaxRequests / jitterShare
	}
}

// checkTarget checks that the file of an application is there. Of modules only the interpreter knows.
func (d *decoder) checkTarget(pos Pos, a *App) {
	file, _, called := cutAttribute(a.WSGI)
	if !isPythonFile(file) {
		return
	}
	if _, err := os.Stat(filepath.Join(a.Dir, strings.ReplaceAll(file, ".", "/")+".py")); called && err == nil {
		return // "shop.py:app" names the module py in the package shop, too
	}
	if info, err := os.Stat(folder(a.Dir).resolve(file)); err != nil || !info.Mode().IsRegular() {
		d.errs.add(pos, fmt.Sprintf("there is no file %q", folder(a.Dir).resolve(file)), "files of an application are looked for in its dir, or else beside this file")
	}
}

// runs returns the name of an application that a route describes in place; several that describe the same have one.
func (d *decoder) runs(a App) string {
	for _, other := range d.inPlace {
		if other.WSGI == a.WSGI && other.Classes == a.Classes && other.Dir == a.Dir {
			return other.Name
		}
	}
	d.inPlace = append(d.inPlace, a)
	return a.Name
}

// link puts the applications into c that routes lead to, and tells of the others.
func (d *decoder) link(c *Config) {
	known := make([]string, len(d.named))
	for i := range d.named {
		known[i] = d.named[i].Name
	}
	used := make(map[string]bool)
	for _, r := range d.references {
		used[r.name] = true
		if !slices.Contains(known, r.name) {
			remedy := "write [app." + r.name + "] and below it wsgi = " + `"module:callable"`
			if len(known) > 0 {
				remedy = didYouMean(r.name, known)
			}
			d.errs.add(r.pos, fmt.Sprintf("there is no application %q", r.name), remedy)
		}
	}
	for _, a := range d.named {
		if used[a.Name] {
			c.Apps = append(c.Apps, a)
			continue
		}
		c.Notices = append(c.Notices, &Error{a.Pos, fmt.Sprintf("the application %q is not started, since no route leads to it", a.Name),
			"write [[site.route]] and below it path and app = " + `"` + a.Name + `"`})
	}
	c.Apps = append(c.Apps, d.inPlace...)
}

// python reads an interpreter or the folder of a virtual environment: a path, or else a name to be found in PATH.
func (d *decoder) python(s string) (string, error) {
	return d.program(s, "write an interpreter, such as python3.12, or the folder of a virtual environment, such as .venv")
}

// program reads the path of a program, or its name.
func (d *decoder) program(s, remedy string) (string, error) {
	if s == "" || strings.Contains(s, "\x00") {
		return "", fault(remedy, "%q is not a path", s)
	}
	path := d.resolve(s)
	_, err := os.Stat(path)
	switch {
	case err == nil:
		return path, nil
	case strings.ContainsAny(s, `/\`) || strings.HasPrefix(s, "."):
		return "", fault("relative paths start at the folder of this file", "there is no %q", path)
	}
	return s, nil
}

// env returns the setter of variables, which are added in their order.
func (d *decoder) env(into *[]string) func(value) {
	return func(v value) {
		if v.table == nil {
			d.mismatch(v, `a table of names and values, such as { LANG = "C.UTF-8" }`)
			return
		}
		for _, e := range v.table.entries {
			if e.value.kind != unstable.String {
				d.mismatch(e.value, "the value of the variable in quotes")
				continue
			}
			content, err := d.secret(e.value)
			if err != nil {
				d.errs.fail(e.value.pos, err)
				continue
			}
			assignment, err := ParseAssignment(e.key + "=" + content)
			if err == nil && strings.Contains(e.key, "=") {
				err = fault("write letters, digits and underscores", "%q is not the name of a variable", e.key)
			}
			if err != nil {
				d.errs.fail(e.pos, err)
				continue
			}
			*into = append(*into, assignment)
		}
	}
}

// count returns a setter that stores a whole number of at least so many.
func (d *decoder) count(into *int, least int64) func(value) {
	return func(v value) {
		if v.kind != unstable.Integer {
			d.mismatch(v, "a whole number")
			return
		}
		n := integer(v)
		if n < least || n > most {
			d.errs.add(v.pos, fmt.Sprintf("%s is %s", v.key, v.text), fmt.Sprintf("write a number from %d to %d", least, most))
			return
		}
		*into = int(n)
	}
}

// period returns a setter that stores a length of time.
func (d *decoder) period(into *time.Duration, parse func(string) (time.Duration, error)) func(value) {
	return func(v value) {
		if v.kind == unstable.Integer {
			d.mismatch(v, fmt.Sprintf("it with a unit, in quotes: %q for seconds", v.text+"s"))
			return
		}
		text(d, `a duration in quotes, such as "10s"`, into, parse)(v)
	}
}

// parseWait reads a length of time with a unit that is longer than nothing.
func parseWait(s string) (time.Duration, error) {
	t, err := ParseDuration(s)
	if err == nil && t <= 0 {
		return 0, fault(`write a duration such as "10s"`, "%q is no time to wait", s)
	}
	return t, err
}

// memory returns a setter that stores a number of bytes; "off" is none.
func (d *decoder) memory(into *int64) func(value) {
	return func(v value) {
		n := int64(0)
		if d.size(&n)(v); n > 0 {
			*into = n
		}
	}
}
