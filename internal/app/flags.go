package app

import (
	"errors"
	"fmt"
	"slices"
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
	case "bind":
		if s.Value == "" { // the value of a variable that a script forgot must not open the server to the network
			return &config.Error{Problem: "there is no host", Remedy: "write 127.0.0.1 for this machine only, 0.0.0.0 or :: for every interface"}
		}
		err = f.overrides.Set(s.Name, s.Value)
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

// forUploads returns the name of a flag that was given and matters to sites with uploads only, or "".
func (f *flags) forUploads() string {
	switch {
	case f.uploadLimit != nil:
		return "upload-limit"
	case f.uploadOverwrite != nil:
		return "upload-overwrite"
	}
	return ""
}

func takesUploads(sites []config.Site) bool {
	return slices.ContainsFunc(sites, func(s config.Site) bool { return s.Upload })
}
