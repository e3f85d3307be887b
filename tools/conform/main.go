// Command conform replays public request vectors to a server and compares what fails with a list of known exceptions:
//
//	conform -server bin/echo -exceptions tools/conform/exceptions.txt path/to/conform.py
//
// The server is a program that takes "-p PORT" and answers 200 to every method and path, such as examples/echo. conform
// starts it at a free port of the loopback address, has the vectors' own runner, a Python program, do the replaying, and ends it.
//
// The exceptions are vectors whose verdict is not that of the RFCs, or contradicts another vector; each line says why. A case
// that fails and is not listed makes conform fail. One that is listed and passes is only told of: the line may go.
package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// timeLimit bounds the whole replay, which takes about half a minute.
const timeLimit = 5 * time.Minute

// run returns the exit status: 0 when nothing unexpected failed, 1 when something did, 2 for a wrong command line.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("conform", flag.ContinueOnError)
	flags.SetOutput(stderr)
	program := flags.String("server", "", "`program` to start with -p PORT")
	list := flags.String("exceptions", "", "`file` of the vectors that are expected to fail")
	if err := flags.Parse(args); errors.Is(err, flag.ErrHelp) {
		return 0
	} else if err != nil {
		return 2
	}
	if flags.NArg() != 1 || *program == "" || *list == "" {
		fmt.Fprintln(stderr, "usage: conform -server PROGRAM -exceptions FILE CONFORM.PY")
		return 2
	}
	ctx, cancel := context.WithTimeout(ctx, timeLimit)
	defer cancel()
	r, err := conform(ctx, *program, *list, flags.Arg(0), stderr)
	if err != nil {
		fmt.Fprintln(stderr, "conform:", err)
		return 1
	}
	if r.write(stdout); !r.good() {
		return 1
	}
	return 0
}

func conform(ctx context.Context, program, list, script string, stderr io.Writer) (_ *report, err error) {
	text, err := os.ReadFile(list)
	if err != nil {
		return nil, err
	}
	known, err := parseExceptions(string(text))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", list, err)
	}
	s, err := startServer(ctx, program, stderr)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.end()) }()
	var output bytes.Buffer
	replay := exec.CommandContext(ctx, "python3", script, s.addr, "-v")
	replay.Stdout, replay.Stderr = &output, stderr
	// It exits with 1 while anything fails, known or not; what it says decides.
	if err := replay.Run(); err != nil && replay.ProcessState.ExitCode() != 1 {
		return nil, fmt.Errorf("%s: %w", script, err)
	}
	o, err := parseOutcome(output.String())
	if err != nil {
		return nil, fmt.Errorf("%s: %w", script, err)
	}
	return compare(o, known), nil
}
