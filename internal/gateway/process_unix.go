//go:build unix

package gateway

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// channels are the ends of all that is between the server and a process.
type channels struct {
	main, desc, life, stack, out *os.File // the server's: close-on-exec, and they do not block a thread
	seats                        *os.File // both sides have the same file
	theirs                       [5]*os.File
}

// Where the process's ends are in channels.theirs, in the order in which they are sent for a fork.
const (
	theirMain = iota
	theirDesc
	theirStack
	theirLife
	theirOut
)

// arenaPlace is the descriptor by which a process finds the arena.
const arenaPlace = 9

func openChannels(spec *launchSpec) (_ *channels, err error) {
	c := &channels{}
	defer func() {
		if err != nil {
			c.close()
		}
	}()
	for _, end := range []struct {
		name   string
		open   func() (ours, theirs int, err error)
		ours   **os.File
		theirs **os.File
	}{
		{"main", socketPair, &c.main, &c.theirs[theirMain]},
		{"desc", socketPair, &c.desc, &c.theirs[theirDesc]},
		{"life", socketPair, &c.life, &c.theirs[theirLife]},
		{"stack", socketPair, &c.stack, &c.theirs[theirStack]},
		{"out", pipe, &c.out, &c.theirs[theirOut]},
	} {
		if err := spec.step(end.name); err != nil {
			return nil, err
		}
		ours, theirs, err := end.open()
		if err != nil {
			return nil, fmt.Errorf("open the %s channel of a worker: %w", end.name, err)
		}
		// The runtime's poller takes only what does not block. The other end has its own mode.
		err = unix.SetNonblock(ours, true)
		*end.ours = os.NewFile(uintptr(ours), "worker:"+end.name)
		*end.theirs = os.NewFile(uintptr(theirs), "worker:"+end.name)
		if err != nil {
			return nil, fmt.Errorf("open the %s channel of a worker: %w", end.name, err)
		}
	}
	if err := spec.step("seats"); err != nil {
		return nil, err
	}
	if c.seats, err = unnamedFile(); err != nil {
		return nil, fmt.Errorf("make the seats of a worker: %w", err)
	}
	return c, nil
}

// closeTheirs closes the process's ends, of which it has its own copies.
func (c *channels) closeTheirs() {
	for _, f := range c.theirs {
		if f != nil {
			_ = f.Close()
		}
	}
}

func (c *channels) close() {
	c.closeTheirs()
	for _, f := range []*os.File{c.main, c.desc, c.life, c.stack, c.out, c.seats} {
		if f != nil {
			_ = f.Close()
		}
	}
}

// process makes a process of the server's ends.
func (c *channels) process(spec *launchSpec, pid int, leader handle) *process {
	return &process{
		number: spec.worker,
		pid:    pid,
		leader: leader,
		main:   c.main,
		desc:   c.desc,
		life:   c.life,
		stack:  c.stack,
		seats:  c.seats,
		out:    readOutput(c.out, spec.output),
		dead:   make(chan struct{}),
	}
}

// launch starts a process. It does not wait for it to be ready: await does. What was started must be waited for by done.
func launch(spec *launchSpec) (*process, error) {
	c, err := openChannels(spec)
	if err != nil {
		return nil, err
	}
	defer c.closeTheirs()
	child, leader, err := c.start(spec)
	if err != nil {
		c.close()
		return nil, err
	}
	p := c.process(spec, child.Pid, leader)
	go p.attend(func() string { return reap(child) })
	return p, nil
}

// credential returns what has a process run as i, nil for the server's own.
func (i *Identity) credential() *syscall.Credential {
	if i == nil {
		return nil
	}
	return &syscall.Credential{Uid: i.User, Gid: i.Group, Groups: i.Groups}
}

// attributes has an interpreter that is only asked something run as i.
func (i *Identity) attributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Credential: i.credential()}
}

// start starts the interpreter.
func (c *channels) start(spec *launchSpec) (*os.Process, handle, error) {
	if err := spec.step("null"); err != nil {
		return nil, handle{}, err
	}
	null, err := os.Open(os.DevNull)
	if err != nil {
		return nil, handle{}, err
	}
	defer null.Close()
	if err := spec.step("boot"); err != nil {
		return nil, handle{}, err
	}
	boot, err := bootFile(spec)
	if err != nil {
		return nil, handle{}, fmt.Errorf("pass the worker its source: %w", err)
	}
	defer boot.Close()
	if err := spec.step("start"); err != nil {
		return nil, handle{}, err
	}
	out := c.theirs[theirOut]
	attr := &os.ProcAttr{
		Env:   spec.env,
		Files: []*os.File{null, out, out, c.theirs[theirMain], c.theirs[theirDesc], c.theirs[theirStack], c.theirs[theirLife], boot, c.seats, null},
		Sys:   childAttributes(),
	}
	if spec.arena != nil {
		attr.Files[arenaPlace] = spec.arena.file
	}
	attr.Sys.Credential = spec.as.credential()
	var child *os.Process
	spec.spawner.do(func() {
		child, err = os.StartProcess(spec.python, []string{spec.python, "-u", "-c", spec.boot}, attr)
	})
	if err != nil {
		return nil, handle{}, fmt.Errorf("start %s: %w", spec.python, err)
	}
	return child, openHandle(child.Pid), nil
}

