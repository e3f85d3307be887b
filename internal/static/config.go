package static

import (
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"time"
)

// SymlinkPolicy says which symbolic links below the root are followed.
type SymlinkPolicy int

const (
	// SymlinksInside follows relative links whose target lies in the root. A link with an absolute target counts
	// as one that leads outside.
	SymlinksInside SymlinkPolicy = iota
	// SymlinksNone follows no link: a path that crosses one stands for nothing. Whoever may write to the folder
	// can get a link followed by swapping it in at the right moment, but never out of the root.
	SymlinksNone
	// SymlinksAll follows every link wherever it leads, and so trusts whoever may write to the folder with every
	// file that the server can read.
	SymlinksAll
)

// Default values of Config.
const (
	DefaultCacheBytes  = 64 << 20
	DefaultUploadLimit = 100 << 20
)

// Config says how a folder is served. The zero value of each field but Root is the safe choice.
type Config struct {
	Root string // path of the folder

	// Prefix is what every path begins with that the Site is asked for, such as "/static": Root is what "/static/" stands
	// for. It is in canonical form and has no slash at its end; "" is for a Site that has every path.
	Prefix string

	Index           []string // names that stand for their folder, best first; nil is index.html and index.htm
	Listing         bool     // list folders that have no index file; without it they are answered by 403
	Hidden          bool     // serve, list and accept names that begin with a dot
	SPA             bool     // answer unknown paths that look like pages with the root's index file
	NoPrecompressed bool     // do not look for FILE.br, FILE.zst and FILE.gz
	Symlinks        SymlinkPolicy

	// MediaTypes maps an extension (lower case, without the dot) to a media type, before the table of this package.
	// A text type without parameters gets a charset of UTF-8.
	MediaTypes map[string]string
	// DefaultMediaType is for names that nothing is known of; "" is application/octet-stream.
	DefaultMediaType string

	// Cache is the age that Cache-Control grants; zero and less say no-cache (keep, but ask each time). Nil sends
	// no such field.
	Cache *time.Duration

	// ErrorPages maps a status to the path of the file that is sent with it; a relative path starts at Root. Up to
	// 1 MiB of it is read, at most once a second. A file that cannot be read gives way to the server's own page.
	ErrorPages map[int]string

	Upload          bool  // accept files by PUT and by POST of a form
	UploadOverwrite bool  // let an upload replace a file
	UploadLimit     int64 // bytes of one request's body; 0 is DefaultUploadLimit, a negative one is no limit

	// CacheBytes bounds the memory for hot small files; 0 is DefaultCacheBytes, a negative one is no cache.
	CacheBytes int64
	Now        func() time.Time // the clock of the cache; nil is time.Now
	Logger     *slog.Logger     // takes failures that clients see as a status alone; nil is slog.Default()
}

// withDefaults returns a copy of c in which every choice is made, or says what is wrong with c.
func (c Config) withDefaults() (Config, error) {
	root, err := filepath.Abs(c.Root)
	if err != nil {
		return c, fmt.Errorf("static: root %q: %w", c.Root, err)
	}
	c.Root = root
	if c.Prefix != "" && (c.Prefix[0] != '/' || strings.HasSuffix(c.Prefix, "/")) {
		return c, fmt.Errorf("static: prefix %q does not begin with a slash, or ends in one", c.Prefix)
	}
	if c.Index == nil {
		c.Index = []string{"index.html", "index.htm"}
	}
	for _, name := range c.Index {
		if name == "" || strings.ContainsAny(name, `/\`) {
			return c, fmt.Errorf("static: index %q is not the name of a file", name)
		}
	}
	for status := range c.ErrorPages {
		if status < 400 || status > 599 {
			return c, fmt.Errorf("static: an error page for status %d, which is no error", status)
		}
	}
	if c.DefaultMediaType == "" {
		c.DefaultMediaType = "application/octet-stream"
	}
	if c.UploadLimit == 0 {
		c.UploadLimit = DefaultUploadLimit
	}
	if c.CacheBytes == 0 {
		c.CacheBytes = DefaultCacheBytes
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	return c, nil
}
