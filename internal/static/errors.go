package static

import (
	"io"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"highball"
)

// Error answers. The client sees a status and a page, the log sees the cause.

// refuse answers with the page of a status that is not our fault. The response must not have begun.
func (s *Site) refuse(w *highball.Response, status int) error { return s.fail(w, status, nil) }

// fail answers with the page of a status, for a cause if it is our fault.
func (s *Site) fail(w *highball.Response, status int, cause error) error {
	page := s.pages.read(s, status)
	switch {
	case page == nil && cause != nil:
		return &highball.Error{Status: status, Err: cause}
	case page == nil:
		w.ErrorPage(status)
		return nil
	}
	if cause != nil {
		s.cfg.Logger.Error("request failed", "status", status, "error", cause)
	}
	w.SetStatus(status)
	page.describe(w.Header())
	_, err := w.Write(page.body)
	return err
}

// maxPage is how many bytes of an error page are read.
const maxPage = 1 << 20

// page is the content of a custom error page.
type page struct {
	body      []byte
	mediaType string
}

func (p *page) describe(h *highball.Header) {
	h.Set("Content-Type", p.mediaType)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Length", strconv.Itoa(len(p.body)))
}

// pages are the custom error pages of a site, each kept for up to a second.
type pages struct {
	byStatus map[int]*pageFile
}

type pageFile struct {
	path string

	mu      sync.Mutex // guards the following fields
	checked time.Time
	page    *page // nil if it could not be read
}

func newPages(cfg Config) pages {
	p := pages{byStatus: make(map[int]*pageFile, len(cfg.ErrorPages))}
	for status, path := range cfg.ErrorPages {
		if !filepath.IsAbs(path) {
			path = filepath.Join(cfg.Root, path)
		}
		p.byStatus[status] = &pageFile{path: path}
	}
	return p
}

// read returns the custom page of a status, or nil.
func (p pages) read(s *Site, status int) *page {
	f := p.byStatus[status]
	if f == nil {
		return nil
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if now := s.cfg.Now(); f.checked.IsZero() || expired(f.checked, now) {
		f.checked = now
		body, err := readPage(f.path)
		if err != nil {
			s.cfg.Logger.Warn("error page cannot be read", "status", status, "error", err)
			f.page = nil
		} else {
			f.page = &page{body: body, mediaType: s.mediaType(f.path)}
		}
	}
	return f.page
}

// readPage reads a regular file. Its path is the operator's own and needs no containment.
func readPage(path string) ([]byte, error) {
	f, err := os.OpenFile(path, openFlags, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, errSpecial
	}
	return io.ReadAll(io.LimitReader(f, maxPage))
}

// expired reports whether what was checked then is to be checked again.
func expired(then, now time.Time) bool {
	age := now.Sub(then)
	return age < 0 || age >= maxAge
}
