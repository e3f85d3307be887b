package compress

import "strings"

// mediaRange is a set of media types.
type mediaRange struct {
	major string // "*" is any
	minor string // "*" is any, "*+json" any with that suffix
}

// usualTypes are those that become shorter: text in the wide sense, and binary formats without a compression of their own.
var usualTypes = [...]string{
	"text/*", "*/*+json", "*/*+xml", "*/*+yaml",
	"application/json", "application/x-ndjson", "application/json5",
	"application/javascript", "application/x-javascript", "application/ecmascript",
	"application/xml", "application/xml-dtd", "application/yaml", "application/toml", "application/sql", "application/rtf",
	"application/x-sh", "application/x-tex", "application/postscript", "application/graphql", "application/n-triples",
	"application/wasm", "application/x-tar",
	"font/ttf", "font/otf", "font/collection", "application/vnd.ms-fontobject", "application/x-font-ttf",
	"image/bmp", "image/x-icon", "image/vnd.microsoft.icon", "image/x-ms-bmp",
}

// mediaRanges returns the ranges that are written so, or the usual ones if there are none. What has no slash counts for nothing.
func mediaRanges(written []string) []mediaRange {
	if len(written) == 0 {
		written = usualTypes[:]
	}
	var ranges []mediaRange
	for _, s := range written {
		if major, minor, ok := strings.Cut(s, "/"); ok {
			ranges = append(ranges, mediaRange{trimSpace(major), trimSpace(minor)})
		}
	}
	return ranges
}

// anyContains reports whether the value of a Content-Type field is of one of the ranges.
func anyContains(ranges []mediaRange, contentType string) bool {
	mediaType, _, _ := strings.Cut(contentType, ";")
	major, minor, ok := strings.Cut(trimSpace(mediaType), "/")
	if !ok {
		return false
	}
	for i := range ranges {
		if m := &ranges[i]; (m.major == "*" || sameFold(m.major, major)) && m.containsMinor(minor) {
			return true
		}
	}
	return false
}

func (m *mediaRange) containsMinor(minor string) bool {
	if suffix, ok := strings.CutPrefix(m.minor, "*"); ok {
		return len(minor) >= len(suffix) && sameFold(minor[len(minor)-len(suffix):], suffix)
	}
	return sameFold(m.minor, minor)
}

// sameFold compares the lengths first, which settles nearly every comparison.
func sameFold(a, b string) bool { return len(a) == len(b) && strings.EqualFold(a, b) }
