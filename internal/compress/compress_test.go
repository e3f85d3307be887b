package compress

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/zstd"

	"highball"
	"highball/internal/servertest"
)

// decoder returns what reads an encoded body. A zstd decoder takes no more than what RFC 9659 lets servers send.
func decoder(t testing.TB, token string, src io.Reader) io.Reader {
	t.Helper()
	switch token {
	case "":
		return src
	case "br":
		return brotli.NewReader(src)
	case "gzip":
		r, err := gzip.NewReader(src)
		if err != nil {
			t.Fatal(err)
		}
		return r
	case "zstd":
		r, err := zstd.NewReader(src, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(8<<20))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(r.Close)
		return r
	}
	t.Fatalf("unknown Content-Encoding %q", token)
	return nil
}

func decoded(t testing.TB, token, body string) string {
	t.Helper()
	if token != "" && body == "" {
		t.Fatalf("%s: nothing, not even an end", token)
	}
	b, err := io.ReadAll(decoder(t, token, strings.NewReader(body)))
	if err != nil {
		t.Fatalf("%s: %v", token, err)
	}
	return string(b)
}

const page = "<!doctype html><title>A page that repeats itself</title>"

var longPage = strings.Repeat(page, 100)

// headed answers with a status, fields as lines, and a body.
func headed(status int, fields, body string) highball.Handler {
	return highball.HandlerFunc(func(w *highball.Response, r *highball.Request) error {
		w.SetStatus(status)
		for line := range strings.Lines(fields) {
			name, value, _ := strings.Cut(strings.TrimSpace(line), ": ")
			w.Header().Add(name, value)
		}
		if body == "" {
			return nil
		}
		_, err := w.WriteString(body)
		return err
	})
}

// expectUnused fails the test unless every encoder that was taken has been released, once.
func expectUnused(t *testing.T, h highball.Handler) {
	t.Helper()
	for c := range codings {
		p := &h.(*handler).pools[c]
		servertest.Eventually(t, tokens[c]+" encoders are released", func() bool { return p.taken.Load() == 0 })
	}
}

func TestWhatIsEncoded(t *testing.T) {
	html := "Content-Type: text/html\n"
	tests := []struct {
		name    string
		accept  string
		handler highball.Handler
		config  Config
		coding  string // Content-Encoding
		vary    string
	}{
		{"a page", "gzip", headed(200, html, longPage), Config{}, "gzip", "Accept-Encoding"},
		{"the best coding", "gzip, br, zstd", headed(200, html, longPage), Config{}, "zstd", "Accept-Encoding"},
		{"the configured one", "gzip, br, zstd", headed(200, html, longPage), Config{Encodings: []string{"br", "gzip"}}, "br", "Accept-Encoding"},
		{"a client that takes none", "", headed(200, html, longPage), Config{}, "", "Accept-Encoding"},
		{"a client that wants it plain", "identity, gzip;q=0.1", headed(200, html, longPage), Config{}, "", "Accept-Encoding"},
		{"an error page", "gzip", headed(404, html, longPage), Config{}, "gzip", "Accept-Encoding"},
		{"too short", "gzip", headed(200, html, page), Config{}, "", "Accept-Encoding"},
		{"too short, as the length says", "gzip", headed(200, html+"Content-Length: 56\n", page), Config{}, "", ""},
		{"short, but long enough", "gzip", headed(200, html, page), Config{MinSize: 56}, "gzip", "Accept-Encoding"},
		{"of any length", "gzip", headed(200, html, "x"), Config{MinSize: -1}, "gzip", "Accept-Encoding"},
		{"an empty body", "gzip", headed(200, html, ""), Config{MinSize: -1}, "", "Accept-Encoding"},
		{"another type", "gzip", headed(200, "Content-Type: image/png\n", longPage), Config{}, "", ""},
		{"no type", "gzip", headed(200, "", longPage), Config{}, "", ""},
		{"a configured type", "gzip", headed(200, "Content-Type: image/png\n", longPage), Config{Types: []string{"image/*"}}, "gzip", "Accept-Encoding"},
		{"a type that is not configured", "gzip", headed(200, html, longPage), Config{Types: []string{"image/*"}}, "", ""},
		{"encoded already", "gzip", headed(200, html+"Content-Encoding: br\n", longPage), Config{}, "br", ""},
		{"not to be transformed", "gzip", headed(200, html+"Cache-Control: max-age=1, No-Transform\n", longPage), Config{}, "", ""},
		{"a part", "gzip", headed(206, html+"Content-Range: bytes 0-5599/9999\n", longPage), Config{}, "", ""},
		{"a digest of the bytes", "gzip", headed(200, html+"Content-Digest: sha-256=:AAAA:\n", longPage), Config{}, "", ""},
		{"Vary has it", "gzip", headed(200, html+"Vary: Origin, accept-encoding\n", longPage), Config{}, "gzip", "Origin, accept-encoding"},
		{"Vary has everything", "gzip", headed(200, html+"Vary: *\n", longPage), Config{}, "gzip", "*"},
		{"Vary has something else", "gzip", headed(200, html+"Vary: Origin\n", longPage), Config{}, "gzip", "Origin; Accept-Encoding"},
		{"a client that takes nothing plain", "gzip, identity;q=0", headed(200, "Content-Type: image/png\n", page), Config{}, "gzip", "Accept-Encoding"},
		{"without a body", "gzip", headed(204, html, ""), Config{}, "", ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			h := New(test.config, test.handler)
			c := servertest.New(t, servertest.Loop, &highball.Server{Handler: h}).Dial(t)
			c.Send("GET / HTTP/1.1\r\nHost: test\r\nAccept-Encoding: " + test.accept + "\r\n\r\n")
			r := c.Receive("GET")
			if got := r.Value("Content-Encoding"); got != test.coding {
				t.Fatalf("Content-Encoding %q, want %q", got, test.coding)
			}
			var vary []string
			for _, f := range r.Fields {
				if f.Name == "Vary" {
					vary = append(vary, f.Value)
				}
			}
			if got := strings.Join(vary, "; "); got != test.vary {
				t.Errorf("Vary %q, want %q", got, test.vary)
			}
			expectUnused(t, h)
		})
	}
}

