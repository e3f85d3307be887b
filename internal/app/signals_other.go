//go:build !unix

package app

import (
	"os"
	"os/signal"
	"syscall"
)

// Notify returns the channel of the signals that [App.Run] acts on, and a function that ends their delivery.
func Notify() (signals <-chan os.Signal, stop func()) {
	c := make(chan os.Signal, 8)
	signal.Notify(c, os.Interrupt, syscall.SIGTERM)
	return c, func() { signal.Stop(c) }
}

// isHangup reports whether s asks for a reload: there is no such signal here.
func isHangup(os.Signal) bool { return false }

// isReopen reports whether s asks for the log files to be opened anew: there is no such signal here.
func isReopen(os.Signal) bool { return false }

// isUpgrade reports whether s asks for the program to be started anew: there is no such signal here.
func isUpgrade(os.Signal) bool { return false }
