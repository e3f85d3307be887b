package app

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"highball/internal/config"
)

// reading is how an argument can be understood as a Python application.
type reading uint8

const (
	notPython   reading = iota
	pythonFile          // file.py, file.py:attr, file.py:factory(), manage.py: the file is there
	pythonName          // module:attr, module:factory(): only the interpreter knows what is there
	pythonAlone         // module: there is a file of it in the folder

	pythonFileOrName // file.py:attr, where there is file.py and file/py.py too
)

// python reads arg as a Python application whose files lie in dir, "" for the current folder.
func python(arg, dir string) reading {
	file, attribute, called := cutLast(arg, ":")
	switch {
	case strings.HasSuffix(file, ".py") && (!called || config.IsAttribute(attribute)) && isFile(inFolder(dir, file)):
		if called && config.IsModule(file) && hasModule(dir, file) {
			return pythonFileOrName
		}
		return pythonFile
	case isCallable(arg) && (!strings.HasSuffix(file, ".py") || hasModule(dir, file)):
		return pythonName
	case !called && config.IsModule(arg) && hasModule(dir, arg):
		return pythonAlone
	}
	return notPython
}

// applicationTarget returns the target of an argument that python has understood.
func applicationTarget(arg, dir string) (target, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return target{}, err
	}
	a := config.DefaultApp(applicationName(arg, abs), arg, abs)
	return target{path: arg, app: &a}, nil
}

// applicationName returns what an application is called in the log.
func applicationName(arg, dir string) string {
	file, _, _ := cutLast(arg, ":")
	base := filepath.Base(file)
	switch {
	case base == "manage.py": // of a Django project, of which there are many by this name
		return filepath.Base(filepath.Dir(inFolder(dir, file)))
	case strings.HasSuffix(base, ".py"):
		return strings.TrimSuffix(base, ".py")
	}
	name, _, _ := strings.Cut(file, ".")
	return name
}

// notApplication explains what is wrong with an argument that was meant for a Python application and is none. It returns nil for
// other arguments.
func notApplication(arg, dir string) error {
	file, attribute, called := cutLast(arg, ":")
	switch {
	case strings.HasSuffix(file, ".py") && (!called || config.IsAttribute(attribute)):
		if called || dir != "" {
			return absent(fmt.Sprintf("there is no file %s", quoted(inFolder(dir, file))), "")
		}
	case called && config.IsModule(file) && !isNumber(attribute) && !strings.HasPrefix(attribute, "//"):
		return &UsageError{
			fmt.Sprintf("%q does not name a Python application", arg),
			fmt.Sprintf("write module:callable, such as %s:application", file),
		}
	case !called && config.IsModule(arg) && (!strings.Contains(arg, ".") || isFolder(inFolder(dir, arg[:strings.IndexByte(arg, '.')]))):
		path := filepath.Join(dir, strings.ReplaceAll(arg, ".", "/"))
		return absent(fmt.Sprintf("there is no file or folder %s, and no Python module (%s.py or %s)",
			quoted(arg), path, filepath.Join(path, "__init__.py")), "")
	}
	return nil
}

// hasModule reports whether the file of a module lies in dir.
func hasModule(dir, module string) bool {
	path := filepath.Join(dir, strings.ReplaceAll(module, ".", "/"))
	return isFile(path+".py") || isFile(filepath.Join(path, "__init__.py"))
}

// isCallable reports whether s has the form of a Python callable, "package.module:name" or "package.module:name.attribute",
// perhaps called.
func isCallable(s string) bool {
	module, attribute, ok := strings.Cut(s, ":")
	return ok && config.IsModule(module) && config.IsAttribute(attribute)
}

// cutLast cuts s around the last sep: before it may stand the path of a file, which has some of its own on some systems.
func cutLast(s, sep string) (before, after string, found bool) {
	if i := strings.LastIndex(s, sep); i >= 0 {
		return s[:i], s[i+len(sep):], true
	}
	return s, "", false
}

// inFolder returns a path as seen from where dir is seen from.
func inFolder(dir, path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(dir, path)
}

func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}

func isFolder(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

// absent returns an error for an argument that names what is not there. It is an fs.ErrNotExist, for those who know of more that it could
// have been the name of.
func absent(problem, remedy string) error {
	return &absentError{UsageError{problem, remedy}}
}

type absentError struct{ UsageError }

func (e *absentError) Unwrap() []error { return []error{&e.UsageError, fs.ErrNotExist} }
