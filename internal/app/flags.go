package app

import (
	"errors"
	"fmt"
	"strconv"

	"highball/internal/config"
)

// flags are the settings of the command line: those that the environment has too, and those of sites that it has not.
type flags struct {
	overrides config.Overrides

	hidden          *bool
	symlinks        *config.SymlinkPolicy
	uploadLimit     *int64
	uploadOverwrite *bool
}

// flags reads the settings of o. The error is a *[UsageError] that names the flag.
func (o Order) flags() (flags, error) {
	var f flags
	for _, s := range o.Settings {
		if err := f.set(s); err != nil {
			wrong := &config.Error{Problem: err.Error()}
			errors.As(err, &wrong)
			return flags{}, &UsageError{"--" + s.Name + ": " + wrong.Problem, wrong.Remedy}
		}
	}
	return f, nil
}

func (f *flags) set(s Setting) (err error) {
	switch s.Name {
	case "hidden":
		f.hidden, err = parsed(s.Value, strconv.ParseBool)
	case "symlinks":
		f.symlinks, err = parsed(s.Value, parseSymlinks)
	case "upload-limit":
		f.uploadLimit, err = parsed(s.Value, config.ParseSize)
	case "upload-overwrite":
		f.uploadOverwrite, err = parsed(s.Value, strconv.ParseBool)
	default:
		err = f.overrides.Set(s.Name, s.Value)
	}
	return err
}

func parsed[T any](text string, parse func(string) (T, error)) (*T, error) {
	v, err := parse(text)
	return &v, err
}

func parseSymlinks(s string) (config.SymlinkPolicy, error) {
	switch p := config.SymlinkPolicy(s); p {
	case config.SymlinksInside, config.SymlinksAll, config.SymlinksNone:
		return p, nil
	}
	return "", &config.Error{
		Problem: fmt.Sprintf("unknown policy %q", s),
		Remedy:  "write inside (follow links that stay in the folder), all or none",
	}
}

// applyTo puts those settings over a site's that [config.Config.Apply] does not know.
func (f *flags) applyTo(s *config.Site) {
	if f.hidden != nil {
		s.Hidden = *f.hidden
	}
	if f.symlinks != nil {
		s.Symlinks = *f.symlinks
	}
	if f.uploadLimit != nil {
		s.UploadLimit = *f.uploadLimit
	}
	if f.uploadOverwrite != nil {
		s.UploadOverwrite = *f.uploadOverwrite
	}
}
