package main

import (
	"github.com/spf13/cobra"

	"highball/internal/app"
)

// newControls returns the commands that speak to a running server.
func newControls(std stdio, environ []string) []*cobra.Command {
	env := app.Env{Stdout: std.out, Stderr: std.err, Environ: environ, Version: module()}
	reload := newControl("reload", "Have a running server read its configuration again",
		`Have a running server read its configuration again, and wait until it is in force. Addresses, applications and sites that are new begin, those that
are gone end when they have finished what they have, and the others go on. If anything is wrong, all of it is told and everything stays as it was.
With --workers the workers of applications that have not changed are replaced, too, as by SIGHUP.`,
		func(c *cobra.Command, r app.Running) error {
			scope := app.ReloadConfiguration
			if on(c, "workers") {
				scope = app.ReloadWorkers
			}
			return app.ReloadRunning(c.Context(), r, scope, env)
		})
	reload.Flags().Bool("workers", false, "replace the workers of applications, too")
	stop := newControl("stop", "Have a running server finish what is in flight and end",
		`Have a running server finish what is in flight, accepting no more, and wait until it has ended.`,
		func(c *cobra.Command, r app.Running) error {
			deadline := c.Flag("deadline").Value.String()
			return app.StopRunning(c.Context(), r, deadline, env)
		})
	stop.Flags().String("deadline", "", "cut what is not finished within this `DURATION`, such as 10s (default 30s)")
	status := newControl("status", "Show how a running server is",
		`Show how a running server is: its process, addresses, connections, reloads, applications and workers.`,
		func(c *cobra.Command, r app.Running) error {
			form := app.Readable
			if on(c, "json") {
				form = app.JSON
			}
			return app.StatusOf(c.Context(), r, form, env)
		})
	status.Flags().Bool("json", false, "write it as JSON, for programs")
	upgrade := newControl("upgrade", "Replace the process of a running server by the program as it is now",
		`Have a running server start its program anew, as it lies on the disk now, with the arguments of its own start, and hand it its sockets; and wait until the new
process serves. The old one finishes what it has and ends. No request is lost. If the new process does not come up, the old one goes on.`,
		func(c *cobra.Command, r app.Running) error { return app.UpgradeRunning(c.Context(), r, env) })
	return []*cobra.Command{reload, stop, status, upgrade}
}

// newControl returns a command that speaks to one running server.
func newControl(name, short, long string, do func(*cobra.Command, app.Running) error) *cobra.Command {
	c := &cobra.Command{
		Use:   name + " [FILE | DIR]",
		Short: short,
		Long: long + `

The server is named by the argument of "highball run" that it was started with, or by a port of its; without either it is that of the configuration in the
current folder. The status is 1 if the server refuses or fails, and 3 if there is none.`,
		Args: atMostOne,
		RunE: func(c *cobra.Command, args []string) error {
			r := app.Running{Socket: c.Flag("socket").Value.String()}
			if len(args) == 1 {
				r.Argument = args[0]
				if r.Socket != "" {
					return &app.UsageError{Problem: "the server is named twice", Remedy: "write its configuration or --socket"}
				}
			}
			return do(c, r)
		},
		ValidArgsFunction: cobra.FixedCompletions(nil, cobra.ShellCompDirectiveDefault),
	}
	c.Flags().String("socket", "", "the control socket is at this `PATH`")
	return c
}

// on reports whether a switch is on.
func on(c *cobra.Command, name string) bool { return c.Flag(name).Value.String() == "true" }
