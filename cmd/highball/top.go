package main

import (
	"github.com/spf13/cobra"

	"highball/internal/app"
)

// newTop returns the command that shows a running server in a terminal.
func newTop(std stdio, environ []string) *cobra.Command {
	env := app.Env{Stdout: std.out, Stderr: std.err, Environ: environ, Version: module()}
	return newControl("top", "Watch a running server in the terminal",
		`Watch a running server in the terminal: the rate of requests and errors, where their time goes, the slowest and the most frequent routes, what is in
flight, and the workers of applications. Keys sort and filter, show the Python stack of a request, and kill one; ? explains them, q quits.`,
		func(c *cobra.Command, r app.Running) error { return app.Top(c.Context(), r, env) })
}
