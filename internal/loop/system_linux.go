package loop

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// system is what a loop asks of the kernel. Tests put faults in between.
type system interface {
	read(fd int, p []byte) (int, error)
	write(fd int, p []byte) (int, error)
	writev(fd int, a, b []byte) (int, error)
	writeMore(fd int, p []byte) (int, error)
	sendfile(out, in int, offset int64, n int) (int, error)
	accept(fd int) (int, unix.Sockaddr, error)
	close(fd int) error
	shutdown(fd, how int) error
	// disconnect resets a TCP connection while keeping its descriptor.
	disconnect(fd int) error
}

type kernel struct{}

func (kernel) read(fd int, p []byte) (int, error) {
	for {
		n, err := unix.Read(fd, p)
		if err != unix.EINTR {
			return n, err
		}
	}
}

func (kernel) write(fd int, p []byte) (int, error) {
	for {
		n, err := unix.Write(fd, p)
		if err != unix.EINTR {
			return n, err
		}
	}
}

func (kernel) writev(fd int, a, b []byte) (int, error) {
	for {
		n, err := unix.Writev(fd, [][]byte{a, b})
		if err != unix.EINTR {
			return n, err
		}
	}
}

// writeMore spares a TCP segment for a head whose body follows by sendfile, without the two calls that TCP_CORK takes.
func (kernel) writeMore(fd int, p []byte) (int, error) {
	for {
		n, err := unix.SendmsgN(fd, p, nil, nil, unix.MSG_MORE|unix.MSG_NOSIGNAL)
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

func (kernel) accept(fd int) (int, unix.Sockaddr, error) {
	for {
		nfd, sa, err := unix.Accept4(fd, unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC)
		if err != unix.EINTR {
			return nfd, sa, err
		}
	}
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
