package static

import (
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"highball"
)

const (
	// maxAge is how long an answer is given without a look at the disk.
	maxAge = time.Second
	// maxCached is the size up to which a file is kept in memory.
	maxCached = 64 << 10
	// settling is how old a file's last change must be before its version proves its content. Time stamps move
	// in ticks of some milliseconds, so two writes within one leave the same stamp.
	settling = 50 * time.Millisecond
	// maxVoidPath is the length up to which a path that stands for no file is kept.
	maxVoidPath = 1 << 10
	// entryOverhead is what an entry takes beside its content, roughly: heads, tags and pointers.
	entryOverhead = 1 << 10
)

// entry is the answer for one path, complete but for its Date. It does not change, except for its marks.
type entry struct {
	path     string
	kind     kind // file, absent (404) or redirect
	variants [codings]*variant
	missing  *highball.Prepared // of an absent path
	location string             // of a redirect
	settled  bool

	checked atomic.Int64 // when the disk was asked last, in nanoseconds
	used    atomic.Bool  // since the cache's hand came by
}

// variant is one representation of a file in memory.
type variant struct {
	version version
	validators
	lastModified string // the modification date as it is sent
	whole        *highball.Prepared
	notModified  *highball.Prepared
}

func (e *entry) cost() int64 {
	n := int64(len(e.path)) + entryOverhead
	for _, v := range e.variants {
		if v != nil {
			n += v.version.size + entryOverhead
		}
	}
	return n
}

// fresh reports whether e may be used without a look at the disk.
func (e *entry) fresh(now time.Time) bool {
	age := now.UnixNano() - e.checked.Load()
	return age >= 0 && age < int64(maxAge)
}

// same reports whether e answers for what was found just now.
func (e *entry) same(f *resource) bool {
	if e.kind != f.kind || e.kind != file || !e.settled {
		return false
	}
	for c, v := range e.variants {
		found := f.variants[c]
		if (v == nil) != (found == nil) || v != nil && v.version != found.version {
			return false
		}
	}
	return true
}

// remember returns the entry for what was found at a path, after checked, and keeps it for later requests; or nil if
// it is nothing to keep.
func (s *Site) remember(path string, f *resource, checked time.Time) *entry {
	if f.shared != nil || f.kind == file && f.tooLarge() {
		s.lookups.large.Add(1)
	}
	if s.cache == nil || f.shared != nil {
		return nil
	}
	old := s.cache.get(path)
	if old != nil && old.same(f) {
		s.lookups.stale.Add(1)
		old.checked.Store(checked.UnixNano())
		return old
	}
	e := &entry{path: strings.Clone(path), kind: f.kind}
	kept := false
	switch f.kind {
	case file:
		if kept = s.load(e, f, checked); kept {
			s.lookups.absent.Add(1)
		}
		if f.tooLarge() && s.prepareHeads(f) {
			s.opened.keep(path, f, checked)
		}
	case redirect:
		e.location = withSlash(path)
		kept = len(path) <= maxVoidPath
	case absent:
		// Under SPA it depends on the request whether a path is unknown.
		kept = f.status == http.StatusNotFound && len(path) <= maxVoidPath && (!s.cfg.SPA || isFileLike(path)) && s.loadMissing(e) == nil
	}
	if !kept {
		if old != nil {
			s.cache.remove(path)
		}
		return nil
	}
	e.checked.Store(checked.UnixNano())
	s.cache.put(e)
	return e
}

// load reads the variants of a file into e. It reports false if they are too large, or change meanwhile.
func (s *Site) load(e *entry, f *resource, now time.Time) bool {
	for _, rep := range f.variants {
		if rep != nil && rep.version.size > maxCached {
			return false
		}
	}
	e.settled = true
	for c, rep := range f.variants {
		if rep == nil {
			continue
		}
		v, err := s.loadVariant(rep, f)
		if err != nil {
			return false
		}
		e.variants[c] = v
		if now.UnixNano()-max(v.version.modified, v.version.changed) < int64(settling) {
			e.settled = false
		}
	}
	return true
}

