package policy

import (
	"fmt"
	"slices"
	"strings"

	"highball"
)

// editor changes the heads of responses.
type editor struct {
	cors         *cors
	cacheControl string
	edits        []Edit
}

var _ highball.HeadEditor = (*editor)(nil)

func (h *handler) buildEditor(cfg *Config) error {
	e := &editor{cacheControl: cfg.CacheControl, edits: slices.Clone(cfg.Headers)}
	if cfg.CORS != nil {
		var err error
		if h.cors, err = newCORS(cfg.CORS); err != nil {
			return err
		}
		e.cors = h.cors
	}
	for _, edit := range append(slices.Clone(cfg.Headers), Edit{Set, "Cache-Control", cfg.CacheControl}) {
		if err := edit.check(); err != nil {
			return err
		}
	}
	if e.cors != nil || e.cacheControl != "" || len(e.edits) > 0 {
		h.editor = e
	}
	return nil
}

// check refuses fields that cannot be sent, or are the server's.
func (e Edit) check() error {
	if strings.EqualFold(e.Name, "Content-Length") {
		return fmt.Errorf("the header field %s is the server's to set", e.Name)
	}
	name := e.Name
	if isServer(name) {
		name = "X-Server" // which, other than in a prepared response, may be edited
	}
	var one highball.Header
	one.Set(name, e.Value)
	if _, err := highball.Prepare(200, &one, nil); err != nil {
		return fmt.Errorf("header field %q: %w", e.Name, err)
	}
	return nil
}

func isServer(name string) bool { return strings.EqualFold(name, "Server") }

// EditHead implements highball.HeadEditor.
func (e *editor) EditHead(r *highball.Request, status int, h *highball.Header) {
	if e.cors != nil {
		e.cors.editHead(r, h)
	}
	if e.cacheControl != "" && (status >= 200 && status < 300 || status == 304) && !h.Has("Cache-Control") {
		h.Add("Cache-Control", e.cacheControl)
	}
	for i := range e.edits {
		switch edit := &e.edits[i]; {
		case edit.Op == Set:
			h.Set(edit.Name, edit.Value)
		case edit.Op == Add:
			h.Add(edit.Name, edit.Value)
		case isServer(edit.Name):
			h.Set(edit.Name, "") // without a field of that name the server would send its own
		default:
			h.Del(edit.Name)
		}
	}
}
