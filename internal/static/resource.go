package static

import (
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"highball"
)

// kind is what a path can stand for.
type kind int

const (
	absent   kind = iota // nothing that is served
	file                 // a regular file
	folder               // a folder to be listed
	redirect             // a folder, but for the slash at the path's end
)

// resource is what a path stood for when it was looked up.
type resource struct {
	kind     kind
	name     string                   // in the tree, of a file or folder
	variants [codings]*representation // of a file; identity is always there
	status   int                      // why it is absent
	cause    error                    // of status 5xx
	shared   *opened                  // who closes the files, if not this resource
}

// close ends the use of the open files.
func (f *resource) close() {
	if f.shared != nil {
		f.shared.give()
		return
	}
	f.closeFiles()
}

func (f *resource) closeFiles() {
	for _, v := range f.variants {
		if v != nil {
			v.file.Close()
		}
	}
}

// tooLarge reports whether the file, or a variant of it, is too large for memory.
func (f *resource) tooLarge() bool {
	for _, v := range f.variants {
		if v != nil && v.version.size > maxCached {
			return true
		}
	}
	return false
}

func (f *resource) negotiated() bool {
	return f.variants[brotli] != nil || f.variants[zstd] != nil || f.variants[gzip] != nil
}

// version tells one content of a file from another.
type version struct {
	inode    uint64
	size     int64
	modified int64 // nanoseconds, as changed
	changed  int64 // of the inode; it cannot be set back
}

func versionOf(info fs.FileInfo) version {
	v := version{size: info.Size(), modified: info.ModTime().UnixNano()}
	v.inode, v.changed = inodeOf(info)
	return v
}

// representation is an open file in one of its codings.
type representation struct {
	file    *os.File
	fd      uintptr // of file, whose Fd method costs a system call
	version version
	validators
	coding    coding
	mediaType string

	head  *highball.Prepared // of a whole answer, if it was worth the making
	local bool               // where head is there: it lies on a file system that waits for nobody else
	warm  atomic.Bool        // all of it was sent with that head, and so is in memory
}

// lookup finds out what a canonical path stands for. The caller closes the result.
func (s *Site) lookup(path string) resource {
	if s.hidden(s.within(path)) {
		return resource{status: http.StatusNotFound}
	}
	if found, ok := s.opened.get(path, s.cfg.Now()); ok {
		return found
	}
	found := s.search(s.within(path))
	if found.status == http.StatusServiceUnavailable {
		s.opened.empty() // those files can be opened again, when descriptors are no longer scarce
		found = s.search(s.within(path))
	}
	return found
}

// within returns the part of a canonical path that lies in the root: "/" stands for that itself, and "" for its name without
// a slash at the end.
func (s *Site) within(path string) string { return strings.TrimPrefix(path, s.cfg.Prefix) }

// search is lookup on the disk, of a path within the root.
func (s *Site) search(path string) resource {
	name := nameOf(path)
	if !strings.HasSuffix(path, "/") {
		return s.lookupFile(name)
	}
	for _, index := range s.cfg.Index {
		candidate := index
		if name != "." {
			candidate = name + "/" + index
		}
		found := s.lookupFile(candidate)
		if found.kind == file || found.kind == absent && found.status != http.StatusNotFound {
			return found
		}
	}
	return s.lookupFolder(name)
}

// lookupFile looks a name up that stands for a file, or for a folder short of its slash.
func (s *Site) lookupFile(name string) resource {
	found := s.lookupPlain(name)
	if found.kind != file || s.cfg.NoPrecompressed {
		return found
	}
	for _, c := range []coding{brotli, zstd, gzip} {
		if strings.HasSuffix(name, suffixes[c]) {
			return found
		}
	}
	for _, c := range []coding{brotli, zstd, gzip} {
		if variant, err := s.openRepresentation(name+suffixes[c], c); err == nil {
			variant.mediaType = found.variants[identity].mediaType
			found.variants[c] = variant
		}
	}
	return found
}

// lookupPlain is lookupFile without the variants.
func (s *Site) lookupPlain(name string) resource {
	plain, err := s.openRepresentation(name, identity)
	switch {
	case err == errFolder || err != nil && s.isFolder(name, err):
		return resource{kind: redirect}
	case err != nil:
		return absence(err)
	}
	found := resource{kind: file, name: name}
	found.variants[identity] = plain
	return found
}

// isFolder reports whether what could not be opened is a folder: one whose index file may be readable all the same.
func (s *Site) isFolder(name string, err error) bool {
	if statusOf(err) != http.StatusForbidden {
		return false
	}
	info, err := s.tree.stat(name)
	return err == nil && info.IsDir()
}

