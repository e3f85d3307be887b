package gateway

import (
	"os"

	"golang.org/x/sys/unix"
)

// sharedMemory returns memory of that size, and the file by which others share it. Nobody can change its size.
func sharedMemory(size int) (*os.File, []byte, error) {
	fd, err := unix.MemfdCreate("highball-arena", unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
	if err != nil {
		return nil, nil, os.NewSyscallError("memfd_create", err)
	}
	f := os.NewFile(uintptr(fd), "worker:arena")
	if err = unix.Ftruncate(fd, int64(size)); err == nil {
		_, err = unix.FcntlInt(f.Fd(), unix.F_ADD_SEALS, unix.F_SEAL_SHRINK|unix.F_SEAL_GROW|unix.F_SEAL_SEAL)
	}
	var mem []byte
	if err == nil {
		mem, err = unix.Mmap(fd, 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	}
	if err != nil {
		_ = f.Close() // nothing was written
		return nil, nil, err
	}
	return f, mem, nil
}

// findMemory has the system provide the memory of a part of the file now, and not when it is first used.
func findMemory(f *os.File, offset, size int64) error {
	return unix.Fallocate(int(f.Fd()), 0, offset, size)
}

// loseMemory undoes findMemory, and what use has done of itself.
func loseMemory(f *os.File, offset, size int64) {
	_ = unix.Fallocate(int(f.Fd()), unix.FALLOC_FL_PUNCH_HOLE|unix.FALLOC_FL_KEEP_SIZE, offset, size) // else it is kept
}

func freeMemory(mem []byte) { _ = unix.Munmap(mem) }
