//go:build unix

package app

import (
	"os"
	"os/signal"
	"syscall"
)

// Notify returns the channel of the signals that [App.Run] acts on, and a function that ends their delivery.
func Notify() (signals <-chan os.Signal, stop func()) {
	c := make(chan os.Signal, 8)
	signal.Notify(c, os.Interrupt, syscall.SIGTERM, syscall.SIGUSR1)
	return c, func() { signal.Stop(c) }
}

// isReopen reports whether s asks for the log files to be opened anew.
func isReopen(s os.Signal) bool { return s == syscall.SIGUSR1 }
