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
		return st.Ino, st.Ctim.Nano()
	}
	return 0, 0
}

// now returns the version that the open file has at the moment, without the allocations of os.File.Stat.
func (rep *representation) now() (version, error) {
	var st syscall.Stat_t
	if err := syscall.Fstat(int(rep.fd), &st); err != nil {
		return version{}, err
	}
	return version{inode: st.Ino, size: st.Size, modified: st.Mtim.Nano(), changed: st.Ctim.Nano()}, nil
}
