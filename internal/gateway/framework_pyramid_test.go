//go:build linux

package gateway_test

import (
	"net/url"
	"strings"
	"testing"
)

func TestPyramid(t *testing.T) {
	t.Parallel()
	// The entries are kept by the process, so there is one.
	p := project{folder: "pyramid", target: "wsgi:application", reference: "wsgi:application", workers: 1}
	p.converse(t, func(t *testing.T, b *browser) {
		t.Run("routes, renderers, a session and a token", func(t *testing.T) {
			b.get(t, "/").want(t, 200, "Visit 1<").field(t, "X-Entries", "0")
			token := b.get(t, "/").want(t, 200, "Visit 2<").token(t)
			b.post(t, "/sign", url.Values{"name": {"Eve"}, "text": {"x"}}).want(t, 400)
			b.get(t, "/sign").want(t, 404)
			b.post(t, "/sign", url.Values{"csrf_token": {token}, "name": {"Zoë"}, "text": {"<b>nice</b>"}}).
				want(t, 303).field(t, "Location", b.base+"/entries/1").field(t, "X-Entries", "1")
			b.get(t, "/entries/1").want(t, 200, "Zoë: <b>nice</b> (thank you, Zoë)")
			b.get(t, "/entries/1").want(t, 200, "()")
			b.get(t, "/entries/2").want(t, 404, "there is no /entries/2")
			b.get(t, "/entries/x").want(t, 404)
			b.get(t, "/").want(t, 200, "<b>Zoë</b> &lt;b&gt;nice&lt;/b&gt;", `href="`+b.base+`/static/site.css"`)
			b.get(t, "/entries.json").want(t, 200, `"name": "Zo\u00eb"`)
			b.do(t, "HEAD", "/entries.json", nil).want(t, 200).field(t, "Content-Type", "application/json")
		})
		t.Run("paths, queries and bodies", func(t *testing.T) {
			b.get(t, "/rest/a%2Fb/%C3%A9/;c=d?x=%C3%A9&x=2&y").want(t, 200,
				`"path": ["a", "b", "\u00e9", ";c=d"]`, `[["x", "2"], ["x", "\u00e9"], ["y", ""]]`, `"application": "`+b.base+`"`)
			large := blocks(150 << 10)
			b.do(t, "PUT", "/rest/large", strings.NewReader(large)).want(t, 200, `"length": 153600`, large)
		})
		t.Run("files", func(t *testing.T) {
			a := b.get(t, "/static/site.css").want(t, 200, "serif").field(t, "Cache-Control", "max-age=60")
			b.get(t, "/static/site.css", "If-Modified-Since: "+a.header.Get("Last-Modified")).want(t, 304)
			whole := b.get(t, "/download").want(t, 200, "def download(request)")
			if got := b.get(t, "/download", "Range: bytes=-10").want(t, 206).body; got != whole.body[len(whole.body)-10:] {
				t.Errorf("%q", got)
			}
			b.get(t, "/stream").want(t, 200, "block 0\n", "block 999\n")
		})
		t.Run("errors", func(t *testing.T) {
			b.get(t, "/fail").want(t, 503, "on purpose").field(t, "Content-Type", "application/json")
			b.get(t, "/nowhere").want(t, 404, "there is no /nowhere")
		})
	})
}
