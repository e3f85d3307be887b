package app

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"highball/internal/config"
)

// flags are the settings of the command line: those that the environment has too, and those that it has not.
type flags struct {
	overrides config.Overrides

	// of sites
	hidden          *bool
	symlinks        *config.SymlinkPolicy
	uploadLimit     *int64
	uploadOverwrite *bool
	statics         []config.Route

	// of applications
	chdir   string // "" is the current folder
	mount   string // in the form of config.Route; "" leaves it as it is
	factory *bool
	env     []string
	envFile *string
}

// flags reads the settings of o. The error is a *[UsageError] that names the flag.
func (o Order) flags() (flags, error) {
	var f flags
	for _, s := range o.Settings {
		if err := f.set(s); err != nil {
			wrong := &config.Error{Problem: err.Error()}
			errors.As(err, &wrong)
			return flags{}, &UsageError{"--" + s.Name + ": " + wrong.Problem, wrong.Remedy}
		}
	}
	return f, nil
}

func (f *flags) set(s Setting) (err error) {
	switch s.Name {
	case "bind":
		if s.Value == "" { // the value of a variable that a script forgot must not open the server to the network
			return &config.Error{Problem: "there is no host", Remedy: "write 127.0.0.1 for this machine only, 0.0.0.0 or :: for every interface"}
		}
		err = f.overrides.Set(s.Name, s.Value)
	case "hidden":
		f.hidden, err = parsed(s.Value, strconv.ParseBool)
	case "symlinks":
		f.symlinks, err = parsed(s.Value, parseSymlinks)
	case "upload-limit":
		f.uploadLimit, err = parsed(s.Value, config.ParseSize)
	case "upload-overwrite":
		f.uploadOverwrite, err = parsed(s.Value, strconv.ParseBool)
	case "static":
		err = f.addStatic(s.Value)
	case "chdir":
		f.chdir, err = folderAt(s.Value)
	case "mount":
		f.mount, err = config.ParseRoutePath(s.Value)
	case "factory":
		f.factory, err = parsed(s.Value, strconv.ParseBool)
	case "env":
		var assignment string
		assignment, err = config.ParseAssignment(s.Value)
		f.env = append(f.env, assignment)
	case "access-log":
		if err = f.overrides.Set(s.Name, s.Value); err == nil {
			err = checkAccessFormat(s.Value)
		}
	case "env-file":
		f.envFile, err = parsed(s.Value, fileAt)
	default:
		err = f.overrides.Set(s.Name, s.Value)
	}
	return err
}

func parsed[T any](text string, parse func(string) (T, error)) (*T, error) {
	v, err := parse(text)
	return &v, err
}

func parseSymlinks(s string) (config.SymlinkPolicy, error) {
	switch p := config.SymlinkPolicy(s); p {
	case config.SymlinksInside, config.SymlinksAll, config.SymlinksNone:
		return p, nil
	}
	return "", &config.Error{
		Problem: fmt.Sprintf("unknown policy %q", s),
		Remedy:  "write inside (follow links that stay in the folder), all or none",
	}
}

// addStatic reads a folder and the path that it is served at, "/static=DIR".
func (f *flags) addStatic(value string) error {
	path, dir, ok := strings.Cut(value, "=")
	if !ok {
		return &config.Error{Problem: fmt.Sprintf("%q names no folder", value), Remedy: "write a path and a folder, such as /static=public"}
	}
	r := config.Route{}
	var err error
	if r.Path, err = config.ParseRoutePath(path); err != nil {
		return err
	}
	if r.Root, err = folderAt(dir); err != nil {
		return err
	}
	if slices.ContainsFunc(f.statics, func(other config.Route) bool { return other.Path == r.Path }) {
		return &config.Error{Problem: fmt.Sprintf("%q has a folder already", path), Remedy: "give each path one folder"}
	}
	f.statics = append(f.statics, r)
	return nil
}

// folderAt returns the absolute path of a folder that has to exist.
func folderAt(path string) (string, error) {
	info, err := statOf(path, "folder")
	if err == nil && !info.IsDir() {
		err = &config.Error{Problem: fmt.Sprintf("%s is a %s", quoted(path), kindOf(info)), Remedy: "name a folder"}
	}
	if err != nil {
		return "", err
	}
	return filepath.Abs(path)
}

// fileAt returns the absolute path of a file that has to exist. It need not be a regular one: shells hand over pipes.
func fileAt(path string) (string, error) {
	info, err := statOf(path, "file")
	if err == nil && info.IsDir() {
		err = &config.Error{Problem: quoted(path) + " is a folder", Remedy: "name a file"}
	}
	if err != nil {
		return "", err
	}
	return filepath.Abs(path)
}

func statOf(path, thing string) (fs.FileInfo, error) {
	info, err := os.Stat(path)
	var cause *fs.PathError
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, &config.Error{Problem: fmt.Sprintf("there is no %s %s", thing, quoted(path))}
	case errors.As(err, &cause):
		return nil, &config.Error{Problem: fmt.Sprintf("%s cannot be used: %v", quoted(path), cause.Err)}
	}
	return info, err
}

// applyTo puts those settings over c that [config.Config.Apply] does not know.
func (f *flags) applyTo(c *config.Config) error {
	for i := range c.Apps {
		a := &c.Apps[i]
		if f.factory != nil && a.Classes == "" {
			a.Factory = *f.factory
		}
		if f.envFile != nil {
			a.EnvFile = *f.envFile
		}
		a.Env = append(a.Env, f.env...)
		if a.MaxWorkers != 0 && a.MaxWorkers < a.Workers {
			return &UsageError{
				fmt.Sprintf("there are to be %d workers and at most %d", a.Workers, a.MaxWorkers),
				"--max-workers is the larger number, or left out",
			}
		}
		if a.Factory && filepath.Base(a.WSGI) == "manage.py" {
			return &UsageError{"--factory has no meaning for a Django project", "leave it out"}
		}
	}
	for i := range c.Sites {
		if err := f.applyToSite(&c.Sites[i]); err != nil {
			return err
		}
	}
	return nil
}

func (f *flags) applyToSite(s *config.Site) error {
	if f.hidden != nil {
		s.Hidden = *f.hidden
	}
	if f.symlinks != nil {
		s.Symlinks = *f.symlinks
	}
	if f.uploadLimit != nil {
		s.UploadLimit = *f.uploadLimit
	}
	if f.uploadOverwrite != nil {
		s.UploadOverwrite = *f.uploadOverwrite
	}
	for i := range s.Routes {
		if r := &s.Routes[i]; r.App != "" && f.mount != "" && r.Pos.Line == 0 { // a file says where its applications are
			r.Path = f.mount
		}
	}
	for _, r := range f.statics {
		taken := func(other config.Route) bool { return other.Path == r.Path }
		if i := slices.IndexFunc(s.Routes, taken); i >= 0 {
			if at := s.Routes[i].Pos; at.Line != 0 {
				return &UsageError{fmt.Sprintf("--static: there is a route for %q already, at %s", r.Path, at), "give the folder a path of its own"}
			}
			return &UsageError{
				fmt.Sprintf("--static: the application answers at %q", r.Path),
				"give the folder a path of its own, such as /static=DIR, or the application one with --mount",
			}
		}
		s.Routes = append(s.Routes, r)
	}
	return nil
}
