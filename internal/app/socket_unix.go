//go:build unix

package app

import (
	"io/fs"
	"os"
	"syscall"
)

// belongsToUs reports whether a file is this user's.
func belongsToUs(info fs.FileInfo) bool {
	owner, ok := info.Sys().(*syscall.Stat_t)
	return ok && int(owner.Uid) == os.Geteuid()
}

// privately calls f while files that the process makes are for its user alone. It is for the start, when nothing else makes files.
func privately(f func() error) error {
	before := syscall.Umask(0o177)
	defer syscall.Umask(before)
	return f()
}
