package app

import (
	"errors"
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
	scripts scripts        // of all sites
}

// place is where a handler answers. Those that a request is for in two ways are told apart by a [highball.Mux], and those that differ in
// their methods alone by [byMethod].
type place struct {
	host    string   // as config.Site has it; "" is every host that has no site
	path    string   // as config.Route has it
	methods []string // nil is all that no other place there has
	handler highball.Handler
}

// openSites opens what the routes of each site lead to, apps among it. The sites must be closed, also if there is an error.
func openSites(c *config.Config, apps applications, env Env, log *slog.Logger) (*sites, error) {
	o := &opening{sites: new(sites), c: c, apps: apps, env: env, log: log}
	var errs []error
	for i := range c.Sites {
		errs = append(errs, o.open(&c.Sites[i]))
	}
	return o.sites, together(errs...)
}

// opening is what is needed to open sites.
type opening struct {
	*sites
	c    *config.Config
	apps applications
	env  Env
	log  *slog.Logger
}

// open opens one site. The root of a site is a route like any other, unless there is one for everything already.
func (o *opening) open(s *config.Site) error {
	routes := s.Routes
	everything := func(r config.Route) bool { return r.Path == "/" && len(r.Methods) == 0 }
	if s.Root != "" && !slices.ContainsFunc(routes, everything) {
		routes = append(slices.Clip(routes), config.Route{Path: "/", Root: s.Root, Pos: s.Pos})
	}
	var errs []error
	for i := range routes {
		r := &routes[i]
		handler, err := o.handlerOf(s, r)
		if err != nil {
			errs = append(errs, at(r.Pos, err))
			continue
		}
		o.add(s.Hosts, r.Path, r.Methods, handler)
	}
	if len(s.Hosts) > 0 && !slices.ContainsFunc(o.places, func(p place) bool { return p.host == s.Hosts[0] && p.path == "/" }) {
		o.add(s.Hosts, "/", nil, highball.Status(404)) // or else the default site would answer
	}
	return together(errs...)
}

// openFolder opens the folder of a route, which is served as cfg says but where the route says otherwise.
func (o *opening) openFolder(cfg static.Config, r *config.Route) (highball.Handler, error) {
	cfg.Root = r.Root
	cfg.Prefix = strings.TrimSuffix(r.Path, "/")
	if r.Files.Index != nil {
		cfg.Index = r.Files.Index
	}
	if r.Files.Listing != nil {
		cfg.Listing = *r.Files.Listing
	}
	if r.Files.SPA != nil {
		cfg.SPA = *r.Files.SPA
	}
	if age := r.Files.Cache; age != nil {
		if cfg.Cache = age; *age == config.Off {
			cfg.Cache = nil
		}
	}
	folder, err := static.New(cfg)
	if err != nil {
		return nil, remedied(err, openRemedy(err))
	}
	o.folders = append(o.folders, folder)
	return folder, nil
}

// add has a handler answer at a path of hosts.
func (o *sites) add(hosts []string, path string, methods []string, handler highball.Handler) {
	if len(hosts) == 0 {
		hosts = []string{""}
	}
	for _, host := range hosts {
		o.places = append(o.places, place{host, path, methods, handler})
	}
}

// handler returns the handler that chooses among all by the host that a request is for, by its path, of which the longest that is
// there wins, and then by its method. A
// host that no site has goes to the default site; what nobody answers for is answered by 404. A handler that is alone and for everything needs
// nobody to choose.
func (o *sites) handler() (highball.Handler, error) {
	if len(o.places) == 1 && o.places[0].host == "" && o.places[0].path == "/" && o.places[0].methods == nil {
		return o.places[0].handler, nil
	}
	mux := highball.NewMux()
	there := make(map[string][]place) // by pattern
	var patterns []string
	for _, p := range o.places {
		pattern := p.host + p.path
		if there[pattern] == nil {
			patterns = append(patterns, pattern)
		}
		there[pattern] = append(there[pattern], p)
	}
	for _, pattern := range patterns {
		all := []string{pattern}
		// "/shop" is the root of what is mounted at "/shop/".
		if root := strings.TrimSuffix(pattern, "/"); root != pattern && strings.Contains(root, "/") && there[root] == nil {
			all = append(all, root)
		}
		h, err := choice(there[pattern])
		if err != nil {
			return nil, err
		}
		for _, pattern := range all {
			if err := mux.Handle(pattern, h); err != nil {
				return nil, err
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
