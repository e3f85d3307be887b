package main

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"highball/internal/app"
)

// atMostOne accepts no argument or one.
func atMostOne(c *cobra.Command, args []string) error {
	if len(args) > 1 {
		return &app.UsageError{
			Problem: fmt.Sprintf("one argument is enough, and there are %d: %s", len(args), strings.Join(args, " ")),
			Remedy:  "usage: " + c.UseLine(),
		}
	}
	return nil
}

// none accepts no argument.
func none(c *cobra.Command, args []string) error {
	if len(args) > 0 {
		return &app.UsageError{Problem: fmt.Sprintf("%q takes no argument", c.CommandPath())}
	}
	return nil
}

// knownTopic accepts the name of a command and those of commands below it.
func knownTopic(c *cobra.Command, args []string) error {
	found, rest, err := c.Root().Find(args)
	if err == nil && len(rest) == 0 {
		return nil
	}
	return noneKnown(found, rest)
}

// noneKnown accepts no argument, where there might have been the name of a command below c.
func noneKnown(c *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	var known []string
	for _, sub := range visible(c) {
		known = append(known, sub.Name())
	}
	c.SuggestionsMinimumDistance = 2
	remedy := didYouMean(c.SuggestionsFor(args[0]), "")
	if remedy == "" && len(known) > 0 {
		remedy = "known are " + strings.Join(known, ", ")
	}
	return &app.UsageError{Problem: fmt.Sprintf("%q: unknown command %q", c.CommandPath(), args[0]), Remedy: remedy}
}

// flagError turns what the flag parser says into an error of usage, with the flag that was probably meant.
func flagError(c *cobra.Command, err error) error {
	var unknown *pflag.NotExistError
	var invalid *pflag.InvalidValueError
	switch {
	case errors.As(err, &invalid): // of a switch; the other flags are read later
		name := "--" + invalid.GetFlag().Name
		return &app.UsageError{
			Problem: fmt.Sprintf("%s: %q says neither yes nor no", name, invalid.GetValue()),
			Remedy:  fmt.Sprintf("write %s or %s=false", name, name),
		}
	case !errors.As(err, &unknown):
		return &app.UsageError{Problem: err.Error(), Remedy: fmt.Sprintf("see %q", c.CommandPath()+" --help")}
	}
	name, remedy := unknown.GetSpecifiedName(), ""
	if unknown.GetSpecifiedShortnames() != "" {
		name = "-" + name
	} else {
		remedy = nearestFlag(c, name)
		name = "--" + name
	}
	if remedy == "" {
		remedy = fmt.Sprintf("see %q", c.CommandPath()+" --help")
	}
	return &app.UsageError{Problem: "unknown flag " + name, Remedy: remedy}
}

// nearestFlag asks which flag was meant. The judge of nearness is cobra's, which knows commands only; so the
// flags stand before it as commands.
func nearestFlag(c *cobra.Command, name string) string {
	flags := &cobra.Command{SuggestionsMinimumDistance: 2}
	c.Flags().VisitAll(func(f *pflag.Flag) {
		flags.AddCommand(&cobra.Command{Use: f.Name, Run: func(*cobra.Command, []string) {}})
	})
	return didYouMean(flags.SuggestionsFor(name), "--")
}

// misspelt returns err, or a better one where it says that an argument names nothing, and that is nearly a command's name.
func misspelt(c *cobra.Command, order app.Order, err error) error {
	var usage *app.UsageError
	if order.Task != app.ServeArgument || order.Argument == "" || !errors.Is(err, os.ErrNotExist) || !errors.As(err, &usage) {
		return err
	}
	c.SuggestionsMinimumDistance = 2
	remedy := didYouMean(c.SuggestionsFor(order.Argument), "")
	if remedy == "" {
		return err
	}
	return &app.UsageError{Problem: fmt.Sprintf("there is no file, folder or command %q", order.Argument), Remedy: remedy}
}

func didYouMean(words []string, prefix string) string {
	if len(words) == 0 {
		return ""
	}
	return "did you mean " + prefix + strings.Join(words, " or "+prefix) + "?"
}
