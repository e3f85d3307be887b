package static

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"highball"
)

// inlined counts what a site answers inline.
type inlined struct {
	*Site
	yes, no atomic.Int64
}

func (i *inlined) ServeInline(w *highball.Response, r *highball.Request) bool {
	taken := i.Site.ServeInline(w, r)
	if taken {
		i.yes.Add(1)
	} else {
		i.no.Add(1)
	}
	return taken
}

func TestInline(t *testing.T) {
	large := strings.Repeat("0123456789", maxCached/5)
	root := folderWith(t, map[string]string{
		"index.html": "home", "a.txt": "plain", "a.txt.gz": "coded", "dir/": "", "big.bin": large, "big.bin.gz": large[:maxCached+1],
		"huge.bin": strings.Repeat("x", 10<<20),
	})
	site := &inlined{Site: newSite(t, Config{Root: root, Now: newClock().time})}
	c := serve(t, site)
	etag := c.get(t, "/a.txt").header.Get("ETag")
	coded := c.get(t, "/a.txt", "Accept-Encoding: gzip").header.Get("ETag")
	const date = "If-Modified-Since: Thu, 29 Feb 2024 12:30:15 GMT"
	tests := []struct {
		method, target string
		fields         []string
		inline         bool
		status         int
		body           string
	}{
		{"GET", "/", nil, true, 200, "home"},
		{"GET", "/?x=y", nil, true, 200, "home"},
		{"GET", "/a.txt", nil, true, 200, "plain"},
		{"HEAD", "/a.txt", nil, true, 200, ""},
		{"GET", "/a.txt", []string{"Accept-Encoding: br, gzip"}, true, 200, "coded"},
		{"GET", "/a.txt", []string{"If-None-Match: " + etag}, true, 304, ""},
		{"GET", "/a.txt", []string{"if-none-match: \"x\", W/" + etag}, true, 304, ""},
		{"GET", "/a.txt", []string{"If-None-Match: " + coded}, true, 200, "plain"},
		{"GET", "/a.txt", []string{"If-None-Match: " + coded, "Accept-Encoding: gzip"}, true, 304, ""},
		{"GET", "/a.txt", []string{"If-None-Match: \"x\"", date}, true, 200, "plain"},
		{"GET", "/a.txt", []string{date}, true, 304, ""},
		{"GET", "/none", nil, true, 404, "-"},
		{"GET", "/dir", nil, true, 301, "-"},

		{"GET", "/dir?x=y", nil, false, 301, "-"},
		{"GET", "/a.txt", []string{"If-Modified-Since: Thu, 29 Feb 2024 12:30:14 GMT"}, false, 200, "plain"},
		{"GET", "/a.txt", []string{"If-Match: " + etag}, false, 200, "plain"},
		{"GET", "/a.txt", []string{"If-Unmodified-Since: Thu, 29 Feb 2024 12:30:14 GMT"}, false, 412, "-"},
		{"GET", "/a.txt", []string{"Range: bytes=0-1"}, false, 206, "pl"},
		{"GET", "/a.txt", []string{"Accept-Encoding: identity;q=0"}, false, 406, "-"},
		{"OPTIONS", "/a.txt", nil, false, 204, ""},
		{"DELETE", "/a.txt", nil, false, 405, "-"},
		{"GET", "/big.bin", nil, true, 200, large},
		{"GET", "/big.bin?x=y", nil, true, 200, large},
		{"GET", "/big.bin", []string{"Accept-Encoding: gzip"}, false, 200, large[:maxCached+1]}, // it was not sent before
		{"GET", "/big.bin", []string{"Accept-Encoding: gzip"}, true, 200, large[:maxCached+1]},
		{"HEAD", "/big.bin", nil, false, 200, ""},
		{"GET", "/big.bin", []string{"Range: bytes=1-2"}, false, 206, "12"},
		{"GET", "/big.bin", []string{"If-None-Match: *"}, false, 304, ""},
		{"GET", "/big.bin", []string{"If-Match: \"x\""}, false, 412, "-"},
		{"GET", "/big.bin", []string{date}, false, 304, ""},
		{"GET", "/big.bin", []string{"Accept-Encoding: identity;q=0, br"}, false, 406, "-"},
		{"GET", "/huge.bin", nil, true, 200, strings.Repeat("x", 10<<20)},
		{"GET", "/dir/", nil, false, 403, "-"},
	}
	for _, test := range tests {
		c.do(t, "GET", strings.SplitN(test.target, "?", 2)[0], "")
		c.settle(t)
		before := site.yes.Load()
		a := c.do(t, test.method, test.target, "", test.fields...)
		if inline := site.yes.Load() > before; inline != test.inline || a.status != test.status || test.body != "-" && a.body != test.body {
			t.Errorf("%s %s %q: inline %v, %d %.40q", test.method, test.target, test.fields, inline, a.status, a.body)
		}
	}
}

