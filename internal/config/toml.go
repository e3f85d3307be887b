package config

import (
	"fmt"
	"mime"
	"strconv"
	"strings"

	"github.com/pelletier/go-toml/v2/unstable"
)

// ParseTOML reads the text of a highball.toml. The name appears in positions, and relative paths start
// at dir. The error is of type [Errors]: one alone if the text is not TOML, or else everything that
// is wrong with it.
func ParseTOML(name string, text []byte, dir string) (*Config, error) {
	base, err := newFolder(dir)
	if err != nil {
		return nil, err
	}
	root, syntax := document(name, text)
	if syntax != nil {
		return nil, Errors{syntax}
	}
	c := Default()
	d := &decoder{folder: base, hosts: make(map[string]Pos)}
	begin := Pos{File: name, Line: 1, Column: 1}
	d.config(value{pos: begin, table: root}, &c)
	if e := root.find("site"); e == nil || e.value.kind == unstable.Array && len(e.value.items) == 0 {
		d.errs.add(begin, "there is no [[site]], so there is nothing to serve", `write [[site]] and below it root = "public", the folder to serve`)
	}
	d.link(&c)
	if err := d.errs.result(); err != nil {
		return nil, err
	}
	c.exposed()
	return &c, nil
}

// config is the table of all keys: with site below it, a new key is a new line here and a field of the tree.
func (d *decoder) config(v value, c *Config) {
	d.fields(v, "the file",
		field{"listen", d.listen(&c.Listen)},
		field{"timeouts", d.table("[timeouts]",
			field{"head", d.timeout(&c.Timeouts.Head)},
			field{"body", d.timeout(&c.Timeouts.Body)},
			field{"handler", d.timeout(&c.Timeouts.Handler)},
			field{"idle", d.timeout(&c.Timeouts.Idle)},
			field{"write", d.timeout(&c.Timeouts.Write)},
		)},
		field{"limits", d.table("[limits]",
			field{"line", d.bound(&c.Limits.Line, ParseSize)},
			field{"head", d.bound(&c.Limits.Head, ParseSize)},
			field{"fields", d.bound(&c.Limits.Fields, parseCount)},
			field{"body", d.size(&c.Limits.Body)},
		)},
		field{"log", d.table("[log]",
			field{"access", text(d, `a format in quotes, such as "common"`, &c.Log.Access, parseAccess)},
			field{"access_file", text(d, "a path in quotes", &c.Log.AccessFile, d.newFile)},
			field{"stats_file", nil},
		)},
		field{"media", d.media(&c.Media)},
		field{"site", d.sites(&c.Sites)},
		field{"app", d.apps()},
		field{"admin", nil},
	)
}

// site is the table of the keys of one [[site]].
func (d *decoder) site(v value, s *Site) {
	d.fields(v, "[[site]]",
		field{"hosts", d.siteHosts(s)},
		field{"root", text(d, "the path of a folder in quotes", &s.Root, d.resolveDir)},
		field{"index", d.index(&s.Index)},
		field{"listing", d.bool(&s.Listing)},
		field{"spa", d.bool(&s.SPA)},
		field{"hidden", d.bool(&s.Hidden)},
		field{"precompressed", d.bool(&s.Precompressed)},
		field{"symlinks", text(d, `"inside", "all" or "none"`, &s.Symlinks, parseSymlinks)},
		field{"cache", d.maxAge(&s.Cache)},
		field{"cors", d.bool(&s.CORS)},
		field{"error_pages", d.errorPages(&s.ErrorPages)},
		field{"upload", d.bool(&s.Upload)},
		field{"upload_limit", d.size(&s.UploadLimit)},
		field{"upload_overwrite", d.bool(&s.UploadOverwrite)},
		field{"route", d.routes(s)},
	)
}

// listen returns the setter of the listeners.
func (d *decoder) listen(into *[]Listener) func(value) {
	const want = `addresses in quotes, such as ["127.0.0.1:8000"]`
	return func(v value) {
		var all []Listener
		d.list(want, func(item value) {
			l, err := ParseListen(item.text)
			if err == nil && l.Network == "unix" && !strings.HasPrefix(l.Address, "@") {
				l, err = unixListener(d.resolve(l.Address))
			}
			if err != nil {
				d.errs.fail(item.pos, err)
				return
			}
			l.Pos = item.pos
			for _, earlier := range all {
				if l.clash(earlier) {
					d.errs.add(l.Pos, fmt.Sprintf("the listener %s clashes with %s in line %d", l, earlier, earlier.Pos.Line), "keep one of them, or give each a port of its own")
					return
				}
			}
			all = append(all, l)
		})(v)
		if v.kind == unstable.Array && len(v.items) == 0 {
			d.errs.add(v.pos, "listen is empty, so nobody could connect", "write "+want+", or leave the key out for that one")
		}
		*into = all
	}
}

