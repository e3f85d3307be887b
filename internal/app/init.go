package app

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"highball/internal/config"
)

// Overwriting says whether a file that is there may be replaced.
type Overwriting uint8

// Whether a file may be replaced.
const (
	KeepFile Overwriting = iota
	ReplaceFile
)

// Init writes a configuration for what lies in a folder, "" for the current one, with comments that explain it. It asks nothing, and runs nothing of what it
// finds.
func Init(dir string, o Overwriting, env Env) error {
	root, err := folderAt(cmp.Or(dir, "."))
	if err != nil {
		wrong := &config.Error{Problem: err.Error()}
		errors.As(err, &wrong)
		return &UsageError{wrong.Problem, wrong.Remedy}
	}
	name := filepath.Join(cmp.Or(dir, "."), FileName)
	if _, err := os.Lstat(name); err == nil && o == KeepFile {
		return fmt.Errorf("there is a %s already; --force replaces it", quoted(name))
	}
	text, found, err := initialText(root)
	if err != nil {
		return err
	}
	if _, err := config.ParseTOML(name, text, root); err != nil {
		return fmt.Errorf("for what lies in %s no configuration could be made: %w", quoted(root), err)
	}
	if err := writeWhole(name, text); err != nil {
		return err
	}
	_, err = fmt.Fprintf(env.Stdout, "wrote %s for %s; \"highball run%s\" runs it\n", quoted(name), found, spaced(dir))
	return err
}

func spaced(dir string) string {
	if dir == "" {
		return ""
	}
	return " " + pathArgument(dir)
}

// writeWhole writes a file so that nobody ever reads half of it.
func writeWhole(name string, text []byte) error {
	mode := fs.FileMode(0o644)
	if info, err := os.Stat(name); err == nil {
		mode = info.Mode().Perm()
	}
	if target, err := filepath.EvalSymlinks(name); err == nil {
		name = target
	}
	f, err := os.CreateTemp(filepath.Dir(name), "."+filepath.Base(name)+".*")
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	err = errors.Join(err, f.Chmod(mode), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), name)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}

// belongings are what was found in a folder.
type belongings struct {
	dir    string // absolute
	wsgi   string // as config.App has it; "" without an application
	what   string // it is: "a Django project"
	venv   string // the folder of a virtual environment, or ""
	root   string // of the site, or ""
	static string // served at /static/ beside an application, or ""
	cgi    string // a folder of scripts, or ""
}

// look finds what there is to serve in a folder.
func look(dir string) belongings {
	b := belongings{dir: dir}
	has := func(name string) bool { return isFile(filepath.Join(dir, name)) }
	first := func(names ...string) string {
		i := slices.IndexFunc(names, func(name string) bool { return isFolder(filepath.Join(dir, name)) })
		if i < 0 {
			return ""
		}
		return names[i]
	}
	if has("manage.py") {
		b.wsgi, b.what = "manage.py", "a Django project"
	} else {
		b.wsgi, b.what = lookForWSGI(dir)
	}
	b.cgi = first("cgi-bin")
	if b.wsgi != "" {
		b.static = first("staticfiles", "static")
		b.venv = first(".venv", "venv")
		return b
	}
	b.root = first("public", "htdocs", "dist", "_site", "www")
	if b.root == "" && isFile(filepath.Join(dir, "static", "index.html")) {
		b.root = "static"
	}
	if b.root == "" && (has("index.html") || b.cgi == "") {
		b.root = "."
	}
	return b
}

// What a Python file shows of the application in it, at the beginning of a line: something that a framework has made, something that has one of the names
// that servers look for, or a function that makes one.
var (
	madeByFramework = regexp.MustCompile(`(?m)^(\w+)(?:\s*:[^=\n]+)?\s*=\s*(?:\w+\.)*(?:Flask|Bottle|get_wsgi_application|make_wsgi_app|falcon\.App)\(`)
	namedAsUsual    = regexp.MustCompile(`(?m)^(?:(application|app)(?:\s*:[^=\n]+)?\s*=|def (application|app)\s*\()`)
	factory         = regexp.MustCompile(`(?m)^def (create_app|make_app)\s*\(`)
	notWSGI         = regexp.MustCompile(`(?m)^\w+\s*=\s*(?:\w+\.)*(FastAPI|Starlette|Quart|Sanic)\(`)
)

// longestSource is more than the main file of an application has; what is longer is not looked at.
const longestSource = 256 << 10

// lookForWSGI returns an application in the Python files of a folder, as config.App has it, and what it is.
func lookForWSGI(dir string) (wsgi, what string) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return "", ""
	}
	usual := []string{"wsgi.py", "app.py", "application.py", "main.py"}
	names := slices.Clone(usual)
	for _, e := range entries {
		if name := e.Name(); strings.HasSuffix(name, ".py") && !slices.Contains(usual, name) {
			names = append(names, name)
		}
	}
	for _, name := range names {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil || !info.Mode().IsRegular() || info.Size() > longestSource || !config.IsModule(strings.TrimSuffix(name, ".py")) {
			continue
		}
		text, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil || notWSGI.Match(text) {
			continue
		}
		module := strings.TrimSuffix(name, ".py")
		switch {
		case madeByFramework.Match(text):
			m := madeByFramework.FindSubmatch(text)
			return module + ":" + string(m[1]), "the application in " + name
		case factory.Match(text):
			return module + ":" + string(factory.FindSubmatch(text)[1]) + "()", "the application that a function in " + name + " makes"
		case slices.Contains(usual, name) && namedAsUsual.Match(text):
			m := namedAsUsual.FindSubmatch(text)
			return module + ":" + string(m[1]) + string(m[2]), "the application in " + name
		}
	}
	return "", ""
}
