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
	signal.Notify(c, os.Interrupt, syscall.SIGTERM, syscall.SIGUSR1, syscall.SIGUSR2)
	if !signal.Ignored(syscall.SIGHUP) { // as nohup has it
		signal.Notify(c, syscall.SIGHUP)
	}
	// Whoever notifies itself of SIGPIPE is not killed by it: a server outlives the reader of its log.
	gone := make(chan os.Signal, 1)
	signal.Notify(gone, syscall.SIGPIPE)
	return c, func() {
		signal.Stop(c)
		signal.Stop(gone)
	}
}

// isHangup reports whether s asks for a reload. To a server with nothing to reload it says that the terminal is gone.
func isHangup(s os.Signal) bool { return s == syscall.SIGHUP }

// isReopen reports whether s asks for the log files to be opened anew.
func isReopen(s os.Signal) bool { return s == syscall.SIGUSR1 }

// isUpgrade reports whether s asks for the program to be started anew, and to go on with the sockets.
func isUpgrade(s os.Signal) bool { return s == syscall.SIGUSR2 }
