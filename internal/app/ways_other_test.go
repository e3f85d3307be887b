//go:build !linux

package app

// waysAsked is how a server without event loops asks a handler.
func waysAsked() []string { return []string{"serve"} }
