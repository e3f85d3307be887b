package config

import (
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
)

// partMost bounds the bytes of an included file.
const partMost = 16 << 20

// include returns the setter of the patterns of the files that are read, too.
func (d *decoder) include() func(value) {
	return d.list(`paths in quotes, such as ["sites/*.toml"]`, func(item value) { d.includes = append(d.includes, item) })
}

// readIncluded reads the included files, in the order of the patterns and of their names, each once. The main file, of which name is the
// path as positions have it, is never one of them.
func (d *decoder) readIncluded(name string, c *Config) {
	defer func() { d.folder = d.main }()
	self := d.main.resolve(filepath.Base(name))
	for _, pattern := range d.includes {
		paths, err := d.matching(pattern.text)
		if err != nil {
			d.errs.fail(pattern.pos, err)
			continue
		}
		for _, path := range paths {
			if path == self || slices.Contains(d.files, path) {
				continue
			}
			d.files = append(d.files, path)
			text, err := d.readFile(path, partMost)
			if err != nil {
				d.errs.fail(pattern.pos, err)
				continue
			}
			text = withoutMark(text)
			c.keep(path, text)
			d.part(d.shown(name, pattern.text, path), path, text, c)
		}
	}
}

// matching returns the absolute paths of the files that a pattern is for. One without wildcards is for a file that has to be there.
func (d *decoder) matching(pattern string) ([]string, error) {
	if !strings.ContainsAny(pattern, "*?[") {
		path, err := d.main.resolveFile(pattern)
		return []string{path}, err
	}
	full := pattern
	if !filepath.IsAbs(full) {
		full = filepath.Join(literalPattern(string(d.main)), full)
	}
	paths, err := filepath.Glob(full)
	if err != nil {
		return nil, fault(`write it as in "sites/*.toml"`, "%q is not a pattern of paths", pattern)
	}
	return slices.DeleteFunc(paths, func(path string) bool {
		info, err := os.Stat(path)
		return err == nil && !info.Mode().IsRegular()
	}), nil
}

// literalPattern returns the pattern that matches a path alone.
func literalPattern(path string) string {
	if runtime.GOOS == "windows" {
		return path // where patterns have no escapes
	}
	return strings.NewReplacer(`\`, `\\`, "*", `\*`, "?", `\?`, "[", `\[`).Replace(path)
}

// shown returns how positions name an included file: by the way from the main file's name to it.
func (d *decoder) shown(name, pattern, path string) string {
	rel, err := filepath.Rel(string(d.main), path)
	if filepath.IsAbs(pattern) || err != nil {
		return path
	}
	return filepath.Join(filepath.Dir(name), rel)
}

// part decodes an included file. Its own relative paths start at its own folder.
func (d *decoder) part(name, path string, text []byte, c *Config) {
	root, syntax := document(name, text)
	if syntax != nil {
		d.errs = append(d.errs, syntax)
		return
	}
	d.folder = folder(filepath.Dir(path))
	d.expand(root, "")
	known := d.parts(c)
	for _, e := range root.entries {
		switch own := func(f field) bool { return f.key == e.key }; {
		case e.key == "include":
			d.errs.add(e.pos, "an included file cannot include others", "name all files in the include of the main file")
		case !slices.ContainsFunc(known, own) && slices.ContainsFunc(d.whole(c), own):
			d.errs.add(e.pos, strconv.Quote(e.key)+" cannot stand in an included file", "write it in the main file; included ones have [[site]], [app.NAME] and [media]")
		default:
			d.entry(e, "an included file", known)
		}
	}
}
