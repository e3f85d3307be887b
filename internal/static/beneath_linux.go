package static

import (
	"errors"
	"io/fs"
	"os"
	"runtime"

	"golang.org/x/sys/unix"
)

// openBeneath opens name below dir as an os.Root does, but in one system call, whatever its depth: openat2(2). The
// kernel keeps the walk below dir, and under SymlinksNone refuses every link. It fails with errors.ErrUnsupported
// where the kernel or a sandbox has no such call, or cannot tell.
func openBeneath(dir *os.File, name string, policy SymlinkPolicy) (*os.File, error) {
	how := unix.OpenHow{
		Flags:   uint64(openFlags | unix.O_CLOEXEC),
		Resolve: unix.RESOLVE_BENEATH | unix.RESOLVE_NO_MAGICLINKS,
	}
	if policy == SymlinksNone {
		how.Resolve |= unix.RESOLVE_NO_SYMLINKS
	}
	const tries = 8 // EAGAIN says that a rename elsewhere left the kernel in doubt about ".."
	for range tries {
		fd, err := unix.Openat2(int(dir.Fd()), name, &how)
		runtime.KeepAlive(dir)
		switch err {
		case nil:
			return os.NewFile(uintptr(fd), name), nil
		case unix.EINTR, unix.EAGAIN:
			continue
		case unix.ENOSYS, unix.EPERM:
			return nil, errors.ErrUnsupported
		}
		return nil, &fs.PathError{Op: "openat2", Path: name, Err: err}
	}
	return nil, errors.ErrUnsupported
}
