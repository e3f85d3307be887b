package highball_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"highball"
)

// TestToHTTPAnswersAlike has the same handlers of ours answer under our server and under net/http's.
func TestToHTTPAnswersAlike(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, []byte(repeated(100_000)), 0o644); err != nil {
		t.Fatal(err)
	}
	var fields highball.Header
	fields.Add("Content-Type", "text/plain")
	fields.Add("Set-Cookie", "a=1")
	fields.Add("Set-Cookie", "b=2")
	prepared, err := highball.Prepare(203, &fields, []byte("prepared"))
	if err != nil {
		t.Fatal(err)
	}
	const plain = "GET / HTTP/1.1\r\nHost: test\r\n\r\n"
	const head = "HEAD / HTTP/1.1\r\nHost: test\r\n\r\n"
	tests := []struct {
		name   string
		serve  highball.HandlerFunc
		raw    string // plain if empty
		status int    // 200 if 0; -1 where the answer is cut
	}{
		{name: "nothing", serve: func(*highball.Response, *highball.Request) error { return nil }},
		{name: "text without a type", serve: func(w *highball.Response, _ *highball.Request) error {
			_, err := w.WriteString("<html>")
			return err
		}},
		{name: "status and fields", status: 201, serve: func(w *highball.Response, _ *highball.Request) error {
			w.SetStatus(201)
			w.Header().Add("Set-Cookie", "a=1")
			w.Header().Add("Set-Cookie", "b=2")
			w.Header().Add("Transfer-Encoding", "dropped")
			_, err := w.WriteString("made")
			return err
		}},
		{name: "medium body", serve: func(w *highball.Response, _ *highball.Request) error {
			_, err := w.WriteString(repeated(5000))
			return err
		}},
		{name: "long body", serve: func(w *highball.Response, _ *highball.Request) error {
			_, err := w.Write([]byte(repeated(100_000)))
			return err
		}},
		{name: "declared length", serve: func(w *highball.Response, _ *highball.Request) error {
			w.SetContentLength(100_000)
			_, err := w.ReadFrom(strings.NewReader(repeated(100_000)))
			return err
		}},
		{name: "flush", serve: func(w *highball.Response, _ *highball.Request) error {
			_, err := w.WriteString("a")
			err = errors.Join(err, w.Flush())
			_, err2 := w.WriteString("b")
			return errors.Join(err, err2)
		}},
		{name: "HEAD", raw: head, serve: func(w *highball.Response, _ *highball.Request) error {
			_, err := w.WriteString("what GET would have sent")
			return err
		}},
		{name: "204", status: 204, serve: func(w *highball.Response, _ *highball.Request) error {
			w.SetStatus(204)
			return nil
		}},
		{name: "304", status: 304, serve: func(w *highball.Response, _ *highball.Request) error {
			w.SetStatus(304)
			w.Header().Set("ETag", `"a"`)
			return nil
		}},
		{name: "file", serve: func(w *highball.Response, _ *highball.Request) error { return sendFile(w, path, 100, 50_000) }},
		{name: "file of declared length", serve: func(w *highball.Response, _ *highball.Request) error {
			w.SetContentLength(50_000)
			return sendFile(w, path, 100, 50_000)
		}},
		{name: "file that is shorter", status: -1, serve: func(w *highball.Response, _ *highball.Request) error {
			w.SetContentLength(200_000)
			if err := sendFile(w, path, 0, 200_000); !errors.Is(err, io.ErrUnexpectedEOF) {
				t.Errorf("SendFile returned %v", err)
			}
			return io.ErrUnexpectedEOF
		}},
		{name: "prepared", status: 203, serve: func(w *highball.Response, _ *highball.Request) error { return w.Send(prepared) }},
		{name: "prepared for HEAD", raw: head, status: 203, serve: func(w *highball.Response, _ *highball.Request) error { return w.Send(prepared) }},
		{name: "redirect", status: 302, serve: func(w *highball.Response, r *highball.Request) error {
			return highball.Redirect(302, "/there?x").Serve(w, r)
		}},
		{name: "trailer of a short body", serve: func(w *highball.Response, _ *highball.Request) error {
			w.Trailer().Set("X-Sum", "abc")
			_, err := w.WriteString("short")
			return err
		}},
		{name: "announced trailer of a stream", serve: func(w *highball.Response, _ *highball.Request) error {
			w.Header().Set("Trailer", "X-Sum")
			err := w.Flush()
			_, err2 := w.WriteString("long")
			w.Trailer().Set("X-Sum", "abc")
			return errors.Join(err, err2)
		}},
		{name: "early hints", serve: func(w *highball.Response, _ *highball.Request) error {
			var hints highball.Header
			hints.Add("Link", "</a.css>; rel=preload")
			w.Header().Set("X-A", "1")
			return w.Informational(103, &hints)
		}},
		{name: "close", serve: func(w *highball.Response, _ *highball.Request) error {
			w.CloseAfter()
			_, err := w.WriteString("bye")
			return err
		}},
		{name: "error", status: 418, serve: func(w *highball.Response, _ *highball.Request) error {
			w.Header().Set("X-Lost", "1")
			return &highball.Error{Status: 418, Err: errors.New("not for the client")}
		}},
		{name: "error with a field that stays", status: 405, serve: func(w *highball.Response, _ *highball.Request) error {
			w.Header().Set("Allow", "GET")
			return &highball.Error{Status: 405}
		}},
		{name: "error after the head", status: -1, serve: func(w *highball.Response, _ *highball.Request) error {
			err := w.Flush()
			return errors.Join(err, errors.New("too late"))
		}},
		{name: "invalid field", status: 500, serve: func(w *highball.Response, _ *highball.Request) error {
			w.Header().Set("X-A", "1\r\nX-B: 2")
			return nil
		}},
		{name: "panic", status: 500, serve: func(*highball.Response, *highball.Request) error { panic("a mistake") }},
		{name: "abort", status: -1, serve: func(*highball.Response, *highball.Request) error { return highball.ErrAbort }},
		{name: "abort by panic", status: -1, serve: func(*highball.Response, *highball.Request) error { panic(highball.ErrAbort) }},
		{name: "CONNECT", status: 501, raw: "CONNECT test:80 HTTP/1.1\r\nHost: test:80\r\n\r\n", serve: func(*highball.Response, *highball.Request) error {
			t.Error("CONNECT reached the handler")
			return nil
		}},
		{name: "HTTP/1.0", raw: "GET / HTTP/1.0\r\n\r\n", serve: func(w *highball.Response, _ *highball.Request) error {
			_, err := w.WriteString("old")
			return errors.Join(err, w.Flush())
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
			endpoints := append(servedByUs(t, tt.serve), servedByHTTP(t, highball.ToHTTP(tt.serve)))
			if status < 0 {
				for _, e := range endpoints {
					if got := ask(t, e, raw); got.Err != "cut" {
						t.Errorf("%s: the answer is not cut: %+v", e.name, got)
					}
				}
				return
			}
			want := ask(t, endpoints[0], raw)
			if want.Status != status {
				t.Errorf("the status is %d, want %d", want.Status, status)
			}
			for _, e := range endpoints[1:] {
				got := ask(t, e, raw)
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("%s answers otherwise (+):\n%s", e.name, diff)
				}
			}
		})
	}
}

