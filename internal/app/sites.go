package app

import (
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"

	"highball"
	"highball/internal/config"
	"highball/internal/static"
)

// sites are the virtual hosts of a server, opened: whatever answers, and where.
type sites struct {
	places  []place
	folders []*static.Site // of all sites
}

// place is where a handler answers. Those that a request is for in two ways are told apart by a [highball.Mux].
type place struct {
	host    string // as config.Site has it; "" is every host that has no site
	path    string // with a slash at its end
	handler highball.Handler
}

// openSites opens the folders of each site, whose routes lead to these and to apps. On an error nothing stays open.
func openSites(c *config.Config, apps applications, log *slog.Logger) (*sites, error) {
	opened := new(sites)
	for i := range c.Sites {
		if err := opened.open(c, &c.Sites[i], apps, log); err != nil {
			return nil, errors.Join(err, opened.Close())
		}
	}
	return opened, nil
}

// open opens one site.
func (o *sites) open(c *config.Config, s *config.Site, apps applications, log *slog.Logger) error {
	routes := s.Routes
	if s.Root != "" && !slices.ContainsFunc(routes, func(r config.Route) bool { return r.Path == "/" }) {
		routes = append(slices.Clip(routes), config.Route{Path: "/", Root: s.Root})
	}
	for _, r := range routes {
		var handler highball.Handler
		if r.App != "" {
			app := apps.find(r.App)
			if app == nil {
				return fmt.Errorf("route %q: there is no application %q", r.Path, r.App)
			}
			handler = app.Handler(strings.TrimSuffix(r.Path, "/"))
		} else {
			folder, err := openFolder(staticConfig(c, s, log), r)
			if err != nil {
				return remedied(err, openRemedy(err))
			}
			o.folders = append(o.folders, folder)
			handler = folder
		}
		o.add(s.Hosts, r.Path, handler)
	}
	return nil
}

// openFolder opens the folder of a route, which is served as cfg says.
func openFolder(cfg static.Config, r config.Route) (*static.Site, error) {
	cfg.Root = r.Root
	cfg.Prefix = strings.TrimSuffix(r.Path, "/")
	return static.New(cfg)
}

// add has a handler answer at a path of hosts.
func (o *sites) add(hosts []string, path string, handler highball.Handler) {
	if len(hosts) == 0 {
		hosts = []string{""}
	}
	for _, host := range hosts {
		o.places = append(o.places, place{host, path, handler})
	}
}

// handler returns the handler that chooses among all by the host that a request is for, and by its path: the longest prefix wins. A
// host that no site has goes to the default site; what nobody answers for is answered by 404. A handler that is alone and for everything needs
// nobody to choose.
func (o *sites) handler() (highball.Handler, error) {
	if len(o.places) == 1 && o.places[0].host == "" && o.places[0].path == "/" {
		return o.places[0].handler, nil
	}
	mux := highball.NewMux()
	for _, p := range o.places {
		patterns := []string{p.host + p.path}
		if p.path != "/" {
			patterns = append(patterns, p.host+strings.TrimSuffix(p.path, "/")) // "/shop" is the root of what is mounted at "/shop/"
		}
		for _, pattern := range patterns {
			if err := mux.Handle(pattern, p.handler); err != nil {
				return nil, fmt.Errorf("site %q: %w", p.host, err)
			}
		}
	}
	return mux, nil
}

// Close closes the sites' folders.
func (o *sites) Close() error {
	var errs []error
	for _, folder := range o.folders {
		errs = append(errs, folder.Close())
	}
	return errors.Join(errs...)
}

// staticConfig returns the site s of c in the terms of package static.
func staticConfig(c *config.Config, s *config.Site, log *slog.Logger) static.Config {
	return static.Config{
		Root:             s.Root,
		Index:            s.Index,
		Listing:          s.Listing,
		Hidden:           s.Hidden,
		SPA:              s.SPA,
		CORS:             s.CORS,
		NoPrecompressed:  !s.Precompressed,
		Symlinks:         symlinks(s.Symlinks),
		MediaTypes:       c.Media,
		DefaultMediaType: c.DefaultMedia,
		Cache:            s.Cache,
		ErrorPages:       s.ErrorPages,
		Upload:           s.Upload,
		UploadOverwrite:  s.UploadOverwrite,
		UploadLimit:      s.UploadLimit,
		Logger:           log,
	}
}

// symlinks returns a policy in the terms of package static; one that is not known is the strictest.
func symlinks(p config.SymlinkPolicy) static.SymlinkPolicy {
	switch p {
	case config.SymlinksInside:
		return static.SymlinksInside
	case config.SymlinksAll:
		return static.SymlinksAll
	}
	return static.SymlinksNone
}
