package app

import (
	"errors"

	"highball/internal/config"
)

// Message returns what a person is told about an error of [Serve]: a line for each fault. Faults of a configuration
// begin with their position, as editors want it, all others with the program's name.
func Message(err error) string {
	var faults config.Errors
	if errors.As(err, &faults) {
		return faults.Error()
	}
	return "highball: " + err.Error()
}
