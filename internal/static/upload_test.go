package static

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net"
	"net/textproto"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"highball"
)

// content returns what a file below root holds, or why it cannot be read.
func content(root, name string) string {
	b, err := os.ReadFile(filepath.Join(root, name))
	if err != nil {
		return fmt.Sprint(errors.Unwrap(err))
	}
	return string(b)
}

// names returns the names in a folder.
func names(t testing.TB, root string) string {
	t.Helper()
	entries, err := os.ReadDir(root)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, e := range entries {
		all = append(all, e.Name())
	}
	return strings.Join(all, " ")
}

func TestPut(t *testing.T) {
	root := folderWith(t, map[string]string{"old.txt": "old", "dir/": "", "link": "-> old.txt", "out": "-> /tmp"})
	keep := serveConfig(t, Config{Root: root, Upload: true, UploadLimit: 10})
	replace := serveConfig(t, Config{Root: root, Upload: true, UploadLimit: 10, UploadOverwrite: true})
	etag := keep.get(t, "/old.txt").header.Get("ETag")
	tests := []struct {
		name     string
		c        *client
		target   string
		body     string
		fields   []string
		status   int
		file     string
		want     string
		location string
	}{
		{"new", keep, "/new.txt", "new", nil, 201, "new.txt", "new", "/new.txt"},
		{"taken", keep, "/old.txt", "newer", nil, 409, "old.txt", "old", ""},
		{"over a link", keep, "/link", "newer", nil, 409, "old.txt", "old", ""},
		{"odd name", keep, "/dir/a%20b%3F%C3%A9", "odd", nil, 201, "dir/a b?é", "odd", "/dir/a%20b%3F%C3%A9"},
		{"at the limit", keep, "/ten", "0123456789", nil, 201, "ten", "0123456789", "/ten"},
		{"beyond the limit", keep, "/eleven", "0123456789x", nil, 413, "eleven", "no such file or directory", ""},
		{"a folder", keep, "/dir", "x", nil, 409, "dir", "is a directory", ""},
		{"a folder with its slash", keep, "/dir/", "x", nil, 409, "dir", "is a directory", ""},
		{"in no folder", keep, "/none/x", "x", nil, 404, "none/x", "no such file or directory", ""},
		{"in a file", keep, "/old.txt/x", "x", nil, 404, "old.txt", "old", ""},
		{"outside", keep, "/out/highball-x", "x", nil, 404, "../../highball-x", "no such file or directory", ""},
		{"hidden", keep, "/.htaccess", "x", nil, 403, ".htaccess", "no such file or directory", ""},
		{"control bytes", keep, "/a%0Ab", "x", nil, 403, "a\nb", "no such file or directory", ""},
		{"too long", keep, "/" + strings.Repeat("n", 256), "x", nil, 403, "x", "no such file or directory", ""},
		{"a part", keep, "/part", "x", []string{"Content-Range: bytes 0-0/1"}, 400, "part", "no such file or directory", ""},
		{"coded", keep, "/coded", "x", []string{"Content-Encoding: gzip"}, 400, "coded", "no such file or directory", ""},
		{"of another origin", keep, "/csrf", "x", []string{"Origin: http://evil.example"}, 403, "csrf", "no such file or directory", ""},
		{"of another site", keep, "/csrf", "x", []string{"Sec-Fetch-Site: cross-site"}, 403, "csrf", "no such file or directory", ""},
		{"of a null origin", keep, "/csrf", "x", []string{"Origin: null"}, 403, "csrf", "no such file or directory", ""},
		{"of its own origin", keep, "/own", "x", []string{"Origin: http://" + keep.addr}, 201, "own", "x", "/own"},
		{"replaced", replace, "/old.txt", "newer", []string{"If-Match: " + etag}, 204, "old.txt", "newer", ""},
		{"replaced, but not what is there", replace, "/old.txt", "third", []string{"If-Match: " + etag}, 412, "old.txt", "newer", ""},
		{"only if new", replace, "/old.txt", "third", []string{"If-None-Match: *"}, 412, "old.txt", "newer", ""},
		{"new, where it may replace", replace, "/fresh", "x", []string{"If-None-Match: *"}, 201, "fresh", "x", "/fresh"},
		{"a folder replaced", replace, "/dir", "x", nil, 409, "dir", "is a directory", ""},
		{"a link replaced", replace, "/link", "x", nil, 204, "link", "x", ""},
		{"and not its target", keep, "/old.txt", "x", nil, 409, "old.txt", "newer", ""},
	}
	for _, test := range tests {
		a := test.c.do(t, "PUT", test.target, test.body, test.fields...)
		if a.status != test.status || a.header.Get("Location") != test.location {
			t.Errorf("%s: got %d, Location %q", test.name, a.status, a.header.Get("Location"))
		}
		if got := content(root, test.file); got != test.want {
			t.Errorf("%s: the file holds %q, want %q", test.name, got, test.want)
		}
	}
	if all := names(t, root); strings.Contains(all, stagedPrefix) {
		t.Errorf("left behind: %s", all)
	}
	info, err := os.Stat(filepath.Join(root, "new.txt"))
	if err != nil || info.Mode().Perm()&^0o644 != 0 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	if a := keep.do(t, "OPTIONS", "/", ""); a.header.Get("Allow") != "GET, HEAD, OPTIONS, POST, PUT" {
		t.Errorf("Allow: %q", a.header.Get("Allow"))
	}
}

