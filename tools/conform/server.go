package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os/exec"
	"strconv"
	"syscall"
	"time"
)

// server is the program under test.
type server struct {
	cmd   *exec.Cmd
	addr  string
	ended chan error // gets what the program ended with
}

const (
	startLimit = 10 * time.Second
	endLimit   = 5 * time.Second
)

// startServer starts the program at a free port and waits until it can be connected to.
func startServer(ctx context.Context, program string, stderr io.Writer) (*server, error) {
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	s := &server{
		cmd:   exec.CommandContext(ctx, program, "-p", strconv.Itoa(port)),
		addr:  net.JoinHostPort("127.0.0.1", strconv.Itoa(port)),
		ended: make(chan error, 1),
	}
	s.cmd.Stderr = stderr
	if err := s.cmd.Start(); err != nil {
		return nil, err
	}
	go func() { s.ended <- s.cmd.Wait() }()
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	for retry := time.NewTicker(20 * time.Millisecond); ; {
		c, err := new(net.Dialer).DialContext(ctx, "tcp", s.addr)
		if err == nil {
			return s, c.Close()
		}
		select {
		case <-retry.C:
		case ended := <-s.ended:
			return nil, fmt.Errorf("%s has ended: %v", program, ended)
		case <-ctx.Done():
			return nil, errors.Join(fmt.Errorf("%s does not listen at %s: %w", program, s.addr, err), s.end())
		}
	}
}

// freePort returns a port that was free a moment ago. That somebody takes it in between shows as a server that ends.
func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	return l.Addr().(*net.TCPAddr).Port, l.Close()
}

// end ends the program, by force if it does not go. It fails when the program had ended by itself.
func (s *server) end() error {
	select {
	case err := <-s.ended:
		return fmt.Errorf("the server has ended by itself: %v", err)
	default:
	}
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	select {
	case <-s.ended:
		return nil
	case <-time.After(endLimit):
		err := s.cmd.Process.Kill()
		<-s.ended
		return err
	}
}
