package highball_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"highball"
)

// TestFromHTTPAnswersAlike has the same handlers answer under net/http's server and under ours.
func TestFromHTTPAnswersAlike(t *testing.T) {
	const plain = "GET / HTTP/1.1\r\nHost: test\r\n\r\n"
	form := "POST /?b=query HTTP/1.1\r\nHost: test\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 7\r\n\r\na=1&b=2"
	tests := []struct {
		name   string
		serve  http.HandlerFunc
		raw    string // plain if empty
		status int    // 200 if 0
	}{
		{name: "nothing", serve: func(http.ResponseWriter, *http.Request) {}},
		{name: "implicit status", serve: func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "hello") }},
		{name: "explicit status", status: 404, serve: func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("X-A", "1")
			w.WriteHeader(404)
			w.Header().Set("X-B", "too late")
			w.WriteHeader(500)
			w.Write([]byte("gone"))
		}},
		{name: "several values", serve: func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Add("Set-Cookie", "b=1")
			w.Header().Add("Set-Cookie", "a=2")
			w.Header()["x-lower"] = []string{"kept"}
		}},
		{name: "guessed type", serve: func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "<!DOCTYPE html><p>x") }},
		{name: "type guessed over two writes", serve: func(w http.ResponseWriter, _ *http.Request) {
			io.WriteString(w, "<!DOC")
			io.WriteString(w, "TYPE html><p>x")
		}},
		{name: "type guessed of a long body", serve: func(w http.ResponseWriter, _ *http.Request) {
			w.Write([]byte("%PDF-" + strings.Repeat("x", 50_000)))
		}},
		{name: "type guessed at a flush", serve: func(w http.ResponseWriter, _ *http.Request) {
			io.WriteString(w, "GIF89a")
			w.(http.Flusher).Flush()
			io.WriteString(w, "<html>")
		}},
		{name: "type guessing forbidden", serve: func(w http.ResponseWriter, _ *http.Request) {
			w.Header()["Content-Type"] = nil
			io.WriteString(w, "<html>")
		}},
		{name: "no guess at encoded bytes", serve: func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			io.WriteString(w, "<html>")
		}},
		{name: "flush before anything", serve: func(w http.ResponseWriter, _ *http.Request) {
			w.(http.Flusher).Flush()
			io.WriteString(w, "later")
		}},
		{name: "declared length", serve: func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "50000")
			for range 500 {
				io.WriteString(w, strings.Repeat("y", 100))
			}
		}},
		{name: "more than declared", serve: func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "5")
			n, err := io.WriteString(w, "hello")
			m, err2 := io.WriteString(w, "world")
			if n != 5 || err != nil || m != 0 || err2 != http.ErrContentLength {
				t.Errorf("writes returned %d, %v and %d, %v", n, err, m, err2)
			}
		}},
		{name: "204", status: 204, serve: func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(204)
			if _, err := io.WriteString(w, "x"); err != http.ErrBodyNotAllowed {
				t.Errorf("a write on 204 returned %v", err)
			}
		}},
		{name: "304", status: 304, serve: func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("ETag", `"a"`)
			w.Header().Set("Content-Type", "text/html")
			w.WriteHeader(304)
			if _, err := w.Write([]byte("x")); err != http.ErrBodyNotAllowed {
				t.Errorf("a write on 304 returned %v", err)
			}
		}},
		{name: "HEAD", raw: "HEAD / HTTP/1.1\r\nHost: test\r\n\r\n", serve: func(w http.ResponseWriter, _ *http.Request) {
			io.WriteString(w, "<html>what GET would have sent")
		}},
		{name: "HEAD with a length", raw: "HEAD / HTTP/1.1\r\nHost: test\r\n\r\n", serve: func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "1000")
		}},
		{name: "early hints", serve: func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Link", "</a.css>; rel=preload")
			w.WriteHeader(103)
			w.Header().Set("Link", "</b.css>; rel=preload")
			w.WriteHeader(103)
			w.Header().Del("Link")
			io.WriteString(w, "hello")
		}},
		{name: "announced trailer", serve: func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Trailer", "X-Sum, X-Count")
			io.WriteString(w, "short")
			w.Header().Set("X-Sum", "abc")
			w.Header().Set("X-Count", "5")
			w.Header().Set("X-Other", "neither header nor trailer")
		}},
		{name: "announced trailer without a value", serve: func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Trailer", "X-Sum")
			io.WriteString(w, "short")
		}},
		{name: "unannounced trailer", serve: func(w http.ResponseWriter, _ *http.Request) {
			io.WriteString(w, "a")
			w.(http.Flusher).Flush()
			io.WriteString(w, "b")
			w.Header().Set(http.TrailerPrefix+"X-Sum", "abc")
		}},
		{name: "unannounced trailer in place of a field", serve: func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/plain")
			w.(http.Flusher).Flush()
			io.WriteString(w, "b")
			w.Header().Del("Content-Type")
			w.Header().Set(http.TrailerPrefix+"X-Sum", "abc")
		}},
		{name: "unannounced trailer beside a field of two values", serve: func(w http.ResponseWriter, _ *http.Request) {
			w.Header()["Vary"] = []string{"Accept", "Cookie"}
			w.(http.Flusher).Flush()
			io.WriteString(w, "b")
			w.Header().Set(http.TrailerPrefix+"X-Sum", "abc")
		}},
		{name: "closing", serve: func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Connection", "close")
			io.WriteString(w, "bye")
		}},
		{name: "HTTP/1.0", raw: "GET / HTTP/1.0\r\n\r\n", serve: func(w http.ResponseWriter, _ *http.Request) {
			io.WriteString(w, "old")
		}},
		{name: "HTTP/1.0 stream", raw: "GET / HTTP/1.0\r\n\r\n", serve: func(w http.ResponseWriter, _ *http.Request) {
			io.WriteString(w, "old")
			w.(http.Flusher).Flush()
			io.WriteString(w, " client")
		}},
		{name: "HTTP/1.0 keep-alive", raw: "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", serve: func(w http.ResponseWriter, _ *http.Request) {
			io.WriteString(w, "old")
		}},
		{name: "form", raw: form, serve: func(w http.ResponseWriter, r *http.Request) {
			fmt.Fprint(w, r.FormValue("a"), r.Form["b"], r.PostForm, r.ParseForm())
		}},
		{name: "multipart form", raw: multipartForm(), serve: func(w http.ResponseWriter, r *http.Request) {
			err := r.ParseMultipartForm(0)
			f, h, err2 := r.FormFile("f")
			if err != nil || err2 != nil {
				t.Errorf("the form is not read: %v, %v", err, err2)
				return
			}
			b, err := io.ReadAll(f)
			fmt.Fprintf(w, "%s %s %s %v %v", r.FormValue("a"), h.Filename, b, err, f.Close())
		}},
		{name: "body too large", status: 413, raw: strings.Replace(form, "Content-Length: 7", "Connection: close\r\nContent-Length: 7", 1),
			serve: func(w http.ResponseWriter, r *http.Request) {
				_, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 3))
				if large := new(http.MaxBytesError); errors.As(err, &large) {
					http.Error(w, err.Error(), http.StatusRequestEntityTooLarge)
				}
			}},
		{name: "two sources", serve: func(w http.ResponseWriter, _ *http.Request) {
			io.Copy(w, strings.NewReader("from a string, "))
			n, err := w.(io.ReaderFrom).ReadFrom(io.MultiReader(strings.NewReader("from "), strings.NewReader("readers")))
			fmt.Fprint(w, n, err)
		}},
		{name: "timeout", status: 503, serve: http.TimeoutHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			<-r.Context().Done()
		}), time.Millisecond, "too slow").ServeHTTP},
		{name: "in time", status: 201, serve: http.TimeoutHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(201)
			io.WriteString(w, "made")
		}), time.Minute, "too slow").ServeHTTP},
		{name: "OPTIONS *", raw: "OPTIONS * HTTP/1.1\r\nHost: test\r\n\r\n", serve: func(w http.ResponseWriter, _ *http.Request) {
			t.Error("OPTIONS * reached the handler")
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			raw, status := tt.raw, tt.status
			if raw == "" {
				raw = plain
			}
			if status == 0 {
				status = 200
			}
			if got := sameEverywhere(t, raw, allServers(t, tt.serve)); got.Status != status {
				t.Errorf("the status is %d, want %d", got.Status, status)
			}
		})
	}
}

