package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const (
	startLimit = 10 * time.Second
	stopLimit  = 5 * time.Second
	// clockTick is the unit of utime and stime in /proc/PID/stat: USER_HZ, which is 100 on every Linux architecture.
	clockTick = 10 * time.Millisecond
)

// server is a running highball.
type server struct {
	cmd     *exec.Cmd
	address string
	printed string        // path of the file that takes standard output and error
	exited  chan struct{} // closed when the process has ended and was waited for
}

// bannerURL finds the address in the first line that the server prints.
var bannerURL = regexp.MustCompile(`at http://([^/\s]+)/`)

// startServer starts command, which ends in "highball DIR" and flags, at a free port and waits until it listens.
func (p *proof) startServer(ctx context.Context, command ...string) (*server, error) {
	output, err := os.CreateTemp(p.work, "output-")
	if err != nil {
		return nil, err
	}
	defer output.Close()
	command = append(command, "--port", "0", "--bind", "127.0.0.1")
	if !slices.Contains(command, "--access-log") {
		command = append(command, "--access-log", "off")
	}
	s := &server{cmd: exec.Command(command[0], command[1:]...), printed: output.Name(), exited: make(chan struct{})}
	s.cmd.Stdout, s.cmd.Stderr = output, output
	for _, variable := range os.Environ() {
		if !strings.HasPrefix(variable, "PORT=") && !strings.HasPrefix(variable, "HIGHBALL_") {
			s.cmd.Env = append(s.cmd.Env, variable)
		}
	}
	// A Ctrl-C at the terminal is for this program, which then ends the server.
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := s.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		defer close(s.exited)
		_ = s.cmd.Wait() // how it ended is in ProcessState
	}()
	if err := s.await(ctx); err != nil {
		s.kill()
		return nil, err
	}
	return s, nil
}

// await waits for the banner.
func (s *server) await(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		text, err := os.ReadFile(s.printed)
		if err != nil {
			return err
		}
		if match := bannerURL.FindSubmatch(text); match != nil {
			s.address = string(match[1])
			return nil
		}
		select {
		case <-tick.C:
		case <-s.exited:
			return fmt.Errorf("ended at once: %s", s.lastWords())
		case <-ctx.Done():
			return fmt.Errorf("does not listen: %w: %s", ctx.Err(), s.lastWords())
		}
	}
}

// lastWords returns the end of what the server printed.
func (s *server) lastWords() []byte {
	text, err := os.ReadFile(s.printed)
	if err != nil {
		return []byte(err.Error())
	}
	text = bytes.TrimSpace(text)
	return text[max(0, len(text)-500):]
}

// stop asks the server to end and waits for it. It is an error that it had ended before, does not end in time, or ends
// with another status than 0.
func (s *server) stop() error {
	select {
	case <-s.exited:
		return fmt.Errorf("the server has ended by itself: %s: %s", s.cmd.ProcessState, s.lastWords())
	default:
	}
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	select {
	case <-s.exited:
	case <-time.After(stopLimit):
		s.kill()
		return errors.New("the server does not end when it is asked to")
	}
	if !s.cmd.ProcessState.Success() {
		return fmt.Errorf("the server ends with %s: %s", s.cmd.ProcessState, s.lastWords())
	}
	return nil
}

// kill ends the server whatever it does. It may be called after stop.
func (s *server) kill() {
	select {
	case <-s.exited:
	default:
		_ = s.cmd.Process.Kill() // it fails only when the process has just ended
		<-s.exited
	}
}

func (s *server) proc(name string) string {
	return filepath.Join("/proc", strconv.Itoa(s.cmd.Process.Pid), name)
}

// cpu returns the processor time that the server has used.
func (s *server) cpu() (time.Duration, error) {
	text, err := os.ReadFile(s.proc("stat"))
	if err != nil {
		return 0, err
	}
	return parseCPU(text)
}

// parseCPU reads the text of /proc/PID/stat (proc(5)). The name of the program, in parentheses, may hold spaces and
// parentheses itself, so the fields are counted from the last closing one.
func parseCPU(text []byte) (time.Duration, error) {
	fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
	if len(fields) < 13 {
		return 0, fmt.Errorf("%d fields after the program name, want at least 13", len(fields))
	}
	user, userErr := strconv.Atoi(fields[11])
	system, systemErr := strconv.Atoi(fields[12])
	return time.Duration(user+system) * clockTick, errors.Join(userErr, systemErr)
}

// memory returns the bytes that the server has in RAM.
func (s *server) memory() (int64, error) { return memoryOf(s.cmd.Process.Pid) }

// descriptors returns how many descriptors the server has open.
func (s *server) descriptors() (int, error) {
	open, err := os.ReadDir(s.proc("fd"))
	return len(open), err
}

// get asks for a path on a connection of its own and returns the status. The body is read to its end.
func (s *server) get(ctx context.Context, path string) (int, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+s.address+path, nil)
	if err != nil {
		return 0, err
	}
	request.Close = true
	response, err := http.DefaultTransport.RoundTrip(request)
	if err != nil {
		return 0, err
	}
	defer response.Body.Close()
	_, err = io.Copy(io.Discard, response.Body)
	return response.StatusCode, err
}
