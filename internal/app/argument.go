package app

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
)

// argument decides what the argument of "highball ARG" means. A folder is always served as plain files, whatever lies
// in it. What can be read in two ways is refused, with both readings and a way to write each. The files of an application lie in
// dir, "" for the current folder.
func argument(arg, dir string) (target, error) {
	if arg == "" {
		arg = "."
	}
	info, err := os.Stat(arg)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return target{}, missing(arg, err)
	}
	exists := err == nil
	app := python(arg, dir)
	switch {
	case isNumber(arg) && exists:
		return target{}, ambiguous(arg, info, "a port", "-p "+arg)
	case isNumber(arg):
		return portTarget(arg)
	case app == pythonName && exists:
		return target{}, ambiguous(arg, info, "a Python application", "")
	case app == pythonAlone && exists && (dir != "" || !info.IsDir()):
		return target{}, ambiguous(arg, info, "a Python module", arg+":application")
	case app == pythonFileOrName:
		file, _, _ := cutLast(arg, ":")
		return target{}, &UsageError{
			fmt.Sprintf("%q can be read as the file %s and as the module %s of a package", arg, file, file),
			fmt.Sprintf("write %q for the file", "./"+arg),
		}
	case app == pythonFile && strings.Contains(arg, ":") && exists:
		return target{}, ambiguous(arg, info, "a Python application", "")
	case app != notPython && !(exists && info.IsDir()):
		return applicationTarget(arg, dir)
	case exists && info.IsDir():
		return folderTarget(arg)
	}
	_, noLink := os.Readlink(arg)
	if wrong := notApplication(arg, dir); wrong != nil && (!exists && noLink != nil || dir != "") {
		return target{}, wrong
	}
	if !exists {
		return target{}, missing(arg, err)
	}
	return fileTarget(arg, info)
}

// ambiguous refuses an argument that names something on the disk and can be read in another way too.
func ambiguous(arg string, info fs.FileInfo, other, otherWay string) error {
	here := kindOf(info)
	remedy := fmt.Sprintf("write %q for the %s", "./"+arg, here)
	if otherWay != "" {
		remedy += fmt.Sprintf(" or %q for the other", otherWay)
	}
	return &UsageError{fmt.Sprintf("%q can be read as %s and as the %s of that name", arg, other, here), remedy}
}

func portTarget(arg string) (target, error) {
	port, err := strconv.ParseUint(arg, 10, 16)
	if err != nil {
		return target{}, &UsageError{fmt.Sprintf("%s is not a port", arg), "write a number from 0 (any free port) to 65535"}
	}
	t, err := folderTarget(".")
	n := int(port)
	t.port = &n
	return t, err
}

func folderTarget(arg string) (target, error) {
	path, err := filepath.Abs(arg)
	t := target{path: path}
	for _, name := range []string{FileName, "manage.py", "__init__.py"} {
		if path := filepath.Join(arg, name); isFile(path) {
			t.unused = append(t.unused, path)
		}
	}
	return t, err
}

// fileTarget accepts configuration files. Any other file would have to be served from its folder, and with it all
// that lies beside it, which nobody asked for.
func fileTarget(arg string, info fs.FileInfo) (target, error) {
	switch strings.ToLower(filepath.Ext(arg)) {
	case ".toml", ".conf":
		return configurationFile(arg, info)
	}
	return target{}, &UsageError{
		fmt.Sprintf("%s is a %s, neither a folder nor a configuration (FILE.toml, FILE.conf) nor an application (FILE.py)", quoted(arg), kindOf(info)),
		fmt.Sprintf("to serve the folder that it lies in, write \"highball %s\"", pathArgument(filepath.Dir(arg))),
	}
}

// configurationFile accepts a file of a known kind that can be read without waiting for somebody to write it, as a pipe can not.
func configurationFile(name string, info fs.FileInfo) (target, error) {
	if !info.Mode().IsRegular() {
		return target{}, &UsageError{
			fmt.Sprintf("%s is a %s, and a configuration has to be a file", quoted(name), kindOf(info)),
			"write it to a file first, such as " + FileName,
		}
	}
	path, err := filepath.Abs(name)
	return target{path: path, file: name}, err
}

// requestID is what an ID that the server gives a request looks like.
var requestID = regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]+-[0-9]+$`)

// missing explains why there is nothing at the path arg.
func missing(arg string, err error) error {
	if !errors.Is(err, fs.ErrNotExist) {
		var cause *fs.PathError
		if errors.As(err, &cause) {
			err = cause.Err
		}
		return &UsageError{Problem: fmt.Sprintf("%s cannot be used: %v", quoted(arg), err)}
	}
	if host, port, err := net.SplitHostPort(arg); err == nil && isNumber(port) {
		remedy := "an address is written as -p " + port
		if host != "" {
			remedy = "an address is written as -b " + host + " -p " + port
		}
		return &UsageError{fmt.Sprintf("there is no file or folder %s", quoted(arg)), remedy}
	}
	if goal, err := os.Readlink(arg); err == nil {
		return &UsageError{fmt.Sprintf("%s is a symbolic link to %s, which does not exist", quoted(arg), quoted(goal)), "name a folder that does"}
	}
	if strings.Contains(arg, "://") {
		return &UsageError{fmt.Sprintf("%s is a URL", quoted(arg)), "name the folder to serve; where to listen is said by -b HOST and -p PORT"}
	}
	if requestID.MatchString(arg) {
		return &UsageError{fmt.Sprintf("there is no file or folder %s", quoted(arg)), "the request of that ID is shown by highball recent --show " + arg}
	}
	return absent(fmt.Sprintf("there is no file or folder %s", quoted(arg)), "")
}

func kindOf(info fs.FileInfo) string {
	switch {
	case info.IsDir():
		return "folder"
	case info.Mode().IsRegular():
		return "file"
	}
	return "special file"
}

// isNumber reports whether s consists of digits.
func isNumber(s string) bool {
	return s != "" && strings.Trim(s, "0123456789") == ""
}

// quoted returns a path for a message: as it is, or between quotes where it holds spaces, what a terminal would act on,
// or nothing at all.
func quoted(path string) string {
	if q := strconv.Quote(path); path == "" || strings.ContainsRune(path, ' ') || q != `"`+path+`"` {
		return q
	}
	return path
}

// pathArgument returns a folder as it has to be written to be taken for one.
func pathArgument(dir string) string {
	if isNumber(dir) || isCallable(dir) {
		dir = "./" + dir
	}
	if strings.ContainsRune(dir, ' ') && strconv.Quote(dir) == `"`+dir+`"` {
		return "'" + dir + "'" // for a shell, and inside double quotes
	}
	return quoted(dir)
}
