package main

import (
	"fmt"

	"github.com/spf13/pflag"

	"highball/internal/app"
)

// addFlags declares the flags of a server. Their values are read by package app, which also reads the same
// settings from the environment and from files; so here all of them are text or switches.
func addFlags(f *pflag.FlagSet) {
	f.StringP("port", "p", "", "listen at this `PORT`; 0 is any free one (default 8000)")
	f.StringP("bind", "b", "", "listen at this `HOST`; 0.0.0.0 or :: opens it to the network (default 127.0.0.1)")
	f.Bool("open", false, "open the site in a browser")
	f.String("dashboard", "", "have a dashboard on this machine, and open it, or print its URL alone: `HOW` is open or print")
	f.Lookup("dashboard").NoOptDefVal = "open"

	f.Bool("listing", false, "list folders without an index file (default for DIR)")
	f.Bool("no-listing", false, "answer 403 for folders without an index file")
	f.Bool("spa", false, "answer unknown paths with the root's index file, for single-page applications")
	f.Bool("hidden", false, "serve names that begin with a dot")
	f.String("symlinks", "", "follow symbolic links by `POLICY`: inside the folder, all, or none (default inside)")
	f.Bool("cors", false, "let scripts of every origin read the site")
	f.String("cache", "", "let browsers keep answers for so many `SECONDS`")

	f.Bool("upload", false, "accept files by PUT and POST")
	f.String("upload-limit", "", "accept uploads up to this `SIZE`, such as 500MB, or off (default 100MiB)")
	f.Bool("upload-overwrite", false, "let uploads replace files")

	f.StringP("workers", "w", "", "run this `NUMBER` of workers, the processes of a Python application (default one for each processor)")
	f.String("max-workers", "", "start more workers, up to this `NUMBER`, while requests wait for one")
	f.String("threads", "", "have each worker answer this `NUMBER` of requests at a time (default 1)")
	f.Bool("preload", false, "import the application once and fork the workers from there")
	f.Bool("factory", false, "the application is what the named function returns")
	f.String("chdir", "", "look for the application in this `DIR`, and run it there")
	f.String("python", "", "use the interpreter or the virtual environment at this `PATH`")
	f.StringArray("env", nil, "set a variable, `NAME=VALUE`, for the application; may be repeated")
	f.String("env-file", "", "set the variables in this `FILE` for the application")
	f.String("mount", "", "have the application answer below this `PATH`, such as /shop (default /)")
	f.StringArray("static", nil, "serve files beside the application, `/PATH=DIR`; may be repeated")
	f.Bool("reload", false, "replace the workers when a file of the application changes")
	f.String("timeout", "", "answer 504 when a request takes longer than this `DURATION`, such as 90s, or off (default 30s)")
	f.String("max-body", "", "answer 413 to bodies larger than this `SIZE`, such as 10MB, or off (default 1GiB)")
	f.String("queue", "", "let this `NUMBER` of requests wait for a worker (default 1024)")
	f.String("queue-timeout", "", "answer 503 to those that wait longer than this `DURATION` (default 10s)")
	f.String("max-requests", "", "replace a worker after this `NUMBER` of requests, give or take")
	f.String("max-age", "", "replace a worker after this `DURATION`, such as 12h")
	f.String("max-memory", "", "replace a worker that takes more memory than this `SIZE`, such as 500MB")

	f.String("access-log", "", "write the access log in this `FORMAT`: common, combined, json, off or a template (default common)")
	f.String("stats-log", "", "write a line for each closed connection to this `FILE`")
	f.String("slow", "", "tell of requests that take the server longer than this `DURATION`, or off (default 5s)")
	f.Bool("trace", false, "show requests as < and responses as > lines")
	f.BoolP("debug", "d", false, "log what the server does, and show tracebacks of the application in the browser")
}

// readFlags puts the flags that were given into order.
func readFlags(f *pflag.FlagSet, order *app.Order) error {
	if f.Changed("listing") && f.Changed("no-listing") {
		return &app.UsageError{Problem: "--listing and --no-listing exclude each other", Remedy: "write one of them"}
	}
	var err error
	f.Visit(func(flag *pflag.Flag) {
		value := flag.Value.String()
		switch flag.Name {
		case "open":
			order.Open = value == "true"
		case "dashboard":
			err = readDashboard(value, &order.Dashboard)
		case "watch":
			order.Watch = value == "true"
		case "no-listing":
			order.Settings = append(order.Settings, app.Setting{Name: "listing", Value: opposite(value)})
		case "env", "static":
			for _, one := range flag.Value.(pflag.SliceValue).GetSlice() {
				order.Settings = append(order.Settings, app.Setting{Name: flag.Name, Value: one})
			}
		default:
			order.Settings = append(order.Settings, app.Setting{Name: flag.Name, Value: value})
		}
	})
	return err
}

func readDashboard(value string, into *app.Dashboard) error {
	switch value {
	case "open":
		*into = app.OpenDashboard
	case "print":
		*into = app.PrintDashboard
	default:
		return &app.UsageError{Problem: fmt.Sprintf("--dashboard: %q is no way to show it", value), Remedy: "write --dashboard, or --dashboard=print to open no browser"}
	}
	return nil
}

func opposite(value string) string {
	if value == "true" {
		return "false"
	}
	return "true"
}