// TestPutUnknownLength: a body that does not tell its length beforehand is limited all the same.
func TestPutUnknownLength(t *testing.T) {
	root := t.TempDir()
	c := serveConfig(t, Config{Root: root, Upload: true, UploadLimit: 100_000})
	for size, want := range map[int64]int{100_000: 201, 100_001: 413} {
		a, err := c.try("PUT", fmt.Sprintf("/%d", size), io.LimitReader(neverEnding('x'), size))
		if err != nil || a.status != want {
			t.Errorf("%d bytes: %d, %v", size, a.status, err)
		}
	}
	if all := names(t, root); all != "100000" {
		t.Errorf("there is %q", all)
	}
	open := serveConfig(t, Config{Root: root, Upload: true, UploadLimit: -1})
	if a := open.do(t, "PUT", "/unlimited", strings.Repeat("x", 200_000)); a.status != 201 {
		t.Errorf("without a limit: %d", a.status)
	}
}

type neverEnding byte

func (b neverEnding) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = byte(b)
	}
	return len(p), nil
}

// TestPutThenGet: an upload is seen at once, whatever memory had for its path.
func TestPutThenGet(t *testing.T) {
	c := serveConfig(t, Config{Root: t.TempDir(), Upload: true, UploadOverwrite: true, Listing: true, Now: newClock().time})
	for _, body := range []string{"one", "two"} {
		c.get(t, "/a.txt")
		c.get(t, "/")
		c.do(t, "PUT", "/a.txt", body)
		c.do(t, "PUT", "/index.html", body)
		if a, index := c.get(t, "/a.txt"), c.get(t, "/"); a.body != body || index.body != body {
			t.Errorf("after PUT of %q: %q, %q", body, a.body, index.body)
		}
	}
	c.do(t, "PUT", "/a.txt.br", "coded")
	if a := c.get(t, "/a.txt", "Accept-Encoding: br"); a.body != "coded" {
		t.Errorf("after PUT of a variant: %q", a.body)
	}
}

