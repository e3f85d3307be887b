package route

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParsePattern(t *testing.T) {
	lit := func(text string) segment { return segment{literal, text} }
	for _, tt := range []struct {
		text         string
		method, host string
		segments     []segment
	}{
		{"/", "", "", []segment{{rest, ""}}},
		{"/{$}", "", "", []segment{{end, ""}}},
		{"/a", "", "", []segment{lit("a")}},
		{"/a/", "", "", []segment{lit("a"), {rest, ""}}},
		{"/a/{$}", "", "", []segment{lit("a"), {end, ""}}},
		{"/a/{x}/b/{rest...}", "", "", []segment{lit("a"), {wildcard, "x"}, lit("b"), {rest, "rest"}}},
		{"/{ünder_1}", "", "", []segment{{wildcard, "ünder_1"}}},
		{"GET /a", "GET", "", []segment{lit("a")}},
		{"GET \t /a b", "GET", "", []segment{lit("a b")}},
		{"M-SEARCH /", "M-SEARCH", "", []segment{{rest, ""}}},
		{"example.org/", "", "example.org", []segment{{rest, ""}}},
		{"PUT WWW.Example.org/A", "PUT", "www.example.org", []segment{lit("A")}},
		{"*.Example.org/", "", "*.example.org", []segment{{rest, ""}}},
		{"my_host-1/", "", "my_host-1", []segment{{rest, ""}}},
		{"127.0.0.1/", "", "127.0.0.1", []segment{{rest, ""}}},
		{"[2001:DB8::1]/", "", "[2001:db8::1]", []segment{{rest, ""}}},
		{"/caf%C3%A9/a%20b", "", "", []segment{lit("café"), lit("a b")}},
		{"/%7Bx%7D", "", "", []segment{lit("{x}")}},
		{"/100%", "", "", []segment{lit("100%")}},
	} {
		p, err := ParsePattern(tt.text)
		if err != nil {
			t.Errorf("%q: %v", tt.text, err)
			continue
		}
		if p.method != tt.method || p.host != tt.host {
			t.Errorf("%q: method %q, host %q; want %q, %q", tt.text, p.method, p.host, tt.method, tt.host)
		}
		if d := cmp.Diff(tt.segments, p.segments, cmp.AllowUnexported(segment{})); d != "" {
			t.Errorf("%q: segments (-want +got)\n%s", tt.text, d)
		}
		if p.String() != tt.text {
			t.Errorf("%q: String is %q", tt.text, p)
		}
	}
}

func TestParsePatternErrors(t *testing.T) {
	for _, tt := range []struct{ text, want string }{
		{"", `pattern "": column 1: the path is missing: add at least "/"`},
		{"example.org", `pattern "example.org": column 12: the path is missing: add at least "/"`},
		{"GET ", `column 5: the path is missing`},

		{" /a", `column 1: begins with white space: remove it`},
		{"get /", `column 1: 'g' cannot be part of a method: write an upper-case token such as GET`},
		{"GET, /", `column 4: ',' cannot be part of a method`},
		{"/a b", `column 3: white space in a path without a method: write it as %20`},

		{"*/a", `column 1: "*" alone is no host: leave it out to match every host`},
		{"GET a.*.org/", `column 7: "*" must be the whole first label of a host, as in *.example.org`},
		{"w*.org/", `column 2: "*" must be the whole first label`},
		{"*.*.org/", `column 3: "*" must be the whole first label`},
		{"*./", `column 2: the host ends in a dot: remove it`},
		{"example.org./", `column 12: the host ends in a dot: remove it`},
		{".org/", `column 1: the host has an empty label: remove this dot`},
		{"a..org/", `column 3: the host has an empty label: remove this dot`},
		{"*..org/", `column 3: the host has an empty label: remove this dot`},
		{"example.org:80/", `column 12: the host has a port: remove it`},
		{"{x}/", `column 1: a host cannot hold a wildcard in braces: write *.example.org, or begin a path with "/"`},
		{"bücher.example/", `column 2: the host is not ASCII: write its xn-- form`},
		{"GET a b/", `column 6: ' ' cannot be part of a host: remove it`},
		{strings.Repeat("a.", 126) + "aa/", `column 1: the host is longer than 253 octets: shorten it`},
		{"[::1/", `column 5: the address is not closed: add "]"`},
		{"[::1]:80/", `column 6: the host has a port: remove it`},
		{"[1.2.3.4]/", `column 2: "1.2.3.4" is no IPv6 address: write one like ::1, without a zone`},
		{"[fe80::1%1]/", `column 2: "fe80::1%1" is no IPv6 address`},
		{"[x]/", `column 2: "x" is no IPv6 address`},

		{"//", `column 2: an empty segment never matches: remove one of the slashes`},
		{"/a//b", `column 4: an empty segment never matches`},
		{"/a/../b", `column 4: the segment ".." never matches, as paths are cleaned first: remove it`},
		{"/%2e/b", `column 2: the segment "%2e" never matches`},
		{"/a%2Fb", `column 2: an encoded slash never matches, as paths are decoded first: write "/"`},

		{"/a{x}", `column 3: a wildcard must be a whole segment: put a slash before "{", or write %7B for the brace itself`},
		{"/{x}a", `column 6: a wildcard must be a whole segment: end it with "}"`},
		{"/{x", `column 4: a wildcard must be a whole segment: end it with "}"`},
		{"/{", `column 3: a wildcard must be a whole segment: end it with "}"`},
		{"/{}", `column 3: a wildcard's name must be a Go identifier, and "" is none: write something like {id}`},
		{"/{...}", `column 3: a wildcard's name must be a Go identifier`},
		{"/{1}", `column 3: a wildcard's name must be a Go identifier, and "1" is none`},
		{"/{a-b}", `column 3: a wildcard's name must be a Go identifier, and "a-b" is none`},
		{"/{x}/b/{x}", `column 9: the name "x" is used twice: rename one of the two`},
		{"/{x}/{x...}", `column 7: the name "x" is used twice: rename one of the two`},
		{"/{$}/", `column 5: nothing can follow {$}: remove it, or what follows`},
		{"/{x...}/b", `column 8: nothing can follow {x...}: remove the dots, or what follows`},
	} {
		_, err := ParsePattern(tt.text)
		if err == nil {
			t.Errorf("%q: no error, want %s", tt.text, tt.want)
		} else if !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%q:\n got %v\nwant %s", tt.text, err, tt.want)
		}
	}
}

// Whatever is a pattern here is one for ServeMux, so that a program may change
// over in either direction.
func FuzzParsePattern(f *testing.F) {
	for _, s := range []string{"/", "GET example.org/a/{b}/{c...}", "*.a/{$}", "[::1]/%2e", "X /100%/{_}", "a:1/{$}{"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		p, err := ParsePattern(s)
		if err != nil {
			if !strings.Contains(err.Error(), ": column ") {
				t.Errorf("no column: %v", err)
			}
			return
		}
		if len(p.segments) == 0 {
			t.Errorf("%q: no segments", s)
		}
		if err := addToServeMux(http.NewServeMux(), s); err != nil {
			t.Errorf("ServeMux refuses what we accept: %v", err)
		}
	})
}