func sendFile(w *highball.Response, path string, offset, n int64) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(w.SendFile(f, offset, n), f.Close())
}

// TestToHTTPShowsTheSameRequest compares what a handler can see of requests.
func TestToHTTPShowsTheSameRequest(t *testing.T) {
	h := highball.HandlerFunc(func(w *highball.Response, r *highball.Request) error {
		before := r.ContentLength()
		body, err := io.ReadAll(r.Body())
		fields := map[string][]string{}
		for name, value := range r.Header().All() {
			fields[strings.ToLower(name)] = append(fields[strings.ToLower(name)], value)
		}
		trailer := r.Trailer().Value("X-Sum")
		_, err2 := fmt.Fprintf(w, "%s %q %q %q %q %q %s %s\n%q %d %q %v %q\n%v %v %v", r.Method(), r.Target(), r.Path(), r.Query(), r.Host(),
			r.Hostname(), r.Proto(), r.Scheme(), fields, before, body, err, trailer,
			r.RemoteAddr().Addr(), r.LocalAddr().Addr(), r.Context().Err())
		return err2
	})
	endpoints := append(servedByUs(t, h), servedByHTTP(t, highball.ToHTTP(h)))
	for _, raw := range []string{
		"GET /a/../b//c%20d?x=1 HTTP/1.1\r\nHost: Test:80\r\nAccept: a\r\nAccept: b\r\n\r\n",
		"GET / HTTP/1.0\r\n\r\n",
		"OPTIONS /x HTTP/1.1\r\nHost: test\r\n\r\n",
		"POST /x HTTP/1.1\r\nHost: test\r\nContent-Length: 5\r\n\r\nhello",
		"POST /x HTTP/1.1\r\nHost: test\r\nContent-Length: 0\r\n\r\n",
		"POST /x HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n5\r\nhello\r\n0\r\nX-Sum: abc\r\n\r\n",
		"GET /../x HTTP/1.1\r\nHost: test\r\n\r\n",
	} {
		sameEverywhere(t, raw, endpoints)
	}
}

