// Command highball is a web and application server: pointed at a folder, it serves the folder; given a configuration, it
// runs that. "highball help" tells the rest.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"highball/internal/app"
)

func main() {
	os.Exit(run(context.Background(), os.Args[1:], stdio{os.Stdout, os.Stderr}, os.Environ()))
}

// stdio are the streams of a command.
type stdio struct {
	out, err io.Writer
}

// The exit statuses.
const (
	exitOK          = 0
	exitFailure     = 1   // a configuration with faults, an address in use
	exitUsage       = 2   // a flag, an argument or a command that means nothing
	exitNotRunning  = 3   // there is no server to speak to, as init scripts have it
	exitInterrupted = 130 // as shells have it: 128 and the number of SIGINT
)

// run is the program without its surroundings. It says what went wrong, a line for each fault, and returns the exit status.
func run(ctx context.Context, args []string, std stdio, environ []string) int {
	root := newRoot(std, environ)
	root.SetArgs(args)
	words := &speaker{to: std.out}
	root.SetOut(words) // help and the like, of which nobody else tells that it was not written
	err := root.ExecuteContext(ctx)
	if err == nil && words.err != nil {
		err = words.err
	}
	var usage *app.UsageError
	var nobody *app.NotRunningError
	switch {
	case err == nil:
		return exitOK
	case errors.Is(err, app.ErrInterrupted):
		return exitInterrupted
	case errors.As(err, &nobody):
		fmt.Fprintln(std.err, app.Message(err))
		return exitNotRunning
	case errors.As(err, &usage):
		fmt.Fprintln(std.err, app.Message(err))
		return exitUsage
	}
	fmt.Fprintln(std.err, app.Message(err))
	return exitFailure
}

// speaker remembers that something could not be said.
type speaker struct {
	to  io.Writer
	err error // the first
}

// Write implements io.Writer.
func (s *speaker) Write(p []byte) (int, error) {
	n, err := s.to.Write(p)
	if err != nil && s.err == nil {
		s.err = err
	}
	return n, err
}
