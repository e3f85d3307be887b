package highball

import (
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"highball/internal/loop"
)

// loopDriver serves by event loops.
type loopDriver struct {
	group   *loop.Group
	engines []*engine
	sockets int          // that the group listens at; loops may share them
	peers   atomic.Int64 // whose bytes the loops move
	mu      sync.Mutex   // guards unlink
	unlink  func()
}

func (d *loopDriver) open() int              { return d.group.Open() }
func (d *loopDriver) drain()                 { d.group.Drain() }
func (d *loopDriver) empty() <-chan struct{} { return d.group.WaitEmpty() }
func (d *loopDriver) abort()                 { d.group.AbortAll() }

func (d *loopDriver) stop() {
	d.group.Stop()
	for _, e := range d.engines {
		e.workers.end()
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.unlink != nil {
		d.unlink()
	}
}

func (d *loopDriver) close() {
	d.group.StopListening()
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.unlink != nil {
		d.unlink()
		d.unlink = nil
	}
}

func (d *loopDriver) idle() bool { return d.open() == 0 && d.peers.Load() == 0 }

func (d *loopDriver) settle() { d.group.Settle() }

func (d *loopDriver) listening() ([]*os.File, error) {
	fds, err := d.group.Sockets(d.sockets)
	if err != nil {
		return nil, err
	}
	files := make([]*os.File, len(fds))
	for i, fd := range fds {
		files[i] = os.NewFile(uintptr(fd), "listening socket")
	}
	return files, nil
}

func (d *loopDriver) keepName() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.unlink = nil
}

// drive begins to serve a binding.
func (s *Server) drive(b *binding) (driver, error) {
	if b.listener != nil {
		return s.driveBlocking(b), nil
	}
	engines := make([]*engine, max(s.loops(), len(b.sockets)))
	for i := range engines {
		engines[i] = newEngine(i, b.name)
	}
	sockets := len(b.sockets)
	group, err := loop.Start(loop.Config{
		Sockets: b.sockets,
		Loops:   len(engines),
		Refusal: s.state.refusal,
		Most:    connectionShare(),
		Logger:  s.state.log,
		Clock:   s.state.clock,
		SendOff: func(i int) { engines[i].sendOff() },
		TurnEnd: func(i int) { engines[i].endTurn() },
		New: func(i int, lc *loop.Conn) loop.Session {
			return &conn{srv: s, onLoop: onLoop{engine: engines[i], lc: lc}, link: lc}
		},
	})
	b.sockets = nil
	if err != nil {
		return nil, err
	}
	for i, e := range engines {
		e.mail.begin(func(f func()) bool { return group.Post(i, f) })
	}
	return &loopDriver{group: group, engines: engines, sockets: sockets, unlink: b.unlink}, nil
}

// newEngine makes what a loop's connections share.
func newEngine(index int, at string) *engine {
	e := &engine{index: index, at: at, inline: new(exchange)}
	e.turn.engine = e
	e.mail.deliver = func() {
		for _, m := range e.mail.take() {
			m.open()
		}
	}
	return e
}

// connectionShare returns how many connections there may be so that those who have one can still be served files: an
// eighth of the descriptors, and two dozen at least, are for everything else.
func connectionShare() int {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil || limit.Cur > 1<<30 {
		return 0
	}
	return max(1, int(limit.Cur)-max(24, int(limit.Cur/8)))
}

func (b *binding) closeSockets() {
	for _, fd := range b.sockets {
		_ = unix.Close(fd) // nothing was accepted from it
	}
	b.sockets = nil
}

// adopt makes a binding of copies of listening sockets.
func (s *Server) adopt(files []*os.File) (_ *binding, err error) {
	b := new(binding)
	defer func() {
		if err != nil {
			b.closeSockets()
		}
	}()
	for _, f := range files {
		fd, err := dupFile(f)
		if err != nil {
			return nil, err
		}
		b.sockets = append(b.sockets, fd)
		listens, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ACCEPTCONN)
		if err != nil {
			return nil, os.NewSyscallError("getsockopt", err)
		}
		if listens == 0 {
			return nil, errors.New("it does not listen")
		}
		if err := unix.SetNonblock(fd, true); err != nil {
			return nil, os.NewSyscallError("fcntl", err)
		}
		sa, err := unix.Getsockname(fd)
		if err != nil {
			return nil, os.NewSyscallError("getsockname", err)
		}
		switch sa := sa.(type) {
		case *unix.SockaddrUnix:
			b.addr = &net.UnixAddr{Name: sa.Name, Net: "unix"}
		case *unix.SockaddrInet4:
			b.addr = &net.TCPAddr{IP: sa.Addr[:], Port: sa.Port}
			err = loop.TuneListener(fd)
		case *unix.SockaddrInet6:
			b.addr = &net.TCPAddr{IP: sa.Addr[:], Port: sa.Port}
			err = loop.TuneListener(fd)
		default:
			err = fmt.Errorf("it is neither TCP nor unix: %T", sa)
		}
		if err != nil {
			return nil, err
		}
	}
	return b, nil
}

