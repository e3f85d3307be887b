package app

import (
	"errors"
	"fmt"
	"log/slog"

	"highball"
	"highball/internal/config"
	"highball/internal/static"
)

// sites are the virtual hosts of a server, opened.
type sites []site

type site struct {
	hosts   []string // as config.Site has them; none is the default site
	handler *static.Site
}

// openSites opens the folder of each site. On an error nothing stays open.
func openSites(c *config.Config, log *slog.Logger) (sites, error) {
	var all sites
	for i := range c.Sites {
		opened, err := static.New(staticConfig(c, &c.Sites[i], log))
		if err != nil {
			return nil, errors.Join(remedied(err, openRemedy(err)), all.Close())
		}
		all = append(all, site{c.Sites[i].Hosts, opened})
	}
	return all, nil
}

// handler returns the handler that chooses among the sites by the host that a request is for. A host that no site
// has goes to the default site, and where there is none it is answered by 404. A default site that is alone needs
// nobody to choose.
func (all sites) handler() (highball.InlineHandler, error) {
	if len(all) == 1 && len(all[0].hosts) == 0 {
		return all[0].handler, nil
	}
	mux := highball.NewMux()
	for _, s := range all {
		hosts := s.hosts
		if len(hosts) == 0 {
			hosts = []string{""}
		}
		for _, host := range hosts {
			if err := mux.Handle(host+"/", s.handler); err != nil {
				return nil, fmt.Errorf("site %q: %w", host, err)
			}
		}
	}
	return mux, nil
}

// Close closes the sites' folders.
func (all sites) Close() error {
	var errs []error
	for _, s := range all {
		errs = append(errs, s.handler.Close())
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
