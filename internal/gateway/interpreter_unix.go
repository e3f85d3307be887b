//go:build unix

package gateway

import (
	"io/fs"
	"os"
	"syscall"
)

// trusted tells whether a program in a folder may be run: the folder belongs to this user, to root, or to whom the
// application belongs.
func trusted(folder, application fs.FileInfo) bool {
	owner, ok := folder.Sys().(*syscall.Stat_t)
	if !ok {
		return true
	}
	if owner.Uid == 0 || int(owner.Uid) == os.Geteuid() {
		return true
	}
	theirs, ok := application.Sys().(*syscall.Stat_t)
	return ok && theirs.Uid == owner.Uid
}
