package config

import (
	"slices"
	"time"
)

// Route says what answers at a path of a site, or below it. Of several that a request's path matches the one with the longest Path
// answers, whatever their order, and one that is exactly the path goes before one that it lies below. Of those that leaves, the
// one answers that names the request's method, or else the one without Methods.
//
// One of App, Root, CGI, Redirect, Respond and Metrics says what answers; without any of them it is the error page of Status.
type Route struct {
	// Path is in canonical form, see [ParseRoutePath]. One that ends in a slash is for all that lies below it, and for itself
	// without the slash; any other is for exactly this path. One with "*" in it is a pattern: "*" stands for any part of one segment,
	// "**" for any part of the path.
	Path    string
	Methods []string // in upper case; nil is every method that no other route of the same Path names. GET includes HEAD

	App  string // name of an [App]
	Root string // absolute path of a folder, which is served with the site's settings but for Files

	CGI          string            // absolute path of a folder of scripts
	Lenient      bool              // scripts need not print a header section
	Warm         bool              // Python scripts are run by copies of an interpreter that has started already
	Env          []string          // NAME=VALUE, for the scripts
	MaxProcesses int               // of the scripts, at a time; 0 leaves it to the server
	Interpreters map[string]string // of scripts without a "#!" line, by extension with its dot: an absolute path, or a name to be found in PATH

	Redirect string // URI reference; one that ends in a slash, at a Path that does, has what follows Path put behind it
	Respond  *Text  // a fixed answer
	Metrics  bool   // the server's metrics, in the text format of Prometheus
	Status   int    // of the answer, for Redirect and Respond; else, from 400 to 599, of the error page

	Files Files

	StripPrefix string // taken from the front of the path before the handler sees it; "" is nothing
	Policy      Policy // with the site's under it

	Pos Pos // where it begins; zero for the command line
}

// Text is a body with its media type.
type Text struct {
	Body, Type string
}

// Files are the settings of a route's folder that differ from those of its site; what is nil does not.
type Files struct {
	Index   []string
	Listing *bool
	SPA     *bool
	Cache   *time.Duration // Off sends no Cache-Control
}

// Takes reports whether r is for requests of a method because it names it.
func (r *Route) Takes(method string) bool {
	return slices.Contains(r.Methods, method) || method == "HEAD" && slices.Contains(r.Methods, "GET")
}

// overlaps returns a method for which r and other both answer.
func (r *Route) overlaps(other *Route) (method string, ok bool) {
	if len(r.Methods) == 0 || len(other.Methods) == 0 {
		return "", len(r.Methods) == len(other.Methods)
	}
	for _, m := range r.Methods {
		if slices.Contains(other.Methods, m) {
			return m, true
		}
	}
	return "", false
}