func multipartForm() string {
	const body = "--x\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n" +
		"--x\r\nContent-Disposition: form-data; name=\"f\"; filename=\"n.txt\"\r\n\r\ncontent\r\n--x--\r\n"
	return fmt.Sprintf("POST / HTTP/1.1\r\nHost: test\r\nContent-Type: multipart/form-data; boundary=x\r\nContent-Length: %d\r\n\r\n%s",
		len(body), body)
}

// TestFromHTTPShowsTheSameRequest compares what a handler can see of requests.
func TestFromHTTPShowsTheSameRequest(t *testing.T) {
	endpoints := allServers(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		local := r.Context().Value(http.LocalAddrContextKey)
		fmt.Fprintf(w, "%q %+v %q %q %d.%d\n%q\n%q %d %q %v\n%q %q %v\n%v %v %v", r.Method, *r.URL, r.URL, r.Proto, r.ProtoMajor, r.ProtoMinor,
			r.Header, r.Host, r.ContentLength, r.TransferEncoding, r.Close,
			r.RequestURI, body, err,
			strings.HasPrefix(r.RemoteAddr, "127.0.0.1:"), local != nil, r.Body == http.NoBody)
	}))
	for _, raw := range []string{
		"GET / HTTP/1.1\r\nHost: Test:80\r\n\r\n",
		"GET /a/b.html?x=1&y=%20 HTTP/1.1\r\nhost: test\r\nuser-agent: x\r\nAccept: a\r\nACCEPT: b\r\nX-Empty:\r\n\r\n",
		"GET /? HTTP/1.1\r\nHost: test\r\n\r\n",
		"GET /?a?b HTTP/1.1\r\nHost: test\r\n\r\n",
		"GET //double/./dots/../x HTTP/1.1\r\nHost: test\r\n\r\n",
		"GET /a%2Fb%20c/%C3%A9 HTTP/1.1\r\nHost: test\r\n\r\n",
		"GET /(a),b;c=d:e@f!$&'*+[x]|\"<> HTTP/1.1\r\nHost: test\r\n\r\n",
		"GET /\xc3\xa9 HTTP/1.1\r\nHost: test\r\n\r\n",
		"GET http://other.test:81/x?y HTTP/1.1\r\nHost: other.test:81\r\n\r\n",
		"GET http://other.test HTTP/1.1\r\nHost: other.test\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: test\r\nPragma: no-cache\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n",
		"GET / HTTP/1.0\r\n\r\n",
		"PURGE /x HTTP/1.1\r\nHost: test\r\nContent-Length: 0\r\n\r\n",
		"POST /x HTTP/1.1\r\nHost: test\r\nContent-Length: 5\r\n\r\nhello",
		"POST /x HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n",
	} {
		if got := sameEverywhere(t, raw, endpoints); got.Status != 200 {
			t.Errorf("%s: status %d", firstLine(raw), got.Status)
		}
	}
}

