//go:build !race

package loop

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// Sockets are read and written by recv and send, which on the way to a socket pass less of the kernel than read and write do: a small request
// costs a twentieth less. And the runtime is not told that a thread may be about to wait, since none does: the sockets do not block.

// Receive reads from a socket that does not block. Its errors are of type unix.Errno, EINTR among them.
func Receive(fd int, p []byte) (int, error) {
	n, _, errno := unix.RawSyscall6(unix.SYS_RECVFROM, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(p))), uintptr(len(p)), 0, 0, 0)
	return counted(n, errno)
}

// receiveParts is Receive into a, and then b.
func receiveParts(fd int, a, b []byte) (int, error) {
	parts := [2]unix.Iovec{{Base: unsafe.SliceData(a)}, {Base: unsafe.SliceData(b)}}
	parts[0].SetLen(len(a))
	parts[1].SetLen(len(b))
	n, _, errno := unix.RawSyscall(unix.SYS_READV, uintptr(fd), uintptr(unsafe.Pointer(&parts)), uintptr(len(parts)))
	return counted(n, errno)
}

// Send writes to a socket that does not block. Its errors are those of [Receive]; a connection that is gone raises no signal.
func Send(fd int, p []byte) (int, error) { return sendWith(fd, p, unix.MSG_NOSIGNAL) }

// sendMore is Send for when more follows at once.
func sendMore(fd int, p []byte) (int, error) { return sendWith(fd, p, unix.MSG_NOSIGNAL|unix.MSG_MORE) }

func sendWith(fd int, p []byte, flags uintptr) (int, error) {
	n, _, errno := unix.RawSyscall6(unix.SYS_SENDTO, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(p))), uintptr(len(p)), flags, 0, 0)
	return counted(n, errno)
}

// sendParts is Send for a and, behind it, b and c.
func sendParts(fd int, a, b, c []byte) (int, error) {
	parts := [3]unix.Iovec{{Base: unsafe.SliceData(a)}, {Base: unsafe.SliceData(b)}, {Base: unsafe.SliceData(c)}}
	parts[0].SetLen(len(a))
	parts[1].SetLen(len(b))
	parts[2].SetLen(len(c))
	message := unix.Msghdr{Iov: &parts[0]}
	message.SetIovlen(len(parts))
	n, _, errno := unix.RawSyscall(unix.SYS_SENDMSG, uintptr(fd), uintptr(unsafe.Pointer(&message)), unix.MSG_NOSIGNAL)
	return counted(n, errno)
}

func counted(n uintptr, errno unix.Errno) (int, error) {
	if errno != 0 {
		return -1, errno
	}
	return int(n), nil
}