// lookupFolder looks a folder without an index file up.
func (s *Site) lookupFolder(name string) resource {
	info, err := s.tree.stat(name)
	switch {
	case err != nil:
		return absence(err)
	case !info.IsDir():
		return resource{status: http.StatusNotFound}
	case !s.cfg.Listing:
		return resource{status: http.StatusForbidden}
	}
	return resource{kind: folder, name: name}
}

func absence(err error) resource {
	found := resource{status: statusOf(err)}
	if found.status >= 500 {
		found.cause = err
	}
	return found
}

// Why something that could be opened is not served as a file.
var (
	errFolder  = errors.New("static: a folder")
	errSpecial = fmt.Errorf("static: neither a file nor a folder: %w", fs.ErrNotExist)
)

// openRepresentation opens a regular file.
func (s *Site) openRepresentation(name string, c coding) (*representation, error) {
	f, err := s.tree.open(name)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil {
		switch {
		case info.IsDir():
			err = errFolder
		case !info.Mode().IsRegular():
			err = errSpecial
		}
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	v := versionOf(info)
	return &representation{
		file:    f,
		fd:      f.Fd(),
		version: v,
		validators: validators{
			etag:     v.etag(c),
			modified: time.Unix(0, v.modified).Truncate(time.Second),
		},
		coding:    c,
		mediaType: s.mediaType(name),
	}, nil
}

// etag returns the entity tag of a version. A variant's file has an inode of its own, but not on every system, and
// so its coding is part of the tag.
func (v version) etag(c coding) string {
	tag := fmt.Sprintf("%x-%x-%x", v.inode, v.size, uint64(v.modified))
	if c != identity {
		tag += "-" + tokens[c]
	}
	return `"` + tag + `"`
}

// describe sets the fields of an answer with a representation or a part of it.
func (s *Site) describe(h *highball.Header, rep *representation, f *resource) {
	h.Set("Content-Type", rep.mediaType)
	if rep.coding != identity {
		h.Set("Content-Encoding", tokens[rep.coding])
	}
	h.Set("Last-Modified", rep.modified.UTC().Format(http.TimeFormat))
	h.Set("Accept-Ranges", "bytes")
	s.describeUnmodified(h, rep, f)
}

// describeUnmodified sets the fields that an answer of status 304 shares with the full one: RFC 9110, section 15.4.5.
func (s *Site) describeUnmodified(h *highball.Header, rep *representation, f *resource) {
	h.Set("ETag", rep.etag)
	if s.cacheControl != "" {
		h.Set("Cache-Control", s.cacheControl)
	}
	if f.negotiated() {
		h.Add("Vary", "Accept-Encoding")
	}
	h.Set("X-Content-Type-Options", "nosniff")
}

// chosen returns the representation that a client prefers, or nil if it accepts none.
func (f *resource) chosen(fields *highball.Header) *representation {
	weights := anyCoding
	if accept, ok := fields.Joined("Accept-Encoding"); ok {
		weights = parseAcceptEncoding(accept)
	}
	c, ok := weights.best(func(c coding) bool { return f.variants[c] != nil })
	if !ok {
		return nil
	}
	return f.variants[c]
}

// serveFile answers GET and HEAD with a file.
func (s *Site) serveFile(w *highball.Response, r *highball.Request, f *resource) error {
	fields := r.Header()
	rep := f.chosen(fields)
	if rep == nil {
		w.Header().Add("Vary", "Accept-Encoding")
		return s.refuse(w, http.StatusNotAcceptable)
	}
	conditions := conditionsOf(fields)
	switch conditions.evaluate(r.Method(), rep.validators) {
	case failed:
		return s.refuse(w, http.StatusPreconditionFailed)
	case notModified:
		w.SetStatus(http.StatusNotModified)
		s.describeUnmodified(w.Header(), rep, f)
		return nil
	}
	size := rep.version.size
	// A Range field means nothing with methods other than GET: section 14.2.
	if ranged, ok := fields.Joined("Range"); ok && r.Method() == "GET" && conditions.rangeApplies(rep.validators) {
		ranges, extent := parseRanges(ranged, size)
		switch extent {
		case unsatisfiable:
			err := s.refuse(w, http.StatusRequestedRangeNotSatisfiable)
			w.Header().Set("Content-Range", fmt.Sprintf("bytes */%d", size))
			return err
		case partial:
			s.describe(w.Header(), rep, f)
			return sendRanges(w, rep.file, size, ranges)
		}
	}
	if rep.head != nil && w.Header().Len() == 0 {
		err := w.SendFileAs(rep.head, rep.file, 0)
		if err == nil && r.Method() == "GET" {
			rep.warm.Store(true)
		}
		return err
	}
	s.describe(w.Header(), rep, f)
	w.SetContentLength(size)
	if r.Method() == "HEAD" {
		return nil
	}
	return w.SendFile(rep.file, 0, size)
}
