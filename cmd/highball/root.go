package main

import (
	"os"

	"github.com/spf13/cobra"

	"highball/internal/app"
)

const about = `Highball serves what you point it at.

  highball                      the current folder
  highball public               a folder: always as plain files, whatever lies in it
  highball 9000                 the current folder, at port 9000
  highball shop.wsgi:app        a Python application (WSGI): the name app in the module shop.wsgi
  highball "shop:create_app()"  the same, returned by a function
  highball hello.py             a file with one; hello.py:app, if it has several
  highball manage.py            a Django project
  highball web.conf             the configuration of an older server
  highball highball.toml        a configuration; the same as "highball run highball.toml"
  highball run examples/tour    the highball.toml in a folder
  highball check examples/tour  what is wrong with it; "highball routes" shows what answers where
  highball reload               the configuration in this folder has changed; "highball status", "highball stop"
  highball requests             what it is answering; "highball stack ID", "highball recent", "highball top", "highball dashboard"

A flag goes before the environment, the environment before the file, the file before the built-in value. Variables are PORT,
WEB_CONCURRENCY (of --workers), and HIGHBALL_ with the name of most flags, such as HIGHBALL_ACCESS_LOG; those of switches are 1 or 0. An argument that is also a
command's name is taken for the command; write ./run for a folder called run.`

// newRoot returns the command "highball" with all that belongs to it.
func newRoot(std stdio, environ []string) *cobra.Command {
	root := &cobra.Command{
		Use:               "highball [DIR | FILE.conf | FILE.toml | PORT | MODULE:CALLABLE | FILE.py]",
		Short:             "A web and application server",
		Long:              about,
		Args:              atMostOne,
		RunE:              serving(app.ServeArgument, std, environ),
		ValidArgsFunction: cobra.FixedCompletions(nil, cobra.ShellCompDirectiveDefault),
		SilenceErrors:     true, // run says them, in its own way
		SilenceUsage:      true,
		Version:           version(),
	}
	root.SetVersionTemplate("highball {{.Version}}\n")
	root.SetOut(std.out)
	root.SetErr(std.err)
	root.SetFlagErrorFunc(flagError)
	addFlags(root.Flags())
	root.AddCommand(newRun(std, environ),
		newInspection(std, environ, "check", "Check a configuration: all that run would find wrong, without listening", app.Check),
		newInspection(std, environ, "routes", "Show what answers where in a configuration", app.Routes),
		newTop(std, environ), newVersion(), newMan())
	root.AddCommand(newControls(std, environ)...)
	root.AddCommand(newLooks(std, environ)...)
	root.AddCommand(newFiles(std, environ)...)
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd()
	for _, c := range root.Commands() {
		switch c.Name() {
		case "help":
			c.Args = knownTopic
		case "completion":
			c.Use, c.Short = "completion bash | zsh | fish | powershell", "Print the completion script for a shell"
			c.Args, c.RunE = noneKnown, func(c *cobra.Command, _ []string) error { return c.Help() }
			for _, shell := range c.Commands() {
				shell.Args = none
			}
		}
	}
	return root
}

func newRun(std stdio, environ []string) *cobra.Command {
	c := &cobra.Command{
		Use:   "run [FILE | DIR]",
		Short: "Run a configuration: a file, or the " + app.FileName + " in a folder",
		Long: `Run a configuration: a file, or the ` + app.FileName + ` in a folder. Without an argument it is the one in the current
folder. The flags are put over what the file says, for every site in it.`,
		Args:              atMostOne,
		RunE:              serving(app.RunConfiguration, std, environ),
		ValidArgsFunction: cobra.FixedCompletions(nil, cobra.ShellCompDirectiveDefault),
	}
	addFlags(c.Flags())
	c.Flags().Bool("watch", false, "reload when a file of the configuration changes")
	return c
}

// serving returns what a command does that starts a server.
func serving(task app.Task, std stdio, environ []string) func(*cobra.Command, []string) error {
	return func(c *cobra.Command, args []string) error {
		order := app.Order{Task: task}
		if len(args) == 1 {
			order.Argument = args[0]
			if args[0] == "" {
				return &app.UsageError{Problem: "the argument is empty", Remedy: `write "." for the current folder`}
			}
		}
		if err := readFlags(c.Flags(), &order); err != nil {
			return err
		}
		signals, stop := app.Notify()
		defer stop()
		env := app.Env{Stdout: std.out, Stderr: std.err, Environ: environ, Signals: signals, Version: module(), Args: os.Args}
		return misspelt(c, order, app.Serve(c.Context(), order, env))
	}
}

// newInspection returns a command that looks at a configuration and serves nothing.
func newInspection(std stdio, environ []string, name, about string, inspect func(app.Order, app.Env) error) *cobra.Command {
	return &cobra.Command{
		Use:   name + " [FILE | DIR]",
		Short: about,
		Long:  about + `. The argument is that of "highball run". The status is 1 if there are faults.`,
		Args:  atMostOne,
		RunE: func(_ *cobra.Command, args []string) error {
			order := app.Order{Task: app.RunConfiguration}
			if len(args) == 1 {
				order.Argument = args[0]
			}
			return inspect(order, app.Env{Stdout: std.out, Stderr: std.err, Environ: environ, Version: module()})
		},
		ValidArgsFunction: cobra.FixedCompletions(nil, cobra.ShellCompDirectiveDefault),
	}
}

// newMan returns the hidden command that prints the manual page, for packagers: "highball man > highball.1".
func newMan() *cobra.Command {
	return &cobra.Command{
		Use:    "man",
		Short:  "Print the manual page",
		Hidden: true,
		Args:   none,
		RunE: func(c *cobra.Command, _ []string) error {
			_, err := c.OutOrStdout().Write(manual(c.Root()))
			return err
		},
	}
}
