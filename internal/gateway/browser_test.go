//go:build linux

package gateway_test

import (
	"bytes"
	"io"
	"mime/multipart"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// browser is a client that keeps cookies, follows no redirection, and remembers all that was said.
type browser struct {
	base      string // URL without a path
	python    string // interpreter of the application
	dir       string // folder of the application
	client    *http.Client
	exchanges []exchange
}

// exchange is a request and its answer, as far as two servers must agree on it. The reason phrase means nothing (RFC 9112,
// section 4).
type exchange struct {
	Request string
	Status  int
	Header  http.Header
	Body    string
}

// answer is what a test looks at.
type answer struct {
	status int
	header http.Header
	body   string
}

func newBrowser(t *testing.T, base string) *browser {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{DisableCompression: true, ExpectContinueTimeout: 20 * time.Second}
	t.Cleanup(transport.CloseIdleConnections)
	return &browser{base: base, client: &http.Client{
		Transport:     transport,
		Jar:           jar,
		Timeout:       30 * time.Second,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// get sends a GET request with further fields, each "Name: value".
func (b *browser) get(t *testing.T, path string, fields ...string) answer {
	t.Helper()
	return b.do(t, "GET", path, nil, fields...)
}

// post sends a form.
func (b *browser) post(t *testing.T, path string, form url.Values, fields ...string) answer {
	t.Helper()
	fields = append(fields, "Content-Type: application/x-www-form-urlencoded")
	return b.do(t, "POST", path, strings.NewReader(form.Encode()), fields...)
}

// do sends a request and fails the test unless a whole answer comes.
func (b *browser) do(t *testing.T, method, path string, body io.Reader, fields ...string) answer {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, b.base+path, body)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range fields {
		name, value, _ := strings.Cut(f, ": ")
		request.Header.Add(name, value)
	}
	response, err := b.client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatalf("%s %s: %v", method, path, err)
	}
	b.exchanges = append(b.exchanges, exchange{
		Request: method + " " + path,
		Status:  response.StatusCode,
		Header:  b.comparable(response.Header),
		Body:    b.mask(string(content)),
	})
	return answer{response.StatusCode, response.Header, string(content)}
}

// token returns the token against forged requests that a page has in its form.
func (a answer) token(t *testing.T) string {
	t.Helper()
	m := tokens.FindStringSubmatch(a.body)
	if m == nil {
		t.Fatalf("no token in %q", a.body)
	}
	return m[2]
}

// want fails the test unless the answer has the status and its body all the texts.
func (a answer) want(t *testing.T, status int, texts ...string) answer {
	t.Helper()
	if a.status != status {
		t.Fatalf("status %d instead of %d, %v %q", a.status, status, a.header, a.body)
	}
	for _, text := range texts {
		if !strings.Contains(a.body, text) {
			t.Errorf("no %q in %q", text, a.body)
		}
	}
	return a
}

// field fails the test unless the answer has the field, with exactly these values.
func (a answer) field(t *testing.T, name string, values ...string) answer {
	t.Helper()
	if got := a.header.Values(name); !slices.Equal(got, values) {
		t.Errorf("%s: %q instead of %q", name, got, values)
	}
	return a
}

// part is a part of a form: a file if it has a filename.
type part struct{ name, filename, content string }

// multipartForm returns a form's body and the field that tells its type.
func multipartForm(t *testing.T, parts ...part) (body *bytes.Buffer, contentType string) {
	t.Helper()
	body = new(bytes.Buffer)
	w := multipart.NewWriter(body)
	for _, p := range parts {
		var to io.Writer
		var err error
		if p.filename != "" {
			to, err = w.CreateFormFile(p.name, p.filename)
		} else {
			to, err = w.CreateFormField(p.name)
		}
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(to, p.content); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return body, "Content-Type: " + w.FormDataContentType()
}

var (
	tokens  = regexp.MustCompile(`(name="csrf_?(?:middleware)?_?token" value=")([^"]*)`)
	cookies = regexp.MustCompile(`^([^=]*=)[^;]*|(expires=)[^;]*`)
)

// comparable returns a header without what a server says for itself, and with the values that are random or a time
// hidden.
func (b *browser) comparable(header http.Header) http.Header {
	h := header.Clone()
	for _, name := range []string{"Date", "Server", "Connection"} {
		h.Del(name)
	}
	for name, values := range h {
		for i, v := range values {
			v = b.mask(v)
			switch name {
			case "Set-Cookie":
				v = cookies.ReplaceAllString(v, "$1$2…")
			case "Expires", "Etag": // entity tags can be made of what only one file on one disk has
				v = "…"
			}
			values[i] = v
		}
	}
	return h
}

func (b *browser) mask(text string) string {
	text = tokens.ReplaceAllString(text, "$1…")
	text = strings.ReplaceAll(text, b.base, "http://HOST")
	return strings.ReplaceAll(text, strings.TrimPrefix(b.base, "http://"), "HOST")
}

// compare fails the test unless both servers have answered the same. Only whether a length is told is up to a server.
func compare(t *testing.T, reference, highball []exchange) {
	t.Helper()
	if len(reference) != len(highball) || len(reference) == 0 {
		t.Fatalf("%d exchanges and %d", len(reference), len(highball))
	}
	for i, want := range reference {
		got := highball[i]
		if want.Header.Get("Content-Length") == "" || got.Header.Get("Content-Length") == "" {
			want.Header.Del("Content-Length")
			got.Header.Del("Content-Length")
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("exchange %d, %s: the reference (-) and Highball (+) differ:\n%s", i+1, want.Request, diff)
		}
	}
}
