//go:build unix

package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"highball"
)

// takeOverDeadline bounds how long a new process may take to be ready. The one before serves meanwhile.
const takeOverDeadline = time.Minute

// upgradeOnSignal does what SIGUSR2 asks for. What comes of it is logged.
func (a *App) upgradeOnSignal(ctx context.Context) { _, _ = a.Upgrade(ctx) }

// Upgrade starts the program anew, as it is on the disk now, with the arguments of this process, its environment and its listening sockets. When
// the new process is ready, this one begins to drain, and Run will return; the new one's number is returned. On an error this one goes on.
func (a *App) Upgrade(ctx context.Context) (pid int, err error) {
	a.operating.Lock()
	defer a.operating.Unlock()
	if a.handed || ctx.Err() != nil {
		return 0, errEnding
	}
	a.log.Info("upgrading", "program", a.program)
	if pid, err = a.handOver(ctx); err != nil {
		a.log.Error("the upgrade failed; this process goes on", "error", err)
		return 0, err
	}
	a.log.Info("another process has taken over", "pid", pid)
	a.handed = true
	a.manager.succeeded(pid)
	a.control.unlisten()
	a.web.unlisten()
	select {
	case a.stops <- stopOrder{a.drainDeadline}:
	default: // it is to end in any case
	}
	return pid, nil
}

// handOver starts the new process and waits until it serves.
func (a *App) handOver(ctx context.Context) (int, error) {
	switch {
	case a.program == "":
		return 0, errors.New("it is not known which program this is")
	case os.Getpid() == 1:
		return 0, errors.New("this is process 1, with which a container ends; start another container instead")
	}
	ours, theirs, err := os.Pipe()
	if err != nil {
		return 0, err
	}
	defer ours.Close()
	files := []*os.File{theirs}
	defer func() { closeAll(files) }()
	l, sockets, err := a.letter(ctx)
	files = append(files, sockets...)
	if err != nil {
		return 0, err
	}
	text, err := json.Marshal(l)
	if err != nil {
		return 0, err
	}
	c := &exec.Cmd{
		Path:       a.program,
		Args:       a.env.Args,
		Env:        append(without(a.environ, ownVariables), inheritVariable+"="+string(text)),
		Stdout:     a.env.Stdout,
		Stderr:     a.env.Stderr,
		ExtraFiles: files,
	}
	if err := c.Start(); err != nil {
		return 0, err
	}
	closeAll(files)
	files = nil
	ended := make(chan error, 1)
	go func() { ended <- c.Wait() }() // as long as it lives, and this process does
	if err := a.awaitReady(ctx, ours); err != nil {
		_ = c.Process.Kill() // it may have ended
		how := <-ended
		if errors.Is(err, io.EOF) {
			err = fmt.Errorf("the new process has ended: %v", describeExit(how))
		}
		return 0, err
	}
	return c.Process.Pid, nil
}

// letter returns what the new process is told, and the sockets that it gets, which the caller closes.
func (a *App) letter(ctx context.Context) (l letter, files []*os.File, err error) {
	all, err := serving(ctx, a.server, len(a.listening))
	if err != nil {
		return l, nil, err
	}
	for i := range a.listening {
		a.listening[i].orphan = a.listening[i].named // the server does not remove names any more
	}
	for _, one := range all {
		named := false
		for _, mine := range a.listening {
			named = named || mine.named && mine.String() == one.Addr
		}
		l.Sockets = append(l.Sockets, &inheritedSocket{Addr: one.Addr, Count: len(one.Files), Named: named})
		files = append(files, one.Files...)
	}
	var more []*os.File
	if l.Control, more, err = a.control.letter(ctx); err == nil {
		files = append(files, more...)
		l.Web, more, err = a.web.letter(ctx)
	}
	if l.Control != nil {
		l.Control.Named = true
	}
	if l.Web != nil {
		l.Web.Token = a.token
	}
	return l, append(files, more...), err
}

// letter returns what the new process is told of a listener, nil if there is none, and its sockets.
func (k *control) letter(ctx context.Context) (s *inheritedSocket, files []*os.File, err error) {
	if k == nil {
		return nil, nil, nil
	}
	all, err := serving(ctx, k.server, 1)
	for _, one := range all {
		s = &inheritedSocket{Addr: one.Addr, Count: len(one.Files)}
		files = append(files, one.Files...)
	}
	return s, files, err
}

// serving returns the addresses at which a server of n of them listens, when all are served: just after its start they may not be yet.
func serving(ctx context.Context, s *highball.Server, n int) ([]highball.Listening, error) {
	const look = 5 * time.Millisecond
	again := time.NewTicker(look)
	defer again.Stop()
	for {
		all, err := s.Listeners()
		if err != nil || len(all) >= n {
			return all, err
		}
		for _, one := range all {
			closeAll(one.Files)
		}
		select {
		case <-again.C:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

// awaitReady waits for what the new process says. The error is io.EOF if it says nothing.
func (a *App) awaitReady(ctx context.Context, pipe *os.File) error {
	ctx, cancel := context.WithTimeoutCause(ctx, takeOverDeadline, fmt.Errorf("the new process was not ready within %v", takeOverDeadline))
	defer cancel()
	defer context.AfterFunc(ctx, func() { _ = pipe.SetReadDeadline(time.Now()) })()
	text, err := io.ReadAll(io.LimitReader(pipe, 64<<10))
	switch {
	case err != nil && ctx.Err() != nil:
		return context.Cause(ctx)
	case err != nil:
		return err
	case len(text) == 0:
		return io.EOF
	case string(text) != tookOver:
		return fmt.Errorf("the new process does not start: %s", text)
	}
	return nil
}

func describeExit(err error) string {
	if err == nil {
		return "exit status 0"
	}
	return err.Error()
}

// programPath returns the path by which a program was started, so that what lies there later is found; "" if that is not known.
func programPath(args []string) string {
	if len(args) > 0 && strings.ContainsRune(args[0], filepath.Separator) {
		if path, err := filepath.Abs(args[0]); err == nil && isFile(path) {
			return path
		}
	}
	if len(args) > 0 {
		if path, err := exec.LookPath(args[0]); err == nil {
			if path, err = filepath.Abs(path); err == nil {
				return path
			}
		}
	}
	path, err := os.Executable()
	if err != nil {
		return ""
	}
	return path
}
