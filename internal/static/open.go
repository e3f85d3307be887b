package static

import (
	"errors"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
)

// Containment. Every access goes through openat2 or an os.Root, both of which resolve a name from the root's descriptor
// and follow a symbolic link only while the walk stays below it: neither "..", nor an absolute link, nor a folder that
// is swapped for a link meanwhile leads out. Only SymlinksAll does without them, since it is to lead out.

// errSymlink refuses a name under SymlinksNone.
var errSymlink = errors.New("static: a symbolic link")

// tree is the folder being served. A name in it is slash-separated and relative, "." for the root itself; it comes
// from a canonical path, so that it holds neither dot segments nor NUL.
type tree struct {
	path   string
	root   *os.Root
	dir    *os.File // the root again, for openBeneath
	policy SymlinkPolicy
}

func openTree(path string, policy SymlinkPolicy) (*tree, error) {
	root, err := os.OpenRoot(path)
	if err != nil {
		return nil, err
	}
	dir, err := root.Open(".")
	if err != nil {
		root.Close()
		return nil, err
	}
	return &tree{path: path, root: root, dir: dir, policy: policy}, nil
}

func (t *tree) close() error { return errors.Join(t.root.Close(), t.dir.Close()) }

// open opens a file or a folder for reading. It does not wait for the other end of a FIFO; whoever calls looks at
// the mode before reading.
func (t *tree) open(name string) (*os.File, error) {
	if t.policy != SymlinksAll {
		f, err := openBeneath(t.dir, name, t.policy)
		if !errors.Is(err, errors.ErrUnsupported) {
			return f, err
		}
	}
	return t.openInRoot(name)
}

// openInRoot is open without openBeneath.
func (t *tree) openInRoot(name string) (*os.File, error) {
	if err := t.admit(name); err != nil {
		return nil, err
	}
	if t.policy == SymlinksAll {
		return os.OpenFile(t.outside(name), openFlags, 0)
	}
	return t.root.OpenFile(name, openFlags, 0)
}

// stat describes what name stands for, at the end of all links.
func (t *tree) stat(name string) (fs.FileInfo, error) {
	if err := t.admit(name); err != nil {
		return nil, err
	}
	if t.policy == SymlinksAll {
		return os.Stat(t.outside(name))
	}
	return t.root.Stat(name)
}

// folder opens a folder as a root of its own, for reading its entries and creating files in it. Links from it to
// elsewhere in the tree are followed by the methods of t alone.
func (t *tree) folder(name string) (*os.Root, error) {
	// OpenRoot would wait for the other end of a FIFO.
	info, err := t.stat(name)
	if err != nil {
		return nil, err
	}
	if !info.IsDir() {
		return nil, syscall.ENOTDIR
	}
	if t.policy == SymlinksAll {
		return os.OpenRoot(t.outside(name))
	}
	return t.root.OpenRoot(name)
}

// outside returns the path of name for calls that are not contained.
func (t *tree) outside(name string) string { return filepath.Join(t.path, filepath.FromSlash(name)) }

// admit refuses names that another system would read as more than they say, and under SymlinksNone those that
// cross a link.
func (t *tree) admit(name string) error {
	if runtime.GOOS == "windows" && strings.ContainsAny(name, `\:`) {
		return fs.ErrNotExist
	}
	if t.policy != SymlinksNone {
		return nil
	}
	for end := 0; end < len(name); {
		next := strings.IndexByte(name[end:], '/')
		if next < 0 {
			end = len(name)
		} else {
			end += next
		}
		info, err := t.root.Lstat(name[:end])
		if err != nil {
			return err
		}
		if info.Mode()&fs.ModeSymlink != 0 {
			return errSymlink
		}
		end++
	}
	return nil
}

// nameOf returns the name in the tree of a canonical path. A path to a folder may end in a slash, which the name
// does not.
func nameOf(path string) string {
	name := strings.Trim(path, "/")
	if name == "" {
		return "."
	}
	return name
}

// hidden reports whether a canonical path has a component that is not to be seen.
func (s *Site) hidden(path string) bool {
	if !strings.Contains(path, "/.") {
		return false
	}
	rest := strings.TrimPrefix(path, "/.well-known")
	if rest != "" && rest[0] != '/' {
		rest = path
	}
	for component := range strings.SplitSeq(rest, "/") {
		if s.hiddenName(component) {
			return true
		}
	}
	return false
}

// hiddenName is hidden for one component that is not the root's.
func (s *Site) hiddenName(name string) bool {
	return strings.HasPrefix(name, ".") && (!s.cfg.Hidden || strings.HasPrefix(name, stagedPrefix))
}

// statusOf returns the status that tells a client of a failure to open something. What is not known to be our
// fault reads as absence, so that nobody learns about what is outside of the root.
func statusOf(err error) int {
	switch {
	case errors.Is(err, fs.ErrPermission):
		return http.StatusForbidden
	case errors.Is(err, syscall.EMFILE), errors.Is(err, syscall.ENFILE), errors.Is(err, syscall.ENOMEM):
		return http.StatusServiceUnavailable
	case errors.Is(err, syscall.EIO), errors.Is(err, os.ErrClosed), errors.Is(err, syscall.EBADF):
		return http.StatusInternalServerError
	}
	return http.StatusNotFound
}