// TestToHTTPBehindMiddleware has net/http's middleware change the path, and a header that others have begun.
func TestToHTTPBehindMiddleware(t *testing.T) {
	h := highball.ToHTTP(highball.HandlerFunc(func(w *highball.Response, r *highball.Request) error {
		_, err := w.WriteString(r.Path())
		return err
	}))
	rec := httptest.NewRecorder()
	rec.Header().Set("X-Outer", "1")
	http.StripPrefix("/api", h).ServeHTTP(rec, httptest.NewRequest("GET", "/api/items", nil))
	if rec.Body.String() != "/items" || rec.Header().Get("X-Outer") != "1" {
		t.Errorf("the answer is %q, %v", rec.Body, rec.Header())
	}
}

// TestToHTTPRefusesWhatBreaksAHead gives requests that no server has read.
func TestToHTTPRefusesWhatBreaksAHead(t *testing.T) {
	h := highball.ToHTTP(highball.HandlerFunc(func(*highball.Response, *highball.Request) error {
		t.Error("the request reached the handler")
		return nil
	}))
	for name, spoil := range map[string]func(r *http.Request){
		"method": func(r *http.Request) { r.Method = "GET / HTTP/1.1\r\nX: y\r\n" },
		"target": func(r *http.Request) { r.URL.RawQuery = "a b" },
		"field":  func(r *http.Request) { r.Header.Set("X", "y\r\nZ: z") },
		"name":   func(r *http.Request) { r.Header["X y"] = []string{"z"} },
		"host":   func(r *http.Request) { r.Host = "a b" },
	} {
		rec, req := httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil)
		spoil(req)
		if h.ServeHTTP(rec, req); rec.Code != 400 {
			t.Errorf("a broken %s is answered by %d", name, rec.Code)
		}
	}
}

// TestToHTTPHijack has a handler of ours take a connection of net/http's server.
func TestToHTTPHijack(t *testing.T) {
	e := servedByHTTP(t, highball.ToHTTP(highball.HandlerFunc(func(w *highball.Response, _ *highball.Request) error {
		nc, rw, err := w.Hijack()
		if err != nil {
			return err
		}
		line, err := rw.ReadString('\n')
		_, err2 := io.WriteString(nc, "echo "+line)
		return errors.Join(err, err2, nc.Close())
	})))
	c := dial(t, e)
	c.send(t, get("/", "Connection: Upgrade\r\nUpgrade: echo\r\n")+"hello\n")
	if got, err := io.ReadAll(c.in); string(got) != "echo hello\n" || err != nil {
		t.Errorf("the client reads %q, %v", got, err)
	}
}

// TestToHTTPClientLeaves waits for the context to end.
func TestToHTTPClientLeaves(t *testing.T) {
	waiting, left := make(chan struct{}, 1), make(chan error, 1)
	e := servedByHTTP(t, highball.ToHTTP(highball.HandlerFunc(func(_ *highball.Response, r *highball.Request) error {
		waiting <- struct{}{}
		<-r.Context().Done()
		left <- r.Context().Err()
		return highball.ErrAbort
	})))
	c := dial(t, e)
	c.send(t, get("/", ""))
	within(t, "the request", waiting)
	_ = c.Close() // it is what the test is about
	if err := within(t, "the end of the context", left); err != context.Canceled {
		t.Errorf("the context ended by %v", err)
	}
}

// TestAdaptersUndoEachOther has FromHTTP of ToHTTP be the handler itself, and the other way round.
func TestAdaptersUndoEachOther(t *testing.T) {
	h := highball.Status(404)
	if got := highball.FromHTTP(highball.ToHTTP(h)); got != h {
		t.Errorf("a handler comes back as %T", got)
	}
	mux := http.NewServeMux()
	if got := highball.ToHTTP(highball.FromHTTP(mux)); got != http.Handler(mux) {
		t.Errorf("a net/http handler comes back as %T", got)
	}
}
