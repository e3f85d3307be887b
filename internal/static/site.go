package static

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"highball"
)

// Site serves one folder. All of its methods may be called from any goroutine.
type Site struct {
	cfg          Config
	tree         *tree
	cache        *cache
	opened       openTable
	lookups      lookups
	pages        pages
	allow        string // the value of Allow
	cacheControl string // or ""
	style        string // the Content-Security-Policy of listings
}

var _ highball.InlineHandler = (*Site)(nil)

// New opens the folder that cfg describes. The caller closes the Site when no request is in flight any more.
func New(cfg Config) (*Site, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	t, err := openTree(cfg.Root, cfg.Symlinks)
	if err != nil {
		return nil, fmt.Errorf("static: %w", err)
	}
	s := &Site{
		cfg:   cfg,
		tree:  t,
		cache: newCache(cfg.CacheBytes),
		pages: newPages(cfg),
		allow: "GET, HEAD, OPTIONS",
		style: listingPolicy(),
	}
	if cfg.Upload {
		s.allow += ", POST, PUT"
	}
	if cfg.Cache != nil {
		s.cacheControl = "no-cache"
		if seconds := int64(*cfg.Cache / time.Second); seconds > 0 {
			s.cacheControl = "max-age=" + strconv.FormatInt(seconds, 10)
		}
	}
	return s, nil
}

// Close closes the folder. Requests that come later fail.
func (s *Site) Close() error {
	s.opened.close()
	return s.tree.close()
}

// ServeInline implements highball.InlineHandler: it answers from memory what was checked within the last second.
func (s *Site) ServeInline(w *highball.Response, r *highball.Request) bool {
	if m := r.Method(); m != "GET" && m != "HEAD" {
		return false
	}
	now := s.cfg.Now()
	if e := s.cache.get(r.Path()); e != nil {
		return e.fresh(now) && e.answer(s, w, r)
	}
	return s.sendOpened(w, r, now)
}

// Serve implements highball.Handler.
func (s *Site) Serve(w *highball.Response, r *highball.Request) error {
	method := r.Method()
	if method == "OPTIONS" {
		return s.options(w)
	}
	if !strings.HasPrefix(r.Path(), "/") {
		return s.refuse(w, http.StatusBadRequest)
	}
	switch method {
	case "GET", "HEAD":
		return s.get(w, r)
	case "PUT":
		if s.cfg.Upload {
			return s.put(w, r)
		}
	case "POST":
		if s.cfg.Upload {
			return s.post(w, r)
		}
	case "DELETE", "PATCH", "TRACE", "CONNECT":
	default:
		return s.refuse(w, http.StatusNotImplemented)
	}
	w.Header().Set("Allow", s.allow)
	return s.refuse(w, http.StatusMethodNotAllowed)
}

// options answers every OPTIONS request.
func (s *Site) options(w *highball.Response) error {
	w.Header().Set("Allow", s.allow)
	w.SetStatus(http.StatusNoContent)
	return nil
}

// get answers GET and HEAD by what the path stands for.
func (s *Site) get(w *highball.Response, r *highball.Request) error {
	path := r.Path()
	checked := s.cfg.Now()
	found := s.lookup(path)
	defer found.close()
	if found.kind == absent && found.status == http.StatusNotFound && s.falls(r) {
		return s.fallback(w, r)
	}
	if e := s.remember(path, &found, checked); e != nil && e.answer(s, w, r) {
		return nil
	}
	switch found.kind {
	case file:
		return s.serveFile(w, r, &found)
	case folder:
		return s.list(w, r, found.name)
	case redirect:
		s.redirect(w, withSlash(path), r.Query())
		return nil
	}
	return s.fail(w, found.status, found.cause)
}

// falls reports whether an unknown path is one of a single-page application: of a page, not of a file that
// would have an extension, and asked for by who wants a page.
func (s *Site) falls(r *highball.Request) bool {
	if !s.cfg.SPA || isFileLike(r.Path()) {
		return false
	}
	accept, ok := r.Header().Joined("Accept")
	q, _ := mediaWeight(accept, "text/html")
	return !ok || q > 0
}

func isFileLike(path string) bool {
	return strings.Contains(path[strings.LastIndexByte(path, '/')+1:], ".")
}

// fallback answers with the root's index file.
func (s *Site) fallback(w *highball.Response, r *highball.Request) error {
	found := s.lookup(s.cfg.Prefix + "/")
	defer found.close()
	if found.kind != file {
		return s.refuse(w, http.StatusNotFound)
	}
	w.Header().Add("Vary", "Accept")
	return s.serveFile(w, r, &found)
}

// redirect sends the client to a location on this server, with the query that it has asked with.
func (s *Site) redirect(w *highball.Response, location, query string) {
	if query != "" {
		location += "?" + escapeQuery(query)
	}
	w.Redirect(http.StatusMovedPermanently, location)
}

// withSlash returns the location of the folder that a canonical path without a slash at its end stands for.
func withSlash(path string) string { return escapePath(path) + "/" }

const (
	unreserved = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~"
	// What may stand in a path or a query as it is, and needs no escape in HTML either.
	pathOctets  = unreserved + "/!$()*+,=:@"
	queryOctets = pathOctets + "?%&;'"
)

// escapePath returns a decoded path in the form that a URI needs (RFC 3986, section 3.3). The result
// stands for itself in HTML, too.
func escapePath(path string) string { return escape(path, pathOctets) }

// escapeQuery returns a query as it was sent, but for octets that no URI may hold.
func escapeQuery(query string) string { return escape(query, queryOctets) }

func escape(s, keep string) string {
	const digits = "0123456789ABCDEF"
	var b strings.Builder
	for i := range len(s) {
		if c := s[i]; strings.IndexByte(keep, c) >= 0 {
			b.WriteByte(c)
		} else {
			b.Write([]byte{'%', digits[c>>4], digits[c&15]})
		}
	}
	return b.String()
}
