//go:build !linux

package gateway

import (
	"os"
	"syscall"
)

// errQuota is how the system says that there is no room left.
const errQuota = syscall.ENOSPC

// openUnnamed makes a file in dir without a name.
func openUnnamed(dir string) (*os.File, error) { return openRemoved(dir) }
