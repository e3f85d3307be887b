package static

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// TestSameAnswers: whatever a file and a request are like, the answer from memory is the answer from disk, and where
// http.ServeContent has an opinion, on conditions and ranges, it is the same one.
func TestSameAnswers(t *testing.T) {
	root := t.TempDir()
	plain := serveConfig(t, Config{Root: root, CacheBytes: -1, Now: later})
	site := &inlined{Site: newSite(t, Config{Root: root, Now: newClock().time})}
	cached := serve(t, site)
	files := 0
	rapid.Check(t, func(r *rapid.T) {
		files++
		target := fmt.Sprintf("/%d.txt", files)
		modified := time.Unix(rapid.Int64Range(1, 4e9).Draw(r, "modified"), rapid.Int64Range(0, 999999999).Draw(r, "fraction"))
		contents := map[string][]byte{}
		for _, suffix := range rapid.SampledFrom([][]string{{""}, {"", ".gz"}, {"", ".br", ".zst"}}).Draw(r, "variants") {
			size := rapid.OneOf(rapid.IntRange(0, 40), rapid.SampledFrom([]int{maxCached, maxCached + 1})).Draw(r, "size")
			contents[suffix] = bytes.Repeat([]byte(suffix+"0123456789"), size/10+1)[:size]
			path := filepath.Join(root, target+suffix)
			if err := os.WriteFile(path, contents[suffix], 0o644); err != nil {
				t.Fatal(err)
			}
			if err := os.Chtimes(path, modified, modified); err != nil {
				t.Fatal(err)
			}
		}
		size := int64(len(contents[""]))
		etag := plain.get(t, target).header.Get("ETag")
		method := rapid.SampledFrom([]string{"GET", "GET", "HEAD"}).Draw(r, "method")
		fields, modest := drawFields(r, etag, modified, size)

		want := plain.do(t, method, target, "", fields...)
		for _, pass := range []string{"filling", "from memory"} {
			got := cached.do(t, method, target, "", fields...)
			if diff := cmp.Diff(comparableOf(t, want), comparableOf(t, got)); diff != "" {
				r.Fatalf("%s %s %q %s, -plain +cached:\n%s", method, target, fields, pass, diff)
			}
		}
		if want.status == http.StatusNotAcceptable {
			return
		}
		suffix := map[string]string{"": "", "br": ".br", "zstd": ".zst", "gzip": ".gz"}[want.header.Get("Content-Encoding")]
		if want.header.Get("Content-Encoding") == "" && len(contents) > 1 && want.status != 200 && want.status != 206 {
			return // another representation may have been evaluated, and the answer does not say which
		}
		oracle := serveContent(method, contents[suffix], modified, want, fields, modest)
		if diff := cmp.Diff(judged(t, oracle), judged(t, want)); diff != "" {
			r.Fatalf("%s %s %q of %d bytes, -net/http +ours:\n%s", method, target, fields, len(contents[suffix]), diff)
		}
	})
	if site.yes.Load() == 0 {
		t.Error("nothing was answered from memory")
	}
}

// drawFields draws the fields of a request for a file. modest says that http.ServeContent and this package read its
// ranges alike: they are well-formed and do not overlap.
func drawFields(r *rapid.T, etag string, modified time.Time, size int64) (fields []string, modest bool) {
	tags := rapid.SampledFrom([]string{etag, "W/" + etag, `"x"`, `"x", ` + etag, "*", `"`, "x", etag + `, "x"`})
	dates := rapid.Custom(func(r *rapid.T) string {
		at := modified.Add(time.Duration(rapid.IntRange(-1, 1).Draw(r, "seconds")) * time.Second).UTC()
		return rapid.SampledFrom([]string{at.Format(http.TimeFormat), at.Format(time.ANSIC), "never"}).Draw(r, "date")
	})
	add := func(name string, values *rapid.Generator[string]) {
		if rapid.IntRange(0, 3).Draw(r, name+"?") == 0 {
			fields = append(fields, name+": "+values.Draw(r, name))
		}
	}
	add("If-Match", tags)
	add("If-None-Match", tags)
	add("If-Modified-Since", dates)
	add("If-Unmodified-Since", dates)
	add("If-Range", rapid.OneOf(rapid.SampledFrom([]string{etag, "W/" + etag, `"x"`, "x"}), dates))
	add("Accept-Encoding", rapid.SampledFrom([]string{"gzip", "gzip, br;q=0.5", "br, zstd, gzip", "*;q=0", "identity;q=0", "", "gzip;q=0"}))
	modest = rapid.Bool().Draw(r, "modest")
	if modest {
		add("Range", rapid.Custom(func(r *rapid.T) string { return "bytes=" + drawDisjoint(r, size) }))
	} else {
		add("Range", rapid.SampledFrom([]string{"bytes=0-,0-", "bytes=9-2", "lines=1-2", "bytes=x", "bytes=0-,-1", "bytes="}))
	}
	return fields, modest
}

