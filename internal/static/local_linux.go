package static

import (
	"slices"

	"golang.org/x/sys/unix"
)

// localKinds are the file systems on disks of this machine, and in its memory.
var localKinds = []int64{
	unix.EXT4_SUPER_MAGIC, unix.XFS_SUPER_MAGIC, unix.BTRFS_SUPER_MAGIC, unix.F2FS_SUPER_MAGIC, zfsMagic, unix.TMPFS_MAGIC, unix.OVERLAYFS_SUPER_MAGIC,
}

const zfsMagic = 0x2fc12fc1 // of OpenZFS, which is not part of the kernel

// isLocal reports whether an open file lies on a file system of this machine: a network's, or another program's, may have those wait who only ask for
// what is in memory.
func isLocal(fd uintptr) bool {
	var st unix.Statfs_t
	err := unix.Fstatfs(int(fd), &st)
	return err == nil && slices.Contains(localKinds, int64(st.Type))
}
