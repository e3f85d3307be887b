package static

import (
	"slices"
	"testing"
)

func TestChooseCoding(t *testing.T) {
	all := []coding{brotli, zstd, gzip, identity}
	plainAnd := func(c ...coding) []coding { return append(c, identity) }
	const none = codings
	tests := []struct {
		accept    string
		available []coding
		want      coding
	}{
		{"gzip, deflate, br, zstd", all, brotli},
		{"gzip, deflate, br, zstd", plainAnd(gzip, zstd), zstd},
		{"gzip, deflate, br, zstd", plainAnd(gzip), gzip},
		{"gzip, deflate, br, zstd", plainAnd(), identity},
		{"gzip;q=1.0, br;q=0.5", all, gzip},
		{"GZip", all, gzip},
		{"x-gzip", all, gzip},
		{"gzip ; q=0.5 , zstd;Q=0.75", all, zstd},
		{"br;q=0, gzip", all, gzip},
		{"br;q=0", all, identity},
		{"", all, identity},
		{"deflate", all, identity},
		{"identity", all, identity},
		{"identity, gzip;q=0.9", all, identity},
		{"gzip;q=0.001", all, gzip},
		{"*", all, brotli},
		{"*;q=0.5, gzip", all, gzip},
		{"br;q=0, *", all, zstd},
		{"*;q=0", all, none},
		{"identity;q=0", plainAnd(), none},
		{"identity;q=0, *", plainAnd(), none},
		{"*;q=0, identity", all, identity},
		{"*;q=0, identity;q=0.1", plainAnd(), identity},
		{"identity;q=0", all, none},
		{"identity;q=0, gzip", all, gzip},
		{"gzip;q=x", all, identity},
		{"gzip;q=1.1", all, identity},
		{"gzip;q=0.1234", all, identity},
		{"gzip;q=", all, identity},
		{"gzip;q=-1", all, identity},
		{"gzip;level=9;q=0.5, br;q=0.4", all, gzip},
		{",, ,gzip,", all, gzip},
		{";q=1", all, identity},
	}
	for _, test := range tests {
		weights := parseAcceptEncoding(test.accept)
		got, ok := weights.best(func(c coding) bool { return slices.Contains(test.available, c) })
		if got != test.want || ok != (test.want != none) {
			t.Errorf("%q of %v: got %v, want %v", test.accept, test.available, got, test.want)
		}
	}
}

func FuzzAcceptEncoding(f *testing.F) {
	f.Add("gzip, br;q=0.5, *;q=0", "text/html;q=0.5, */*")
	f.Fuzz(func(t *testing.T, encoding, accept string) {
		for c, w := range parseAcceptEncoding(encoding) {
			if w > 1000 {
				t.Errorf("coding %d has the weight %d", c, w)
			}
		}
		if q, named := mediaWeight(accept, "text/html"); q > 1000 || q > 0 && accept == "" || named && accept == "" {
			t.Errorf("weight %d, named %v", q, named)
		}
	})
}

func TestMediaWeight(t *testing.T) {
	tests := []struct {
		accept string
		want   weight
		named  bool
	}{
		{"text/html", 1000, true},
		{"TEXT/HTML;q=0.3", 300, true},
		{"text/*;q=0.7, */*;q=0.1", 700, false},
		{"*/*", 1000, false},
		{"*/*;q=0.5, text/html;q=0", 0, true},
		{"text/html;level=1;q=0.4", 400, true},
		{"application/json", 0, false},
		{"textual/*", 0, false},
		{"", 0, false},
	}
	for _, test := range tests {
		if got, named := mediaWeight(test.accept, "text/html"); got != test.want || named != test.named {
			t.Errorf("%q: got %d, %v", test.accept, got, named)
		}
	}
}

func TestMediaTypes(t *testing.T) {
	s := newSite(t, Config{Root: t.TempDir(), MediaTypes: map[string]string{"html": "text/x-own", "zzz": "a/b; c=d"}})
	for name, want := range map[string]string{
		"a.js": "text/javascript; charset=utf-8", "A.JS": "text/javascript; charset=utf-8", "a.mjs": "text/javascript; charset=utf-8",
		"dir.d/a.json": "application/json", "a.wasm": "application/wasm", "a.woff2": "font/woff2", "a.svg": "image/svg+xml",
		"a.tar.gz": "application/gzip", "a.css.br": "application/octet-stream", "a.html": "text/x-own; charset=utf-8",
		"a.zzz": "a/b; c=d", "README": "text/plain; charset=utf-8", "x/Makefile": "text/plain; charset=utf-8",
		"binary": "application/octet-stream", "a.unknown": "application/octet-stream", "a.": "application/octet-stream",
		"dir.js/binary": "application/octet-stream", "a.yaml": "application/yaml; charset=utf-8",
	} {
		if got := s.mediaType(name); got != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
	plain := newSite(t, Config{Root: t.TempDir(), DefaultMediaType: "text/plain"})
	if got := plain.mediaType("x.unknown"); got != "text/plain; charset=utf-8" {
		t.Errorf("the default: %q", got)
	}
}