// media returns the setter of the media types by extension.
func (d *decoder) media(into *map[string]string) func(value) {
	return func(v value) {
		if v.table == nil {
			d.mismatch(v, `a table of extensions and types, such as [media] and below it webmanifest = "application/manifest+json"`)
			return
		}
		*into = make(map[string]string)
		for _, e := range v.table.entries {
			extension := strings.ToLower(e.key)
			if strings.ContainsAny(extension, "./") || extension == "" {
				d.errs.add(e.pos, fmt.Sprintf("%q is not an extension", e.key), "write what follows the last dot of the file's name")
				continue
			}
			var mediaType string
			text(d, `a media type in quotes, such as "text/html"`, &mediaType, parseMedia)(e.value)
			(*into)[extension] = mediaType
		}
	}
}

// sites returns the setter of the sites.
func (d *decoder) sites(into *[]Site) func(value) {
	return func(v value) {
		if v.kind != unstable.Array {
			d.mismatch(v, "[[site]] in two pairs of brackets, for there can be several")
			return
		}
		for _, item := range v.items {
			s := DefaultSite("")
			s.Pos = item.pos
			d.site(item, &s)
			if item.table != nil {
				d.checkSite(item.table, &s)
			}
			*into = append(*into, s)
		}
	}
}

// checkSite checks what no single key of a site shows.
func (d *decoder) checkSite(t *table, s *Site) {
	root := t.find("root")
	if route := t.find("route"); root == nil && (route == nil || route.value.kind == unstable.Array && len(route.value.items) == 0) {
		d.errs.add(s.Pos, "this site has no root and no route", `write root = "public", the folder to serve`)
	}
	if root != nil {
		d.checkShadow(root.pos, s)
	}
	switch {
	case t.find("hosts") != nil:
	case d.defaultSite.Line != 0:
		d.errs.add(s.Pos, fmt.Sprintf("this is a second default site; the first is in line %d", d.defaultSite.Line), `write hosts = ["example.org"] in all but one`)
	default:
		d.defaultSite = s.Pos
	}
}

// siteHosts returns the setter of the host names of a site.
func (d *decoder) siteHosts(s *Site) func(value) {
	const want = `host names in quotes, such as ["example.org", "*.example.org"]`
	return func(v value) {
		d.list(want, func(item value) {
			host, err := parseHost(item.text)
			if err != nil {
				d.errs.fail(item.pos, err)
				return
			}
			if earlier, taken := d.hosts[host]; taken {
				d.errs.add(item.pos, fmt.Sprintf("the host %q already has a site, in line %d", host, earlier.Line), "give each host to one site")
				return
			}
			d.hosts[host] = item.pos
			s.Hosts = append(s.Hosts, host)
		})(v)
		if v.kind == unstable.Array && len(v.items) == 0 {
			d.errs.add(v.pos, "hosts is empty", "leave the key out to make this the default site")
		}
	}
}

// index returns the setter of the names of index files.
func (d *decoder) index(into *[]string) func(value) {
	return func(v value) {
		names := []string{}
		d.list(`file names in quotes, such as ["index.html"]`, func(item value) {
			if strings.ContainsAny(item.text, "/\\\x00") || strings.Trim(item.text, ".") == "" {
				d.errs.add(item.pos, fmt.Sprintf("%q is not a file name", item.text), "write a name without a folder: it is looked for in each folder")
				return
			}
			names = append(names, item.text)
		})(v)
		*into = names
	}
}

// errorPages returns the setter of the files sent in place of built-in error pages.
func (d *decoder) errorPages(into *map[int]string) func(value) {
	return func(v value) {
		if v.table == nil {
			d.mismatch(v, `a table of status codes and files, such as { 404 = "404.html" }`)
			return
		}
		*into = make(map[int]string)
		for _, e := range v.table.entries {
			status, err := strconv.ParseUint(e.key, 10, 16)
			if err != nil || status < 400 || status > 599 {
				d.errs.add(e.pos, fmt.Sprintf("%q is not the status code of an error", e.key), "write a number from 400 to 599")
				continue
			}
			var file string
			text(d, "the path of a file in quotes", &file, d.resolveFile)(e.value)
			(*into)[int(status)] = file
		}
	}
}

// newFile resolves the path of a file that the server will make.
func (d *decoder) newFile(path string) (string, error) {
	if path == "" || strings.Contains(path, "\x00") {
		return "", fault("leave the key out to use the standard output", "%q is not the path of a file", path)
	}
	return d.resolve(path), nil
}

// parseCount refuses the strings that sizes may be written as.
func parseCount(s string) (int64, error) {
	return 0, fault("write a number without quotes", "%q is not a number", s)
}

// parseMedia checks a media type (RFC 9110, section 8.3.1). It ends up in a header field, so it
// must hold nothing that does not belong there.
func parseMedia(s string) (string, error) {
	_, _, err := mime.ParseMediaType(s)
	if err != nil || !strings.Contains(s, "/") || strings.IndexFunc(s, notPrintable) >= 0 {
		return "", fault(`write it as in "text/html" or "text/html; charset=utf-8"`, "%q is not a media type", s)
	}
	return s, nil
}

func notPrintable(r rune) bool { return r < ' ' || r > '~' }

func parseSymlinks(s string) (SymlinkPolicy, error) {
	word, err := oneOf(s, "symbolic link policy", string(SymlinksInside), string(SymlinksAll), string(SymlinksNone))
	return SymlinkPolicy(word), err
}
