package gateway

import (
	"errors"
	"os"
	"syscall"

	"highball"
)

// scratch makes temporary files that have no name: they are gone when they are closed, whatever happens to the server. Its
// zero value makes them in os.TempDir.
type scratch struct {
	open func() (*os.File, error) // nil is openUnnamed in os.TempDir
}

// create returns an empty file, which only this user can open.
func (s *scratch) create() (*os.File, error) {
	if s.open != nil {
		return s.open()
	}
	return openUnnamed(os.TempDir())
}

// openRemoved makes a file in dir and removes its name.
func openRemoved(dir string) (*os.File, error) {
	f, err := os.CreateTemp(dir, "highball-") // mode 0600
	if err != nil {
		return nil, err
	}
	if err := os.Remove(f.Name()); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// storageError is the answer to a request for which there is no room: 507, or 500 for any other cause.
func storageError(err error) error {
	status := 500
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, errQuota) {
		status = 507
	}
	return &highball.Error{Status: status, Err: err}
}
