package main

import (
	"fmt"
	"strconv"

	"github.com/spf13/cobra"

	"highball/internal/app"
)

// newLooks returns the commands that show what a running server is at, and what it was at.
func newLooks(std stdio, environ []string) []*cobra.Command {
	env := app.Env{Stdout: std.out, Stderr: std.err, Environ: environ, Version: module()}
	requests := newLook("requests", "Show what a running server is answering",
		`Show the requests in flight of a running server, the oldest first: the ID, how long ago the first byte came, the phase, the client, the worker that is at it, the
route, and what was asked for. What an event loop answers at once is never seen here.`,
		func(c *cobra.Command, r app.Running, _ []string) error {
			return app.RequestsOf(c.Context(), r, form(c), env)
		})
	stack := newLook("stack ID", "Show the Python stack of a request",
		`Show where the Python program is that answers a request, without disturbing it. "highball requests" has the IDs; the beginning of one is enough.`,
		func(c *cobra.Command, r app.Running, args []string) error {
			return app.StackOf(c.Context(), r, args[0], form(c), env)
		})
	kill := newLook("kill ID", "End a request",
		`End a request: by 503 if nothing of the answer was sent, else by cutting the connection. A Python worker that is at it is replaced. "highball requests" has the IDs; the
beginning of one is enough.`,
		func(c *cobra.Command, r app.Running, args []string) error {
			return app.KillIn(c.Context(), r, args[0], form(c), env)
		})
	workers := newLook("workers", "Show the workers of applications",
		`Show the workers of a running server's applications: process, state, requests, memory and age.`,
		func(c *cobra.Command, r app.Running, _ []string) error {
			return app.WorkersOf(c.Context(), r, form(c), env)
		})
	return append([]*cobra.Command{requests, stack, kill, workers, newDashboard(env), newTail(env)}, newRecalls(env)...)
}

// newRecalls returns the commands about the flight recorder.
func newRecalls(env app.Env) []*cobra.Command {
	recent := newLook("recent", "Show recent requests and their answers",
		`Show what the flight recorder of a running server has: recent requests with their answers, the latest first. Those with the status 5xx and those that were cut are kept
longest. --show has heads, phases and the first KiB of bodies of one; the secrets in them are masked.`,
		func(c *cobra.Command, r app.Running, _ []string) error { return recall(c, r, env) })
	recent.Flags().String("limit", "", "show at most this `NUMBER` (default 50)")
	recent.Flags().String("status", "", "only those with this `STATUS`, such as 404 or 5xx")
	recent.Flags().String("path", "", "only those whose path begins with this `TEXT`")
	recent.Flags().String("show", "", "show all there is of the request with this `ID`")
	recent.Flags().String("record", "", "show nothing, and keep everything that happens within this `DURATION`, such as 30s")
	replay := newLook("replay ID", "Send a recorded request again",
		`Have a running server get a request again that its flight recorder has, and show what it answers now. A request by a method that may change something, such as POST, is
refused without --force.`,
		func(c *cobra.Command, r app.Running, args []string) error {
			return app.ReplayIn(c.Context(), r, args[0], app.ReplayOrder{Force: on(c, "force")}, form(c), env)
		})
	replay.Flags().Bool("force", false, "also by methods that may change something")
	return []*cobra.Command{recent, replay}
}

func recall(c *cobra.Command, r app.Running, env app.Env) error {
	flags := c.Flags()
	if flags.Changed("show") && flags.Changed("record") {
		return &app.UsageError{Problem: "--show and --record exclude each other", Remedy: "write one of them"}
	}
	if id := c.Flag("show").Value.String(); flags.Changed("show") {
		return app.ExchangeOf(c.Context(), r, id, form(c), env)
	}
	if span := c.Flag("record").Value.String(); flags.Changed("record") {
		return app.RecordIn(c.Context(), r, span, form(c), env)
	}
	q := app.RecentQuery{Status: c.Flag("status").Value.String(), Path: c.Flag("path").Value.String()}
	if text := c.Flag("limit").Value.String(); flags.Changed("limit") {
		var err error
		if q.Limit, err = strconv.Atoi(text); err != nil || q.Limit < 1 {
			return &app.UsageError{Problem: fmt.Sprintf("--limit: %q is no number of requests", text), Remedy: "write one from 1 to 1000"}
		}
	}
	return app.RecentOf(c.Context(), r, q, form(c), env)
}

func newDashboard(env app.Env) *cobra.Command {
	c := newLook("dashboard", "Open the dashboard of a running server",
		`Print the URL of a running server's dashboard, with the token that opens it, and show it in a browser where there can be one. The server needs an address for it: listen
in the [admin] of its configuration, or the flag --dashboard at its start.`,
		func(c *cobra.Command, r app.Running, _ []string) error {
			how := app.OpenDashboard
			if on(c, "print") || on(c, "json") {
				how = app.PrintDashboard
			}
			return app.DashboardOf(c.Context(), r, how, form(c), env)
		})
	c.Flags().Bool("print", false, "open no browser")
	return c
}

func newTail(env app.Env) *cobra.Command {
	c := newLook("tail", "Follow the access log of a running server",
		`Print a line for each request that a running server has answered, as it comes, whatever its access log is. Ctrl-C ends it. With --json it is the log's format json.`,
		func(c *cobra.Command, r app.Running, _ []string) error {
			f := app.LogFilter{
				Status: c.Flag("status").Value.String(), Method: c.Flag("method").Value.String(),
				Path: c.Flag("path").Value.String(), Client: c.Flag("client").Value.String(),
			}
			return app.TailOf(c.Context(), r, f, form(c), env)
		})
	c.Flags().String("status", "", "only those with this `STATUS`, such as 404 or 5xx")
	c.Flags().String("method", "", "only those by this `METHOD`")
	c.Flags().String("path", "", "only those whose path begins with this `TEXT`")
	c.Flags().String("client", "", "only those of this `CLIENT`: the beginning of an address, or a network such as 192.0.2.0/24")
	return c
}

// newLook returns a command that asks one running server for something, perhaps about an ID that is its first argument. Without a server's name, and a
// configuration in the current folder, it is for the only server that runs.
func newLook(use, short, long string, do func(*cobra.Command, app.Running, []string) error) *cobra.Command {
	var args []string
	c := newControl(use, short, long, func(c *cobra.Command, r app.Running) error {
		r.Only = true
		return do(c, r, args)
	})
	if use != c.Name() {
		inner := c.RunE
		c.Args = oneOrTwo
		c.RunE = func(c *cobra.Command, all []string) error {
			args = all[:1]
			return inner(c, all[1:])
		}
	}
	c.Flags().Bool("json", false, "write it as JSON, for programs")
	return c
}

// oneOrTwo accepts an ID, and perhaps what names a server.
func oneOrTwo(c *cobra.Command, args []string) error {
	switch {
	case len(args) == 0:
		return &app.UsageError{Problem: "there is no ID", Remedy: "usage: " + c.UseLine()}
	case args[0] == "":
		return &app.UsageError{Problem: "the ID is empty", Remedy: "usage: " + c.UseLine()}
	case len(args) > 2:
		return atMostOne(c, args[1:])
	}
	return nil
}

func form(c *cobra.Command) app.Form {
	if on(c, "json") {
		return app.JSON
	}
	return app.Readable
}
