package loop

import (
	"net"
	"os"

	"golang.org/x/sys/unix"
)

// Release implements Link. The new connection has a descriptor of its own, under the runtime's poller, so that the slot
// is free for the next client at once.
func (c *Conn) Release() (net.Conn, []byte, error) {
	fd, err := unix.FcntlInt(uintptr(c.fd), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return nil, nil, err
	}
	f := os.NewFile(uintptr(fd), "")
	conn, err := net.FileConn(f)
	_ = f.Close() // FileConn has made a duplicate
	if err != nil {
		return nil, nil, err
	}
	c.loop.forget(c.fd)
	c.Close()
	return conn, nil, nil
}

// forget has the poller watch a descriptor no longer, whose closing would not do so while a duplicate lives. It may be
// called from any goroutine.
func (l *Loop) forget(fd int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.epoll >= 0 {
		_ = unix.EpollCtl(l.epoll, unix.EPOLL_CTL_DEL, fd, nil) // it was watched
	}
}

// Recall makes the next Attach of a detached connection fail, as an arrival would: its owner then looks around once more
// before it gives the connection back. It is for the loop's goroutine.
func (c *Conn) Recall() { c.state.Or(arrived) }
