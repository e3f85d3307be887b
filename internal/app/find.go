package app

import (
	"context"
	"fmt"
	"net"
	"path/filepath"
	"strings"
	"time"

	"highball/internal/admin"
)

// A server that runs no configuration file is found by its port, or since it is the only one.

// answering is a server that runs, as it says itself.
type answering struct {
	socket string
	admin.Status
}

// findDeadline bounds how long each server may take to say who it is.
const findDeadline = 2 * time.Second

// everyServer returns the servers of this user that are reached by a socket in one of the folders for them.
func everyServer(ctx context.Context, folders []string) (all []answering) {
	seen := make(map[string]bool)
	for _, dir := range folders {
		names, _ := filepath.Glob(filepath.Join(dir, "*.sock")) // the pattern is a good one
		for _, name := range names {
			if seen[name] {
				continue
			}
			seen[name] = true
			each, cancel := context.WithTimeout(ctx, findDeadline)
			if s, err := admin.NewClient(name).Status(each); err == nil {
				all = append(all, answering{name, s})
			}
			cancel()
		}
	}
	return all
}

// isPort reports whether an argument is a port: digits that no file is called.
func isPort(argument string) bool {
	return argument != "" && strings.Trim(argument, "0123456789") == "" && !isFile(argument)
}

// at reports whether a server listens at a port.
func (s *answering) at(port string) bool {
	for _, l := range s.Listeners {
		if _, its, err := net.SplitHostPort(l.Bound); err == nil && its == port {
			return true
		}
	}
	return false
}

// String tells a person which server it is.
func (s *answering) String() string {
	for _, l := range s.Listeners {
		return fmt.Sprintf("process %d at %s", s.PID, l.Bound)
	}
	return fmt.Sprintf("process %d", s.PID)
}

// byPort returns the sockets of the servers at a port.
func byPort(ctx context.Context, folders []string, port string) (paths []string, remedy string) {
	for _, s := range everyServer(ctx, folders) {
		if s.at(port) {
			paths = append(paths, s.socket)
		}
	}
	return paths, fmt.Sprintf("start it with \"highball %s\", or name its control socket with --socket", port)
}

// theOnly returns the socket of the only server in the first folder that has any; none if none has.
func theOnly(ctx context.Context, folders []string) (paths []string, err error) {
	var all []answering
	for i := range folders {
		if all = everyServer(ctx, folders[i:i+1]); len(all) > 0 {
			break
		}
	}
	if len(all) <= 1 {
		for _, s := range all {
			paths = append(paths, s.socket)
		}
		return paths, nil
	}
	var which []string
	for _, s := range all {
		which = append(which, strings.TrimSpace(s.Configuration+" ("+s.String()+")"))
	}
	return nil, &UsageError{
		fmt.Sprintf("%d servers run here: %s", len(all), strings.Join(which, ", ")),
		"write the configuration of one, its port, or --socket",
	}
}