// form makes a form of files: names and contents, one after the other.
func form(t testing.TB, field string, files ...string) (body, contentType string) {
	t.Helper()
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	if err := w.WriteField("comment", "passed over"); err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(files); i += 2 {
		h := textproto.MIMEHeader{}
		h.Set("Content-Disposition", fmt.Sprintf(`form-data; name=%q; filename="%s"`, field, files[i]))
		p, err := w.CreatePart(h)
		if err == nil {
			_, err = io.WriteString(p, files[i+1])
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	w.Close()
	return b.String(), "Content-Type: " + w.FormDataContentType()
}

func TestPost(t *testing.T) {
	tests := []struct {
		name     string
		target   string
		field    string
		files    []string
		fields   []string
		status   int
		location string
		want     string
	}{
		{"one", "/dir/", "file", []string{"a b.txt", "\x00\xff\r\n"}, nil, 201, "/dir/a%20b.txt", "a b.txt old.txt"},
		{"two", "/dir/", "file", []string{"a", "1", "b", "2"}, nil, 201, "/dir/", "a b old.txt"},
		{"by a browser", "/dir/", "file", []string{"a", "1"}, []string{"Accept: text/html,*/*;q=0.8"}, 303, "/dir/", "a old.txt"},
		{"with a path", "/dir/", "file", []string{"../../etc/passwd", "1"}, nil, 201, "/dir/passwd", "old.txt passwd"},
		{"with a path of Windows", "/dir/", "file", []string{`C:\\x\\y.txt`, "1"}, nil, 201, "/dir/y.txt", "old.txt y.txt"},
		{"dots", "/dir/", "file", []string{"..", "1"}, nil, 400, "", "old.txt"},
		{"hidden", "/dir/", "file", []string{".profile", "1"}, nil, 400, "", "old.txt"},
		{"too long", "/dir/", "file", []string{strings.Repeat("n", 256), "1"}, nil, 400, "", "old.txt"},
		{"no name", "/dir/", "file", []string{"", "1"}, nil, 400, "", "old.txt"},
		{"other field", "/dir/", "other", []string{"a", "1"}, nil, 400, "", "old.txt"},
		{"taken", "/dir/", "file", []string{"old.txt", "1"}, nil, 409, "", "old.txt"},
		{"one taken", "/dir/", "file", []string{"a", "1", "old.txt", "2", "b", "3"}, nil, 409, "", "old.txt"},
		{"the same twice", "/dir/", "file", []string{"a", "1", "a", "2"}, nil, 409, "", "old.txt"},
		{"too large", "/dir/", "file", []string{"a", strings.Repeat("x", 5000)}, nil, 413, "", "old.txt"},
		{"to a file", "/dir/old.txt", "file", []string{"a", "1"}, nil, 405, "", "old.txt"},
		{"to no folder", "/none/", "file", []string{"a", "1"}, nil, 404, "", "old.txt"},
		{"to a hidden folder", "/.git/", "file", []string{"a", "1"}, nil, 404, "", "old.txt"},
		{"of another site", "/dir/", "file", []string{"a", "1"}, []string{"Sec-Fetch-Site: same-site"}, 403, "", "old.txt"},
		{"of this site", "/dir/", "file", []string{"a", "1"}, []string{"Sec-Fetch-Site: same-origin", "Origin: http://behind.proxy"}, 201, "/dir/a", "a old.txt"},
	}
	for _, test := range tests {
		root := folderWith(t, map[string]string{"dir/old.txt": "old", ".git/": ""})
		c := serveConfig(t, Config{Root: root, Upload: true, UploadLimit: 5000})
		body, contentType := form(t, test.field, test.files...)
		a := c.do(t, "POST", test.target, body, append(test.fields, contentType)...)
		if a.status != test.status || a.header.Get("Location") != test.location {
			t.Errorf("%s: got %d, Location %q", test.name, a.status, a.header.Get("Location"))
		}
		if got := names(t, filepath.Join(root, "dir")); got != test.want {
			t.Errorf("%s: there is %q, want %q", test.name, got, test.want)
		}
		if got := content(root, "dir/old.txt"); got != "old" {
			t.Errorf("%s: the old file holds %q", test.name, got)
		}
		if test.status == 201 && content(root, "dir/"+strings.Fields(test.want)[0]) == "" {
			t.Errorf("%s: the file is empty", test.name)
		}
	}
	root := t.TempDir()
	c := serveConfig(t, Config{Root: root, Upload: true})
	if a := c.do(t, "POST", "/", "a=b", "Content-Type: application/x-www-form-urlencoded"); a.status != 415 {
		t.Errorf("another type: %d", a.status)
	}
	body, contentType := form(t, "file", "a", "content")
	if a := c.do(t, "POST", "/", body[:len(body)-30], contentType); a.status != 400 || names(t, root) != "" {
		t.Errorf("a form without its end: %d, %q", a.status, names(t, root))
	}
	if a := c.do(t, "POST", "/", body, contentType); a.status != 201 || content(root, "a") != "content" {
		t.Errorf("the whole form: %d, %q", a.status, content(root, "a"))
	}
}

// TestUploadCutShort: when the client leaves, nothing of its file remains.
func TestUploadCutShort(t *testing.T) {
	root := t.TempDir()
	site := newSite(t, Config{Root: root, Upload: true})
	done := make(chan error, 1)
	c := serve(t, highball.HandlerFunc(func(w *highball.Response, r *highball.Request) error {
		err := site.Serve(w, r)
		done <- err
		return err
	}))
	conn, err := net.Dial("tcp", c.addr)
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(conn, "PUT /a HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nsome of it")
	conn.Close()
	if err := <-done; err == nil {
		t.Error("Serve reports success")
	}
	if all := names(t, root); all != "" {
		t.Errorf("left behind: %s", all)
	}
}

// TestStagedIsHidden: a file that is not complete is neither served nor listed, even where hidden ones are.
func TestStagedIsHidden(t *testing.T) {
	name := stagedPrefix + "X"
	c := serveConfig(t, Config{Root: folderWith(t, map[string]string{name: "half", ".h": ""}), Hidden: true, Listing: true, Upload: true})
	if a := c.get(t, "/"+name); a.status != 404 {
		t.Errorf("GET: %d", a.status)
	}
	if a := c.get(t, "/"); strings.Contains(a.body, stagedPrefix) || !strings.Contains(a.body, "./.h") {
		t.Errorf("the listing: %s", a.body)
	}
	if a := c.do(t, "PUT", "/"+name, "x"); a.status != 403 {
		t.Errorf("PUT: %d", a.status)
	}
}
