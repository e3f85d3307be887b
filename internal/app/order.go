package app

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"highball/internal/config"
)

// FileName is the name of the configuration that "highball run DIR" looks for in DIR.
const FileName = "highball.toml"

// Task says how an Order's argument is to be read.
type Task uint8

// The tasks of a command line.
const (
	ServeArgument    Task = iota // a folder, a configuration file, a port or a Python application: "highball public"
	RunConfiguration             // a configuration file, or a folder with one: "highball run examples/tour"
)

// Order is what a person asks for on the command line.
type Order struct {
	Task     Task
	Argument string    // "" is the current folder
	Settings []Setting // the flags that were given; of several of one name the last counts, but for env and static
	Open     bool      // show the first URL in a browser
	Watch    bool      // reload when a file of the configuration changes

	Dashboard Dashboard // what is done with the dashboard's URL
}

// Dashboard says what is done with the URL of the dashboard at the start of a server.
type Dashboard uint8

// The ways of a dashboard.
const (
	NoDashboard    Dashboard = iota // nothing; there is a dashboard if the configuration says so
	OpenDashboard                   // it is printed, and shown in a browser if there can be one
	PrintDashboard                  // it is printed
)

// Setting is one flag with its value, as text.
type Setting struct {
	Name  string // without hyphens in front: "port"
	Value string // of a switch: "true" or "false"
}

// UsageError is a fault in what was typed, rather than in a file or in the world.
type UsageError struct {
	Problem string
	Remedy  string // "" where there is nothing helpful to say
}

// Error returns one line.
func (e *UsageError) Error() string {
	if e.Remedy == "" {
		return e.Problem
	}
	return e.Problem + "; " + e.Remedy
}

// Configuration returns the configuration that o asks for, with the settings of environ (as os.Environ returns them)
// over it and those of o over these, and what it is about: the absolute path of a folder or a file, or an application as it was
// written. The notices are for the
// person who gave the order, a line each. The error is a *[UsageError] where o itself is at fault, and of type [config.Errors] where the
// file or the environment is.
func (o Order) Configuration(environ []string) (c *config.Config, subject string, notices []string, err error) {
	environment, notices, err := config.Environment(environ)
	if err != nil {
		return nil, "", nil, err
	}
	flags, err := o.flags()
	if err != nil {
		return nil, "", nil, err
	}
	t, err := o.target(flags.chdir)
	if err != nil {
		return nil, "", nil, err
	}
	if t.port != nil {
		if flags.overrides.Port != nil {
			return nil, "", nil, &UsageError{"the port is given twice", "write it once, as the argument or with -p"}
		}
		flags.overrides.Port = t.port
	}
	if c, err = t.load(environ); err != nil {
		return nil, "", nil, err
	}
	c.Apply(environment)
	c.Apply(flags.overrides)
	if err := flags.applyTo(c); err != nil {
		return nil, "", nil, err
	}
	if o.Dashboard != NoDashboard && c.Admin.Listen == "" {
		c.Admin.Listen = anyLoopback
	}
	for _, notice := range c.Notices {
		notices = append(notices, notice.Error())
	}
	notices = append(notices, o.idle(c)...)
	return c, t.path, append(notices, t.unusedNotices()...), nil
}

// target is what an argument turned out to mean.
type target struct {
	path   string      // absolute path of the folder or of the configuration file; an application as it was written
	file   string      // the configuration file as it was written, for positions; else ""
	app    *config.App // where the argument was an application
	port   *int        // where the argument was a port
	unused []string    // files in a folder that is served as plain files, which could have been run
}

func (o Order) target(chdir string) (target, error) {
	if o.Task == RunConfiguration {
		return configurationAt(o.Argument)
	}
	return argument(o.Argument, chdir)
}

// load returns the configuration of t before anything is put over it.
func (t target) load(environ []string) (*config.Config, error) {
	if t.file != "" {
		return config.LoadWith(environ, t.file)
	}
	c := config.Default()
	if t.app != nil {
		site := config.DefaultSite("")
		site.Routes = []config.Route{{Path: "/", App: t.app.Name}}
		c.Apps, c.Sites = []config.App{*t.app}, []config.Site{site}
		return &c, nil
	}
	site := config.DefaultSite(t.path)
	site.Listing = true
	c.Sites = []config.Site{site}
	return &c, nil
}

// unusedNotices tells of files that are served, where somebody may have meant to run them.
func (t target) unusedNotices() (notices []string) {
	for _, path := range t.unused {
		dir := filepath.Dir(path)
		switch filepath.Base(path) {
		case FileName:
			notices = append(notices, fmt.Sprintf("%s is served as a plain file; \"highball run %s\" runs it", path, dir))
		case "manage.py":
			notices = append(notices, fmt.Sprintf("%s is served as a plain file; \"highball %s\" runs the Django project", path, path))
		default:
			notices = append(notices, fmt.Sprintf("the Python package %s is served as plain files; \"highball module:callable\" runs an application", dir))
		}
	}
	return notices
}

// configurationAt finds the file that "highball run" is given.
func configurationAt(arg string) (target, error) {
	name := arg
	if name == "" {
		name = "."
	}
	info, err := os.Stat(name)
	if err != nil {
		return target{}, missing(name, err)
	}
	if info.IsDir() {
		dir := name
		name = filepath.Join(dir, FileName)
		info, err = os.Stat(name)
		if errors.Is(err, os.ErrNotExist) {
			return target{}, &UsageError{
				fmt.Sprintf("there is no %s in %s", FileName, quoted(dir)),
				fmt.Sprintf("to serve the files in it, write \"highball %s\"", pathArgument(dir)),
			}
		}
		if err != nil {
			return target{}, missing(name, err)
		}
	}
	return configurationFile(name, info)
}
