package app

import (
	"errors"
	"strings"

	"highball/internal/config"
	"highball/internal/gateway"
)

// Message returns what a person is told about an error of [Serve]: a line for each fault. Faults of a configuration
// begin with their position, as editors want it, all others with the program's name. Of an application that could not be loaded there is
// the traceback before that line, as Python has it.
func Message(err error) string {
	var faults config.Errors
	if errors.As(err, &faults) {
		lines := make([]string, len(faults))
		for i, fault := range faults {
			if lines[i] = fault.Error(); fault.Pos == (config.Pos{}) {
				lines[i] = "highball: " + lines[i]
			}
		}
		return strings.Join(lines, "\n")
	}
	var refused *RefusedError
	if errors.As(err, &refused) {
		return "highball: " + refused.Problem + ":\n" + strings.Join(refused.Lines, "\n")
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

// at returns err as a fault of the configuration at pos, if there is such a place, and if it has none of its own.
func at(pos config.Pos, err error) error {
	var faults config.Errors
	if err == nil || pos.Line == 0 || errors.As(err, &faults) {
		return err
	}
	return config.Errors{{Pos: pos, Problem: err.Error()}}
}

// together returns all of errs as one error, of type config.Errors if one of them is.
func together(errs ...error) error {
	var faults config.Errors
	var others []error
	for _, err := range errs {
		var some config.Errors
		switch {
		case errors.As(err, &some):
			faults = append(faults, some...)
		case err != nil:
			others = append(others, err)
		}
	}
	if len(faults) == 0 {
		return errors.Join(others...)
	}
	for _, err := range others {
		faults = append(faults, &config.Error{Problem: err.Error()})
	}
	faults.Sort()
	return faults
}
