package app

import (
	"cmp"
	"context"
	"fmt"
	"strings"

	"highball/internal/admin"
	"highball/internal/config"
)

// inForce tells the configuration that is in force: the files as they were read, and what goes before them.
func (a *App) inForce(context.Context) (admin.Configuration, error) {
	var b strings.Builder
	if order := a.source.order; order != nil {
		for _, s := range order.Settings {
			fmt.Fprintf(&b, "# on the command line: --%s %s\n", s.Name, config.HideAssignment(s.Value))
		}
		if a.source.file == "" {
			fmt.Fprintf(&b, "# on the command line: %s\n", quoted(cmp.Or(order.Argument, ".")))
		}
	}
	for _, assignment := range a.env.Environ {
		name, value, _ := strings.Cut(assignment, "=")
		if value != "" && (strings.HasPrefix(name, "HIGHBALL_") || name == "PORT" || name == "WEB_CONCURRENCY") {
			fmt.Fprintf(&b, "# in the environment: %s\n", config.HideAssignment(assignment))
		}
	}
	for _, s := range a.front.current.Load().config.Sources {
		if b.Len() > 0 {
			b.WriteString("\n")
		}
		fmt.Fprintf(&b, "# %s\n%s", quoted(s.Name), s.Shown())
	}
	return admin.Configuration{File: a.source.file, Text: b.String()}, nil
}
