//go:build unix

package gateway

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"slices"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"

	"highball"
)

// cgiSystem tells whether scripts can be run here.
func cgiSystem() error { return nil }

// coldScript is a script's process that the server has started, which leads a process group.
type coldScript struct {
	pid int

	mu     sync.Mutex // guards reaped
	reaped bool       // the group's number may belong to others
}

var _ scriptProcess = (*coldScript)(nil)

func (p *coldScript) id() int { return p.pid }

// signal implements scriptProcess.
func (p *coldScript) signal(sig syscall.Signal) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.reaped {
		_ = unix.Kill(-p.pid, sig) // all may have ended
	}
}

// wait implements scriptProcess.
func (p *coldScript) wait(ending func() bool) exit {
	_, killed := lookAtEnd(p.pid, true)
	return p.reap(killed || ending())
}

// poll implements scriptProcess.
func (p *coldScript) poll(ending func() bool) (exit, bool) {
	ended, killed := lookAtEnd(p.pid, false)
	if !ended {
		return exit{}, false
	}
	return p.reap(killed || ending()), true
}

// reap waits for the process. With all it kills the rest of its group first.
func (p *coldScript) reap(all bool) exit {
	if all {
		p.signal(syscall.SIGKILL)
	}
	var status syscall.WaitStatus
	var err error
	for {
		if _, err = syscall.Wait4(p.pid, &status, 0, nil); err != syscall.EINTR {
			break
		}
	}
	p.mu.Lock()
	p.reaped = true
	p.mu.Unlock()
	if err != nil {
		return exit{text: os.NewSyscallError("wait4", err).Error()}
	}
	return exit{text: describeEnd(status), ok: status == 0, signal: status.Signaled()}
}

// scriptPipes are the ends of what is between the server and a script. A number below 0 is no descriptor.
type scriptPipes struct {
	stdin, stdout *os.File // the server's, which do not block a thread; stdin may be nil
	stderr        int      // the server's, too, which does not block at all
	theirs        [3]int
}

func (c *CGI) openScriptPipes(feeding bool) (_ *scriptPipes, err error) {
	p := &scriptPipes{stderr: -1, theirs: [3]int{-1, -1, -1}}
	defer func() {
		if err != nil {
			p.close()
		}
	}()
	open := func(name string, theirs *int, input bool) (ours int) {
		if err == nil {
			err = c.step(name)
		}
		if err != nil {
			return -1
		}
		ours, *theirs, err = pipe()
		if err != nil {
			*theirs = -1
			return -1
		}
		if input {
			ours, *theirs = *theirs, ours
		}
		_, err = unix.FcntlInt(uintptr(ours), unix.F_SETFL, unix.O_NONBLOCK) // the other end has its own mode
		return ours
	}
	if feeding {
		p.stdin = newFile(open("stdin", &p.theirs[0], true), "cgi:stdin")
	}
	p.stdout = newFile(open("stdout", &p.theirs[1], false), "cgi:stdout")
	p.stderr = open("stderr", &p.theirs[2], false)
	return p, err
}

// newFile returns the file of a descriptor, nil for none.
func newFile(fd int, name string) *os.File {
	if fd < 0 {
		return nil
	}
	return os.NewFile(uintptr(fd), name)
}

// closeTheirs closes the script's ends, of which it has its own copies.
func (p *scriptPipes) closeTheirs() {
	for _, fd := range p.theirs {
		closeDescriptor(fd)
	}
}

func (p *scriptPipes) close() {
	p.closeTheirs()
	closeDescriptor(p.stderr)
	for _, f := range []*os.File{p.stdin, p.stdout} {
		if f != nil {
			_ = f.Close()
		}
	}
}

// closeDescriptor closes fd, to which nothing was written, if it is one.
func closeDescriptor(fd int) {
	if fd >= 0 {
		_ = unix.Close(fd)
	}
}

// scriptErrors is the server's end of a script's standard error. It belongs to who attends the script. As long as it is not watched, what the script
// writes stays in the pipe, which for one that is over soon and writes nothing, as most are, is cheaper.
type scriptErrors struct {
	fd  int
	out *output // once it is watched
}

// watch has a goroutine read from now on, which calls line with each line.
func (e *scriptErrors) watch(line func([]byte)) {
	e.out = readOutput(os.NewFile(uintptr(e.fd), "cgi:stderr"), line)
}