func (s *Site) loadVariant(rep *representation, f *resource) (*variant, error) {
	body := make([]byte, rep.version.size)
	if _, err := rep.file.ReadAt(body, 0); err != nil {
		return nil, err
	}
	info, err := rep.file.Stat()
	if err != nil {
		return nil, err
	}
	if versionOf(info) != rep.version {
		return nil, io.ErrUnexpectedEOF
	}
	v := &variant{version: rep.version, validators: rep.validators}
	var h highball.Header
	s.describe(&h, rep, f)
	v.lastModified = h.Value("Last-Modified")
	if v.whole, err = highball.Prepare(http.StatusOK, &h, body); err != nil {
		return nil, err
	}
	h.Reset()
	s.describeUnmodified(&h, rep, f)
	v.notModified, err = highball.Prepare(http.StatusNotModified, &h, nil)
	return v, err
}

// loadMissing makes the answer for a path that stands for nothing.
func (s *Site) loadMissing(e *entry) (err error) {
	var h highball.Header
	if page := s.pages.read(s, http.StatusNotFound); page != nil {
		page.describe(&h)
		e.missing, err = highball.Prepare(http.StatusNotFound, &h, page.body)
	} else {
		e.missing, err = highball.PrepareErrorPage(http.StatusNotFound, &h)
	}
	return err
}

// answer answers GET and HEAD from memory, with what Serve would answer, or returns false and leaves w alone.
func (e *entry) answer(s *Site, w *highball.Response, r *highball.Request) bool {
	switch e.kind {
	case file:
		answer := e.choose(r.Header())
		if answer == nil {
			return false
		}
		// What can fail here is the connection, and then there is no other answer either.
		_ = w.Send(answer)
		return true
	case redirect:
		if r.Query() != "" {
			return false
		}
		s.redirect(w, e.location, "")
		return true
	}
	return w.Send(e.missing) == nil
}

// choose returns the answer to a request for a file with the fields of h, or nil if memory has none.
func (e *entry) choose(h *highball.Header) *highball.Prepared {
	ask, ok := askOf(h)
	if !ok {
		return nil
	}
	v := e.variants[identity]
	if ask.hasAcceptEncoding {
		weights := parseAcceptEncoding(ask.acceptEncoding)
		chosen, ok := weights.best(func(c coding) bool { return e.variants[c] != nil })
		if !ok {
			return nil
		}
		v = e.variants[chosen]
	}
	switch {
	case ask.ifNoneMatch != "":
		if matchesTag(ask.ifNoneMatch, v.etag, weakMatch) {
			return v.notModified
		}
	case ask.ifModifiedSince == v.lastModified:
		return v.notModified
	case ask.ifModifiedSince != "":
		return nil // a date of another form, or another date: both are rare
	}
	return v.whole
}

// ask is what the answers in memory depend on.
type ask struct {
	acceptEncoding    string
	hasAcceptEncoding bool
	ifNoneMatch       string
	ifModifiedSince   string
}

// askOf reads the fields in one pass, and reports false if one of them asks for more than memory has.
func askOf(h *highball.Header) (a ask, ok bool) {
	for name, value := range h.All() {
		switch len(name) {
		case len("Range"):
			if strings.EqualFold(name, "Range") {
				return a, false
			}
		case len("If-Match"): // and of If-Range, which means nothing without Range
			if strings.EqualFold(name, "If-Match") {
				return a, false
			}
		case len("If-None-Match"):
			if strings.EqualFold(name, "If-None-Match") {
				if a.ifNoneMatch != "" {
					return a, false
				}
				a.ifNoneMatch = value
			}
		case len("Accept-Encoding"):
			if strings.EqualFold(name, "Accept-Encoding") {
				if a.hasAcceptEncoding {
					return a, false
				}
				a.acceptEncoding, a.hasAcceptEncoding = value, true
			}
		case len("If-Modified-Since"):
			if strings.EqualFold(name, "If-Modified-Since") {
				if a.ifModifiedSince != "" {
					return a, false
				}
				a.ifModifiedSince = value
			}
		case len("If-Unmodified-Since"):
			if strings.EqualFold(name, "If-Unmodified-Since") {
				return a, false
			}
		}
	}
	return a, true
}