func TestHeadOfEncodedAnswer(t *testing.T) {
	fields := "Content-Type: text/html\nETag: \"v1\"\nAccept-Ranges: bytes\nLast-Modified: Mon, 02 Jan 2006 15:04:05 GMT\nContent-Length: " +
		fmt.Sprint(len(longPage)) + "\n"
	h := New(Config{}, headed(200, fields, longPage))
	servertest.Each(t, func(t *testing.T, d servertest.Driver) {
		s := servertest.New(t, d, &highball.Server{Handler: h})
		for _, method := range []string{"GET", "HEAD"} {
			c := s.Dial(t)
			c.Send(method + " / HTTP/1.1\r\nHost: test\r\nAccept-Encoding: br\r\n\r\n")
			r := c.Receive(method)
			for name, want := range map[string]string{
				"Content-Encoding": "br", "Vary": "Accept-Encoding", "ETag": `W/"v1"`, "Accept-Ranges": "",
				"Content-Type": "text/html", "Last-Modified": "Mon, 02 Jan 2006 15:04:05 GMT",
			} {
				if got := r.Value(name); got != want {
					t.Errorf("%s: %s is %q, want %q", method, name, got, want)
				}
			}
			if n := r.Value("Content-Length"); n == fmt.Sprint(len(longPage)) {
				t.Errorf("%s: Content-Length is that of the plain body", method)
			}
			if method == "GET" && decoded(t, "br", r.Body) != longPage {
				t.Errorf("decodes to %q", decoded(t, "br", r.Body))
			}
			c.Send("GET / HTTP/1.1\r\nHost: test\r\n\r\n")
			if r := c.Receive("GET"); r.Value("ETag") != `"v1"` || r.Value("Accept-Ranges") != "bytes" || r.Body != longPage {
				t.Errorf("plain: %q %q", r.Fields, r.Body)
			}
			c.Close()
		}
	})
	expectUnused(t, h)
}

// A handler that writes nothing for HEAD has not said that there is nothing.
func TestHeadWithoutBody(t *testing.T) {
	h := New(Config{}, highball.HandlerFunc(func(w *highball.Response, r *highball.Request) error {
		w.Header().Set("Content-Type", "text/html")
		if r.Method() == "HEAD" {
			return nil
		}
		_, err := w.WriteString(longPage)
		return err
	}))
	c := servertest.New(t, servertest.Loop, &highball.Server{Handler: h}).Dial(t)
	for _, method := range []string{"HEAD", "GET"} {
		c.Send(method + " / HTTP/1.1\r\nHost: test\r\nAccept-Encoding: gzip\r\n\r\n")
		if r := c.Receive(method); r.Value("Content-Encoding") != "gzip" {
			t.Errorf("%s: %q", method, r.Fields)
		}
	}
	expectUnused(t, h)
}

// The weak tag that a client has got finds its answer again, and a cache the one that it keeps.
func TestRevalidation(t *testing.T) {
	h := New(Config{}, highball.HandlerFunc(func(w *highball.Response, r *highball.Request) error {
		w.Header().Set("ETag", `"v1"`)
		for tags := range r.Header().Values("If-None-Match") {
			if strings.Contains(tags, `"v1"`) {
				w.SetStatus(304)
				return nil
			}
		}
		w.Header().Set("Content-Type", "text/plain")
		_, err := w.WriteString(longPage)
		return err
	}))
	s := servertest.New(t, servertest.Loop, &highball.Server{Handler: h})
	tests := []struct {
		fields string
		status int
		etag   string
		vary   string
	}{
		{"Accept-Encoding: gzip\r\n", 200, `W/"v1"`, "Accept-Encoding"},
		{"", 200, `"v1"`, "Accept-Encoding"},
		{"Accept-Encoding: gzip\r\nIf-None-Match: W/\"v1\"\r\n", 304, `W/"v1"`, "Accept-Encoding"},
		{"If-None-Match: \"v0\", W/\"v1\"\r\n", 304, `W/"v1"`, "Accept-Encoding"},
		{"Accept-Encoding: gzip\r\nIf-None-Match: \"v1\"\r\n", 304, `"v1"`, ""},
		{"Accept-Encoding: gzip\r\nIf-None-Match: \"v0\"\r\n", 200, `W/"v1"`, "Accept-Encoding"},
	}
	for _, test := range tests {
		c := s.Dial(t)
		c.Send("GET / HTTP/1.1\r\nHost: test\r\n" + test.fields + "\r\n")
		r := c.Receive("GET")
		if r.Status != test.status || r.Value("ETag") != test.etag || r.Value("Vary") != test.vary {
			t.Errorf("%q: %d, ETag %s, Vary %q; want %d %s %q", test.fields,
				r.Status, r.Value("ETag"), r.Value("Vary"), test.status, test.etag, test.vary)
		}
		c.Close()
	}
}

