package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

const (
	upgrades      = 5
	upgradeLimit  = 15 * time.Second // for another process to take over
	drainDeadline = 30 * time.Second // of the old one, as the manual has it
)

// tookOver finds the log record of an upgrade, with the number of the process that goes on.
var tookOver = regexp.MustCompile(`msg="another process has taken over" pid=(\d+)`)

// showUpgrade has the program replaced again and again while clients ask, each time with another configuration, and looks at the end of each
// process that is replaced.
func showUpgrade(ctx context.Context, p *proof) ([]claim, error) {
	// What a process leaves behind when it ends becomes this program's child, whose end it can then see.
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		return nil, err
	}
	defer func() { _ = unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0) }()
	files, err := p.stepFiles(0)
	if err != nil {
		return nil, err
	}
	srv, err := p.startConfigured(ctx, files)
	if err != nil {
		return nil, err
	}
	defer srv.discard()
	clients := throngAt(srv.server)
	stop := clients.start(ctx)
	defer stop()
	if err := pauseFor(ctx, betweenSteps); err != nil {
		return nil, err
	}
	pid := srv.cmd.Process.Pid
	var took, gone []time.Duration
	var ends []string
	for n := 1; n <= upgrades; n++ {
		files, err := p.stepFiles(n)
		if err == nil {
			err = srv.configure(files["highball.toml"])
		}
		if err != nil {
			return nil, err
		}
		began := time.Now()
		if err := syscall.Kill(pid, syscall.SIGUSR2); err != nil {
			return nil, err
		}
		said, err := srv.awaitSaid(ctx, tookOver, n, upgradeLimit)
		if err != nil {
			return nil, err
		}
		next, err := strconv.Atoi(said)
		if err != nil {
			return nil, err
		}
		took = append(took, time.Since(began))
		how, err := srv.awaitEnd(ctx, pid, drainDeadline+5*time.Second)
		if err != nil {
			return nil, fmt.Errorf("the process %d: %w: %s", pid, err, srv.lastWords())
		}
		gone = append(gone, time.Since(began)-took[n-1])
		if how != "exit status 0" {
			ends = append(ends, how)
		}
		pid = next
		if _, err := srv.awaitText(ctx, hostOfText, "/text", stepText(n), takeOverLimit); err != nil {
			return nil, err
		}
		if err := pauseFor(ctx, betweenSteps); err != nil {
			return nil, err
		}
	}
	stop()
	if err := syscall.Kill(pid, syscall.SIGTERM); err != nil {
		return nil, err
	}
	how, err := srv.awaitEnd(ctx, pid, stopLimit)
	if err != nil {
		return nil, fmt.Errorf("the last process: %w: %s", err, srv.lastWords())
	}
	if how != "exit status 0" {
		ends = append(ends, how)
	}
	return []claim{
		{
			says: fmt.Sprintf("%d upgrades by SIGUSR2 under load: no request fails", upgrades),
			measured: fmt.Sprintf("%s; %d texts seen by clients; another process has taken over after %s (median), %s at most",
				clients, clients.texts(), ms(middle(took)), ms(slices.Max(took))),
			holds: clients.sound() && clients.texts() == upgrades+1,
		},
		{
			says:     fmt.Sprintf("the old process is gone within its deadline of %s, with status 0", drainDeadline),
			measured: fmt.Sprintf("%s (median), %s at most; %d other ends %v", ms(middle(gone)), ms(slices.Max(gone)), len(ends), ends),
			holds:    slices.Max(gone) < drainDeadline && len(ends) == 0,
		},
	}, nil
}

// awaitEnd waits for the end of the server's process, or of one that has come after it, and returns how it has ended.
func (s *server) awaitEnd(ctx context.Context, pid int, patience time.Duration) (string, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, patience, fmt.Errorf("it has not ended within %s", patience))
	defer cancel()
	if pid == s.cmd.Process.Pid {
		select {
		case <-s.exited:
			return s.cmd.ProcessState.String(), nil
		case <-ctx.Done():
			return "", context.Cause(ctx)
		}
	}
	for {
		var status syscall.WaitStatus
		// Until its parent has ended it is not a child of this program.
		switch got, err := syscall.Wait4(pid, &status, syscall.WNOHANG, nil); {
		case got == pid && status.Exited():
			return fmt.Sprintf("exit status %d", status.ExitStatus()), nil
		case got == pid && status.Signaled():
			return status.Signal().String(), nil
		case err != nil && !errors.Is(err, syscall.ECHILD) && !errors.Is(err, syscall.EINTR):
			return "", os.NewSyscallError("wait4", err)
		}
		if err := pauseFor(ctx, 5*time.Millisecond); err != nil {
			return "", context.Cause(ctx)
		}
	}
}
