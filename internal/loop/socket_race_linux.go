//go:build race

package loop

import "golang.org/x/sys/unix"

// The race detector takes what goes through a socket for an order of events, if it is told of it, as these functions of package unix do.

// Receive reads from a socket that does not block.
func Receive(fd int, p []byte) (int, error) { return unix.Read(fd, p) }

func receiveParts(fd int, a, b []byte) (int, error) { return unix.Readv(fd, [][]byte{a, b}) }

// Send writes to a socket that does not block.
func Send(fd int, p []byte) (int, error) { return unix.Write(fd, p) }

func sendMore(fd int, p []byte) (int, error) {
	return unix.SendmsgN(fd, p, nil, nil, unix.MSG_MORE|unix.MSG_NOSIGNAL)
}

func sendParts(fd int, a, b, c []byte) (int, error) { return unix.Writev(fd, [][]byte{a, b, c}) }
