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

// version returns what the build knows of where it comes from (a tag, a revision, or nothing), the platform and the
// version of Go.
func version() string {
	module := "devel"
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" && info.Main.Version != "(devel)" {
		module = info.Main.Version
	}
	return fmt.Sprintf("%s %s/%s %s", module, runtime.GOOS, runtime.GOARCH, runtime.Version())
}
