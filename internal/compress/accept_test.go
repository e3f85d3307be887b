package compress

import (
	"testing"

	"highball"
)

func TestNegotiation(t *testing.T) {
	all := []coding{zstdCoding, brotliCoding, gzipCoding}
	tests := []struct {
		name   string
		fields []string
		order  []coding
		want   string // the coding's name, "" for none
	}{
		{"no field", nil, all, ""},
		{"an empty field", []string{""}, all, ""},
		{"one coding", []string{"gzip"}, all, "gzip"},
		{"a coding that is not known", []string{"deflate, compress"}, all, ""},
		{"a browser", []string{"gzip, deflate, br, zstd"}, all, "zstd"},
		{"our preference among equals", []string{"gzip, br"}, []coding{gzipCoding, brotliCoding}, "gzip"},
		{"the client's weights first", []string{"zstd;q=0.5, br;q=0.8, gzip;q=0.7"}, all, "br"},
		{"white space and case", []string{" GZIP ; Q=0.5 "}, all, "gzip"},
		{"an old name", []string{"x-gzip"}, all, "gzip"},
		{"several lines", []string{"deflate", "br"}, all, "br"},
		{"three decimals", []string{"br;q=0.001, gzip;q=0.002"}, all, "gzip"},
		{"not acceptable", []string{"gzip;q=0, br;q=0.000"}, all, ""},
		{"not switched on", []string{"br, zstd"}, []coding{gzipCoding}, ""},
		{"anything", []string{"*"}, all, "zstd"},
		{"anything but", []string{"zstd;q=0, *"}, all, "br"},
		{"anything, at less than one", []string{"gzip, *;q=0.5"}, all, "gzip"},
		{"nothing else", []string{"gzip;q=0.3, *;q=0"}, all, "gzip"},
		{"nothing at all", []string{"*;q=0"}, all, ""},
		{"rather plain", []string{"gzip;q=0.5, identity;q=0.6"}, all, ""},
		{"rather encoded", []string{"gzip;q=0.6, identity;q=0.5"}, all, "gzip"},
		{"all the same", []string{"gzip, identity"}, all, "gzip"},
		{"a malformed weight", []string{"zstd;q=2, br;q=.5, gzip;q=0.1234, x;q"}, all, ""},
		{"a malformed element among others", []string{"zstd;q=x,,;,gzip"}, all, "gzip"},
		{"another parameter", []string{"gzip;level=9"}, all, ""},
	}
	for _, test := range tests {
		var h highball.Header
		for _, value := range test.fields {
			h.Add("Accept-Encoding", value)
		}
		a := acceptanceOf(&h)
		got := ""
		if c, ok := a.best(test.order); ok {
			got = tokens[c]
		}
		if got != test.want {
			t.Errorf("%s: %q chooses %q, want %q", test.name, test.fields, got, test.want)
		}
	}
}

func TestRefusesPlain(t *testing.T) {
	tests := map[string]bool{
		"gzip":                      false,
		"gzip, identity;q=0":        true,
		"gzip, *;q=0":               true,
		"gzip, identity;q=1, *;q=0": false,
		"gzip, identity;q=0.001":    false,
	}
	for value, want := range tests {
		var h highball.Header
		h.Add("Accept-Encoding", value)
		a := acceptanceOf(&h)
		if got := a.refusesPlain(); got != want {
			t.Errorf("%q refuses a plain body: %t, want %t", value, got, want)
		}
	}
}

func TestNegotiationDoesNotAllocate(t *testing.T) {
	var h highball.Header
	h.Add("Accept", "*/*")
	h.Add("Accept-Encoding", "gzip, deflate, br;q=0.9, zstd, *;q=0")
	order := []coding{brotliCoding, gzipCoding}
	if n := testing.AllocsPerRun(100, func() {
		a := acceptanceOf(&h)
		a.best(order)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