// What was not sent whole just before may not be in memory, and so is not sent on a loop.
func TestInlineOfWhatWasNotSent(t *testing.T) {
	root := folderWith(t, map[string]string{"big.bin": strings.Repeat("x", maxCached+1)})
	now := newClock()
	site := &inlined{Site: newSite(t, Config{Root: root, Now: now.time})}
	c := serve(t, site)
	for n, step := range []struct {
		method, fields string
		wait           time.Duration
		inline         bool
	}{
		{"HEAD", "", 0, false},
		{"GET", "Range: bytes=0-1", 0, false},
		{"GET", "", 0, false},
		{"GET", "", 0, true},
		{"GET", "", maxAge, false},
		{"GET", "", 0, true},
		{"HEAD", "", maxAge, false}, // which opens it anew
		{"GET", "", 0, true},        // it was sent not long ago
		{"HEAD", "", 2 * maxAge, false},
		{"GET", "", 0, false},
		{"GET", "", 0, true},
	} {
		now.advance(step.wait)
		c.settle(t)
		before := site.yes.Load()
		var fields []string
		if step.fields != "" {
			fields = append(fields, step.fields)
		}
		c.do(t, step.method, "/big.bin", "", fields...)
		if inline := site.yes.Load() > before; inline != step.inline {
			t.Errorf("request %d: inline %v", n, inline)
		}
	}
	if n := site.Lookups().Large; n != 11 {
		t.Errorf("%d answers from a large file", n)
	}
}

