package app

import (
	"cmp"
	"context"

	"highball/internal/admin"
	"highball/internal/top"
)

// Top shows a running server in the terminal that env.Stdout is, until the person there quits.
func Top(ctx context.Context, r Running, env Env) error {
	terminal := top.Terminal{Out: env.Stdout, Environ: env.Environ, Name: cmp.Or(r.Socket, r.Argument, FileName)}
	if err := terminal.Check(); err != nil {
		return err
	}
	r.Only = true
	return r.ask(ctx, env, func(c *admin.Client) error { return top.Run(ctx, c, terminal) })
}
