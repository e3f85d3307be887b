//go:build linux

package gateway

import "testing"

// EachPython is eachPython for the tests that see the package from outside.
func EachPython(t *testing.T, f func(t *testing.T, python string)) { eachPython(t, f) }
