//go:build unix

package gateway

import (
	"cmp"
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

// ended implements scriptProcess.
func (p *coldScript) ended() bool { return hasEnded(p.pid) }

// wait implements scriptProcess.
func (p *coldScript) wait(ending func() bool) exit {
	if diedOfSignal(p.pid) || ending() {
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

// scriptPipes are the ends of what is between the server and a script.
type scriptPipes struct {
	stdin, stdout, stderr *os.File    // the server's, which do not block a thread; stdin may be nil
	theirs                [3]*os.File // a nil one is the server's to give
}

func (c *CGI) openScriptPipes(feeding bool) (_ *scriptPipes, err error) {
	p := &scriptPipes{}
	defer func() {
		if err != nil {
			p.close()
		}
	}()
	open := func(name string, ours, theirs **os.File, input bool) {
		if err == nil {
			err = c.step(name)
		}
		if err != nil {
			return
		}
		var r, w int
		if r, w, err = pipe(); err != nil {
			return
		}
		if input {
			r, w = w, r
		}
		err = unix.SetNonblock(r, true) // for the runtime's poller; the other end has its own mode
		*ours, *theirs = os.NewFile(uintptr(r), "cgi:"+name), os.NewFile(uintptr(w), "cgi:"+name)
	}
	if feeding {
		open("stdin", &p.stdin, &p.theirs[0], true)
	}
	open("stdout", &p.stdout, &p.theirs[1], false)
	open("stderr", &p.stderr, &p.theirs[2], false)
	return p, err
}

// closeTheirs closes the script's ends, of which it has its own copies.
func (p *scriptPipes) closeTheirs() {
	for _, f := range p.theirs {
		if f != nil {
			_ = f.Close()
		}
	}
}

func (p *scriptPipes) close() {
	p.closeTheirs()
	for _, f := range []*os.File{p.stdin, p.stdout, p.stderr} {
		if f != nil {
			_ = f.Close()
		}
	}
}

// launch starts the script. Without stdin it is given a pipe that the handler feeds.
func (r *cgiRun) launch(ctx context.Context, env, args []string, stdin *os.File) error {
	p, err := r.cgi.openScriptPipes(stdin == nil)
	if err != nil {
		return startError(r.script, err)
	}
	proc, err := r.begin(ctx, env, args, [3]*os.File{cmp.Or(stdin, p.theirs[0]), p.theirs[1], p.theirs[2]})
	if err != nil {
		p.close()
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		return startError(r.script, err)
	}
	p.closeTheirs()
	r.pid = proc.id()
	r.stdin, r.stdout, r.stderr = p.stdin, p.stdout, readOutput(p.stderr, r.lines.line)
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.proc = proc; r.cause != nil {
		r.terminateLocked()
	}
	return nil
}

// begin starts the script's process, with files for its standard streams: warm if it can be, or else cold.
func (r *cgiRun) begin(ctx context.Context, env, args []string, files [3]*os.File) (scriptProcess, error) {
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

func (r *cgiRun) beginWarm(ctx context.Context, env, args []string, files [3]*os.File) (scriptProcess, error) {
	parent, err := r.cgi.warm.parent(ctx, r.script.warm)
	if err != nil {
		return nil, err
	}
	if err := r.cgi.step("fork"); err != nil {
		return nil, err
	}
	return parent.run(r.script, env, args, files)
}

func (r *cgiRun) beginCold(env, args []string, files [3]*os.File) (scriptProcess, error) {
	attr := &syscall.ProcAttr{Dir: r.script.dir(), Env: env, Sys: childAttributes(), Files: []uintptr{files[0].Fd(), files[1].Fd(), files[2].Fd()}}
	argv := slices.Concat(r.script.argv, args)
	err := r.cgi.step("spawn")
	pid := 0
	if err == nil {
		r.cgi.spawner.do(func() { pid, err = syscall.ForkExec(argv[0], argv, attr) })
		runtime.KeepAlive(files)
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
