package config

import (
	"fmt"
	"mime"
	"slices"
	"strings"

	"github.com/pelletier/go-toml/v2/unstable"
)

// ParseTOML reads the text of a highball.toml, for which no environment variable is set. The name appears in positions, and relative
// paths start at dir. The error is of type [Errors]: one alone if the text is not TOML, or else everything that
// is wrong with it.
func ParseTOML(name string, text []byte, dir string) (*Config, error) {
	return parseTOML(name, text, dir, nil)
}

func parseTOML(name string, text []byte, dir string, environ []string) (*Config, error) {
	base, err := newFolder(dir)
	if err != nil {
		return nil, err
	}
	root, syntax := document(name, text)
	if syntax != nil {
		return nil, Errors{syntax}
	}
	c := Default()
	d := newDecoder(base, environ)
	begin := Pos{File: name, Line: 1, Column: 1}
	d.expand(root, "")
	d.fields(value{pos: begin, table: root}, "the file", d.whole(&c)...)
	d.readIncluded(name, &c)
	if e := root.find("site"); d.sites == 0 && (e == nil || e.value.kind == unstable.Array && len(e.value.items) == 0) {
		d.errs.add(begin, "there is no [[site]], so there is nothing to serve", `write [[site]] and below it root = "public", the folder to serve`)
	}
	d.checkListens(&c)
	d.checkLog(root, &c.Log)
	d.checkAdmin(root, &c)
	d.link(&c)
	if err := d.consequences(d.errs).result(); err != nil {
		return nil, err
	}
	c.Files = slices.Concat(d.files, d.secrets)
	c.exposed()
	return &c, nil
}

// whole is the table of all keys of the main file: a new key is a new line here, or below, and a field of the tree.
func (d *decoder) whole(c *Config) []field {
	return append([]field{
		field{"listen", d.listen(&c.Listen)},
		field{"trusted_proxies", d.trusted(c)},
		field{"proxy_header", text(d, `"x-forwarded" or "forwarded"`, &c.ProxyHeader, parseProxyHeader)},
		field{"user", text(d, "the name of a user in quotes", &c.User, parseAccount)},
		field{"group", text(d, "the name of a group in quotes", &c.Group, parseAccount)},
		field{"include", d.include()},
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
		field{"log", d.table("[log]", d.log(&c.Log)...)},
		field{"admin", d.table("[admin]", d.admin(&c.Admin)...)},
		field{"metrics", d.table("[metrics]",
			field{"enabled", d.bool(&c.Metrics.Enabled)},
		)},
		field{"recorder", d.table("[recorder]", d.recorder(&c.Recorder)...)},
		field{"otlp", d.table("[otlp]", d.otlp(&c.OTLP)...)},
	}, d.parts(c)...)
}

// parts is the table of the keys that included files have, too.
func (d *decoder) parts(c *Config) []field {
	return []field{
		field{"media", d.media(&c.Media)},
		field{"site", d.siteTables(&c.Sites)},
		field{"app", d.apps()},
	}
}

// site is the table of the keys of one [[site]].
func (d *decoder) site(v value, s *Site) {
	d.fields(v, "[[site]]", d.withPolicy(&s.Policy,
		field{"hosts", d.siteHosts(s)},
		field{"listen", d.siteListen(s)},
		field{"root", text(d, "the path of a folder in quotes", &s.Root, d.resolveDir)},
		field{"index", d.index(&s.Index)},
		field{"listing", d.bool(&s.Listing)},
		field{"spa", d.bool(&s.SPA)},
		field{"hidden", d.bool(&s.Hidden)},
		field{"precompressed", d.bool(&s.Precompressed)},
		field{"symlinks", text(d, `"inside", "all" or "none"`, &s.Symlinks, parseSymlinks)},
		field{"cache", d.maxAge(&s.Cache)},
		field{"error_pages", d.errorPages(&s.ErrorPages)},
		field{"upload", d.bool(&s.Upload)},
		field{"upload_limit", d.size(&s.UploadLimit)},
		field{"upload_overwrite", d.bool(&s.UploadOverwrite)},
		field{"rewrite", d.rewrites(&s.Rewrites)},
		field{"route", d.routes(s)},
	)...)
}

// trusted returns the setter of the peers whose fields about the client are taken.
func (d *decoder) trusted(c *Config) func(value) {
	const want = `addresses or prefixes in quotes, such as ["10.0.0.0/8", "unix"]`
	return d.list(want, func(item value) {
		if item.text == "unix" {
			c.TrustUnix = true
			return
		}
		prefix, err := parsePrefix(item.text)
		if err != nil {
			d.errs.fail(item.pos, err)
			return
		}
		c.TrustedProxies = append(c.TrustedProxies, prefix)
	})
}

// media returns the setter of the media types by extension.
func (d *decoder) media(into *map[string]string) func(value) {
	return func(v value) {
		if v.table == nil {
			d.mismatch(v, `a table of extensions and types, such as [media] and below it webmanifest = "application/manifest+json"`)
			return
		}
		if *into == nil {
			*into = make(map[string]string)
		}
		for _, e := range v.table.entries {
			extension := strings.ToLower(e.key)
			if strings.ContainsAny(extension, "./") || extension == "" {
				d.errs.add(e.pos, fmt.Sprintf("%q is not an extension", e.key), "write what follows the last dot of the file's name")
				continue
			}
			if _, taken := (*into)[extension]; taken {
				d.errs.add(e.pos, fmt.Sprintf("the extension %q has a media type already", e.key), "keep one of them")
				continue
			}
			var mediaType string
			text(d, `a media type in quotes, such as "text/html"`, &mediaType, parseMedia)(e.value)
			(*into)[extension] = mediaType
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

// parseProxyHeader reads which fields proxies tell about clients in.
func parseProxyHeader(s string) (string, error) {
	return oneOf(s, "kind of proxy fields", "x-forwarded", "forwarded")
}

// parseAccount checks the name, or the number, of a user or a group. Whether there is one is known where the server runs.
func parseAccount(s string) (string, error) {
	if s == "" || strings.ContainsAny(s, ":/ ,") || strings.IndexFunc(s, isControl) >= 0 {
		return "", fault(`write a name as "id" prints it, such as "www-data"`, "%q cannot be the name of a user or a group", s)
	}
	return s, nil
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
