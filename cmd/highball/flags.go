package main

import (
	"github.com/spf13/pflag"

	"highball/internal/app"
)

// addFlags declares the flags of a server. Their values are read by package app, which also reads the same
// settings from the environment and from files; so here all of them are text or switches.
func addFlags(f *pflag.FlagSet) {
	f.StringP("port", "p", "", "listen at this `PORT`; 0 is any free one (default 8000)")
	f.StringP("bind", "b", "", "listen at this `HOST`; 0.0.0.0 or :: opens it to the network (default 127.0.0.1)")
	f.Bool("open", false, "open the site in a browser")

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

	f.String("access-log", "", "write the access log in this `FORMAT`: common, combined, json or off (default common)")
	f.Bool("trace", false, "show requests as < and responses as > lines")
	f.BoolP("debug", "d", false, "log what the server does")
}

// readFlags puts the flags that were given into order.
func readFlags(f *pflag.FlagSet, order *app.Order) error {
	if f.Changed("listing") && f.Changed("no-listing") {
		return &app.UsageError{Problem: "--listing and --no-listing exclude each other", Remedy: "write one of them"}
	}
	f.Visit(func(flag *pflag.Flag) {
		value := flag.Value.String()
		switch flag.Name {
		case "open":
			order.Open = value == "true"
		case "no-listing":
			order.Settings = append(order.Settings, app.Setting{Name: "listing", Value: opposite(value)})
		default:
			order.Settings = append(order.Settings, app.Setting{Name: flag.Name, Value: value})
		}
	})
	return nil
}

func opposite(value string) string {
	if value == "true" {
		return "false"
	}
	return "true"
}
