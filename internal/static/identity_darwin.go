package static

import (
	"io/fs"
	"os"
	"syscall"
)

// openFlags has open return at once even for a FIFO without a writer.
const openFlags = os.O_RDONLY | syscall.O_NONBLOCK

// inodeOf returns the inode number and the time of its last change in nanoseconds.
func inodeOf(info fs.FileInfo) (inode uint64, changed int64) {
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		return st.Ino, st.Ctimespec.Nano()
	}
	return 0, 0
}

// now returns the version that the open file has at the moment.
func (rep *representation) now() (version, error) {
	info, err := rep.file.Stat()
	if err != nil {
		return version{}, err
	}
	return versionOf(info), nil
}
