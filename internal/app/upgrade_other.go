//go:build !unix

package app

import (
	"context"
	"errors"
)

// Upgrade is not possible where sockets cannot be handed to another process.
func (a *App) Upgrade(context.Context) (pid int, err error) {
	return 0, errors.New("this system does not let a process hand over its sockets; restart the server instead")
}

func (a *App) upgradeOnSignal(context.Context) {}

func inherit([]string) (*inheritance, error) { return nil, nil }

func programPath([]string) string { return "" }
