package main

import (
	"github.com/spf13/cobra"

	"highball/internal/app"
)

// newFiles returns the commands that write configurations.
func newFiles(std stdio, environ []string) []*cobra.Command {
	env := app.Env{Stdout: std.out, Stderr: std.err, Environ: environ, Version: module()}
	begin := &cobra.Command{
		Use:   "init [DIR]",
		Short: "Write a configuration for what lies in a folder",
		Long: `Write a ` + app.FileName + ` with comments for what lies in a folder: a Django project, another Python application, files of a site, CGI
programs, the web.conf of an older server. Nothing of it is run, and a file that is there is not replaced.`,
		Args: atMostOne,
		RunE: func(c *cobra.Command, args []string) error {
			overwriting := app.KeepFile
			if on(c, "force") {
				overwriting = app.ReplaceFile
			}
			return app.Init(first(args), overwriting, env)
		},
		ValidArgsFunction: cobra.FixedCompletions(nil, cobra.ShellCompDirectiveFilterDirs),
	}
	begin.Flags().Bool("force", false, "replace the file that is there")
	format := &cobra.Command{
		Use:   "fmt [FILE | DIR]",
		Short: "Give a configuration the usual form",
		Long: `Give a configuration the usual form: spaces, indentation, empty lines. Its meaning, its comments and their order stay. The name of a file that
is changed is printed.`,
		Args: atMostOne,
		RunE: func(c *cobra.Command, args []string) error {
			writing := app.WriteFile
			if on(c, "check") {
				writing = app.OnlyCheck
			}
			return app.FormatFile(first(args), writing, env)
		},
		ValidArgsFunction: cobra.FixedCompletions(nil, cobra.ShellCompDirectiveDefault),
	}
	format.Flags().Bool("check", false, "change nothing; the status is 1 if the form is another")
	translate := &cobra.Command{
		Use:   "import FILE.conf",
		Short: "Print what the web.conf of an older server is in TOML",
		Long:  `Print what the web.conf of an older server is in TOML: what a ` + app.FileName + ` in the same folder has to say.`,
		Args: func(c *cobra.Command, args []string) error {
			if len(args) == 0 {
				return &app.UsageError{Problem: "there is no file to import", Remedy: "usage: " + c.UseLine()}
			}
			return atMostOne(c, args)
		},
		RunE:              func(_ *cobra.Command, args []string) error { return app.Import(args[0], env) },
		ValidArgsFunction: cobra.FixedCompletions([]string{"conf"}, cobra.ShellCompDirectiveFilterFileExt),
	}
	return []*cobra.Command{begin, format, translate}
}

// first returns the argument of a command that takes one at most, "" without.
func first(args []string) string {
	if len(args) == 0 {
		return ""
	}
	return args[0]
}
