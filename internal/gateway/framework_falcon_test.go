//go:build linux

package gateway_test

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"testing"
)

func TestFalcon(t *testing.T) {
	t.Parallel()
	// The things are kept by the process, so there is one.
	p := project{folder: "falcon", target: "depot", reference: "depot:application", workers: 1}
	p.converse(t, func(t *testing.T, b *browser) {
		const asJSON = "Content-Type: application/json"
		t.Run("media", func(t *testing.T) {
			b.get(t, "/things").want(t, 200, "[]").field(t, "Link", "</things?page=2>; rel=next")
			b.do(t, "POST", "/things", strings.NewReader(`{"name": "Büchse"}`), asJSON).want(t, 201, `"id": 1`).
				field(t, "Location", "/things/1").field(t, "X-Steps", "request Things succeeded")
			b.get(t, "/things/1").want(t, 200, "Büchse")
			b.do(t, "POST", "/things", strings.NewReader(`{"name"`), asJSON).want(t, 400, "Invalid JSON")
			b.do(t, "POST", "/things", strings.NewReader(`[]`), asJSON).want(t, 422, "A thing has a name")
			b.do(t, "POST", "/things", strings.NewReader(`a=b`), "Content-Type: text/x-other").want(t, 415)
			b.do(t, "DELETE", "/things/1", nil).want(t, 204).field(t, "X-Steps", "request Things succeeded")
			b.get(t, "/things/1").want(t, 404).field(t, "X-Steps", "request Things failed")
		})
		t.Run("streams", func(t *testing.T) {
			b.get(t, "/streams?count=1000").want(t, 200, "0\n1\n", "\n999\n")
			b.get(t, "/streams?count=0").want(t, 400, "must be at least 1")
			large := blocks(1 << 20)
			sum := sha256.Sum256([]byte(large))
			b.do(t, "POST", "/streams", strings.NewReader(large)).want(t, 200, hex.EncodeToString(sum[:]), `"size": 1048576`)
			b.do(t, "POST", "/streams", nil).want(t, 200, `"size": 0`)
			if got := b.get(t, "/archive").want(t, 200).field(t, "Content-Length", "262144"); got.body != strings.Repeat("0123456789abcdef", 16384) {
				t.Errorf("%d bytes", len(got.body))
			}
			b.do(t, "HEAD", "/archive", nil).want(t, 200).field(t, "Content-Length", "262144")
		})
		t.Run("forms", func(t *testing.T) {
			body, contentType := multipartForm(t, part{"a", "", "1"}, part{"b", "b.txt", blocks(100 << 10)})
			b.do(t, "POST", "/forms", body, contentType).want(t, 200, `"size": 102400`, `"filename": "b.txt"`)
		})
		t.Run("cookies, sink and errors", func(t *testing.T) {
			b.get(t, "/cookies").want(t, 200, "{}")
			b.get(t, "/cookies").want(t, 200, `"one": "1"`, `"two": "2"`)
			b.do(t, "PROPFIND", "/sink/a/b%20c?p=1&p=2", nil).want(t, 200, `"sunk": "PROPFIND"`)
			b.do(t, "PATCH", "/sink/a/b%20c?p=1&p=2", nil).want(t, 200, `"sunk": "PATCH"`, `"rest": "a/b c"`, `"p": ["1", "2"]`, `"remote": "127.0.0.1"`)
			b.get(t, "/fail").want(t, 503, "Later").field(t, "Retry-After", "30")
			b.do(t, "OPTIONS", "/things", nil).want(t, 200).field(t, "Allow", "GET, POST")
			b.get(t, "/none").want(t, 404)
		})
	})
}