// takeOver makes a binding of a listener.
func (s *Server) takeOver(l net.Listener) (*binding, error) {
	filer, ok := l.(interface{ File() (*os.File, error) })
	if !ok {
		return &binding{listener: l, addr: l.Addr()}, nil
	}
	f, err := filer.File()
	if err != nil {
		return nil, err
	}
	fd, err := unix.FcntlInt(f.Fd(), unix.F_DUPFD_CLOEXEC, 0)
	err = errors.Join(err, f.Close())
	if err != nil {
		return nil, err
	}
	b := &binding{sockets: []int{fd}, addr: l.Addr()}
	if u, ok := l.(*net.UnixListener); ok {
		u.SetUnlinkOnClose(false)
		b.unlink = removeSocket(l.Addr().String())
	}
	err = unix.SetNonblock(fd, true)
	if l.Addr().Network() == "tcp" {
		err = errors.Join(err, loop.TuneListener(fd))
	}
	if err = errors.Join(err, l.Close()); err != nil {
		b.closeSockets()
		return nil, err
	}
	return b, nil
}

// removeSocket returns a function that removes a unix socket's name.
func removeSocket(path string) func() {
	if path == "" || path[0] == '@' {
		return nil
	}
	return func() { _ = os.Remove(path) } // somebody may have done so before
}

// bind listens at an address with as many sockets as there are loops.
func (s *Server) bind(addr string) (*binding, error) {
	if path, ok := strings.CutPrefix(addr, "unix:"); ok {
		return bindUnix(path)
	}
	tcp, err := resolve(addr)
	if err != nil {
		return nil, err
	}
	b, err := bindTCP(tcp, s.loops())
	if err != nil {
		return nil, fmt.Errorf("listen %s: %w", addr, err)
	}
	return b, nil
}

// bindTCP binds n sockets that share a port. The first one is bound without SO_REUSEPORT, so that an address which
// another server of the same user shares is seen to be taken.
func bindTCP(addr *net.TCPAddr, n int) (_ *binding, err error) {
	b := &binding{}
	defer func() {
		if err != nil {
			b.closeSockets()
		}
	}()
	family, sa := sockaddr(addr)
	probe, err := tcpSocket(family, sa, nil)
	if err != nil {
		return nil, err
	}
	sa, err = unix.Getsockname(probe)
	err = errors.Join(err, unix.Close(probe))
	if err != nil {
		return nil, err
	}
	b.addr = &net.TCPAddr{IP: addr.IP, Port: port(sa), Zone: addr.Zone}
	for range n {
		fd, err := tcpSocket(family, sa, func(fd int) error {
			if n == 1 {
				return nil
			}
			return unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEPORT, 1)
		})
		if err != nil {
			return nil, err
		}
		b.sockets = append(b.sockets, fd)
	}
	for _, fd := range b.sockets {
		if err := unix.Listen(fd, unix.SOMAXCONN); err != nil {
			return nil, err
		}
	}
	return b, nil
}

// tcpSocket returns a bound socket. Accepted connections inherit its options.
func tcpSocket(family int, sa unix.Sockaddr, prepare func(fd int) error) (int, error) {
	fd, err := unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, unix.IPPROTO_TCP)
	if err != nil {
		return -1, err
	}
	err = errors.Join(unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1), loop.TuneListener(fd))
	if family == unix.AF_INET6 {
		dual := 0
		if in6, ok := sa.(*unix.SockaddrInet6); ok && in6.Addr != [16]byte{} {
			dual = 1
		}
		err = errors.Join(err, unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_V6ONLY, dual))
	}
	if err == nil && prepare != nil {
		err = prepare(fd)
	}
	if err == nil {
		err = unix.Bind(fd, sa)
	}
	if err != nil {
		return -1, errors.Join(err, unix.Close(fd))
	}
	return fd, nil
}

func sockaddr(addr *net.TCPAddr) (family int, sa unix.Sockaddr) {
	if ip := addr.IP.To4(); ip != nil {
		return unix.AF_INET, &unix.SockaddrInet4{Port: addr.Port, Addr: [4]byte(ip)}
	}
	in6 := &unix.SockaddrInet6{Port: addr.Port}
	if ip := addr.IP.To16(); ip != nil {
		in6.Addr = [16]byte(ip)
	}
	if addr.Zone != "" {
		if ifi, err := net.InterfaceByName(addr.Zone); err == nil {
			in6.ZoneId = uint32(ifi.Index)
		}
	}
	return unix.AF_INET6, in6
}

func port(sa unix.Sockaddr) int {
	switch sa := sa.(type) {
	case *unix.SockaddrInet4:
		return sa.Port
	case *unix.SockaddrInet6:
		return sa.Port
	}
	return 0
}

// bindUnix listens at a path. A socket that a dead server has left there is replaced; one that is served is not.
func bindUnix(path string) (*binding, error) {
	fail := func(err error) (*binding, error) { return nil, fmt.Errorf("listen unix:%s: %w", path, err) }
	if info, err := os.Lstat(path); err == nil && info.Mode()&os.ModeSocket != 0 {
		if c, err := net.Dial("unix", path); err == nil {
			_ = c.Close() // it has shown what it was for
			return fail(unix.EADDRINUSE)
		}
		if err := os.Remove(path); err != nil {
			return fail(err)
		}
	}
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return fail(err)
	}
	if err = unix.Bind(fd, &unix.SockaddrUnix{Name: path}); err == nil {
		err = unix.Listen(fd, unix.SOMAXCONN)
	}
	if err != nil {
		_ = unix.Close(fd)
		return fail(err)
	}
	return &binding{sockets: []int{fd}, addr: &net.UnixAddr{Name: path, Net: "unix"}, unlink: removeSocket(path)}, nil
}
