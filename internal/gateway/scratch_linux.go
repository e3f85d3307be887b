package gateway

import (
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// errQuota is how the system says that the user has no room left, where others may have.
const errQuota = syscall.EDQUOT

// openUnnamed makes a file in dir that never has a name, where the file system can do so.
func openUnnamed(dir string) (*os.File, error) {
	// O_EXCL: nobody can give it a name later.
	f, err := os.OpenFile(dir, os.O_RDWR|os.O_EXCL|unix.O_TMPFILE, 0o600)
	if err != nil {
		return openRemoved(dir)
	}
	return f, nil
}