// bootFile returns an unlinked file that holds the worker's source and configuration.
func bootFile(spec *launchSpec) (*os.File, error) {
	f, err := unnamedFile()
	if err != nil {
		return nil, err
	}
	b := strconv.AppendInt(nil, int64(len(spec.source)), 10)
	b = append(b, '\n')
	b = append(b, spec.source...)
	b = append(b, spec.config...)
	if _, err = f.Write(b); err == nil {
		_, err = f.Seek(0, 0)
	}
	if err != nil {
		_ = f.Close()
		return nil, err
	}
	return f, nil
}

// reap waits for the end of a process that this one has started. If a signal has ended it, those that it has started are
// ended too: it could not do that any more. After an orderly exit they are its own affair.
func reap(child *os.Process) string {
	if _, killed := lookAtEnd(child.Pid, true); killed {
		_ = unix.Kill(-child.Pid, unix.SIGKILL) // while it is not reaped, its group's number is not used again
	}
	state, err := child.Wait()
	if err != nil {
		return err.Error()
	}
	return state.String()
}

// describeEnd puts a wait status into words, as os.ProcessState does.
func describeEnd(status syscall.WaitStatus) string {
	switch {
	case status.Exited():
		return "exit status " + strconv.Itoa(status.ExitStatus())
	case status.Signaled() && status.CoreDump():
		return "signal: " + status.Signal().String() + " (core dumped)"
	case status.Signaled():
		return "signal: " + status.Signal().String()
	}
	return "unknown"
}

// sendDescriptor sends a copy of f's descriptor on DESC; f stays the caller's. It does not block: if the process does not
// take what was sent before, that is an error.
func (p *process) sendDescriptor(f *os.File) error {
	conn, err := p.desc.SyscallConn()
	if err != nil {
		return err
	}
	from, err := f.SyscallConn()
	if err != nil {
		return err
	}
	var sent error
	err = from.Control(func(fd uintptr) {
		rights := unix.UnixRights(int(fd))
		err := conn.Control(func(socket uintptr) {
			for {
				sent = unix.Sendmsg(int(socket), []byte{0}, rights, nil, unix.MSG_DONTWAIT|noSignal)
				if sent != unix.EINTR {
					return
				}
			}
		})
		if err != nil {
			sent = err
		}
	})
	if err == nil {
		err = sent
	}
	if err != nil {
		return fmt.Errorf("send a descriptor to worker %d: %w", p.number, err)
	}
	return nil
}

var errNoDescriptor = errors.New("the worker has sent no descriptor")

// receiveDescriptor returns the file whose descriptor the process has sent on DESC. It does not block: the descriptor
// must be there already, as it is when a frame that was sent after it has come.
func (p *process) receiveDescriptor() (*os.File, error) {
	conn, err := p.desc.SyscallConn()
	if err != nil {
		return nil, err
	}
	var got []int
	var failed error
	err = conn.Control(func(socket uintptr) {
		got, failed = receiveRights(int(socket))
	})
	if err == nil {
		err = failed
	}
	if err == nil && len(got) != 1 {
		err = errNoDescriptor
	}
	if err != nil {
		for _, fd := range got {
			_ = unix.Close(fd)
		}
		return nil, fmt.Errorf("worker %d: %w", p.number, err)
	}
	return os.NewFile(uintptr(got[0]), "worker:file"), nil
}

// receiveRights receives one message and returns the descriptors that came with it.
func receiveRights(socket int) ([]int, error) {
	var data [1]byte
	var control [256]byte // has room for more descriptors than are allowed, so that they are seen and closed
	var n, size int
	for {
		var err error
		n, size, _, _, err = recvmsg(socket, data[:], control[:])
		if err == unix.EINTR {
			continue
		}
		if err == unix.EAGAIN {
			return nil, errNoDescriptor
		}
		if err != nil {
			return nil, err
		}
		break
	}
	if n == 0 && size == 0 {
		return nil, errNoDescriptor
	}
	messages, err := unix.ParseSocketControlMessage(control[:size])
	if err != nil {
		return nil, err
	}
	var all []int
	for i := range messages {
		if fds, err := unix.ParseUnixRights(&messages[i]); err == nil {
			all = append(all, fds...)
		}
	}
	return all, nil
}

// drain passes on at most limit bytes of what can be read from f without waiting, whatever f's deadline.
func drain(f *os.File, limit int, take func([]byte)) {
	if conn, err := f.SyscallConn(); err == nil {
		_ = conn.Control(func(fd uintptr) { drainDescriptor(int(fd), limit, take) }) // unless f is closed
	}
}

// drainDescriptor is drain for a descriptor that does not block.
func drainDescriptor(fd, limit int, take func([]byte)) {
	buffer := takePipeBuffer()
	defer buffer.give()
	for limit > 0 {
		n, err := unix.Read(fd, buffer[:min(limit, len(buffer))])
		if err != nil || n == 0 {
			return
		}
		take(buffer[:n])
		limit -= n
	}
}

// awaitForked waits for the end of a process that its parent has forked, and will tell the status of, unless it is lost
// itself.
func (p *process) awaitForked(exited <-chan syscall.WaitStatus, lost <-chan struct{}) string {
	known := make(chan struct{})
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		if p.leader.awaitEnd() {
			return
		}
		select {
		case <-p.out.over: // all that is left to see it by
		case <-known:
		}
	}()
	status, told := syscall.WaitStatus(0), false
	select {
	case status = <-exited:
		told = true
	case <-gone:
		patience := time.NewTimer(linger)
		select {
		case status = <-exited:
			told = true
		case <-lost:
		case <-patience.C:
		}
		patience.Stop()
	}
	close(known)
	if !told || status.Signaled() {
		p.leader.killGroup() // as reap does
		reapAdopted(p.pid)
	}
	<-gone
	if !told {
		return "ended"
	}
	return describeEnd(status)
}