// Prepared answers are the usual ones of the event loop.
func TestOnTheLoop(t *testing.T) {
	var header highball.Header
	header.Add("Content-Type", "text/plain")
	header.Add("ETag", `"v1"`)
	p, err := highball.Prepare(200, &header, []byte(longPage))
	if err != nil {
		t.Fatal(err)
	}
	inline := &preparedHandler{p: p}
	s := servertest.New(t, servertest.Loop, &highball.Server{Handler: New(Config{}, inline)})
	c := s.Dial(t)
	if r := c.Get("/"); r.Body != longPage || r.Value("Vary") != "Accept-Encoding" || r.Value("ETag") != `"v1"` {
		t.Errorf("plain: %q %q", r.Fields, r.Body)
	}
	c.Send("GET / HTTP/1.1\r\nHost: test\r\nAccept-Encoding: gzip\r\n\r\n")
	if r := c.Receive("GET"); decoded(t, r.Value("Content-Encoding"), r.Body) != longPage || r.Value("ETag") != `W/"v1"` || len(r.Body) > 500 {
		t.Errorf("encoded: %q, %d bytes", r.Fields, len(r.Body))
	}
}

// later counts what comes to it.
type later struct {
	highball.Handler
	asked atomic.Int64
}

func (h *later) ServeLater(*highball.Turn, *highball.Request, highball.Later) highball.Pending {
	h.asked.Add(1)
	return nil
}

// An answer that is to be encoded cannot be made elsewhere.
func TestLater(t *testing.T) {
	next := &later{Handler: headed(200, "Content-Type: text/html\n", longPage)}
	s := servertest.New(t, servertest.Loop, &highball.Server{Handler: New(Config{}, next), Loops: 1})
	if c := s.Dial(t); c.Get("/").Body != longPage {
		t.Error("no plain answer")
	}
	plain := next.asked.Load()
	c := s.Dial(t)
	c.Send("GET / HTTP/1.1\r\nHost: test\r\nAccept-Encoding: gzip\r\n\r\n")
	if r := c.Receive("GET"); decoded(t, r.Value("Content-Encoding"), r.Body) != longPage {
		t.Errorf("encoded: %q", r.Fields)
	}
	if now := next.asked.Load(); now != plain {
		t.Errorf("ServeLater was called %d times for an answer that is encoded", now-plain)
	}
	if plain == 0 && runtime.GOOS == "linux" {
		t.Error("ServeLater was never called")
	}
}

type preparedHandler struct{ p *highball.Prepared }

func (h *preparedHandler) Serve(w *highball.Response, _ *highball.Request) error { return w.Send(h.p) }

func (h *preparedHandler) ServeInline(w *highball.Response, _ *highball.Request) bool {
	return w.Send(h.p) == nil
}

func TestContract(t *testing.T) {
	long := bytes.Repeat([]byte(longPage), 20)
	made := func(t testing.TB) highball.Handler {
		return New(Config{}, highball.HandlerFunc(func(w *highball.Response, r *highball.Request) error {
			w.Header().Set("Content-Type", "text/plain")
			w.Header().Set("ETag", `"v1"`)
			switch r.Path() {
			case "/declared":
				w.SetContentLength(int64(len(long)))
			case "/echo":
				_, err := io.Copy(w, r.Body())
				return err
			}
			_, err := w.Write(long)
			return err
		}))
	}
	var cases []servertest.Case
	for _, token := range tokens {
		fields := "Accept-Encoding: " + token + "\r\n"
		cases = append(cases,
			servertest.Case{Name: token + ", chunks", Target: "/", Fields: fields, Status: 200},
			servertest.Case{Name: token + ", a declared length", Target: "/declared", Fields: fields, Status: 200},
			servertest.Case{Name: token + ", with a body", Method: "POST", Target: "/echo", Fields: fields, Body: longPage, Status: 200})
	}
	cases = append(cases, servertest.Case{Name: "plain", Target: "/declared", Status: 200, Want: string(long)})
	servertest.Contract(t, made, cases...)
}
