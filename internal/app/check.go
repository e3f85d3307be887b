package app

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"

	"highball/internal/config"
)

// Check reads the configuration that order asks for and makes all that it describes, but binds no address, makes no file and
// starts no process that lasts. It writes a line to env.Stdout where nothing is wrong; else the error tells of all that is.
func Check(order Order, env Env) error {
	c, subject, err := configuration(order, env)
	if err != nil {
		return err
	}
	a := newApp(c, env)
	err = a.load(c)
	_, wrong := accessSettings(c.Log)
	err = together(err, wrong)
	for _, file := range c.Log.Files() {
		if !isFolder(filepath.Dir(file)) {
			err = together(err, fmt.Errorf("log %s: there is no folder %s; make it first", quoted(filepath.Base(file)), quoted(filepath.Dir(file))))
		}
	}
	if err := together(err, a.Close()); err != nil {
		return err
	}
	routes := int64(0)
	for _, s := range c.Sites {
		routes += int64(len(s.Routes))
	}
	_, err = fmt.Fprintf(env.Stdout, "ok: %s: %s, %s, %s\n", quoted(subject),
		counted(int64(len(c.Sites)), "site"), counted(routes, "route"), counted(int64(len(c.Apps)), "application"))
	return err
}

// configuration returns what order asks for and what that is about, and tells env.Stderr of what is no fault.
func configuration(order Order, env Env) (*config.Config, string, error) {
	c, subject, notices, err := order.Configuration(env.Environ)
	if err != nil {
		return nil, "", err
	}
	for _, notice := range notices {
		fmt.Fprintln(env.Stderr, "highball:", notice)
	}
	return c, subject, nil
}

// Routes writes a table of what answers where to env.Stdout: of each site the most specific first, so that the first line
// that a request matches is the one that answers it.
func Routes(order Order, env Env) error {
	c, _, err := configuration(order, env)
	if err != nil {
		return err
	}
	table := tabwriter.NewWriter(env.Stdout, 0, 0, 2, ' ', 0)
	_, err = io.WriteString(table, "HOST\tPATH\tMETHODS\tTARGET\n")
	for i := range c.Sites {
		err = errors.Join(err, writeRoutes(table, c, &c.Sites[i]))
	}
	return errors.Join(err, table.Flush())
}

func writeRoutes(w io.Writer, c *config.Config, s *config.Site) error {
	routes := slices.Clone(s.Routes)
	if s.Root != "" {
		routes = append(routes, config.Route{Path: "/", Root: s.Root})
	}
	slices.SortStableFunc(routes, func(a, b config.Route) int {
		return cmp.Or(
			cmp.Compare(len(strings.TrimSuffix(b.Path, "/")), len(strings.TrimSuffix(a.Path, "/"))),
			strings.Compare(a.Path, b.Path),
			-cmp.Compare(len(a.Methods), len(b.Methods)),
		)
	})
	hosts := strings.Join(s.Hosts, " ")
	for i := range routes {
		r := &routes[i]
		if _, err := fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", cmp.Or(hosts, "*"), r.Path, cmp.Or(strings.Join(r.Methods, " "), "*"), describeRoute(c, r)); err != nil {
			return err
		}
	}
	return nil
}

// describeRoute says what a route leads to, with the key of the configuration first.
func describeRoute(c *config.Config, r *config.Route) string {
	status := strconv.Itoa(r.Status)
	switch {
	case r.App != "":
		return describeApp(c, r.App)
	case r.Root != "":
		return "root " + quoted(r.Root)
	case r.CGI != "":
		return "cgi " + quoted(r.CGI)
	case r.Redirect != "":
		return "redirect " + status + " " + r.Redirect
	case r.Respond != nil:
		return "respond " + status + " " + r.Respond.Type
	case r.Metrics:
		return "metrics"
	}
	return "status " + status
}

func describeApp(c *config.Config, name string) string {
	for i := range c.Apps {
		a := &c.Apps[i]
		what := "wsgi " + quoted(a.WSGI)
		if a.Classes != "" {
			what = "classes " + quoted(a.Classes)
		}
		switch {
		case a.Name != name:
		case strings.ContainsAny(name, ":./"): // described in place
			return what
		default:
			return "app " + name + ", " + what
		}
	}
	return "app " + name
}
