//go:build !unix

package gateway

import "io/fs"

// trusted does not look: owners are not known here.
func trusted(fs.FileInfo, fs.FileInfo) bool { return true }
