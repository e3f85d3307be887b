package static

import (
	"encoding/json"
	"fmt"
	"html"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var (
	linkPattern = regexp.MustCompile(`href="([^"]*)"`)
	rowPattern  = regexp.MustCompile(`<th scope="row">.*?<a href="([^"]*)"`)
)

// rows returns the links of a listing's rows.
func rows(page string) []string {
	var hrefs []string
	for _, m := range rowPattern.FindAllStringSubmatch(page, -1) {
		hrefs = append(hrefs, html.UnescapeString(m[1]))
	}
	return hrefs
}

func TestListing(t *testing.T) {
	root := folderWith(t, map[string]string{
		"b10.txt": "0123456789", "b9.txt": "1", "A.txt": "12", "sub/": "", "Other/x.txt": "x",
		".hidden": "", "broken": "-> nowhere", "outside": "-> /etc", "inside": "-> sub", "up": "-> ../..", "filelink": "-> A.txt",
		"<script>alert(1)&\"'.txt": "", "bad\xff\xfe.txt": "bytes", "tab\there": "", "a:b": "colon", "100%": "percent", "?q#f": "query",
		"caf\u00e9": "unicode", "rtl\u202etxt.exe": "",
	})
	c := serveConfig(t, Config{Root: root, Listing: true})
	a := c.get(t, "/")
	if a.status != 200 || a.header.Get("Content-Type") != "text/html; charset=utf-8" {
		t.Fatalf("got %d %v", a.status, a.header)
	}
	want := []string{
		"./inside/", "./Other/", "./sub/", "./100%25", "./%3Cscript%3Ealert(1)%26%22%27.txt", "./%3Fq%23f", "./A.txt", "./a:b",
		"./b9.txt", "./b10.txt", "./bad%FF%FE.txt", "./caf%C3%A9", "./filelink", "./rtl%E2%80%AEtxt.exe", "./tab%09here",
	}
	if diff := cmp.Diff(want, rows(a.body)); diff != "" {
		t.Errorf("rows, -want +got:\n%s", diff)
	}
	for _, bad := range []string{"<script>", root, "\u202e", "\xff", "tab\t", ".hidden", "nowhere"} {
		if strings.Contains(a.body, bad) {
			t.Errorf("the page holds %q", bad)
		}
	}
	for _, good := range []string{`title="10 bytes">10 B<`, "2024-02-29 12:30", "bad\ufffd\ufffd.txt", "<caption>3 folders, 12 files</caption>"} {
		if !strings.Contains(a.body, good) {
			t.Errorf("the page lacks %q", good)
		}
	}
	base, _ := url.Parse("http://host/")
	for _, m := range linkPattern.FindAllStringSubmatch(a.body, -1) {
		link, err := base.Parse(html.UnescapeString(m[1]))
		if err != nil || link.Host != "host" {
			t.Errorf("the link %q leads to %v, %v", m[1], link, err)
			continue
		}
		if got := c.get(t, link.RequestURI()); got.status != 200 {
			t.Errorf("the link %q: %d", m[1], got.status)
		}
	}
	if a := c.do(t, "HEAD", "/", ""); a.status != 200 || a.body != "" || a.header.Get("Content-Length") != "" {
		t.Errorf("HEAD: %d %v", a.status, a.header)
	}
	deep := c.get(t, "/Other/")
	if got := rows(deep.body); !slices.Equal(got, []string{"../", "./x.txt"}) || !strings.Contains(deep.body, `<a href="/">Home</a>`) {
		t.Errorf("a folder below: %q", got)
	}
}

func TestListingPolicy(t *testing.T) {
	c := serveConfig(t, Config{Root: folderWith(t, map[string]string{"a": ""}), Listing: true, Upload: true})
	a := c.get(t, "/")
	policy := a.header.Get("Content-Security-Policy")
	if policy != listingPolicy() || !strings.HasPrefix(policy, "default-src 'none'") || !strings.Contains(a.body, "<style>"+listingStyle+"</style>") {
		t.Errorf("policy %q", policy)
	}
	if strings.Contains(a.body, "<script") || regexp.MustCompile(`(src|href)="https?:`).MatchString(a.body) {
		t.Error("the page needs a script or another origin")
	}
	for _, needed := range []string{`lang="en"`, "viewport", "<caption>", `scope="col"`, `scope="row"`, "aria-sort=", `<label for="file">`, `enctype="multipart/form-data"`} {
		if !strings.Contains(a.body, needed) {
			t.Errorf("the page lacks %s", needed)
		}
	}
	if strings.Contains(serveConfig(t, Config{Root: t.TempDir(), Listing: true}).get(t, "/").body, "<form") {
		t.Error("a form where uploads are off")
	}
}

func TestListingOrder(t *testing.T) {
	root := folderWith(t, map[string]string{"a": "333", "b": "1", "c": "22", "z/": "", "y/": ""})
	for i, name := range []string{"c", "a", "b", "z", "y"} {
		at := time.Date(2024, 1, 1+i, 0, 0, 0, 0, time.UTC)
		if err := os.Chtimes(filepath.Join(root, name), at, at); err != nil {
			t.Fatal(err)
		}
	}
	c := serveConfig(t, Config{Root: root, Listing: true})
	for query, want := range map[string]string{
		"": "y/ z/ a b c", "?sort=name&order=desc": "z/ y/ c b a", "?sort=size": "b c a", "?sort=size&order=desc": "a c b",
		"?sort=time": "z/ y/ c a b", "?sort=time&order=desc": "y/ z/ b a c", "?sort=else&order=up": "y/ z/ a b c", "?%zz": "y/ z/ a b c",
	} {
		got := strings.ReplaceAll(strings.Join(rows(c.get(t, "/"+query).body), " "), "./", "")
		if !strings.HasSuffix(got, want) {
			t.Errorf("%q: got %q, want %q", query, got, want)
		}
	}
	page := c.get(t, "/?sort=size").body
	if !strings.Contains(page, `aria-sort="ascending"><a href="?sort=size&amp;order=desc"`) || !strings.Contains(page, `"><a href="?sort=name&amp;order=asc"`) {
		t.Error("the heads do not offer the other orders")
	}
}

func TestListingJSON(t *testing.T) {
	root := folderWith(t, map[string]string{"a\"b.txt": "12", "sub/": "", ".h": ""})
	c := serveConfig(t, Config{Root: root, Listing: true})
	a := c.get(t, "/", "Accept: application/json")
	var got []entryJSON
	if err := json.Unmarshal([]byte(a.body), &got); err != nil || a.header.Get("Content-Type") != "application/json" || a.header.Get("Vary") != "Accept" {
		t.Fatalf("%v: %q %v", err, a.body, a.header)
	}
	at := time.Date(2024, 2, 29, 12, 30, 15, 500, time.UTC)
	got[0].Size = 0 // of a folder, which is the file system's affair
	if diff := cmp.Diff([]entryJSON{{"sub", "folder", 0, at}, {"a\"b.txt", "file", 2, at}}, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if a := c.get(t, "/sub/", "Accept: application/json"); a.body != "[]\n" {
		t.Errorf("an empty folder: %q", a.body)
	}
	for accept, want := range map[string]string{
		"text/html,application/xhtml+xml,*/*;q=0.8": "text/html; charset=utf-8", "*/*": "text/html; charset=utf-8",
		"application/json, text/html": "text/html; charset=utf-8", "application/json, text/plain, */*": "application/json",
		"application/json;q=0.5, text/html;q=0.4": "application/json", "application/json;q=0": "text/html; charset=utf-8",
	} {
		if got := c.do(t, "HEAD", "/", "", "Accept: "+accept).header.Get("Content-Type"); got != want {
			t.Errorf("Accept %q: got %q", accept, got)
		}
	}
}

func TestLargeListing(t *testing.T) {
	root := t.TempDir()
	const count = 10_000
	for i := range count {
		f, err := os.Create(fmt.Sprintf("%s/file-%05d", root, i))
		if err != nil {
			t.Fatal(err)
		}
		f.Close()
	}
	c := serveConfig(t, Config{Root: root, Listing: true})
	begun := time.Now()
	a := c.get(t, "/")
	took := time.Since(begun)
	if got := strings.Count(a.body, `<th scope="row">`); a.status != http.StatusOK || got != count {
		t.Errorf("%d rows", got)
	}
	if took > 5*time.Second { // far more than the tenth of a second it takes, for slow machines under -race
		t.Errorf("it took %v", took)
	}
	t.Logf("%d entries took %v", count, took)
}

func TestCut(t *testing.T) {
	l := listing{path: "/", cut: true, items: make([]item, 3)}
	if s := l.summary(); !strings.Contains(s, "first 3 ") || !strings.Contains(s, "more") {
		t.Errorf("the page says %q", s)
	}
}

func TestNaturalOrder(t *testing.T) {
	sorted := []string{"", "1", "2", "10", "010a", "11", "a", "a1", "a1b", "a02", "a10", "ab", "b"}
	for i, a := range sorted {
		for j, b := range sorted {
			if got := compareNatural(a, b); (got < 0) != (i < j) && i != j || i == j && got != 0 {
				t.Errorf("%q, %q: %d", a, b, got)
			}
		}
	}
}

func TestHumanSize(t *testing.T) {
	for n, want := range map[int64]string{
		0: "0 B", 1023: "1023 B", 1024: "1.0 KiB", 1536: "1.5 KiB", 1<<20 - 1: "1.0 MiB", 1 << 20: "1.0 MiB", 5 << 30: "5.0 GiB",
		1<<63 - 1: "8.0 EiB",
	} {
		if got := humanSize(n); got != want {
			t.Errorf("%d: got %q, want %q", n, got, want)
		}
	}
}
