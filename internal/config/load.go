package config

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Load reads a configuration file of either kind, as [LoadWith] does where no environment variable is set.
func Load(path string) (*Config, error) { return LoadWith(nil, path) }

// LoadWith reads a configuration file of either kind; the ending of its name, .toml or .conf, says which. What a TOML file has as
// ${NAME} is the variable of environ, which is in the form of os.Environ.
func LoadWith(environ []string, path string) (*Config, error) {
	switch strings.ToLower(filepath.Ext(path)) {
	case ".toml":
		return load(path, func(name string, text []byte, dir string) (*Config, error) {
			return parseTOML(name, text, dir, environ)
		})
	case ".conf":
		return LoadWebConf(path)
	}
	return nil, Errors{{
		Pos:     Pos{File: path},
		Problem: "the name does not tell what kind of configuration this is",
		Remedy:  "use a name that ends in .toml (highball.toml) or in .conf (the old web.conf)",
	}}
}

// LoadWebConf reads a web.conf. Relative paths in it start at its folder. The error is of type
// [Errors], or that of reading the file.
func LoadWebConf(path string) (*Config, error) {
	return load(path, ParseWebConf)
}

// withoutMark returns a text without the byte order mark that some editors put before UTF-8.
func withoutMark(text []byte) []byte { return bytes.TrimPrefix(text, []byte("\uFEFF")) }

func load(path string, parse func(name string, text []byte, dir string) (*Config, error)) (*Config, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	text = withoutMark(text)
	c, err := parse(path, text, filepath.Dir(path))
	if err != nil {
		return nil, err
	}
	self, err := filepath.Abs(path)
	c.Files = slices.Insert(c.Files, 0, self)
	parts := c.Sources
	c.Sources = nil
	c.keep(self, text)
	c.Sources = append(c.Sources, parts...)
	return c, err
}
