package observe

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
)

// File is a log file that is only appended to, and that can be opened anew
// after it has been renamed, or rotates itself, see [Rotation]. Its methods may be called by any
// goroutine; writes do not mix.
type File struct {
	path     string // absolute, so that Reopen does not depend on the working directory
	rotation rotator

	mu      sync.Mutex // guards the following fields
	file    *os.File   // nil after Close
	midLine bool       // what was last written to file did not end a line
}

// OpenFile opens the file at path for appending. If there is none it is
// created, readable and writable by its owner only: a log may hold what
// clients would not like others to read. The folder must exist.
func OpenFile(path string) (*File, error) { return OpenRotated(path, Rotation{}) }

// OpenRotated is OpenFile for a file that rotates itself.
func OpenRotated(path string, r Rotation) (*File, error) {
	absolute, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("log file %s: %w", path, err)
	}
	file, err := openAppend(absolute)
	if err != nil {
		return nil, err
	}
	f := &File{path: absolute, file: file}
	f.rotation.Rotation = r
	f.rotation.begin(absolute)
	return f, nil
}

func openAppend(path string) (*os.File, error) {
	return os.OpenFile(path, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600)
}

// Path returns the absolute path of the file.
func (f *File) Path() string { return f.path }

// Write appends p to the file, which it rotates before if it is time for that. It returns an error that is [os.ErrClosed]
// after Close.
func (f *File) Write(p []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.file == nil {
		return 0, f.closedError("write")
	}
	if f.rotation.on() {
		f.rotateLocked(int64(len(p)))
	}
	n, err := f.file.Write(p)
	if n > 0 {
		f.midLine = p[n-1] != '\n'
	}
	return n, err
}

// rotateLocked has what is written next be the beginning of a new file, if it is time for that, or if another process has seen to it. When
// it fails the old file goes on; the cause is reported.
func (f *File) rotateLocked(more int64) {
	info, err := os.Stat(f.path)
	if err == nil {
		var ours os.FileInfo
		if ours, err = f.file.Stat(); err == nil && os.SameFile(info, ours) {
			if !f.rotation.due(info, more) {
				return
			}
			err = f.rotation.rename(f.path)
		}
	} else if errors.Is(err, fs.ErrNotExist) { // somebody has taken it away
		err = nil
	}
	if err == nil {
		err = f.reopenLocked()
	}
	if err != nil {
		f.rotation.fail(fmt.Errorf("the log could not be rotated: %w", err))
		return
	}
	f.rotation.tidy(f.path)
}

// Reopen opens the file's path again, creating the file if it is gone, and
// writes there from now on. When that fails, writes continue to go to the old
// file and the error says why. An error from closing the old file, once it has
// been replaced, is returned too: its last lines may not be on the disk.
func (f *File) Reopen() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.file == nil {
		return f.closedError("reopen")
	}
	return f.reopenLocked()
}

func (f *File) reopenLocked() error {
	file, err := openAppend(f.path)
	if err != nil {
		return err
	}
	old := f.file
	f.file, f.midLine = file, false
	return old.Close()
}

// Close closes the file. It waits for what a rotation has begun, which it ends.
func (f *File) Close() error {
	f.mu.Lock()
	file := f.file
	f.file = nil
	f.mu.Unlock()
	if file == nil {
		return f.closedError("close")
	}
	f.rotation.end()
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
