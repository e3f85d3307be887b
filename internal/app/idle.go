package app

import (
	"fmt"
	"slices"
	"strings"

	"highball/internal/config"
)

// forApplications are the flags that matter to Python applications only, forFiles those that matter to folders only, and forUploads those of
// these that matter to uploads only.
const (
	forApplications = " workers max-workers threads preload python max-requests max-age max-memory queue queue-timeout max-body reload " +
		"chdir mount factory env env-file "
	forUploads = " upload-limit upload-overwrite "
	forFiles   = " hidden symlinks cors cache listing spa upload" + forUploads
)

// idle returns a notice for each flag that was given and has no effect on c.
func (o Order) idle(c *config.Config) (notices []string) {
	files := slices.ContainsFunc(c.Sites, servesFiles)
	uploads := slices.ContainsFunc(c.Sites, func(s config.Site) bool { return s.Upload })
	var told []string
	for _, s := range o.Settings {
		name := " " + s.Name + " "
		why := ""
		switch {
		case slices.Contains(told, s.Name):
		case strings.Contains(forApplications, name) && len(c.Apps) == 0:
			why = "no Python application is served; module:callable in place of the folder names one"
		case (s.Name == "chdir" || s.Name == "mount") && o.Task == RunConfiguration:
			why = "a configuration says that itself; write dir in [app.NAME], path in [[site.route]]"
		case strings.Contains(forFiles, name) && !files:
			why = "no files are served; --static /static=DIR has some served"
		case strings.Contains(forUploads, name) && !uploads:
			why = "no site takes uploads; --upload has it do so"
		}
		if why != "" {
			told = append(told, s.Name)
			notices = append(notices, fmt.Sprintf("--%s has no effect, since %s", s.Name, why))
		}
	}
	return notices
}

// servesFiles reports whether a site has a folder, of its own or of a route.
func servesFiles(s config.Site) bool {
	return s.Root != "" || slices.ContainsFunc(s.Routes, func(r config.Route) bool { return r.Root != "" })
}