// drawDisjoint draws ranges without overlap, around a size, in any order.
func drawDisjoint(r *rapid.T, size int64) string {
	var specs []string
	at := int64(0)
	for range rapid.IntRange(1, 4).Draw(r, "ranges") {
		from := at + rapid.Int64Range(0, size/3+5).Draw(r, "gap")
		to := from + rapid.Int64Range(0, size/3+5).Draw(r, "length")
		at = to + 1
		specs = append(specs, fmt.Sprintf("%d-%d", from, to))
	}
	if len(specs) == 1 {
		first, _, _ := strings.Cut(specs[0], "-")
		specs[0] = rapid.SampledFrom([]string{specs[0], first + "-", "-" + fmt.Sprint(at)}).Draw(r, "form")
	}
	return strings.Join(rapid.Permutation(specs).Draw(r, "order"), ", ")
}

// serveContent returns what http.ServeContent answers for the representation that ours was made of.
func serveContent(method string, content []byte, modified time.Time, ours answer, fields []string, modest bool) answer {
	r := httptest.NewRequest(method, "/", nil)
	for _, field := range fields {
		name, value, _ := strings.Cut(field, ": ")
		// net/http names an impossible range for the last bytes of an empty file.
		if name == "Accept-Encoding" || name == "Range" && (method == "HEAD" || !modest || len(content) == 0) {
			continue
		}
		r.Header.Add(name, value)
	}
	w := httptest.NewRecorder()
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	if tag := ours.header.Get("ETag"); tag != "" {
		w.Header().Set("ETag", tag)
	} else {
		// An answer of status 412 or 416 has none; its own is in the request then, or none at all.
		w.Header().Set("ETag", ownTag(fields))
	}
	http.ServeContent(w, r, "", modified, bytes.NewReader(content))
	return answer{w.Code, w.Header(), w.Body.String()}
}

// ownTag finds the file's tag in the fields: the one that is not made up.
func ownTag(fields []string) string {
	for _, field := range fields {
		for _, word := range strings.FieldsFunc(field, func(r rune) bool { return r == ' ' || r == ',' }) {
			if tag := strings.TrimPrefix(word, "W/"); len(tag) > 3 && tag[0] == '"' {
				return tag
			}
		}
	}
	return `"unknown"`
}

// comparableAnswer is all of an answer but for its date and its random boundary.
type comparableAnswer struct {
	Status int
	Header http.Header
	Body   string
	Parts  []part
}

func comparableOf(t testing.TB, a answer) comparableAnswer {
	c := comparableAnswer{a.status, a.header.Clone(), a.body, nil}
	c.Header.Del("Date")
	if strings.HasPrefix(c.Header.Get("Content-Type"), "multipart/byteranges") {
		c.Parts, c.Body = parts(t, a), ""
		c.Header.Set("Content-Type", "multipart/byteranges")
	}
	return c
}

// judged is what http.ServeContent has an opinion of.
func judged(t testing.TB, a answer) comparableAnswer {
	c := comparableOf(t, a)
	c.Header = http.Header{"Content-Range": a.header["Content-Range"], "Content-Length": a.header["Content-Length"]}
	if a.status >= 300 {
		c.Body = ""
		c.Header.Del("Content-Length")
	}
	if c.Parts != nil {
		c.Header.Del("Content-Length") // the boundaries need not be of one length
	}
	return c
}
