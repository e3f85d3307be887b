package static

import (
	"testing"
	"time"
)

func TestConditions(t *testing.T) {
	const (
		before = "Sat, 29 Oct 1994 19:43:30 GMT"
		at     = "Sat, 29 Oct 1994 19:43:31 GMT"
		after  = "Sat, 29 Oct 1994 19:43:32 GMT"
	)
	there := validators{`"a"`, time.Date(1994, 10, 29, 19, 43, 31, 0, time.UTC)}
	tests := []struct {
		name   string
		method string
		c      conditions
		v      validators
		want   verdict
	}{
		{"none", "GET", conditions{}, there, proceed},

		{"If-Match any", "GET", conditions{ifMatch: "*"}, there, proceed},
		{"If-Match any, nothing there", "PUT", conditions{ifMatch: "*"}, validators{}, failed},
		{"If-Match", "GET", conditions{ifMatch: `"x", "a"`}, there, proceed},
		{"If-Match other", "GET", conditions{ifMatch: `"x"`}, there, failed},
		{"If-Match weak", "GET", conditions{ifMatch: `W/"a"`}, there, failed},
		{"If-Match malformed", "GET", conditions{ifMatch: `a`}, there, failed},
		{"If-Match wins over If-Unmodified-Since", "GET", conditions{ifMatch: `"a"`, ifUnmodifiedSince: before}, there, proceed},
		{"If-Match, then If-None-Match", "GET", conditions{ifMatch: `"a"`, ifNoneMatch: `"a"`}, there, notModified},

		{"If-Unmodified-Since", "GET", conditions{ifUnmodifiedSince: at}, there, proceed},
		{"If-Unmodified-Since before", "GET", conditions{ifUnmodifiedSince: before}, there, failed},
		{"If-Unmodified-Since no date", "GET", conditions{ifUnmodifiedSince: "yesterday"}, there, proceed},
		{"If-Unmodified-Since, nothing there", "PUT", conditions{ifUnmodifiedSince: before}, validators{}, proceed},

		{"If-None-Match", "GET", conditions{ifNoneMatch: `"a"`}, there, notModified},
		{"If-None-Match HEAD", "HEAD", conditions{ifNoneMatch: `"a"`}, there, notModified},
		{"If-None-Match weak", "GET", conditions{ifNoneMatch: `W/"a"`}, there, notModified},
		{"If-None-Match list", "GET", conditions{ifNoneMatch: `"x" ,, W/"y","a"`}, there, notModified},
		{"If-None-Match comma in a tag", "GET", conditions{ifNoneMatch: `"x,", "a"`}, there, notModified},
		{"If-None-Match other", "GET", conditions{ifNoneMatch: `"x"`}, there, proceed},
		{"If-None-Match any", "GET", conditions{ifNoneMatch: `*`}, there, notModified},
		{"If-None-Match PUT", "PUT", conditions{ifNoneMatch: `*`}, there, failed},
		{"If-None-Match PUT, nothing there", "PUT", conditions{ifNoneMatch: `*`}, validators{}, proceed},
		{"If-None-Match unquoted", "GET", conditions{ifNoneMatch: `a`}, there, proceed},
		{"If-None-Match unfinished", "GET", conditions{ifNoneMatch: `"a`}, there, proceed},
		{"If-None-Match wins over If-Modified-Since", "GET", conditions{ifNoneMatch: `"x"`, ifModifiedSince: after}, there, proceed},

		{"If-Modified-Since", "GET", conditions{ifModifiedSince: at}, there, notModified},
		{"If-Modified-Since after", "GET", conditions{ifModifiedSince: after}, there, notModified},
		{"If-Modified-Since before", "GET", conditions{ifModifiedSince: before}, there, proceed},
		{"If-Modified-Since RFC 850", "GET", conditions{ifModifiedSince: "Saturday, 29-Oct-94 19:43:31 GMT"}, there, notModified},
		{"If-Modified-Since asctime", "GET", conditions{ifModifiedSince: "Sat Oct 29 19:43:31 1994"}, there, notModified},
		{"If-Modified-Since no date", "GET", conditions{ifModifiedSince: "0"}, there, proceed},
		{"If-Modified-Since PUT", "PUT", conditions{ifModifiedSince: at}, there, proceed},
	}
	for _, test := range tests {
		if got := test.c.evaluate(test.method, test.v); got != test.want {
			t.Errorf("%s: got %d, want %d", test.name, got, test.want)
		}
	}
	for ifRange, want := range map[string]bool{
		"": true, `"a"`: true, `W/"a"`: false, `"b"`: false, `"a", "b"`: false, `"a`: false,
		at: true, before: false, after: false, "soon": false,
	} {
		if got := (conditions{ifRange: ifRange}).rangeApplies(there); got != want {
			t.Errorf("If-Range %q: got %v", ifRange, got)
		}
	}
}

func FuzzConditions(f *testing.F) {
	f.Add(`"a"`, `W/"b", "a"`, "Sat, 29 Oct 1994 19:43:31 GMT")
	f.Add("*", `"a`, "")
	f.Fuzz(func(t *testing.T, one, two, three string) {
		v := validators{`"a"`, time.Unix(783459811, 0)}
		for _, c := range []conditions{
			{ifMatch: one, ifNoneMatch: two, ifModifiedSince: three, ifRange: one},
			{ifMatch: two, ifUnmodifiedSince: three, ifRange: three},
		} {
			get, head, put := c.evaluate("GET", v), c.evaluate("HEAD", v), c.evaluate("PUT", v)
			if get != head || put == notModified || get == failed && put != failed {
				t.Errorf("GET %d, HEAD %d, PUT %d", get, head, put)
			}
			c.rangeApplies(v)
		}
		if tag, rest, ok := cutTag(one); ok && tag+rest != one {
			t.Errorf("%q is cut into %q and %q", one, tag, rest)
		}
	})
}
