//go:build !linux

package static

import (
	"errors"
	"os"
)

// openBeneath leaves the work to os.Root.
func openBeneath(*os.File, string, SymlinkPolicy) (*os.File, error) {
	return nil, errors.ErrUnsupported
}
