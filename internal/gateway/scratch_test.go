package gateway

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"

	"highball"
)

// watchedScratch is where tests see which files were made, and that they were closed.
type watchedScratch struct {
	create func() (*os.File, error) // nil is what the server does

	mu   sync.Mutex // guards made
	made []*os.File
}

func (s *watchedScratch) scratch() scratch { return scratch{open: s.open} }

func (s *watchedScratch) open() (*os.File, error) {
	create := s.create
	if create == nil {
		create = new(scratch).create
	}
	f, err := create()
	if err == nil {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.made = append(s.made, f)
	}
	return f, err
}

// count returns how many files were made, and how many of them are open.
func (s *watchedScratch) count() (made, open int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range s.made {
		if _, err := f.Stat(); !errors.Is(err, os.ErrClosed) {
			open++
		}
	}
	return len(s.made), open
}

func TestScratchHasNoName(t *testing.T) {
	for name, open := range map[string]func(string) (*os.File, error){"as the system can": openUnnamed, "removed": openRemoved} {
		dir := t.TempDir()
		f, err := open(dir)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		left, err := filepath.Glob(filepath.Join(dir, "*"))
		if err != nil || len(left) > 0 {
			t.Errorf("%s: %q are left, %v", name, left, err)
		}
		info, err := f.Stat()
		if err != nil || info.Mode().Perm() != 0o600 || info.Size() != 0 {
			t.Errorf("%s: mode %v, %d bytes, %v", name, info.Mode(), info.Size(), err)
		}
		b := make([]byte, 5)
		_, writeErr := f.WriteAt([]byte("hello"), 0)
		if _, err := io.ReadFull(f, b); err != nil || writeErr != nil || string(b) != "hello" {
			t.Errorf("%s: read %q, %v, %v", name, b, err, writeErr)
		}
		if err := f.Close(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := open(filepath.Join(dir, "missing")); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s: error %v for a folder that does not exist", name, err)
		}
	}
}

func TestStorageError(t *testing.T) {
	tests := map[error]int{
		&os.PathError{Op: "write", Err: syscall.ENOSPC}: 507,
		&os.PathError{Op: "write", Err: errQuota}:       507,
		&os.PathError{Op: "open", Err: syscall.EMFILE}:  500,
	}
	for cause, want := range tests {
		err := storageError(cause)
		var status *highball.Error
		if !errors.As(err, &status) || status.Status != want || !errors.Is(err, cause) {
			t.Errorf("%v becomes %v", cause, err)
		}
	}
}
