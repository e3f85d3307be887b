package static

import (
	"net/http"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"highball"
)

// maxOpened bounds how many large files are kept open at a time.
const maxOpened = 64

// opened is a file that is too large for memory, found once and kept open, with its variants, for the requests that
// come until maxAge has passed. Each of them only asks whether the file has changed, so that its length is true when it is
// sent. A variant or an index file that appears is seen when maxAge has passed, and a removed file's space is free again.
type opened struct {
	found resource
	since time.Time
	users atomic.Int64 // requests under way, and one for the table; at zero the files are closed
	timer *time.Timer
}

// take counts one more user in, unless the files are closed already.
func (o *opened) take() bool {
	for {
		n := o.users.Load()
		if n == 0 {
			return false
		}
		if o.users.CompareAndSwap(n, n+1) {
			return true
		}
	}
}

// Close implements io.Closer: it counts a user out.
func (o *opened) Close() error {
	o.give()
	return nil
}

// give counts a user out.
func (o *opened) give() {
	if o.users.Add(-1) == 0 {
		o.found.closeFiles()
	}
}

// openTable holds the opened files of a site.
type openTable struct {
	mu     sync.RWMutex // guards the following fields
	byPath map[string]*opened
	warm   map[string]warmth // of what was dropped
	closed bool
}

// warmth tells which versions of a path's files were in memory when they were dropped.
type warmth struct {
	versions []version
	since    time.Time // when they were opened
}

// get returns what is open for path, if it is still as it was found. The caller closes it like any other resource.
func (t *openTable) get(path string, now time.Time) (resource, bool) {
	t.mu.RLock()
	o := t.byPath[path]
	t.mu.RUnlock()
	if o == nil || !o.take() {
		return resource{}, false
	}
	if age := now.Sub(o.since); age < 0 || age >= maxAge || o.changed() {
		o.give()
		t.drop(path, o)
		return resource{}, false
	}
	found := o.found
	found.shared = o
	return found, true
}

// changed reports whether a file is not any more what it was when it was opened: written to, replaced or removed.
func (o *opened) changed() bool {
	for _, rep := range o.found.variants {
		if rep == nil {
			continue
		}
		if now, err := rep.now(); err != nil || now != rep.version {
			return true
		}
	}
	return false
}

// sendOpened answers GET inline with a whole file that is open, and in memory: it was sent just before. Whatever is not that simple is for Serve.
func (s *Site) sendOpened(w *highball.Response, r *highball.Request, now time.Time) bool {
	if r.Method() != "GET" {
		return false
	}
	found, ok := s.opened.get(r.Path(), now)
	if !ok {
		return false
	}
	fields := r.Header()
	rep := found.chosen(fields)
	if rep == nil || !rep.simple() || fields.Has("Range") || conditionsOf(fields) != (conditions{}) ||
		!w.SendFileInline(rep.head, rep.file, rep.fd, found.shared) {
		found.close()
		return false
	}
	s.lookups.large.Add(1)
	return true
}

// simple reports whether sending the file holds nobody up.
func (rep *representation) simple() bool {
	return rep.local && rep.warm.Load()
}

// prepareHeads makes the heads of the whole answers with a file.
func (s *Site) prepareHeads(f *resource) bool {
	for _, rep := range f.variants {
		if rep == nil {
			continue
		}
		var h highball.Header
		s.describe(&h, rep, f)
		h.Set("Content-Length", strconv.FormatInt(rep.version.size, 10))
		var err error
		if rep.head, err = highball.Prepare(http.StatusOK, &h, nil); err != nil {
			return false
		}
		rep.local = isLocal(rep.fd)
	}
	return true
}

// keep takes a file over from its request, which remains a user, for those that come soon.
func (t *openTable) keep(path string, f *resource, since time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed || len(t.byPath) >= maxOpened || t.byPath[path] != nil {
		return
	}
	if t.byPath == nil {
		t.byPath = make(map[string]*opened)
	}
	if was, ok := t.warm[path]; ok {
		delete(t.warm, path)
		if age := since.Sub(was.since); age >= 0 && age < 2*maxAge {
			f.warm(was.versions)
		}
	}
	o := &opened{found: *f, since: since}
	o.users.Store(2)
	o.timer = time.AfterFunc(maxAge, func() { t.drop(path, o) })
	t.byPath[path] = o
	f.shared = o
}

// drop ends the keeping of o.
func (t *openTable) drop(path string, o *opened) {
	t.mu.Lock()
	held := t.byPath[path] == o
	if held {
		delete(t.byPath, path)
		t.remember(path, o)
	}
	t.mu.Unlock()
	if held {
		o.timer.Stop()
		o.give()
	}
}

// remember notes which of o's files are in memory. The caller holds the lock.
func (t *openTable) remember(path string, o *opened) {
	var versions []version
	for _, rep := range o.found.variants {
		if rep != nil && rep.warm.Load() {
			versions = append(versions, rep.version)
		}
	}
	if versions == nil || t.closed {
		return
	}
	if t.warm == nil || len(t.warm) >= maxOpened {
		t.warm = make(map[string]warmth)
	}
	t.warm[path] = warmth{versions, o.since}
}

// warm marks the files of these versions as being in memory.
func (f *resource) warm(versions []version) {
	for _, rep := range f.variants {
		if rep != nil && slices.Contains(versions, rep.version) {
			rep.warm.Store(true)
		}
	}
}

// forget drops what is open for path.
func (t *openTable) forget(path string) {
	t.mu.RLock()
	o := t.byPath[path]
	t.mu.RUnlock()
	if o != nil {
		t.drop(path, o)
	}
}

// empty drops everything: there is a lack of descriptors, or the site is closed.
func (t *openTable) empty() {
	t.mu.RLock()
	all := make(map[string]*opened, len(t.byPath))
	for path, o := range t.byPath {
		all[path] = o
	}
	t.mu.RUnlock()
	for path, o := range all {
		t.drop(path, o)
	}
}

// close drops everything for good.
func (t *openTable) close() {
	t.mu.Lock()
	t.closed = true
	t.mu.Unlock()
	t.empty()
}
