//go:build !unix

package app

import "io/fs"

func belongsToUs(fs.FileInfo) bool { return true }

func privately(f func() error) error { return f() }
