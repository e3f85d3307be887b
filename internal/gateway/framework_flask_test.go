//go:build linux

package gateway_test

import (
	"crypto/sha256"
	"encoding/hex"
	"net/url"
	"strings"
	"testing"
)

var flask = project{folder: "flask", target: "notes", reference: "notes:create_app()", workers: 2}

func TestFlask(t *testing.T) {
	t.Parallel()
	flask.converse(t, func(t *testing.T, b *browser) {
		t.Run("templates, a signed session, messages and redirections", func(t *testing.T) {
			b.get(t, "/").want(t, 200, "<ul>\n</ul>").field(t, "X-Steps", "before,index,after", "second")
			b.post(t, "/notes", url.Values{"text": {"milk & честь"}}).want(t, 302).field(t, "Location", "/")
			b.post(t, "/notes", url.Values{"text": {"bread"}}).want(t, 302)
			b.get(t, "/").want(t, 200, "kept: milk &amp; честь", "kept: bread", "<li>bread</li>")
			b.get(t, "/notes.json", "User-Agent: hand-made").want(t, 200, `"milk & \u0447\u0435\u0441\u0442\u044c"`, "hand-made")
			b.post(t, "/notes", url.Values{"text": {" "}}).want(t, 400, "a note has a text")
			b.post(t, "/notes", nil).want(t, 400, "Bad Request")
		})
		t.Run("JSON", func(t *testing.T) {
			const text = `{"a":[1,2,{"b":null}]}`
			b.do(t, "PUT", "/echo", strings.NewReader(text), "Content-Type: application/json").want(t, 200, `"b":null`)
			b.do(t, "PUT", "/echo", strings.NewReader("{"), "Content-Type: application/json").want(t, 400)
			b.do(t, "PUT", "/echo", strings.NewReader(text)).want(t, 415)
		})
		t.Run("uploads", func(t *testing.T) {
			large := blocks(3 << 20)
			sum := sha256.Sum256([]byte(large))
			body, contentType := multipartForm(t, part{"empty", "e.txt", ""}, part{"large", "größe.bin", large}, part{"small", "s", "few"})
			b.do(t, "POST", "/files", body, contentType).want(t, 200, hex.EncodeToString(sum[:]), `gr\u00f6\u00dfe.bin`)
		})
		t.Run("generators", func(t *testing.T) {
			a := b.get(t, "/lines/3000?word=a%20b").want(t, 200, "a b 0\n", "a b 2999\n")
			if n := strings.Count(a.body, "\n"); n != 3000 {
				t.Errorf("%d lines", n)
			}
			b.get(t, "/lines/0?word=none").want(t, 200)
		})
		t.Run("files, whole, in part and unchanged", func(t *testing.T) {
			whole := b.get(t, "/picture").want(t, 200).field(t, "Content-Type", "image/x-test")
			if len(whole.body) != 256<<10 {
				t.Errorf("%d bytes", len(whole.body))
			}
			b.get(t, "/picture", `If-None-Match: "fixed"`).want(t, 304)
			source := b.get(t, "/source").want(t, 200, "def create_app").field(t, "Cache-Control", "public, max-age=60")
			b.get(t, "/source", "If-None-Match: "+source.header.Get("ETag")).want(t, 304)
			if got := b.get(t, "/source", "Range: bytes=3-7").want(t, 206).body; got != source.body[3:8] {
				t.Errorf("%q", got)
			}
			b.get(t, "/source", "Range: bytes=9999999-").want(t, 416)
		})
		t.Run("errors, methods and access", func(t *testing.T) {
			b.get(t, "/nowhere%2Fat/all%3F").want(t, 404, "There is no /nowhere/at/all?.")
			b.get(t, "/fail").want(t, 503, "on purpose").field(t, "Retry-After", "7")
			b.do(t, "OPTIONS", "/notes", nil).want(t, 200).field(t, "Content-Length", "0")
			b.do(t, "DELETE", "/notes", nil).want(t, 405)
			b.do(t, "HEAD", "/", nil).want(t, 200)
			b.do(t, "HEAD", "/source", nil).want(t, 200)
			b.get(t, "/admin/a").want(t, 401).field(t, "WWW-Authenticate", `Basic realm="notes"`)
			b.get(t, "/admin/a%20b/%C3%A4?q=%C3%A4&r=a+b", "Authorization: Basic YWRhOmxvdmVsYWNl").
				want(t, 200, `"page":"a b/\u00e4"`, `"query":"q=%C3%A4&r=a+b"`)
		})
	})
}

// TestFlaskUploads has what the reference server cannot do: it knows no chunks, and resets the connection when an application
// refuses an upload that it does not read.
func TestFlaskUploads(t *testing.T) {
	t.Parallel()
	b := flask.browse(t)
	large := blocks(300 << 10)
	sum := sha256.Sum256([]byte(large))
	body, contentType := multipartForm(t, part{"large", "a", large})
	b.do(t, "POST", "/files", unsized(body.String()), contentType).want(t, 200, hex.EncodeToString(sum[:]))
	body, contentType = multipartForm(t, part{"large", "a", blocks(5 << 20)})
	b.do(t, "POST", "/files", body, contentType).want(t, 413, "exceeds the capacity limit")
	b.get(t, "/").want(t, 200)
}
