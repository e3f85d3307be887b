package loop

import (
	"errors"
	"os"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// A loop that waits in epoll_wait keeps one of the scheduler's processors, which the runtime's monitor takes back after 10 ms; when the loop is awake
// again and has to ask for one, the monitor comes by every 20 µs for a while: some sixty times, which costs more than a hundred small requests do (Go
// 1.26, sysmon in runtime/proc.go). So a loop that has little to do waits as the runtime's own connections do, and the monitor sleeps on: the gate is
// an epoll instance that has the loop's in it, and is watched by the runtime. That is slower than epoll_wait by some 10 µs, and so is not for a loop
// that seldom waits for long.
//
//	loop       waits                            left by                                        to
//	busy       in epoll_wait                    nothing for briefWait, soon after a long wait  quiet
//	quiet      parked until there is something  longEvery turns without a long wait            busy

const (
	briefWait = 5           // milliseconds: before the monitor minds
	longWait  = int64(10e6) // nanoseconds: it minds
	longEvery = 128         // turns: if every so manyth wait is long, parking is cheaper

	deadlineSlack = 10 * time.Millisecond // by which a parked loop may wake too early
)

// gate is how a quiet loop waits. Without one, where conn is nil, it is always busy.
type gate struct {
	epoll    int
	file     *os.File // of epoll
	conn     syscall.RawConn
	quiet    bool
	long     int       // turns for which the last long waits count
	deadline time.Time // the file's; zero is none
	look     func(uintptr) bool
	n        int // what look has found
	err      error
}

// open prepares the gate of l.
func (g *gate) open(l *Loop) error {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return err
	}
	if err := unix.SetNonblock(fd, true); err != nil { // which tells package os that it can be waited for
		return errors.Join(err, unix.Close(fd))
	}
	g.epoll, g.file = fd, os.NewFile(uintptr(fd), "gate")
	if g.conn, err = g.file.SyscallConn(); err != nil {
		return err
	}
	if g.file.SetReadDeadline(time.Time{}) != nil { // the runtime does not watch it
		g.conn = nil
	}
	g.look = func(uintptr) bool {
		g.n, g.err = pollNow(l.epoll, l.events)
		return g.n != 0 || g.err != nil
	}
	return nil
}

func (g *gate) close() {
	if g.file != nil {
		_ = g.file.Close() // nothing was written
		g.file = nil
	}
}

// poll waits for events, for so many milliseconds; less than 0 is for ever.
func (l *Loop) poll(timeout int) (int, error) {
	g := &l.gate
	switch {
	case timeout == 0:
		return pollNow(l.epoll, l.events)
	case g.quiet:
		return g.wait(timeout)
	case g.conn == nil || 0 < timeout && timeout <= briefWait:
		return unix.EpollWait(l.epoll, l.events, timeout)
	}
	n, err := unix.EpollWait(l.epoll, l.events, briefWait)
	if n != 0 || err != nil {
		return n, err
	}
	if timeout > 0 {
		timeout -= briefWait
	}
	if g.long == 0 || unix.EpollCtl(g.epoll, unix.EPOLL_CTL_ADD, l.epoll, &unix.EpollEvent{Events: unix.EPOLLIN}) != nil {
		return unix.EpollWait(l.epoll, l.events, timeout)
	}
	g.quiet = true
	return g.wait(timeout)
}

// turned notes how long after the one before it a turn begins.
func (g *gate) turned(l *Loop, after int64) {
	switch {
	case after > longWait:
		g.long = min(g.long+longEvery, 2*longEvery)
		return
	case g.long > 0:
		g.long--
	}
	if g.quiet && g.long == 0 && unix.EpollCtl(g.epoll, unix.EPOLL_CTL_DEL, l.epoll, nil) == nil {
		g.quiet = false
	}
}

// wait parks the goroutine until there are events.
func (g *gate) wait(timeout int) (int, error) {
	var deadline time.Time
	if timeout > 0 {
		deadline = time.Now().Add(time.Duration(timeout) * time.Millisecond)
	}
	if d := deadline.Sub(g.deadline); d < 0 || d > deadlineSlack {
		g.deadline = deadline
		if err := g.file.SetReadDeadline(deadline); err != nil {
			return 0, g.fail(err)
		}
	}
	g.n, g.err = 0, nil
	switch err := g.conn.Read(g.look); {
	case errors.Is(err, os.ErrDeadlineExceeded):
		g.deadline = time.Unix(0, 0) // which is over
		return 0, nil
	case err != nil:
		return 0, g.fail(err)
	}
	return g.n, g.err
}

// fail has the loop do without the gate from now on, for the reason that it returns.
func (g *gate) fail(err error) error {
	g.conn, g.quiet = nil, false
	return err
}

// pollNow returns the events that there are. The runtime is not told of it, since it does not wait.
func pollNow(epoll int, events []unix.EpollEvent) (int, error) {
	n, _, errno := unix.RawSyscall6(unix.SYS_EPOLL_PWAIT, uintptr(epoll), uintptr(unsafe.Pointer(unsafe.SliceData(events))), uintptr(len(events)), 0, 0, 0)
	if errno != 0 {
		return 0, errno
	}
	return int(n), nil
}
