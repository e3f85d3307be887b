package loop

import (
	"encoding/binary"
	"net/netip"
	"unsafe"

	"golang.org/x/sys/unix"
)

// system is what a loop asks of the kernel. Tests put faults in between.
type system interface {
	read(fd int, p []byte) (int, error)
	// readv fills a, and then b.
	readv(fd int, a, b []byte) (int, error)
	write(fd int, p []byte) (int, error)
	writev(fd int, a, b, c []byte) (int, error)
	writeMore(fd int, p []byte) (int, error)
	sendfile(out, in int, offset int64, n int) (int, error)
	// sendCached is sendfile of what is in memory.
	sendCached(out, in int, offset int64, n int) (int, error)
	// cached reports whether a file's byte is known to be in memory.
	cached(fd int, offset int64) bool
	accept(fd int) (int, netip.AddrPort, error)
	close(fd int) error
	shutdown(fd, how int) error
	// disconnect resets a TCP connection while keeping its descriptor.
	disconnect(fd int) error
}

type kernel struct{}

func (kernel) read(fd int, p []byte) (int, error) {
	for {
		n, err := Receive(fd, p)
		if err != unix.EINTR {
			return n, err
		}
	}
}

func (kernel) readv(fd int, a, b []byte) (int, error) {
	for {
		n, err := receiveParts(fd, a, b)
		if err != unix.EINTR {
			return n, err
		}
	}
}

func (kernel) write(fd int, p []byte) (int, error) {
	for {
		n, err := Send(fd, p)
		if err != unix.EINTR {
			return n, err
		}
	}
}

func (kernel) writev(fd int, a, b, c []byte) (int, error) {
	for {
		n, err := sendParts(fd, a, b, c)
		if err != unix.EINTR {
			return n, err
		}
	}
}

// writeMore spares a TCP segment for a head whose body follows by sendfile, without the two calls that TCP_CORK takes.
func (kernel) writeMore(fd int, p []byte) (int, error) {
	for {
		n, err := sendMore(fd, p)
		if err != unix.EINTR {
			return n, err
		}
	}
}

func (kernel) sendfile(out, in int, offset int64, n int) (int, error) {
	for {
		sent, err := unix.Sendfile(out, in, &offset, n)
		if err != unix.EINTR {
			return sent, err
		}
	}
}

// sendCached does not tell the runtime that the thread may be about to wait, since it will not.
func (kernel) sendCached(out, in int, offset int64, n int) (int, error) {
	for {
		sent, _, errno := unix.RawSyscall6(unix.SYS_SENDFILE, uintptr(out), uintptr(in), uintptr(unsafe.Pointer(&offset)), uintptr(n), 0, 0)
		if errno == 0 {
			return int(sent), nil
		}
		if errno != unix.EINTR {
			return -1, errno
		}
	}
}

// cached reads the byte, if that waits for nothing. Some file systems, most of those of networks among them, cannot say.
func (kernel) cached(fd int, offset int64) bool {
	var b [1]byte
	part := unix.Iovec{Base: &b[0]}
	part.SetLen(len(b))
	n, _, errno := unix.RawSyscall6(unix.SYS_PREADV2, uintptr(fd), uintptr(unsafe.Pointer(&part)), 1, uintptr(offset), uintptr(offset>>32), unix.RWF_NOWAIT)
	return errno == 0 && n == 1
}

// accept returns the peer's address as well, which is not valid for unix sockets. Package unix would allocate, and ask
// for the socket's protocol by a further system call.
func (kernel) accept(fd int) (int, netip.AddrPort, error) {
	for {
		var sa unix.RawSockaddrInet6 // the larger of the two that matter
		size := uint32(unsafe.Sizeof(sa))
		nfd, _, errno := unix.RawSyscall6(unix.SYS_ACCEPT4, uintptr(fd), uintptr(unsafe.Pointer(&sa)),
			uintptr(unsafe.Pointer(&size)), unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0, 0)
		switch errno {
		case 0:
			return int(nfd), peerOf(&sa), nil
		case unix.EINTR:
		default:
			return -1, netip.AddrPort{}, errno
		}
	}
}

// peerOf reads a socket address, whose port is in network order.
func peerOf(sa *unix.RawSockaddrInet6) netip.AddrPort {
	switch sa.Family {
	case unix.AF_INET:
		sa := (*unix.RawSockaddrInet4)(unsafe.Pointer(sa))
		return netip.AddrPortFrom(netip.AddrFrom4(sa.Addr), swapped(sa.Port))
	case unix.AF_INET6:
		return netip.AddrPortFrom(netip.AddrFrom16(sa.Addr).Unmap(), swapped(sa.Port))
	}
	return netip.AddrPort{}
}

// swapped returns a port that was read from memory in network order.
func swapped(port uint16) uint16 {
	var b [2]byte
	binary.NativeEndian.PutUint16(b[:], port)
	return binary.BigEndian.Uint16(b[:])
}

func (kernel) close(fd int) error         { return unix.Close(fd) }
func (kernel) shutdown(fd, how int) error { return unix.Shutdown(fd, how) }

// disconnect is connect(2) to AF_UNSPEC, for which package unix has no address type.
func (kernel) disconnect(fd int) error {
	addr := unix.RawSockaddr{Family: unix.AF_UNSPEC}
	_, _, errno := unix.Syscall(unix.SYS_CONNECT, uintptr(fd), uintptr(unsafe.Pointer(&addr)), unsafe.Sizeof(addr))
	if errno != 0 {
		return errno
	}
	return nil
}
