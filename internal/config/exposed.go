package config

import (
	"fmt"
	"path/filepath"
	"strings"
)

// exposed adds a notice for each folder of programs that a site serves as plain files, too.
func (c *Config) exposed() {
	for i := range c.Sites {
		s := &c.Sites[i]
		for j := range s.Routes {
			if dir := c.programs(&s.Routes[j]); dir != "" {
				if at := s.urlOf(dir); at != "" && !s.Routes[j].picks(at) {
					c.Notices = append(c.Notices, &Error{s.Routes[j].Pos,
						fmt.Sprintf("everybody can read the programs of this route at %s, since their folder %s is in the site's root", at, dir),
						"keep programs and files apart, each in a folder of its own"})
				}
			}
		}
	}
}

// picks reports whether a route is for scripts among the files below a URL, by a pattern such as "/**.php": then it answers for these, and the
// others are meant to be read.
func (r *Route) picks(url string) bool {
	return r.CGI != "" && IsPattern(r.Path) && strings.HasPrefix(url, Literal(r.Path))
}

// programs returns the folder of what a route runs, or "".
func (c *Config) programs(r *Route) string {
	if r.CGI != "" {
		return r.CGI
	}
	for i := range c.Apps {
		switch a := &c.Apps[i]; {
		case a.Name != r.App:
		case a.Classes != "":
			return a.Classes
		default:
			return a.Dir
		}
	}
	return ""
}

// urlOf returns the path at which a folder can be read through the site's root, or "" if it cannot.
func (s *Site) urlOf(dir string) string {
	if s.Root == "" {
		return ""
	}
	rel, err := filepath.Rel(s.Root, dir)
	if err != nil || rel == ".." || strings.HasPrefix(rel, ".."+string(filepath.Separator)) {
		return ""
	}
	url := "/"
	if rel != "." {
		for name := range strings.SplitSeq(filepath.ToSlash(rel), "/") {
			if strings.HasPrefix(name, ".") && !s.Hidden {
				return ""
			}
			url += name + "/"
		}
	}
	for i := range s.Routes {
		if r := &s.Routes[i]; r.Root == "" && len(r.Methods) == 0 && strings.HasSuffix(r.Path, "/") && strings.HasPrefix(url, r.Path) {
			return ""
		}
	}
	return url
}
