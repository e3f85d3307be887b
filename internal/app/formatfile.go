package app

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"highball/internal/config"
)

// Writing says what is done with the result of [FormatFile].
type Writing uint8

// What is done with a file in another form than the usual one.
const (
	WriteFile Writing = iota // it is written
	OnlyCheck                // it is named
)

// ErrUnformatted is what FormatFile returns for a file in another form, if it is only to check.
var ErrUnformatted = errors.New("it is not in the form that \"highball fmt\" gives it")

// FormatFile gives a configuration, or the one in a folder, the usual form. Its meaning does not change; and what would not be a configuration's, is.
func FormatFile(arg string, w Writing, env Env) error {
	t, err := configurationAt(arg)
	if err != nil {
		return err
	}
	if strings.EqualFold(filepath.Ext(t.file), ".conf") {
		return &UsageError{fmt.Sprintf("%s is no TOML", quoted(t.file)), fmt.Sprintf("\"highball import %s\" shows what it is in TOML", pathArgument(t.file))}
	}
	text, err := os.ReadFile(t.file)
	if err != nil {
		return err
	}
	formed, err := config.Format(text)
	if err != nil {
		return inFile(err, t.file)
	}
	switch {
	case bytes.Equal(text, formed):
		return nil
	case w == OnlyCheck:
		return fmt.Errorf("%s: %w", quoted(t.file), ErrUnformatted)
	}
	if err := writeWhole(t.file, formed); err != nil {
		return err
	}
	_, err = fmt.Fprintln(env.Stdout, t.file)
	return err
}

// inFile gives the faults in a text the name of its file.
func inFile(err error, file string) error {
	var faults config.Errors
	if !errors.As(err, &faults) {
		return err
	}
	for _, fault := range faults {
		fault.Pos.File = cmp.Or(fault.Pos.File, file)
	}
	return faults
}

// Import writes to env.Stdout what a web.conf says as a highball.toml in the same folder would.
func Import(name string, env Env) error {
	text, err := os.ReadFile(name)
	if err != nil {
		return missing(name, err)
	}
	formed, err := config.FromWebConf(name, text, filepath.Dir(name))
	if err != nil {
		return err
	}
	_, err = env.Stdout.Write(formed)
	return err
}