// finish is called when the script is dead. What is in the pipe is read to its end, but not what its descendants may say later.
func (e *scriptErrors) finish(line func([]byte)) {
	if e.out != nil {
		e.out.finish()
		return
	}
	said := output{line: line}
	drainDescriptor(e.fd, lastWords, said.take)
	said.end()
	closeDescriptor(e.fd)
}

// launch starts the script. Without stdin it is given a pipe that the handler feeds.
func (r *cgiRun) launch(ctx context.Context, env, args []string, stdin *os.File) error {
	p, err := r.cgi.openScriptPipes(stdin == nil)
	if err != nil {
		return startError(r.script, err)
	}
	files := p.theirs
	if stdin != nil {
		files[0] = int(stdin.Fd())
	}
	proc, err := r.begin(ctx, env, args, files)
	runtime.KeepAlive(stdin)
	if err != nil {
		p.close()
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		return startError(r.script, err)
	}
	p.closeTheirs()
	r.pid = proc.id()
	r.stdin, r.stdout, r.stderr.fd = p.stdin, p.stdout, p.stderr
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.proc = proc; r.cause != nil {
		r.terminateLocked()
	}
	return nil
}

// begin starts the script's process, with these descriptors as its standard streams: warm if it can be, or else cold.
func (r *cgiRun) begin(ctx context.Context, env, args []string, files [3]int) (scriptProcess, error) {
	if r.script.warm != (warmKey{}) {
		proc, err := r.beginWarm(ctx, env, args, files)
		refused := (*warmRefusal)(nil)
		if errors.As(err, &refused) {
			r.cgi.warm.refused(r.script, refused.why)
		} else if !errors.Is(err, errCold) {
			return proc, err
		}
	}
	return r.beginCold(env, args, files)
}

func (r *cgiRun) beginWarm(ctx context.Context, env, args []string, files [3]int) (scriptProcess, error) {
	parent, err := r.cgi.warm.parent(ctx, r.script.warm)
	if err != nil {
		return nil, err
	}
	if err := r.cgi.step("fork"); err != nil {
		return nil, err
	}
	return parent.run(r.script, env, args, files)
}

func (r *cgiRun) beginCold(env, args []string, files [3]int) (scriptProcess, error) {
	attr := &syscall.ProcAttr{Dir: r.script.dir(), Env: env, Sys: childAttributes(), Files: []uintptr{uintptr(files[0]), uintptr(files[1]), uintptr(files[2])}}
	argv := slices.Concat(r.script.argv, args)
	err := r.cgi.step("spawn")
	pid := 0
	if err == nil {
		r.cgi.spawner.do(func() { pid, err = syscall.ForkExec(argv[0], argv, attr) })
		if err != nil {
			err = &os.PathError{Op: "fork/exec", Path: argv[0], Err: err}
		}
	}
	if err != nil {
		return nil, err
	}
	return &coldScript{pid: pid}, nil
}

// mayExecute tells whether the system would execute a file for this process.
func mayExecute(file string) bool {
	return unix.Faccessat(unix.AT_FDCWD, file, unix.X_OK, unix.AT_EACCESS) == nil
}

// startError turns the error of a script that could not be started into an answer, and says what may help.
func startError(s *script, err error) error {
	status, hint := 500, ""
	switch {
	case errors.Is(err, unix.EACCES), errors.Is(err, unix.EPERM):
		status, hint = 403, ": it or the interpreter of its #! line may not be executed"
	case errors.Is(err, unix.ENOEXEC):
		hint = ": it has no #! line, and there is no interpreter for files like it"
	case errors.Is(err, unix.ENOENT):
		hint = ": the interpreter of its #! line does not exist (or the line ends with a carriage return)"
	case errors.Is(err, unix.E2BIG):
		status, hint = 431, ": the request is too large for an environment"
	case errors.Is(err, errWarmLost):
		status = 502
	case errors.Is(err, unix.EAGAIN), errors.Is(err, unix.ENOMEM), errors.Is(err, unix.EMFILE), errors.Is(err, unix.ENFILE):
		status = 503
	}
	return &highball.Error{Status: status, Err: fmt.Errorf("cannot start the CGI script %s: %w%s", s.file, err, hint)}
}