// TestFromHTTPRequestTrailer has a handler look for trailer fields before and after it reads the body.
func TestFromHTTPRequestTrailer(t *testing.T) {
	endpoints := allServers(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		before := fmt.Sprint(r.Trailer, r.Header)
		_, err := io.Copy(io.Discard, r.Body)
		fmt.Fprint(w, before, r.Trailer, err)
	}))
	for _, fields := range []string{"Trailer: X-Sum, x-count\r\n", ""} {
		raw := "POST / HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n" + fields + "\r\n1\r\na\r\n0\r\nX-Sum: abc\r\n\r\n"
		if got := sameEverywhere(t, raw, endpoints); !strings.Contains(got.Body, "X-Sum:[abc]") {
			t.Errorf("the handler has seen %q", got.Body)
		}
	}
}

// TestFromHTTPFiles has net/http's file server answer, whose bodies leave by sendfile.
func TestFromHTTPFiles(t *testing.T) {
	dir := t.TempDir()
	for name, content := range map[string]string{
		"small.txt": "small", "large.bin": repeated(300_000), "page.unknown": "<html>" + repeated(20_000), "sub/index.html": "<p>index",
	} {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	files := http.FileServer(http.Dir(dir))
	endpoints := allServers(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		part, whole := r.URL.Query().Get("part"), r.URL.Query().Has("whole")
		if part == "" && !whole {
			files.ServeHTTP(w, r)
			return
		}
		f, err := os.Open(filepath.Join(dir, filepath.Clean(r.URL.Path)))
		if err != nil {
			t.Error(err)
			return
		}
		defer f.Close()
		if whole {
			_, err = io.Copy(w, f)
		} else {
			_, err = w.(io.ReaderFrom).ReadFrom(f)
			io.WriteString(w, " and more")
		}
		if err != nil {
			t.Error(err)
		}
	}))
	for _, request := range []string{
		"GET /small.txt", "HEAD /small.txt", "GET /large.bin", "HEAD /large.bin", "GET /", "GET /sub", "GET /sub/", "GET /sub/index.html",
		"GET /none", "GET /page.unknown", "POST /small.txt", "GET /large.bin?whole", "GET /large.bin?part=1", "GET /small.txt?part=1",
		"HEAD /small.txt?part=1", "GET /page.unknown?part=1",
	} {
		sameEverywhere(t, request+" HTTP/1.1\r\nHost: test\r\n\r\n", endpoints)
	}
	for _, fields := range []string{
		"Range: bytes=100-199", "Range: bytes=-5", "Range: bytes=299000-400000", "Range: bytes=400000-", "Range: bytes=5-2",
		"If-Modified-Since: Fri, 01 Jan 2100 00:00:00 GMT", "If-Unmodified-Since: Fri, 01 Jan 1999 00:00:00 GMT",
		"Range: bytes=0-99\r\nIf-Range: \"other\"",
	} {
		sameEverywhere(t, "GET /large.bin HTTP/1.1\r\nHost: test\r\n"+fields+"\r\n\r\n", endpoints)
	}
	several := ask(t, endpoints[1], "GET /large.bin HTTP/1.1\r\nHost: test\r\nRange: bytes=0-9,100-109\r\n\r\n")
	if several.Status != 206 || strings.Count(several.Body, "Content-Range: bytes ") != 2 {
		t.Errorf("two ranges are answered by %d %q", several.Status, several.Body)
	}
}

