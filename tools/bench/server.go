package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

// server is a peer that runs. It leads a process group of its own, so that whatever it starts is ended with it, and so
// that a Ctrl-C at the terminal reaches this program first.
type server struct {
	peer    peer
	address string
	dir     string
	cmd     *exec.Cmd
	exited  chan struct{} // closed when the process has ended and was waited for
}

// startServer writes the peer's configuration into a new folder under work, starts it by start and waits until it accepts
// connections. The setting lacks the folder and the port.
func startServer(ctx context.Context, p peer, s setting, work string, start func(*exec.Cmd) error) (*server, error) {
	dir, err := os.MkdirTemp(work, "peer-")
	if err != nil {
		return nil, err
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		return nil, err
	}
	s.dir = dir
	s.port, err = freePort()
	if err != nil {
		return nil, err
	}
	if p.files != nil {
		for name, text := range p.files(s) {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
				return nil, err
			}
		}
	}
	output, err := os.Create(filepath.Join(dir, "output"))
	if err != nil {
		return nil, err
	}
	defer output.Close()

	srv := &server{peer: p, address: s.address(), dir: dir, exited: make(chan struct{})}
	srv.cmd = exec.Command(s.program, p.args(s)...)
	if p.python != "" && p.program != "" {
		srv.cmd = exec.Command("/bin/sh", p.args(s)...)
	}
	srv.cmd.Dir = dir
	srv.cmd.Env = append(os.Environ(), "HOME="+dir, "XDG_CONFIG_HOME="+dir, "XDG_DATA_HOME="+dir)
	srv.cmd.Stdout, srv.cmd.Stderr = output, output
	srv.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if p.logs {
		log, err := os.OpenFile(srv.logPath(), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
		if err != nil {
			return nil, err
		}
		defer log.Close()
		srv.cmd.Stdout = log
	}
	if err := start(srv.cmd); err != nil {
		return nil, err
	}
	go func() {
		srv.cmd.Wait()
		close(srv.exited)
	}()
	if err := srv.await(ctx); err != nil {
		srv.stop()
		return nil, err
	}
	return srv, nil
}

// logPath is where the standard output of a peer that logs goes.
func (s *server) logPath() string { return filepath.Join(s.dir, "access.log") }

// await waits until the server accepts a connection. When it does not, the error has the end of what it printed.
func (s *server) await(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		if conn, err := net.Dial("tcp", s.address); err == nil {
			return conn.Close()
		}
		select {
		case <-tick.C:
		case <-s.exited:
			return fmt.Errorf("ended at once: %s", s.printed())
		case <-ctx.Done():
			return fmt.Errorf("does not listen on %s: %w: %s", s.address, ctx.Err(), s.printed())
		}
	}
}

// printed returns the end of the server's output and of its error log.
func (s *server) printed() []byte {
	var all []byte
	for _, name := range []string{"output", "error.log"} {
		text, err := os.ReadFile(filepath.Join(s.dir, name))
		if err == nil {
			all = append(all, text...)
		}
	}
	all = bytes.TrimSpace(all)
	return all[max(0, len(all)-500):]
}

// stop ends the server's whole process group and waits for its leader: politely for three seconds, then by force.
func (s *server) stop() {
	group := -s.cmd.Process.Pid
	syscall.Kill(group, syscall.SIGTERM)
	select {
	case <-s.exited:
	case <-time.After(3 * time.Second):
	}
	syscall.Kill(group, syscall.SIGKILL)
	<-s.exited
}

// family returns the server's processes.
func (s *server) family() ([]process, error) {
	select {
	case <-s.exited:
		return nil, fmt.Errorf("%s has ended: %s", s.peer.name, s.printed())
	default:
	}
	all, err := processes()
	if err != nil {
		return nil, err
	}
	family := tree(all, s.cmd.Process.Pid)
	if len(family) == 0 {
		return nil, errors.New("no such process")
	}
	return family, nil
}

// cpu returns the processor time that the server's processes have used.
func (s *server) cpu() (time.Duration, error) {
	family, err := s.family()
	var sum time.Duration
	for _, p := range family {
		sum += p.cpu
	}
	return sum, err
}

// memory returns the bytes of RAM that the server's processes occupy. Pages that two of them share count twice.
func (s *server) memory() (int64, error) {
	family, err := s.family()
	if err != nil {
		return 0, err
	}
	var sum int64
	for _, p := range family {
		n, err := resident(p.pid)
		if err != nil {
			return 0, err
		}
		sum += n
	}
	return sum, nil
}

// freePort asks the kernel for a port that nobody listens on.
func freePort() (int, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer listener.Close()
	return listener.Addr().(*net.TCPAddr).Port, nil
}
