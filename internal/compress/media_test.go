package compress

import "testing"

func TestUsualTypes(t *testing.T) {
	ranges := mediaRanges(nil)
	for _, s := range []string{
		"text/html", "text/html; charset=utf-8", "TEXT/CSS", "text/event-stream", "application/json", "application/JavaScript",
		"application/problem+json", "application/xhtml+xml;charset=utf-8", "image/svg+xml", "application/wasm", "font/otf", "image/x-icon",
		" text/plain ",
	} {
		if !anyContains(ranges, s) {
			t.Errorf("%q is not encoded", s)
		}
	}
	for _, s := range []string{
		"", "text", "image/png", "image/jpeg", "video/mp4", "font/woff2", "application/zip", "application/octet-stream", "application/pdf",
		"x-text/html", "application/jsonp", "json",
	} {
		if anyContains(ranges, s) {
			t.Errorf("%q is encoded", s)
		}
	}
}

func TestMediaRanges(t *testing.T) {
	tests := []struct {
		written, mediaType string
		want               bool
	}{
		{"text/html", "text/html", true},
		{"text/html", "text/htm", false},
		{"text/html", "text/css", false},
		{"text/*", "text/css", true},
		{"text/*", "texts/css", false},
		{"*/*", "image/png", true},
		{"*/*", "png", false},
		{"*/*+json", "application/ld+json", true},
		{"*/*+json", "application/json", false},
		{"image/*+xml", "image/svg+xml", true},
		{"image/*+xml", "application/rss+xml", false},
		{"text", "text/html", false},
	}
	for _, test := range tests {
		if got := anyContains(mediaRanges([]string{test.written}), test.mediaType); got != test.want {
			t.Errorf("%s contains %s: %t, want %t", test.written, test.mediaType, got, test.want)
		}
	}
}
