package app

import (
	"context"
	"errors"

	"highball"
	"highball/internal/config"
	"highball/internal/gateway"
)

// scripts are the folders of CGI scripts of a server.
type scripts []*gateway.CGI

// openScripts returns the handler of a route's scripts.
func (o *opening) openScripts(r *config.Route) (highball.Handler, error) {
	cgi, err := gateway.NewCGI(gateway.CGIConfig{
		Name:         r.Path,
		Dir:          r.CGI,
		Lenient:      r.Lenient,
		Warm:         r.Warm,
		Env:          r.Env,
		Environ:      o.env.Environ,
		Interpreters: r.Interpreters,
		MaxProcesses: r.MaxProcesses,
		Logger:       o.log,
	})
	if err != nil {
		return nil, err
	}
	o.scripts = append(o.scripts, cgi)
	return cgi.Handler(mountOf(r)), nil
}

// stop ends all scripts, by force when ctx ends.
func (all scripts) stop(ctx context.Context) error {
	var errs []error
	for _, cgi := range all {
		errs = append(errs, cgi.Stop(ctx))
	}
	return errors.Join(errs...)
}
