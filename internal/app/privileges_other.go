//go:build !unix

package app

import (
	"errors"

	"highball/internal/config"
	"highball/internal/gateway"
)

// become refuses, where processes cannot become another user.
func (a *App) become(c *config.Config) error {
	if c.User != "" || c.Group != "" {
		return errors.New("user: on this system a server stays the user that has started it; leave user and group out")
	}
	return nil
}

// workerIdentity refuses, where workers cannot be another user than the server.
func workerIdentity(a *config.App) (*gateway.Identity, []string, error) {
	if a.User != "" || a.Group != "" {
		return nil, nil, errors.New("user: on this system workers run as the server does; leave user and group out")
	}
	return nil, nil, nil
}

func rootNotice(string) string { return "" }
