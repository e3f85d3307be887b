//go:build unix && !linux

package gateway

import (
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

const noSignal = 0 // the runtime ignores SIGPIPE on all but standard output and error

// stackSignal has a worker write the stacks of its threads.
const stackSignal = int(unix.SIGUSR2)

// childAttributes has the child be the leader of a group, so that an interrupt from the terminal reaches the server only.
func childAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true}
}

// socketPair returns two connected stream sockets, which programs that are started do not inherit.
func socketPair() (ours, theirs int, err error) {
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	if err != nil {
		return 0, 0, err
	}
	unix.CloseOnExec(fds[0])
	unix.CloseOnExec(fds[1])
	return fds[0], fds[1], nil
}

// pipe returns the end to read from and the end to write to.
func pipe() (ours, theirs int, err error) {
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	var fds [2]int
	if err := unix.Pipe(fds[:]); err != nil {
		return 0, 0, err
	}
	unix.CloseOnExec(fds[0])
	unix.CloseOnExec(fds[1])
	return fds[0], fds[1], nil
}

// unnamedFile returns an empty file whose name is gone.
func unnamedFile() (*os.File, error) {
	f, err := os.CreateTemp("", "highball-worker-")
	if err != nil {
		return nil, err
	}
	if err := os.Remove(f.Name()); err != nil {
		_ = f.Close()
		return nil, err
	}
	return f, nil
}

func recvmsg(socket int, data, control []byte) (n, size, flags int, from unix.Sockaddr, err error) {
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	n, size, flags, from, err = unix.Recvmsg(socket, data, control, unix.MSG_DONTWAIT)
	if err != nil {
		return n, size, flags, from, err
	}
	messages, _ := unix.ParseSocketControlMessage(control[:size])
	for i := range messages {
		fds, _ := unix.ParseUnixRights(&messages[i])
		for _, fd := range fds {
			unix.CloseOnExec(fd)
		}
	}
	return n, size, flags, from, nil
}

// A handle refers to a process by its number, which another process may get after its death.
type handle struct{ pid int }

func openHandle(pid int) handle { return handle{pid} }

func (h handle) close() {}

// signal sends the process a signal.
func (h handle) signal(sig syscall.Signal) error { return unix.Kill(h.pid, sig) }

// killGroup kills all processes of the group that the process leads, and the process.
func (h handle) killGroup() {
	_ = unix.Kill(-h.pid, unix.SIGKILL)
	_ = unix.Kill(h.pid, unix.SIGKILL)
}

// awaitEnd is false: the end of a process that is not a child cannot be seen here.
func (h handle) awaitEnd() bool { return false }

// lookAtEnd does not look.
func lookAtEnd(int, bool) (ended, killed bool) { return false, false }

// reapAdopted does nothing: only process 1 adopts.
func reapAdopted(int) {}

// residentMemory is not known.
func residentMemory(int) int64 { return -1 }

// naps is not known.
func (p *process) naps(int) int { return -1 }
