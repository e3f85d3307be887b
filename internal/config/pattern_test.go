package config

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestParsePattern(t *testing.T) {
	for _, path := range []string{"/", "/*", "/**", "/img/*.png", "/users/*/avatar", "/users/*/", "/**.php", "/a*b**c/d", "/a"} {
		if got, err := parsePattern(path); got != path || err != nil {
			t.Errorf("%q: %q, %v", path, got, err)
		}
	}
	for _, path := range []string{"", "*", "a/*", "/***", "/a/../*", "//*", "/*?x", "/%2A*", "/{name}", "/a b*", "/*\x00", "/./*"} {
		_, err := parsePattern(path)
		refused(t, path, err, "")
	}
	if _, err := ParseRoutePath("/img/*"); err == nil {
		t.Error("the path of a folder on the command line may be a pattern")
	}
}

// The routes are in the order in which they are tried.
func TestCompareRoutes(t *testing.T) {
	want := []string{
		"/img/icons/new.png", "/img/a.png", "/x", // exact ones, of which no two match the same
		"/img/icons/*.png", "/img/icons/**", "/img/icons/",
		"/img/*/small.png", "/img/**/small.png", "/img/*.png", "/img/**.png", "/img/*", "/img/**", "/img/",
		"/**.php", "/*/", "/*", "/**", "/",
	}
	got := slices.Clone(want)
	slices.Reverse(got)
	slices.SortStableFunc(got, func(a, b string) int { return CompareRoutes(&Route{Path: a}, &Route{Path: b}) })
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestIncludes(t *testing.T) {
	tests := []struct {
		p, q string
		want bool
	}{
		{"/img/**", "/img/", true},
		{"/img/**", "/img/*.png", true},
		{"/img/**", "/img/**.png", true},
		{"/img/", "/img/**", true},
		{"/**", "/", true},
		{"/*", "/", false},
		{"/*", "/*a", true},
		{"/*a", "/*", false},
		{"/*", "/**", false},
		{"/**", "/*/*", true},
		{"/*/*", "/**", false},
		{"/a*c", "/abc", true},
		{"/a*c", "/ac", true},
		{"/a*c", "/a/c", false},
		{"/a**c", "/a/c", true},
		{"/**.php", "/*.php", true},
		{"/*.php", "/**.php", false},
		{"/**/x", "/x", false},
		{"/img/**", "/imgs/", false},
	}
	for _, test := range tests {
		if got := includes(wildcards(test.p), wildcards(test.q)); got != test.want {
			t.Errorf("%s includes %s: %v", test.p, test.q, got)
		}
	}
}

// expression returns the regular expression that matches what a route's path does.
func expression(path string) *regexp.Regexp {
	if strings.HasSuffix(path, "/") {
		path += "**"
	}
	s := regexp.QuoteMeta(path)
	s = strings.ReplaceAll(s, `\*\*`, ".*")
	s = strings.ReplaceAll(s, `\*`, "[^/]*")
	return regexp.MustCompile("^" + s + "$")
}

// What is said to be hidden is matched by what hides it, whatever the path, and comes after it.
func TestNothingIsHiddenWrongly(t *testing.T) {
	pattern := rapid.StringMatching(`/([ab/]|\*\*?){0,6}`)
	path := rapid.StringMatching(`/[ab/]{0,6}`)
	rapid.Check(t, func(t *rapid.T) {
		a, b := &Route{Path: pattern.Draw(t, "a")}, &Route{Path: pattern.Draw(t, "b")}
		if strings.Contains(a.Path+" "+b.Path, "***") || !a.hides(b) {
			return
		}
		for range 20 {
			if p := path.Draw(t, "path"); expression(b.Path).MatchString(p) && !expression(a.Path).MatchString(p) {
				t.Fatalf("%s hides %s, and %s is for the second alone", a.Path, b.Path, p)
			}
		}
		if b.hides(a) {
			t.Fatalf("%s and %s hide each other", a.Path, b.Path)
		}
	})
}

func TestHidesByMethod(t *testing.T) {
	tests := []struct {
		methods, others []string
		want            bool
	}{
		{nil, nil, true},
		{nil, []string{"GET"}, true},
		{[]string{"GET"}, nil, false},
		{[]string{"GET", "PUT"}, []string{"HEAD", "PUT"}, true},
		{[]string{"GET"}, []string{"GET", "PUT"}, false},
	}
	for _, test := range tests {
		a, b := &Route{Path: "/a/**", Methods: test.methods}, &Route{Path: "/a/", Methods: test.others}
		if got := a.hides(b); got != test.want {
			t.Errorf("%v hides %v: %v", test.methods, test.others, got)
		}
	}
}
