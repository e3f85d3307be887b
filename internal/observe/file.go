package observe

import (
	"fmt"
	"os"
	"path/filepath"
	"sync"
)

// File is a log file that is only appended to and that can be opened anew
// after it has been renamed by a rotation. Its methods may be called by any
// goroutine; writes do not mix.
type File struct {
	path string // absolute, so that Reopen does not depend on the working directory

	mu      sync.Mutex // guards the following fields
	file    *os.File   // nil after Close
	midLine bool       // what was last written to file did not end a line
}

// OpenFile opens the file at path for appending. If there is none it is
// created, readable and writable by its owner only: a log may hold what
// clients would not like others to read. The folder must exist.
func OpenFile(path string) (*File, error) {
	absolute, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("log file %s: %w", path, err)
	}
	file, err := openAppend(absolute)
	if err != nil {
		return nil, err
	}
	return &File{path: absolute, file: file}, nil
}

func openAppend(path string) (*os.File, error) {
	return os.OpenFile(path, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600)
}

// Write appends p to the file. It returns an error that is [os.ErrClosed]
// after Close.
func (f *File) Write(p []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.file == nil {
		return 0, f.closedError("write")
	}
	n, err := f.file.Write(p)
	if n > 0 {
		f.midLine = p[n-1] != '\n'
	}
	return n, err
}

// Reopen opens the file's path again, creating the file if it is gone, and
// writes there from now on. When that fails, writes continue to go to the old
// file and the error says why. An error from closing the old file, once it has
// been replaced, is returned too: its last lines may not be on the disk.
func (f *File) Reopen() error {
	file, err := openAppend(f.path)
	if err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	old := f.file
	if old == nil {
		_ = file.Close()
		return f.closedError("reopen")
	}
	f.file, f.midLine = file, false
	return old.Close()
}

// Close closes the file.
func (f *File) Close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.file == nil {
		return f.closedError("close")
	}
	file := f.file
	f.file = nil
	return file.Close()
}

// atLineStart implements lineStarter.
func (f *File) atLineStart() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return !f.midLine
}

func (f *File) closedError(op string) error {
	return &os.PathError{Op: op, Path: f.path, Err: os.ErrClosed}
}
