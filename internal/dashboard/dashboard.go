package dashboard

import (
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"

	"highball"
)

//go:embed assets
var assets embed.FS

const (
	page      = "index.html"
	folder    = "assets/"
	versioned = folder + "VERSION/" // how the page names its assets

	// contentPolicy lets the page load what it is served with, speak to whom it was served by, and nothing else: no inline script or style, and no
	// text that becomes markup.
	contentPolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
		"base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'"
)

// New returns the handler of the page and of all that it consists of. It answers GET and HEAD of "/" and of what lies below "/assets/", and everything else by 404 or
// 405.
func New() highball.Handler {
	h, err := build(assets)
	if err != nil {
		panic(err) // the files are part of the program, and a test has seen them
	}
	return h
}

// handler answers with what was prepared.
type handler struct {
	answers map[string]answer // by path
}

// answer is a file in its two forms.
type answer struct {
	tag  string
	full *highball.Prepared
	same *highball.Prepared // 304
}

var _ highball.InlineHandler = (*handler)(nil)

// build prepares the answers of a tree of files. The folder of the assets is named by a hash of them all, so that an address never stands for anything
// else, and the relative imports of scripts stay within one version.
func build(tree fs.FS) (*handler, error) {
	texts := map[string][]byte{}
	sum := sha256.New()
	err := fs.WalkDir(tree, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := fs.ReadFile(tree, name)
		if err != nil {
			return err
		}
		texts[strings.TrimPrefix(name, folder)] = text
		fmt.Fprintf(sum, "%q %d ", name, len(text)) // in the order of names
		sum.Write(text)
		return nil
	})
	if err != nil {
		return nil, err
	}
	version := base64.RawURLEncoding.EncodeToString(sum.Sum(nil)[:12])
	h := &handler{map[string]answer{}}
	for name, text := range texts {
		at, caching := "/"+folder+version+"/"+name, "public, max-age=31536000, immutable"
		if name == page {
			at, caching = "/", "no-cache"
			text = []byte(strings.ReplaceAll(string(text), versioned, folder+version+"/"))
		}
		if h.answers[at], err = prepare(name, version, caching, text); err != nil {
			return nil, err
		}
	}
	if h.answers["/"].full == nil {
		return nil, errors.New("dashboard: there is no page")
	}
	return h, nil
}

func prepare(name, version, caching string, text []byte) (a answer, err error) {
	kind, known := map[string]string{
		".html": "text/html; charset=utf-8",
		".css":  "text/css; charset=utf-8",
		".js":   "text/javascript; charset=utf-8",
		".svg":  "image/svg+xml",
		".txt":  "text/plain; charset=utf-8",
	}[path.Ext(name)]
	if !known {
		return a, fmt.Errorf("dashboard: %s is of no type that is served", name)
	}
	a.tag = `"` + version + `"`
	var fields highball.Header
	fields.Set("ETag", a.tag)
	fields.Set("Cache-Control", caching)
	fields.Set("Content-Security-Policy", contentPolicy)
	fields.Set("X-Content-Type-Options", "nosniff")
	fields.Set("Referrer-Policy", "no-referrer")
	fields.Set("Cross-Origin-Resource-Policy", "same-origin")
	fields.Set("Cross-Origin-Opener-Policy", "same-origin")
	if a.same, err = highball.Prepare(304, &fields, nil); err != nil {
		return a, err
	}
	fields.Set("Content-Type", kind)
	a.full, err = highball.Prepare(200, &fields, text)
	return a, err
}

// Serve implements highball.Handler.
func (h *handler) Serve(w *highball.Response, r *highball.Request) error {
	p := h.choose(r)
	switch {
	case p != nil:
		return w.Send(p)
	case h.has(r):
		w.Header().Set("Allow", "GET, HEAD")
		return &highball.Error{Status: 405}
	}
	return &highball.Error{Status: 404}
}

// ServeInline implements highball.InlineHandler.
func (h *handler) ServeInline(w *highball.Response, r *highball.Request) bool {
	p := h.choose(r)
	if p == nil {
		return false
	}
	_ = w.Send(p) // a client that has left is the engine's to notice
	return true
}

func (h *handler) has(r *highball.Request) bool {
	_, there := h.answers[r.Path()]
	return there
}

// choose returns the answer to a request, or nil if it has none.
func (h *handler) choose(r *highball.Request) *highball.Prepared {
	a, there := h.answers[r.Path()]
	if m := r.Method(); !there || m != "GET" && m != "HEAD" {
		return nil
	}
	for value := range r.Header().Values("If-None-Match") {
		for tag := range strings.SplitSeq(value, ",") { // our tags have no comma
			tag = strings.TrimSpace(tag)
			if tag == "*" || strings.TrimPrefix(tag, "W/") == a.tag {
				return a.same
			}
		}
	}
	return a.full
}
