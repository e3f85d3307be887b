package app

import (
	"errors"
	"log/slog"
	"os"
	"reflect"
	"slices"
	"sync/atomic"

	"highball"
	"highball/internal/config"
	"highball/internal/forward"
	"highball/internal/policy"
	"highball/internal/static"
)

// sites are the virtual hosts of a server, opened: whatever answers, and where, and what is done to a request before a place is
// chosen.
type sites struct {
	places    []place
	rewriters []rewriter
	proxies   forward.Config
	folders   []*ownFolder // of all sites
	looked    []looked     // where they are
	scripts   scripts      // of all sites
	shared    *policy.Shared
}

// place is where a handler answers. Those that a request is for in two ways are told apart by a [highball.Mux], and those that differ in
// their methods alone by [byMethod].
type place struct {
	listen  []string // as config.Site has it; nil is every listener
	host    string   // as config.Site has it; "" is every host that has no site
	path    string   // as config.Route has it
	methods []string // nil is all that no other place there has
	handler highball.Handler
}

// ownFolder is a static.Site that may belong to the sites of several configurations, one after the other.
type ownFolder struct {
	*static.Site
	cfg   static.Config
	info  os.FileInfo // of the root
	users atomic.Int32
}

// openSites opens what the routes of each site lead to, apps among it. The sites must be closed, also if there is an error.
func openSites(c *config.Config, apps applications, env Env, log *slog.Logger) (*sites, error) {
	return reopenSites(c, nil, apps, env, log, newObserving(c))
}

// reopenSites is openSites for sites that come after others, from which they take what is the same: the caches of folders, and the
// counts of limits. The others may be nil, and remain what they are; both must be closed.
func reopenSites(c *config.Config, before *sites, apps applications, env Env, log *slog.Logger, seen *observing) (*sites, error) {
	proxies := forward.Config{Trusted: c.TrustedProxies, Unix: c.TrustUnix, Header: c.ProxyHeader}
	o := &opening{sites: &sites{shared: new(policy.Shared), proxies: proxies}, c: c, apps: apps, env: env, log: log, observing: seen}
	if before != nil {
		o.shared, o.before = before.shared, before.folders
	}
	count := 0
	for i := range c.Sites {
		count += (len(c.Sites[i].Routes) + 1) * len(hostsOf(&c.Sites[i]))
	}
	o.places = make([]place, 0, count) // there may be very many
	var errs []error
	for i := range c.Sites {
		errs = append(errs, o.open(&c.Sites[i]))
	}
	return o.sites, together(errs...)
}

// opening is what is needed to open sites.
type opening struct {
	*sites
	before []*ownFolder
	c      *config.Config
	apps   applications
	env    Env
	log    *slog.Logger
	header highball.Header // of the fixed answer that was made last
	*observing
}

// open opens one site. The root of a site is a route like any other, unless there is one for everything already.
func (o *opening) open(s *config.Site) error {
	routes := s.Routes
	root, everything := atRoot(routes)
	if s.Root != "" && !everything {
		routes, root = append(slices.Clip(routes), config.Route{Path: "/", Root: s.Root, Policy: s.Policy, Pos: s.Pos}), true
	}
	var errs []error
	for i := range routes {
		r := &routes[i]
		handler, err := o.handlerOf(s, r)
		if err == nil && handler != nil { // else it could not be opened, which was said where that failed
			handler, err = o.guard(s, r, handler)
		}
		if err != nil {
			errs = append(errs, at(r.Pos, err))
			continue
		}
		o.add(s, r.Path, r.Methods, handler)
	}
	if !root && (len(s.Hosts) > 0 || !reflect.ValueOf(s.Policy).IsZero()) { // or else the default site would answer, or nobody whom the policy binds
		nothing, err := o.guard(s, &config.Route{Path: "/", Policy: s.Policy}, highball.Status(404))
		if err != nil {
			errs = append(errs, at(s.Pos, err))
		} else {
			o.add(s, "/", nil, nothing)
		}
	}
	return together(append(errs, o.rewrites(s))...)
}

// atRoot reports whether there are routes at "/", and whether one of them is for every method.
func atRoot(routes []config.Route) (root, everything bool) {
	for i := range routes {
		if r := &routes[i]; r.Path == "/" {
			root, everything = true, everything || len(r.Methods) == 0
		}
	}
	return root, everything
}

// openFolder opens the folder of a route, which is served as cfg says but where the route says otherwise.
func (o *opening) openFolder(cfg static.Config, r *config.Route) (highball.Handler, error) {
	cfg.Root = r.Root
	cfg.Prefix = mountOf(r)
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
	if f := o.sameFolder(cfg); f != nil {
		f.users.Add(1)
		o.folders = append(o.folders, f)
		return f.Site, nil
	}
	site, err := static.New(cfg)
	if err != nil {
		return nil, remedied(err, openRemedy(err))
	}
	f := &ownFolder{Site: site, cfg: cfg}
	f.info, _ = os.Stat(cfg.Root) // what has no identity is the same as nothing
	f.users.Add(1)
	o.folders = append(o.folders, f)
	return site, nil
}

// sameFolder returns the folder from before that is served as cfg says and is still what its name stands for, or nil.
func (o *opening) sameFolder(cfg static.Config) *ownFolder {
	for _, f := range o.before {
		if reflect.DeepEqual(f.cfg, cfg) {
			if info, err := os.Stat(cfg.Root); err == nil && f.info != nil && os.SameFile(info, f.info) {
				return f
			}
		}
	}
	return nil
}

// add has a handler answer at a path of a site.
func (o *sites) add(s *config.Site, path string, methods []string, handler highball.Handler) {
	for _, host := range hostsOf(s) {
		o.places = append(o.places, place{s.Listen, host, path, methods, handler})
	}
}

// hostsOf returns the hosts of a site, for which "" stands if it is the default one.
func hostsOf(s *config.Site) []string {
	if len(s.Hosts) == 0 {
		return []string{""}
	}
	return s.Hosts
}

// Close closes the sites' folders, but for those that other sites have taken over.
func (o *sites) Close() error {
	var errs []error
	for _, f := range o.folders {
		if f.users.Add(-1) == 0 {
			errs = append(errs, f.Close())
		}
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
