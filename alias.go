package highball

import "unsafe"

// aliasString returns b as a string without a copy. The result changes when b does: it is for inline answers alone,
// whose strings are promised to live for the call only. BenchmarkInline shows what the copy would cost.
func aliasString(b []byte) string {
	return unsafe.String(unsafe.SliceData(b), len(b))
}

// aliasBytes returns s as bytes without a copy, which nobody may change.
func aliasBytes(s string) []byte { return unsafe.Slice(unsafe.StringData(s), len(s)) }
