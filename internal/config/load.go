package config

import (
	"os"
	"path/filepath"
	"strings"
)

// Load reads a configuration file of either kind; the ending of its name, .toml or .conf, says which.
func Load(path string) (*Config, error) {
	switch strings.ToLower(filepath.Ext(path)) {
	case ".toml":
		return LoadTOML(path)
	case ".conf":
		return LoadWebConf(path)
	}
	return nil, Errors{{
		Pos:     Pos{File: path},
		Problem: "the name does not tell what kind of configuration this is",
		Remedy:  "use a name that ends in .toml (highball.toml) or in .conf (the old web.conf)",
	}}
}

// LoadTOML reads a highball.toml. Relative paths in it start at its folder. The error is of type
// [Errors], or that of reading the file.
func LoadTOML(path string) (*Config, error) {
	return load(path, ParseTOML)
}

// LoadWebConf reads a web.conf. Relative paths in it start at its folder. The error is of type
// [Errors], or that of reading the file.
func LoadWebConf(path string) (*Config, error) {
	return load(path, ParseWebConf)
}

func load(path string, parse func(name string, text []byte, dir string) (*Config, error)) (*Config, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	return parse(path, text, filepath.Dir(path))
}