// TestFromHTTPServeMux has net/http's mux choose, redirect and refuse.
func TestFromHTTPServeMux(t *testing.T) {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /items/{id}/{rest...}", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, r.Pattern, r.PathValue("id"), r.PathValue("rest"))
	})
	mux.HandleFunc("/tree/", func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, r.URL.Path) })
	endpoints := allServers(t, mux)
	for _, request := range []string{
		"GET /items/1/a/b", "POST /items/1/a", "GET /tree", "GET /tree/x/../y", "GET //tree//", "GET /none", "HEAD /items/1/x",
	} {
		sameEverywhere(t, request+" HTTP/1.1\r\nHost: test\r\n\r\n", endpoints)
	}
}

// TestFromHTTPReverseProxy has httputil.ReverseProxy answer, which reads the body on a goroutine of its own.
func TestFromHTTPReverseProxy(t *testing.T) {
	backend := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		w.Header().Set("Trailer", "X-End")
		fmt.Fprintf(w, "%s %s %q %s %v %v", r.Method, r.URL, r.Header["X-A"], body, err, r.Trailer)
		w.Header().Set("X-End", "yes")
	}))
	defer backend.Close()
	target, err := url.Parse(backend.URL)
	if err != nil {
		t.Fatal(err)
	}
	transport := new(http.Transport)
	defer transport.CloseIdleConnections()
	endpoints := allServers(t, &httputil.ReverseProxy{
		Rewrite:   func(r *httputil.ProxyRequest) { r.SetURL(target) },
		Transport: transport,
	})
	for _, raw := range []string{
		"GET /a?b HTTP/1.1\r\nHost: test\r\nX-A: 1\r\n\r\n",
		"POST /a HTTP/1.1\r\nHost: test\r\nContent-Length: 5\r\n\r\nhello",
		"POST /a HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX-T: 1\r\n\r\n",
		"POST /a HTTP/1.1\r\nHost: test\r\nContent-Length: 100000\r\n\r\n" + strings.Repeat("z", 100_000),
	} {
		want := ask(t, endpoints[0], raw)
		for range 3 { // net/http's own server has been seen to lose the trailer, once in some hundred times
			if want.Trailer.Get("X-End") == "yes" {
				break
			}
			want = ask(t, endpoints[0], raw)
		}
		if want.Status != 200 || want.Trailer.Get("X-End") != "yes" {
			t.Errorf("%s is answered by %d, trailer %v", firstLine(raw), want.Status, want.Trailer)
		}
		sameAs(t, want, raw, endpoints)
	}
}

// TestFromHTTPPathValues has a Mux of ours choose among net/http's handlers.
func TestFromHTTPPathValues(t *testing.T) {
	mux := newMux(t, map[string]highball.Handler{
		"GET /b/{bucket}/{$}": highball.FromHTTP(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			fmt.Fprint(w, r.Pattern, " ", r.PathValue("bucket"))
		})),
		"/b/{bucket}/o/{name...}": highball.FromHTTP(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			fmt.Fprint(w, r.PathValue("bucket"), " ", r.PathValue("name"))
		})),
	})
	for _, e := range servedByUs(t, mux) {
		for target, want := range map[string]string{
			"/b/x%20y/": "GET /b/{bucket}/{$} x y", "/b/x/o/a/b": "x a/b",
		} {
			if got := ask(t, e, get(target, "")); got.Body != want {
				t.Errorf("%s: %s is answered by %q, want %q", e.name, target, got.Body, want)
			}
		}
	}
}
