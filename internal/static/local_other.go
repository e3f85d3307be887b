//go:build !linux

package static

// isLocal is of use only where there are event loops.
func isLocal(uintptr) bool { return false }
