package static

import (
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseRanges(t *testing.T) {
	many := strings.TrimSuffix(strings.Repeat("0-0,", maxRanges+1), ",")
	apart := func(n int) string {
		var specs []string
		for i := range n {
			specs = append(specs, fmt.Sprintf("%d-%d", 2*i, 2*i))
		}
		return strings.Join(specs, ",")
	}
	tests := []struct {
		value  string
		size   int64
		want   []byteRange
		extent extent
	}{
		{"bytes=0-999", 2000, []byteRange{{0, 1000}}, partial},
		{"bytes=0-0", 10, []byteRange{{0, 1}}, partial},
		{"bytes=9-", 10, []byteRange{{9, 1}}, partial},
		{"bytes=5-100", 10, []byteRange{{5, 5}}, partial},
		{"bytes=-3", 10, []byteRange{{7, 3}}, partial},
		{"bytes=-30", 10, []byteRange{{0, 10}}, partial},
		{"Bytes=0-1", 10, []byteRange{{0, 2}}, partial},
		{"bytes= 0-1 , 4-5", 10, []byteRange{{0, 2}, {4, 2}}, partial},
		{"bytes=4-5,0-1", 10, []byteRange{{4, 2}, {0, 2}}, partial},
		{"bytes=0-1,,8-9,", 10, []byteRange{{0, 2}, {8, 2}}, partial},
		{"bytes=0-1,50-60", 10, []byteRange{{0, 2}}, partial},
		{"bytes=" + apart(maxRanges)[0:3], 100, []byteRange{{0, 1}}, partial},

		{"bytes=10-", 10, nil, unsatisfiable},
		{"bytes=10-20, 30-", 10, nil, unsatisfiable},
		{"bytes=-0", 10, nil, unsatisfiable},
		{"bytes=99999999999999999999-", 10, nil, unsatisfiable},
		{"bytes=9223372036854775807-", 10, nil, unsatisfiable},
		{"bytes=2-99999999999999999999", 10, []byteRange{{2, 8}}, partial},
		{"bytes=-99999999999999999999", 10, []byteRange{{0, 10}}, partial},
		{"bytes=9223372036854775806-9223372036854775807", 9223372036854775807, []byteRange{{9223372036854775806, 1}}, partial},

		{"", 10, nil, whole},
		{"bytes", 10, nil, whole},
		{"bytes=", 10, nil, whole},
		{"bytes=,", 10, nil, whole},
		{"bytes=-", 10, nil, whole},
		{"bytes=5-4", 10, nil, whole},
		{"bytes=a-b", 10, nil, whole},
		{"bytes=1", 10, nil, whole},
		{"bytes=1-2-3", 10, nil, whole},
		{"bytes=+1-2", 10, nil, whole},
		{"bytes=--1", 10, nil, whole},
		{"bytes=0x1-2", 10, nil, whole},
		{"bytes=0-1,x", 10, nil, whole},
		{"lines=0-1", 10, nil, whole},
		{"bytes=0-5,3-8", 10, nil, whole},
		{"bytes=0-,0-", 10, nil, whole},
		{"bytes=0-,-1", 10, nil, whole},
		{"bytes=" + many, 10, nil, whole},
		{"bytes=" + apart(maxRanges+1), 100, nil, whole},
		{"bytes=0-", 0, nil, whole},
	}
	for _, test := range tests {
		got, extent := parseRanges(test.value, test.size)
		if diff := cmp.Diff(test.want, got, cmp.AllowUnexported(byteRange{})); diff != "" || extent != test.extent {
			t.Errorf("%q of %d: extent %d, ranges -want +got:\n%s", test.value, test.size, extent, diff)
		}
	}
	if got, extent := parseRanges("bytes="+apart(maxRanges), 100); len(got) != maxRanges || extent != partial {
		t.Errorf("%d ranges apart: got %d, extent %d", maxRanges, len(got), extent)
	}
}

func FuzzRanges(f *testing.F) {
	for _, seed := range []string{"bytes=0-1,5-", "bytes=-3", "bytes=9-2", "bytes= 1-1 ,, 99999999999999999999-"} {
		f.Add(seed, int64(100))
	}
	f.Fuzz(func(t *testing.T, value string, size int64) {
		if size < 0 {
			return
		}
		ranges, extent := parseRanges(value, size)
		if (extent == partial) != (len(ranges) > 0) || len(ranges) > maxRanges {
			t.Fatalf("extent %d with %d ranges", extent, len(ranges))
		}
		var sum int64
		for _, r := range ranges {
			if r.start < 0 || r.length <= 0 || r.start > size-r.length {
				t.Fatalf("%+v of %d bytes", r, size)
			}
			if sum += r.length; sum > size {
				t.Fatalf("%+v are more than the whole", ranges)
			}
		}
	})
}

func TestRanges(t *testing.T) {
	const content = "0123456789abcdefghij"
	root := folderWith(t, map[string]string{"f.txt": content, "f.txt.gz": "gzipped", "empty.txt": ""})
	c := serveConfig(t, Config{Root: root, Now: later})
	etag := c.get(t, "/f.txt").header.Get("ETag")
	coded := c.get(t, "/f.txt", "Accept-Encoding: gzip").header.Get("ETag")
	if etag == coded || etag == "" || strings.HasPrefix(etag, "W/") {
		t.Errorf("ETag %q, of the variant %q", etag, coded)
	}
	tests := []struct {
		target string
		fields []string
		status int
		ranges string
		body   string
	}{
		{"/f.txt", []string{"Range: bytes=2-4"}, 206, "bytes 2-4/20", "234"},
		{"/f.txt", []string{"Range: bytes=-2"}, 206, "bytes 18-19/20", "ij"},
		{"/f.txt", []string{"Range: bytes=20-"}, 416, "bytes */20", "-"},
		{"/f.txt", []string{"Range: bytes=x"}, 200, "", content},
		{"/f.txt", []string{"Range: bytes=2-4", "If-Range: " + etag}, 206, "bytes 2-4/20", "234"},
		{"/f.txt", []string{"Range: bytes=2-4", "If-Range: W/" + etag}, 200, "", content},
		{"/f.txt", []string{"Range: bytes=2-4", "If-Range: Thu, 29 Feb 2024 12:30:15 GMT"}, 206, "bytes 2-4/20", "234"},
		{"/f.txt", []string{"Range: bytes=2-4", "If-Range: Thu, 29 Feb 2024 12:30:16 GMT"}, 200, "", content},
		{"/f.txt", []string{"Range: bytes=2-4", "If-None-Match: " + etag}, 304, "", ""},
		{"/f.txt", []string{"Range: bytes=2-4", "If-Match: " + coded}, 412, "", "-"},
		{"/f.txt", []string{"Range: bytes=2-4", "Accept-Encoding: gzip"}, 206, "bytes 2-4/7", "ipp"},
		{"/f.txt", []string{"Range: bytes=2-4", "Accept-Encoding: gzip", "If-Range: " + etag}, 200, "", "gzipped"},
		{"/empty.txt", []string{"Range: bytes=0-"}, 200, "", ""},
	}
	for _, test := range tests {
		for range 2 {
			a := c.get(t, test.target, test.fields...)
			if a.status != test.status || a.header.Get("Content-Range") != test.ranges || test.body != "-" && a.body != test.body {
				t.Errorf("%s %q: got %d, Content-Range %q, body %q", test.target, test.fields, a.status, a.header.Get("Content-Range"), a.body)
			}
		}
	}
	if a := c.do(t, "HEAD", "/f.txt", "", "Range: bytes=2-4"); a.status != 200 || a.header.Get("Content-Length") != "20" {
		t.Errorf("HEAD with a Range: %d %v", a.status, a.header)
	}
}

func TestMultipartRanges(t *testing.T) {
	root := folderWith(t, map[string]string{"f.txt": "0123456789abcdefghij"})
	a := serveConfig(t, Config{Root: root}).get(t, "/f.txt", "Range: bytes=15-, 0-2, 5-5")
	if a.status != 206 || a.header.Get("Content-Range") != "" || a.header.Get("Content-Length") != fmt.Sprint(len(a.body)) {
		t.Fatalf("got %d %v", a.status, a.header)
	}
	got := parts(t, a)
	want := []part{
		{"text/plain; charset=utf-8", "bytes 15-19/20", "fghij"},
		{"text/plain; charset=utf-8", "bytes 0-2/20", "012"},
		{"text/plain; charset=utf-8", "bytes 5-5/20", "5"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// part is one of a multipart/byteranges answer.
type part struct{ MediaType, Range, Body string }

func parts(t testing.TB, a answer) []part {
	t.Helper()
	mediaType, parameters, err := mime.ParseMediaType(a.header.Get("Content-Type"))
	if err != nil || mediaType != "multipart/byteranges" {
		t.Fatalf("Content-Type %q: %v", a.header.Get("Content-Type"), err)
	}
	var all []part
	reader := multipart.NewReader(strings.NewReader(a.body), parameters["boundary"])
	for {
		p, err := reader.NextPart()
		if err == io.EOF {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(p)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, part{p.Header.Get("Content-Type"), p.Header.Get("Content-Range"), string(body)})
	}
}
