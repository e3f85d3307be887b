//go:build linux

package gateway_test

import (
	"fmt"
	"net/url"
	"strings"
	"testing"
)

func TestBottle(t *testing.T) {
	t.Parallel()
	p := project{folder: "bottle", target: "library.py:app", reference: "library:app", workers: 2}
	p.converse(t, func(t *testing.T, b *browser) {
		t.Run("routes, templates and signed cookies", func(t *testing.T) {
			for visit := range 3 {
				b.get(t, "/").want(t, 200, fmt.Sprintf("Visit %d<", visit+1), "A &amp; B").field(t, "X-Hook", "after")
			}
			b.get(t, "/hello/%E4%B8%96%E7%95%8C").want(t, 200, "Hello, 世界!")
			b.get(t, "/hello/a%20%2B").want(t, 200, "Hello, a +!")
			b.do(t, "HEAD", "/hello/you", nil).want(t, 200).field(t, "Content-Length", "11")
		})
		t.Run("forms and uploads", func(t *testing.T) {
			b.post(t, "/borrow", url.Values{"title": {"é"}}).want(t, 303).field(t, "Location", b.base+"/hello/c3a9").field(t, "Set-Cookie", "borrowed=yes; Path=/")
			b.post(t, "/borrow", nil).want(t, 400, "which one?")
			body, contentType := multipartForm(t, part{"donor", "", "Ada"}, part{"scan", "page one.png", blocks(500<<10) + "the end!"})
			b.do(t, "POST", "/donate", body, contentType).want(t, 200, `"raw": "page one.png"`, `"size": 512008`, `"ends": "the end!"`, `"donor": "Ada"`)
		})
		t.Run("methods with bodies", func(t *testing.T) {
			for _, method := range []string{"POST", "PUT", "PATCH", "DELETE"} {
				b.do(t, method, "/raw", strings.NewReader(method+"\x00\xff")).want(t, 200,
					fmt.Sprintf(`"method": %q`, method), fmt.Sprintf(`"length": %d`, len(method)+2), method+`\u0000\u00ff`)
			}
			b.get(t, "/raw").want(t, 405)
		})
		t.Run("files", func(t *testing.T) {
			a := b.get(t, "/files/book.txt").want(t, 200, "A book is a dream").field(t, "Accept-Ranges", "bytes")
			b.get(t, "/files/book.txt", "If-None-Match: "+a.header.Get("ETag")).want(t, 304)
			b.get(t, "/files/book.txt", "Range: bytes=2-5").want(t, 206).field(t, "Content-Range", "bytes 2-5/46")
			b.get(t, "/files/book.txt", "Range: bytes=900-").want(t, 416)
			b.do(t, "HEAD", "/files/book.txt", nil).want(t, 200).field(t, "Content-Length", "46")
			b.get(t, "/files/none").want(t, 404)
			b.get(t, "/download/book.txt").want(t, 200).field(t, "Content-Disposition", `attachment; filename="a book.txt"`)
		})
		t.Run("generators and errors", func(t *testing.T) {
			if got := b.get(t, "/blocks").want(t, 200); len(got.body) != 64*4096 {
				t.Errorf("%d bytes", len(got.body))
			}
			b.get(t, "/teapot").want(t, 418, "short and stout").field(t, "X-Spout", "here")
			b.get(t, "/fail").want(t, 500, "Internal Server Error")
			b.get(t, "/lost").want(t, 404, "not on our shelves: /lost")
		})
	})
}
