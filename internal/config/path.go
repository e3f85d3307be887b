package config

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// folder is the absolute path that the relative paths of a file start at.
type folder string

// newFolder makes dir absolute; "" is the current directory.
func newFolder(dir string) (folder, error) {
	abs, err := filepath.Abs(dir)
	return folder(abs), err
}

// resolve returns the absolute form of a path in the file.
func (f folder) resolve(path string) string {
	if filepath.IsAbs(path) {
		return filepath.Clean(path)
	}
	return filepath.Join(string(f), path)
}

// resolveDir resolves the path of a folder that has to exist.
func (f folder) resolveDir(path string) (string, error) {
	return f.existing(path, "folder", func(m fs.FileMode) error {
		if !m.IsDir() {
			return fault("name the folder it lies in", "%q is not a folder", f.resolve(path))
		}
		return nil
	})
}

// resolveFile resolves the path of a regular file that has to exist.
func (f folder) resolveFile(path string) (string, error) {
	return f.existing(path, "file", func(m fs.FileMode) error {
		if !m.IsRegular() {
			return fault("", "%q is not a file", f.resolve(path))
		}
		return nil
	})
}

// existing resolves a path of a thing that has to exist and to be of the right kind.
func (f folder) existing(path, thing string, check func(fs.FileMode) error) (string, error) {
	if path == "" {
		return "", fault(`"." is the folder of this file`, "the path of the %s is empty", thing)
	}
	abs := f.resolve(path)
	info, err := os.Stat(abs)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		remedy := ""
		if !filepath.IsAbs(path) {
			remedy = "relative paths start at the folder of this file"
		}
		return "", fault(remedy, "the %s %q does not exist", thing, abs)
	case err != nil:
		return "", fault("", "the %s %q cannot be used: %v", thing, abs, cause(err))
	}
	return abs, check(info.Mode())
}

// cause returns an error of the file system without the path, which the message has anyway.
func cause(err error) error {
	var about *fs.PathError
	if errors.As(err, &about) {
		return about.Err
	}
	return err
}
