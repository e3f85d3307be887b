package app

import (
	"errors"

	"highball/internal/config"
	"highball/internal/gateway"
)

// Message returns what a person is told about an error of [Serve]: a line for each fault. Faults of a configuration
// begin with their position, as editors want it, all others with the program's name. Of an application that could not be loaded there is
// the traceback before that line, as Python has it.
func Message(err error) string {
	var faults config.Errors
	if errors.As(err, &faults) {
		return faults.Error()
	}
	text := ""
	var load *gateway.LoadError
	if errors.As(err, &load) {
		text = withLineEnd(load.Traceback)
	}
	return text + "highball: " + err.Error()
}

func withLineEnd(text string) string {
	if text == "" || text[len(text)-1] == '\n' {
		return text
	}
	return text + "\n"
}
