package main

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

func newVersion() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version",
		Args:  none,
		RunE: func(c *cobra.Command, _ []string) error {
			_, err := fmt.Fprintf(c.OutOrStdout(), "highball %s\n", version())
			return err
		},
	}
}

// version returns the version of the program, the platform and the version of Go.
func version() string {
	return fmt.Sprintf("%s %s/%s %s", module(), runtime.GOOS, runtime.GOARCH, runtime.Version())
}

// module returns what the build knows of where it comes from: a tag, a revision, or nothing.
func module() string {
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" && info.Main.Version != "(devel)" {
		return info.Main.Version
	}
	return "devel"
}
