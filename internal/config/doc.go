// Package config turns text into the tree that a server is built from.
//
// There are three front ends: highball.toml ([ParseTOML]), the old web.conf ([ParseWebConf]) and the
// command line, which fills a [Default] configuration and an [Overrides] by itself. All of them end
// in the same [Config], and nobody after this package can tell which one was used:
//
//	c, err := config.LoadWith(os.Environ(), "highball.toml")
//	if err != nil {
//		return err // every fault of the file, a line each: file:line:column: problem; remedy
//	}
//	env, warnings, err := config.Environment(os.Environ())
//	...
//	c.Apply(env)   // the environment over the file
//	c.Apply(flags) // the command line over both
//
// A file is read as a whole before it is judged: an error of type [Errors] holds all that is wrong with it,
// each with the position of the key or the value at fault. The package looks at the
// file system, to see that folders and error pages exist and to resolve relative paths, but it
// opens no socket and knows no handler.
package config
