package config

import (
	"maps"
	"slices"
	"strings"
)

// envPrefix begins the names of our environment variables.
const envPrefix = "HIGHBALL_"

// common returns the variables that hosts and other servers have too, and the setting that each of them is.
func common() map[string]string {
	return map[string]string{"PORT": "port", "WEB_CONCURRENCY": "workers"}
}

// Environment reads the settings in environ, which is in the form of os.Environ: PORT, WEB_CONCURRENCY, and each
// setting of [Overrides.Set] under a name such as HIGHBALL_ACCESS_LOG. HIGHBALL_PORT goes before PORT, HIGHBALL_WORKERS before
// WEB_CONCURRENCY.
// A variable that is set to nothing counts as not set. Switches are 1 or 0, true or false, yes
// or no, on or off.
//
// The warnings name the variables that begin with HIGHBALL_ and mean nothing. The error is of type
// [Errors], and each of them has its variable in the place of the file.
func Environment(environ []string) (o Overrides, warnings []string, err error) {
	set := make(map[string]string)
	for _, assignment := range environ {
		variable, content, _ := strings.Cut(assignment, "=")
		if content != "" && (common()[variable] != "" || strings.HasPrefix(variable, envPrefix)) {
			set[variable] = content
		}
	}
	var errs Errors
	try := func(variable, name string) {
		if content, given := set[variable]; given {
			delete(set, variable)
			if err := o.Set(name, content); err != nil {
				errs.fail(Pos{File: variable}, err)
			}
		}
	}
	for variable, name := range common() {
		if set[envPrefix+suffix(name)] != "" {
			delete(set, variable)
		}
		try(variable, name)
	}
	var known []string
	for _, setting := range overrides() {
		known = append(known, suffix(setting.name))
		try(envPrefix+suffix(setting.name), setting.name)
	}
	for _, variable := range slices.Sorted(maps.Keys(set)) {
		remedy := "known are " + envPrefix + strings.Join(known, ", "+envPrefix)
		if guess := nearest(strings.TrimPrefix(variable, envPrefix), known); guess != "" {
			remedy = "did you mean " + envPrefix + guess + "?"
		}
		warnings = append(warnings, variable+": unknown variable; "+remedy)
	}
	return o, warnings, errs.result()
}

// suffix returns how a setting is called in the environment.
func suffix(name string) string { return strings.ToUpper(strings.ReplaceAll(name, "-", "_")) }
