package gateway

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"highball"
)

// script is a program that a request is for.
type script struct {
	file string   // absolute
	argv []string // that starts it: of an interpreter, or the file alone
	warm warmKey  // of what it is forked from, if it can be
	name string   // SCRIPT_NAME
	info string   // PATH_INFO
	nph  bool     // the script's output is a whole HTTP response (RFC 3875, section 5)
}

// dir returns the folder of the script, in which it runs.
func (s *script) dir() string { return filepath.Dir(s.file) }

// find returns the script for what follows the mount in a canonical path: the first file on the way down through the
// folder's folders. What remains of the path is PATH_INFO. No file outside of the folder is looked at; symbolic links may
// lead from one place in it to another. The error is a *highball.Error.
func (c *CGI) find(mount, rest string) (*script, error) {
	root, err := os.OpenRoot(c.cfg.Dir) // each time: a folder may be replaced by another one
	if err != nil {
		return nil, &highball.Error{Status: 500, Err: fmt.Errorf("the folder of CGI scripts: %w", err)}
	}
	defer root.Close()
	for end := 0; end < len(rest); {
		next := strings.IndexByte(rest[end+1:], '/')
		if next < 0 {
			next = len(rest)
		} else {
			next += end + 1
		}
		segment := rest[end+1 : next]
		if end = next; segment == "" {
			break
		}
		if segment[0] == '.' {
			return nil, &highball.Error{Status: 404, Err: errors.New("hidden files are no CGI scripts")}
		}
		name := rest[1:end]
		info, err := root.Stat(name)
		switch {
		case err != nil:
			return nil, unfound(err)
		case info.Mode().IsRegular():
			return c.scriptAt(root, info, mount, rest, end)
		case !info.IsDir():
			return nil, &highball.Error{Status: 403, Err: fmt.Errorf("%s in %s is no regular file", name, c.cfg.Dir)}
		}
	}
	return nil, &highball.Error{Status: 404, Err: fmt.Errorf("%s in %s is a folder, not a CGI script", cmp.Or(rest, "/"), c.cfg.Dir)}
}

// unfound turns an error of the file system into what the client may know of it.
func unfound(err error) error {
	status := 404
	if errors.Is(err, fs.ErrPermission) {
		status = 403
	}
	return &highball.Error{Status: status, Err: err}
}

// scriptAt returns the script rest[:end], if it can be run.
func (c *CGI) scriptAt(root *os.Root, info fs.FileInfo, mount, rest string, end int) (*script, error) {
	name := rest[1:end]
	s := &script{
		file: filepath.Join(c.cfg.Dir, filepath.FromSlash(name)), name: mount + rest[:end], info: rest[end:],
		nph: strings.HasPrefix(path.Base(name), "nph-"),
	}
	executable := info.Mode().Perm()&0o111 != 0
	interpreter := c.cfg.Interpreters[path.Ext(name)]
	line := ""
	if executable && (interpreter != "" || c.cfg.Warm) {
		var err error
		if line, err = firstLine(root, name); err != nil && interpreter != "" {
			return nil, unfound(err)
		}
		if strings.HasPrefix(line, "#!") {
			interpreter = ""
		}
	}
	switch {
	case interpreter != "":
		s.argv = []string{interpreter, s.file}
		if c.cfg.Warm {
			s.warm = warmKeyOf(interpreter)
		}
	case executable:
		s.argv = []string{s.file}
		if c.cfg.Warm && mayExecute(s.file) {
			s.warm = c.warmKeyOfLine(line)
		}
	default:
		return nil, &highball.Error{Status: 403, Err: fmt.Errorf(
			"%s is not executable (chmod +x), and there is no interpreter for files like it", s.file)}
	}
	return s, nil
}

// longestFirstLine is how much of a file's first line is looked at: the system takes no longer one for an interpreter's.
const longestFirstLine = 255

// firstLine returns the first line of a file, or as much of it as may name its interpreter.
func firstLine(root *os.Root, name string) (string, error) {
	f, err := root.Open(name)
	if err != nil {
		return "", err
	}
	defer f.Close()
	var start [longestFirstLine]byte
	n, err := io.ReadFull(f, start[:])
	if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
		return "", err
	}
	line, _, _ := strings.Cut(string(start[:n]), "\n")
	return line, nil
}