// TestFresh holds answers from memory to their promise: for less than a second what was true, then what is.
func TestFresh(t *testing.T) {
	root := folderWith(t, map[string]string{"a.txt": "one", "index/index.htm": "htm"})
	now := newClock()
	site := &inlined{Site: newSite(t, Config{Root: root, Now: now.time})}
	c := serve(t, site)
	path := filepath.Join(root, "a.txt")
	expect := func(when, target string, status int, body string) {
		t.Helper()
		if a := c.get(t, target); a.status != status || body != "-" && a.body != body {
			t.Errorf("%s: %s is %d %q", when, target, a.status, a.body)
		}
	}
	write := func(name, content string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(root, name), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	expect("at first", "/a.txt", 200, "one")
	expect("at first", "/new.txt", 404, "-")
	expect("at first", "/index/", 200, "htm")
	write("a.txt", "two")
	write("new.txt", "new")
	write("index/index.html", "html")
	now.advance(maxAge - time.Nanosecond)
	expect("within the second", "/a.txt", 200, "one")
	expect("within the second", "/new.txt", 404, "-")
	expect("within the second", "/index/", 200, "htm")
	now.advance(time.Nanosecond)
	expect("after it", "/a.txt", 200, "two")
	expect("after it", "/new.txt", 200, "new")
	expect("after it", "/index/", 200, "html")

	// The same size and the same modification time: the inode's own change time gives it away.
	if err := os.Chtimes(path, now.time(), now.time()); err != nil {
		t.Fatal(err)
	}
	now.advance(maxAge)
	expect("before the disguise", "/a.txt", 200, "two")
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	write("a.txt", "six")
	if err := os.Chtimes(path, info.ModTime(), info.ModTime()); err != nil {
		t.Fatal(err)
	}
	now.advance(maxAge)
	expect("after the disguise", "/a.txt", 200, "six")

	write("a.txt.br", "br")
	now.advance(maxAge)
	if a := c.get(t, "/a.txt", "Accept-Encoding: br"); a.body != "br" {
		t.Errorf("a new variant: %q", a.body)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	now.advance(maxAge)
	expect("after its removal", "/a.txt", 404, "-")

	now.advance(-time.Hour)
	before := site.yes.Load()
	expect("when the clock was set back", "/new.txt", 200, "new")
	if site.yes.Load() != before {
		t.Error("an answer from the future was given inline")
	}
}

// TestLargeFiles: what stands beside a large file is looked for once a second, what it holds with every request.
func TestLargeFiles(t *testing.T) {
	large := strings.Repeat("x", maxCached+1)
	root := folderWith(t, map[string]string{"a.js": large, "dir/index.html": large})
	now := newClock()
	c := serveConfig(t, Config{Root: root, Now: now.time, Index: []string{"first.html", "index.html"}})
	for range 2 {
		for _, target := range []string{"/a.js", "/dir/"} {
			if a := c.get(t, target); a.status != 200 || a.body != large {
				t.Errorf("%s: %d, %d bytes", target, a.status, len(a.body))
			}
		}
	}
	for name, content := range map[string]string{"a.js": "short", "a.js.br": "coded", "dir/first.html": "first"} {
		if err := os.WriteFile(filepath.Join(root, name), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if a := c.get(t, "/a.js"); a.body != "short" {
		t.Errorf("changed within the second: %d bytes", len(a.body))
	}
	now.advance(maxAge)
	if a, dir := c.get(t, "/a.js", "Accept-Encoding: br"), c.get(t, "/dir/"); a.body != "coded" || dir.body != "first" {
		t.Errorf("after it: %d and %d bytes", len(a.body), len(dir.body))
	}

	c.get(t, "/dir/index.html")
	path := filepath.Join(root, "dir", "index.html")
	if err := errors.Join(os.Remove(path), os.Mkdir(path, 0o755)); err != nil {
		t.Fatal(err)
	}
	if a := c.get(t, "/dir/index.html"); a.status != 301 || a.header.Get("Location") != "/dir/index.html/" {
		t.Errorf("a file that became a folder: %d %q", a.status, a.header.Get("Location"))
	}
}

// TestRevalidation: an unchanged file is not read again, one that was written just now is.
func TestRevalidation(t *testing.T) {
	root := folderWith(t, map[string]string{"a.txt": "one"})
	now := newClock()
	s := newSite(t, Config{Root: root, Now: now.time})
	look := func(s *Site) *entry {
		found := s.lookup("/a.txt")
		defer found.close()
		return s.remember("/a.txt", &found, s.cfg.Now())
	}
	first := look(s)
	now.advance(5 * maxAge)
	if first == nil || first.fresh(now.time()) {
		t.Fatal("an old entry is fresh")
	}
	if second := look(s); second != first || !first.fresh(now.time()) {
		t.Error("an unchanged file was read again")
	}

	unsettled := newSite(t, Config{Root: root, Now: func() time.Time {
		info, _ := os.Stat(root + "/a.txt")
		_, changed := inodeOf(info)
		return time.Unix(0, max(changed, info.ModTime().UnixNano())+int64(settling)-1)
	}})
	if one, two := look(unsettled), look(unsettled); one == two {
		t.Error("a file that was written just now was not read again")
	}
}

// entryOf makes an entry that takes about size bytes.
func entryOf(path string, k kind, size int64) *entry {
	e := &entry{path: path, kind: k}
	if k == file {
		e.variants[identity] = &variant{version: version{size: size}}
	}
	return e
}

// books adds up what a cache holds.
func books(c *cache) (entries int, size int64) {
	for i := range c.slots {
		if e := c.slots[i].Load(); e != nil {
			entries++
			size += e.cost()
		}
	}
	return entries, size
}

// TestCacheLimit: whatever comes, the memory stays within its limit, and what is used all the time stays in it.
func TestCacheLimit(t *testing.T) {
	const limit = 1 << 20
	c := newCache(limit)
	hot := entryOf("/hot", file, 1000)
	c.put(hot)
	for i := range 5000 {
		c.put(entryOf(fmt.Sprintf("/%d", i), file, int64(i*7919%maxCached)))
		if c.get(hot.path) == nil {
			t.Fatalf("the hot entry was dropped after %d others", i)
		}
		if c.size > limit {
			t.Fatalf("%d bytes after %d entries", c.size, i)
		}
	}
	entries, size := books(c)
	if size != c.size || entries < 10 {
		t.Errorf("%d entries of %d bytes, %d on the books", entries, size, c.size)
	}
	c.put(entryOf(hot.path, file, 500))
	if e := c.get(hot.path); e == hot || e == nil {
		t.Error("an entry was not replaced by one of its path")
	}
	c.remove(hot.path)
	c.remove("/unknown")
	if _, size := books(c); c.get(hot.path) != nil || size != c.size {
		t.Error("a removed entry is there, or counts")
	}
	c.put(entryOf("/large", file, limit))
	if c.get("/large") != nil {
		t.Error("an entry beyond the limit was taken")
	}
	var none *cache
	none.put(hot)
	none.remove(hot.path)
	if none.get(hot.path) != nil {
		t.Error("no cache has an entry")
	}
}

// TestCacheFlood: any number of paths that stand for nothing displaces no file that is in use.
func TestCacheFlood(t *testing.T) {
	c := newCache(1 << 18)
	for i := range 4 * len(c.slots) {
		c.put(entryOf(fmt.Sprintf("/%d", i), file, 10))
	}
	var hot []string
	for i := range c.slots {
		if e := c.slots[i].Load(); e != nil {
			hot = append(hot, e.path)
		}
	}
	for i := range 1000 {
		for _, path := range hot {
			if c.get(path) == nil {
				t.Fatalf("%s was dropped for one of %d void paths", path, i)
			}
		}
		c.put(entryOf(fmt.Sprintf("/void/%d", i), absent, 0))
	}
	// Files come and go all the same.
	for range 2 {
		c.put(entryOf("/new", file, 10))
	}
	if c.get("/new") == nil {
		t.Error("a new file was not taken")
	}
}

// TestTags: each version and each coding of a file has an entity tag of its own, on every system.
func TestTags(t *testing.T) {
	seen := map[string]version{}
	for _, v := range []version{{}, {inode: 1}, {size: 1}, {modified: 1}, {modified: -1}, {inode: 1, size: 1}} {
		for c := range codings {
			tag := v.etag(c)
			if _, rest, ok := cutTag(tag); !ok || rest != "" {
				t.Errorf("%q is no entity tag", tag)
			}
			if other, ok := seen[tag]; ok {
				t.Errorf("%+v and %+v have the tag %s", v, other, tag)
			}
			seen[tag] = v
		}
	}
}

// TestGrowing: a file that changes between its opening and its reading is not kept.
func TestGrowing(t *testing.T) {
	root := folderWith(t, map[string]string{"a.txt": "one"})
	s := newSite(t, Config{Root: root, Now: later})
	for name, change := range map[string]func(path string) error{
		"appended": func(path string) error { return os.WriteFile(path, []byte("one and more"), 0o644) },
		"cut":      func(path string) error { return os.Truncate(path, 1) },
	} {
		found := s.lookup("/a.txt")
		if err := change(filepath.Join(root, "a.txt")); err != nil {
			t.Fatal(err)
		}
		if e := s.remember("/a.txt", &found, s.cfg.Now()); e != nil || s.cache.get("/a.txt") != nil {
			t.Errorf("%s: it was kept", name)
		}
		found.close()
	}
}
