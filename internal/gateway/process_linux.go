package gateway

import (
	"bytes"
	"errors"
	"os"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

const noSignal = unix.MSG_NOSIGNAL

// stackSignal has a worker write the stacks of its threads. It is SIGRTMAX-2, which applications leave alone.
const stackSignal = 62

// childAttributes has the child be the leader of a group, so that an interrupt from the terminal reaches the server only,
// and die with the thread that starts it.
func childAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}

// socketPair returns two connected stream sockets, which programs that are started do not inherit.
func socketPair() (ours, theirs int, err error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	return fds[0], fds[1], err
}

// pipe returns the end to read from and the end to write to.
func pipe() (ours, theirs int, err error) {
	var fds [2]int
	err = unix.Pipe2(fds[:], unix.O_CLOEXEC)
	return fds[0], fds[1], err
}

// unnamedFile returns an empty file that has no name and no place on a disk.
func unnamedFile() (*os.File, error) {
	fd, err := unix.MemfdCreate("highball-worker", unix.MFD_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("memfd_create", err)
	}
	return os.NewFile(uintptr(fd), "worker:boot"), nil
}

func recvmsg(socket int, data, control []byte) (n, size, flags int, from unix.Sockaddr, err error) {
	return unix.Recvmsg(socket, data, control, unix.MSG_DONTWAIT|unix.MSG_CMSG_CLOEXEC)
}

// A handle refers to a process and, unlike its number, to no other one after its death.
type handle struct {
	pid   int
	pidfd *os.File // nil where the kernel has none: then a number that is used again may be hit
}

// openHandle returns the handle of a process that is not reaped yet.
func openHandle(pid int) handle {
	fd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return handle{pid: pid}
	}
	_ = unix.SetNonblock(fd, true) // for the runtime's poller
	return handle{pid: pid, pidfd: os.NewFile(uintptr(fd), "worker:pid")}
}

func (h handle) close() {
	if h.pidfd != nil {
		_ = h.pidfd.Close()
	}
}

// control calls f with the descriptor unless the handle is closed.
func (h handle) control(f func(fd int) error) error {
	conn, err := h.pidfd.SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	if err := conn.Control(func(fd uintptr) { failed = f(int(fd)) }); err != nil {
		return err
	}
	return failed
}

// signal sends the process a signal.
func (h handle) signal(sig syscall.Signal) error {
	if h.pidfd == nil {
		return unix.Kill(h.pid, sig)
	}
	return h.control(func(fd int) error { return unix.PidfdSendSignal(fd, sig, nil, 0) })
}

const wholeGroup = 1 << 2 // PIDFD_SIGNAL_PROCESS_GROUP, since Linux 6.9

// killGroup kills all processes of the group that the process leads, and the process.
func (h handle) killGroup() {
	if h.pidfd == nil {
		_ = unix.Kill(-h.pid, unix.SIGKILL)
		_ = unix.Kill(h.pid, unix.SIGKILL)
		return
	}
	_ = h.control(func(fd int) error {
		err := unix.PidfdSendSignal(fd, unix.SIGKILL, nil, wholeGroup)
		if errors.Is(err, unix.EINVAL) && unix.PidfdSendSignal(fd, 0, nil, 0) == nil {
			_ = unix.Kill(-h.pid, unix.SIGKILL)
		}
		// A process that was forked a moment ago may not lead its group yet.
		return unix.PidfdSendSignal(fd, unix.SIGKILL, nil, 0)
	})
}

// awaitEnd waits for the end of the process. It is false if that cannot be seen here.
func (h handle) awaitEnd() bool {
	if h.pidfd == nil {
		return false
	}
	conn, err := h.pidfd.SyscallConn()
	if err != nil {
		return false
	}
	err = conn.Read(func(fd uintptr) bool {
		poll := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
		n, err := unix.Poll(poll, 0)
		return err == nil && n > 0
	})
	return err == nil
}

// lookAtEnd tells whether a child has ended, and whether that was by a signal, and leaves it to be reaped. It may wait for the end.
func lookAtEnd(pid int, wait bool) (ended, killed bool) {
	const exited = 1 // CLD_EXITED
	options := unix.WEXITED | unix.WNOWAIT
	if !wait {
		options |= unix.WNOHANG
	}
	for {
		var info unix.Siginfo
		err := unix.Waitid(unix.P_PID, pid, &info, options, nil)
		if err == unix.EINTR {
			continue
		}
		ended = err == nil && info.Signo != 0
		return ended, ended && info.Code != exited
	}
}

// reapAdopted reaps a process whose parent has died, if that has made it a child of this process.
func reapAdopted(pid int) {
	_, _ = unix.Wait4(pid, nil, unix.WNOHANG, nil)
}

// residentMemory leaves out the arena, which the workers share: as much of what they have of shared memory as an arena can have.
func residentMemory(pid int) int64 {
	b, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/status")
	if err != nil {
		return -1
	}
	all, shared := statusField(b, "VmRSS"), statusField(b, "RssShmem")
	if all < 0 {
		return -1
	}
	return all<<10 - min(max(shared, 0)<<10, arenaSlots*slotSize)
}

// naps returns how often a thread of the process has gone to sleep. It is -1 where that cannot be known.
func (p *process) naps(thread int) int {
	b, err := os.ReadFile("/proc/" + strconv.Itoa(p.pid) + "/task/" + strconv.Itoa(thread) + "/status")
	if err != nil {
		return -1
	}
	return int(statusField(b, "voluntary_ctxt_switches"))
}

// statusField returns the number in a line of /proc/PID/status, or -1 if there is none. What is in kB is (proc(5)).
func statusField(status []byte, name string) int64 {
	_, rest, _ := bytes.Cut(status, []byte("\n"+name+":"))
	line, _, _ := bytes.Cut(rest, []byte("\n"))
	number := bytes.TrimSuffix(bytes.TrimSpace(line), []byte(" kB"))
	n, err := strconv.ParseInt(string(number), 10, 64)
	if err != nil {
		return -1
	}
	return n
}
