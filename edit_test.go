package highball_test

import (
	"bytes"
	"errors"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"highball"
	"highball/internal/servertest"
)

// around is a handler that does something to each request before another handler has it, in whatever way it is answered.
type around struct {
	next highball.Handler
	do   func(r *highball.Request)
}

func (a around) Serve(w *highball.Response, r *highball.Request) error {
	a.do(r)
	return a.next.Serve(w, r)
}

func (a around) ServeInline(w *highball.Response, r *highball.Request) bool {
	a.do(r)
	h, ok := a.next.(highball.InlineHandler)
	return ok && h.ServeInline(w, r)
}

func (a around) ServeLater(t *highball.Turn, r *highball.Request, l highball.Later) highball.Pending {
	a.do(r)
	if h, ok := a.next.(highball.LaterHandler); ok {
		return h.ServeLater(t, r, l)
	}
	return nil
}

// headEdits is a function as a HeadEditor.
type headEdits func(r *highball.Request, status int, h *highball.Header)

func (f headEdits) EditHead(r *highball.Request, status int, h *highball.Header) { f(r, status, h) }

// fixtureFile returns an open file of the given content.
func fixtureFile(t testing.TB, content string) *os.File {
	t.Helper()
	name := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	return f
}

// everyWay is a handler with a path for each way to answer.
func everyWay(t testing.TB) highball.Handler {
	t.Helper()
	f := fixtureFile(t, repeated(40<<10))
	var header highball.Header
	header.Add("X-Before", "handler")
	small, err := highball.Prepare(200, &header, []byte("prepared"))
	if err != nil {
		t.Fatal(err)
	}
	header.Add("Content-Length", "40960")
	file, err := highball.Prepare(200, &header, nil)
	if err != nil {
		t.Fatal(err)
	}
	return newMux(t, map[string]highball.Handler{
		"/inline": inlineFunc{inline: func(w *highball.Response, r *highball.Request) bool { return w.Send(small) == nil }},
		"/written": inlineFunc{inline: func(w *highball.Response, r *highball.Request) bool {
			w.Header().Add("X-Before", "handler")
			_, err := w.WriteString("written")
			return err == nil
		}},
		"/small": highball.HandlerFunc(func(w *highball.Response, _ *highball.Request) error {
			w.Header().Add("X-Before", "handler")
			_, err := w.WriteString("small")
			return err
		}),
		"/large": highball.HandlerFunc(func(w *highball.Response, _ *highball.Request) error {
			w.Header().Add("X-Before", "handler")
			_, err := w.WriteString(repeated(100 << 10))
			return err
		}),
		"/counted": highball.HandlerFunc(func(w *highball.Response, _ *highball.Request) error {
			w.Header().Add("X-Before", "handler")
			w.SetContentLength(30 << 10)
			_, err := w.WriteString(repeated(30 << 10))
			return err
		}),
		"/flushed": highball.HandlerFunc(func(w *highball.Response, _ *highball.Request) error {
			w.Header().Add("X-Before", "handler")
			_, err := w.WriteString("one,")
			err = errors.Join(err, w.Flush())
			_, writeErr := w.WriteString("two")
			return errors.Join(err, writeErr)
		}),
		"/prepared": highball.HandlerFunc(func(w *highball.Response, _ *highball.Request) error { return w.Send(small) }),
		"/file":     highball.HandlerFunc(func(w *highball.Response, _ *highball.Request) error { return w.SendFileAs(file, f, 0) }),
		"/part": highball.HandlerFunc(func(w *highball.Response, _ *highball.Request) error {
			w.Header().Add("X-Before", "handler")
			_, err := w.WriteString("part:")
			return errors.Join(err, w.SendFile(f, 10, 100))
		}),
		"/none": highball.HandlerFunc(func(w *highball.Response, _ *highball.Request) error {
			w.Header().Add("X-Before", "handler")
			w.SetStatus(304)
			return nil
		}),
		"/failed": highball.HandlerFunc(func(*highball.Response, *highball.Request) error { return errors.New("on purpose") }),
		"/error":  highball.Status(503),
	})
}

// ways are the paths of everyWay.
var ways = []string{"/inline", "/written", "/small", "/large", "/counted", "/flushed", "/prepared", "/file", "/part", "/none", "/failed", "/error", "/missing"}

// An editor has the last word on every head, however the response was made, and nothing else changes.
func TestEditResponse(t *testing.T) {
	edit := headEdits(func(r *highball.Request, status int, h *highball.Header) {
		if status < 500 && status != 404 && h.Value("X-Before") != "handler" {
			t.Errorf("%s: the editor does not see the handler's field", r.Path())
		}
		h.Del("X-Before")
		h.Set("X-After", r.Path())
	})
	again := headEdits(func(_ *highball.Request, _ int, h *highball.Header) { h.Set("X-After", h.Value("X-After")+" twice") })
	servertest.Each(t, func(t *testing.T, d servertest.Driver) {
		plain := servertest.New(t, d, &highball.Server{Handler: everyWay(t)}).Dial(t)
		edited := servertest.New(t, d, &highball.Server{Handler: around{everyWay(t), func(r *highball.Request) {
			r.EditResponse(edit)
			r.EditResponse(again)
		}}}).Dial(t)
		for _, way := range ways {
			for _, method := range []string{"GET", "HEAD"} {
				raw := method + " " + way + " HTTP/1.1\r\nHost: test\r\n\r\n"
				plain.Send(raw)
				edited.Send(raw)
				want, got := plain.Receive(method), edited.Receive(method)
				if after := got.Value("X-After"); after != way+" twice" || got.Value("X-Before") != "" {
					t.Errorf("%s %s: edited to %q and %q", method, way, after, got.Value("X-Before"))
				}
				if got.Status != want.Status || got.Body != want.Body || got.Value("Content-Length") != want.Value("Content-Length") || got.Closing() != want.Closing() {
					t.Errorf("%s %s: %d %s with %d bytes, unedited %d %s with %d", method, way,
						got.Status, got.Value("Content-Length"), len(got.Body), want.Status, want.Value("Content-Length"), len(want.Body))
				}
			}
		}
	})
}

// A Server or Date field without a value says that there is to be none.
func TestEditResponseWithholds(t *testing.T) {
	withhold := headEdits(func(_ *highball.Request, _ int, h *highball.Header) { h.Set("server", "") })
	servertest.Each(t, func(t *testing.T, d servertest.Driver) {
		c := servertest.New(t, d, &highball.Server{Handler: around{everyWay(t), func(r *highball.Request) { r.EditResponse(withhold) }}}).Dial(t)
		for _, way := range ways {
			got := c.Get(way)
			for _, f := range got.Fields {
				if strings.EqualFold(f.Name, "Server") {
					t.Errorf("%s: the field %q was sent", way, f)
				}
			}
			if got.Value("Date") == "" {
				t.Errorf("%s: no Date", way)
			}
		}
	})
}

// What an editor makes of a head is checked as a handler's fields are.
func TestEditResponseIsChecked(t *testing.T) {
	smuggle := headEdits(func(r *highball.Request, status int, h *highball.Header) {
		if status < 500 {
			h.Set("X-Bad", "a\r\nX-Smuggled: 1")
		}
	})
	servertest.Each(t, func(t *testing.T, d servertest.Driver) {
		s := servertest.New(t, d, &highball.Server{Handler: around{everyWay(t), func(r *highball.Request) { r.EditResponse(smuggle) }}})
		for _, way := range []string{"/inline", "/small", "/large", "/file", "/flushed"} {
			c := s.Dial(t)
			c.Send(get(way, ""))
			if got := c.Receive("GET"); got.Status != 500 || got.Value("X-Smuggled") != "" {
				t.Errorf("%s: %d %v", way, got.Status, got.Fields)
			}
		}
	})
}

// doubling is an encoding that says every byte twice, and counts what becomes of it.
type doubling struct {
	dst       io.Writer
	begun     *atomic.Int64
	pending   []byte // until Flush
	closeMark string
}

func (d *doubling) Write(p []byte) (int, error) {
	for _, c := range p {
		d.pending = append(d.pending, c, c)
	}
	return len(p), nil
}

func (d *doubling) Flush() error {
	_, err := d.dst.Write(d.pending)
	d.pending = nil
	return err
}

func (d *doubling) Close() error {
	d.pending = append(d.pending, d.closeMark...)
	return d.Flush()
}

func (d *doubling) Release() { d.begun.Add(-1) }

// doubler encodes all bodies but those of errors.
type doubler struct {
	open    *atomic.Int64 // encodings that were begun and not released
	lengths map[string]int64
}

func (e doubler) BeginEncoding(r *highball.Request, status int, h *highball.Header, length int64, dst io.Writer) highball.Encoding {
	if status >= 400 {
		return nil
	}
	if want, known := e.lengths[r.Path()]; known && length != want && r.Method() == "GET" {
		panic("wrong length for " + r.Path())
	}
	h.Set("Content-Encoding", "double")
	e.open.Add(1)
	return &doubling{dst: dst, begun: e.open, closeMark: "."}
}

func doubled(s string) string {
	var b strings.Builder
	for i := range len(s) {
		b.WriteByte(s[i])
		b.WriteByte(s[i])
	}
	return b.String() + "."
}

// An encoder gets every body, however it was sent, and says how it leaves; the framing follows.
func TestEncodeResponse(t *testing.T) {
	servertest.Each(t, func(t *testing.T, d servertest.Driver) {
		e := doubler{open: new(atomic.Int64), lengths: map[string]int64{
			"/inline": 8, "/written": 7, "/small": 5, "/large": -1, "/counted": 30 << 10, "/flushed": -1, "/prepared": 8, "/file": 40 << 10,
		}}
		plain := servertest.New(t, d, &highball.Server{Handler: everyWay(t)}).Dial(t)
		s := servertest.New(t, d, &highball.Server{Handler: around{everyWay(t), func(r *highball.Request) { r.EncodeResponse(e) }}})
		encoded := s.Dial(t)
		for _, way := range ways {
			for _, method := range []string{"GET", "HEAD"} {
				raw := method + " " + way + " HTTP/1.1\r\nHost: test\r\n\r\n"
				plain.Send(raw)
				encoded.Send(raw)
				want, got := plain.Receive(method), encoded.Receive(method)
				if want.Status >= 304 {
					if got.Body != want.Body || got.Value("Content-Encoding") != "" || got.Value("Content-Length") != want.Value("Content-Length") {
						t.Errorf("%s %s: %d %v, without the encoder %v", method, way, got.Status, got.Fields, want.Fields)
					}
					continue
				}
				if got.Value("Content-Encoding") != "double" {
					t.Errorf("%s %s: not encoded: %v", method, way, got.Fields)
				}
				if method == "GET" && got.Body != doubled(want.Body) {
					t.Errorf("%s: %d bytes %.80q, want the doubled %d bytes", way, len(got.Body), got.Body, len(want.Body))
				}
				if method == "HEAD" && got.Value("Content-Length") != "" {
					t.Errorf("HEAD %s: says the length %s", way, got.Value("Content-Length"))
				}
			}
		}
		for _, way := range []string{"/small", "/large"} {
			old := s.Do(t, "GET "+way+" HTTP/1.0\r\n\r\n")
			_, body, _ := strings.Cut(old, "\r\n\r\n")
			if want := plain.Get(way).Body; body != doubled(want) {
				t.Errorf("HTTP/1.0 %s: %d bytes, want %d", way, len(body), 2*len(want)+1)
			}
		}
		servertest.Eventually(t, "every encoding is released once", func() bool { return e.open.Load() == 0 })
	})
}

// What was flushed is sent before the next part is written, and an encoding is released though its response is cut.
func TestEncodeResponseFlushesAndReleases(t *testing.T) {
	servertest.Each(t, func(t *testing.T, d servertest.Driver) {
		e := doubler{open: new(atomic.Int64)}
		proceed, left := make(chan struct{}), make(chan error, 1)
		h := highball.HandlerFunc(func(w *highball.Response, r *highball.Request) error {
			_, err := w.WriteString("ab")
			if err := errors.Join(err, w.Flush()); err != nil {
				return err
			}
			<-proceed
			if r.Path() == "/fail" {
				return errors.New("on purpose")
			}
			for err == nil {
				_, err = w.WriteString(repeated(64 << 10))
				err = errors.Join(err, w.Flush())
			}
			left <- err
			return err
		})
		s := servertest.New(t, d, &highball.Server{Handler: around{h, func(r *highball.Request) { r.EncodeResponse(e) }}})
		for _, path := range []string{"/fail", "/leave"} {
			c := s.Dial(t)
			c.Send(get(path, ""))
			b := make([]byte, 4096)
			var got []byte
			for !bytes.Contains(got, []byte("aabb")) {
				n, err := c.Read(b)
				if err != nil {
					t.Fatalf("%s: %v after %q", path, err, got)
				}
				got = append(got, b[:n]...)
			}
			if path == "/leave" {
				c.Reset()
			}
			proceed <- struct{}{}
			if path == "/leave" {
				<-left
			}
			servertest.Eventually(t, "the encoding is released", func() bool { return e.open.Load() == 0 })
		}
	})
}

// Edits are undone between the ways to answer, so that a wrapper may decline.
func TestEditsAreUndone(t *testing.T) {
	client := netip.MustParseAddrPort("203.0.113.9:4711")
	declines := inlineFunc{inline: func(*highball.Response, *highball.Request) bool { return false }, serve: func(w *highball.Response, r *highball.Request) error {
		_, err := w.WriteString(strings.Join([]string{r.Path(), r.RawPath(), r.Query(), r.Target(), r.RemoteAddr().String(), r.Scheme(), r.Host(), r.Header().Value("Host"), r.Hostname(), r.User()}, " "))
		return err
	}}
	var calls atomic.Int64
	inlineOnly := inlineFunc{
		inline: func(w *highball.Response, r *highball.Request) bool {
			calls.Add(1)
			r.SetClient(client, "https", "Elsewhere.example:81")
			r.SetUser("ann")
			r.EditResponse(headEdits(func(_ *highball.Request, _ int, h *highball.Header) { h.Set("X-Edited", "yes") }))
			if err := r.Rewrite("/moved to", "b=1"); err != nil {
				t.Error(err)
			}
			if strings.HasPrefix(r.Target(), "/keep") {
				_ = declines.serve(w, r) // into memory
				return true
			}
			return false
		},
		serve: declines.serve,
	}
	s := servertest.New(t, servertest.Loop, &highball.Server{Handler: inlineOnly})
	c := s.Dial(t)
	kept := c.Get("/keep?a=0")
	if want := "/moved to /moved%20to b=1 /keep?a=0 203.0.113.9:4711 https Elsewhere.example:81 Elsewhere.example:81 elsewhere.example ann"; kept.Body != want || kept.Value("X-Edited") != "yes" {
		t.Errorf("edited inline:\n got %s\nwant %s", kept.Body, want)
	}
	undone := c.Get("/undo?a=0")
	if want := "/undo /undo a=0 /undo?a=0 " + c.LocalAddr().String() + " http test test test "; undone.Body != want || undone.Value("X-Edited") != "" {
		t.Errorf("after declining:\n got %q\nwant %q", undone.Body, want)
	}
	if calls.Load() == 0 {
		t.Error("nothing was tried inline")
	}
}

// Nothing of what was done to one request is there for the next on its connection, with a body or without one, nor for a request of another
// connection on the same loop.
func TestEditsAreOfOneRequest(t *testing.T) {
	say := func(w *highball.Response, r *highball.Request) error {
		_, err := w.WriteString(strings.Join([]string{r.Path(), r.Query(), r.RemoteAddr().Addr().String(), r.Scheme(), r.Host(), r.User()}, " "))
		return err
	}
	servertest.Each(t, func(t *testing.T, d servertest.Driver) {
		h := inlineFunc{
			inline: func(w *highball.Response, r *highball.Request) bool {
				return strings.HasPrefix(r.Path(), "/inline") && say(w, r) == nil
			},
			serve: say,
		}
		s := servertest.New(t, d, &highball.Server{Loops: 1, Handler: around{h, func(r *highball.Request) {
			if r.Header().Has("X-Edit") {
				r.SetClient(netip.MustParseAddrPort("203.0.113.9:1"), "https", "elsewhere")
				r.SetUser("ann")
				r.EditResponse(headEdits(func(_ *highball.Request, _ int, h *highball.Header) { h.Set("X-Edited", "yes") }))
				_ = r.Rewrite(r.Path(), "edited")
			}
		}}})
		a, b := s.Dial(t), s.Dial(t)
		peer := "127.0.0.1"
		if d == servertest.Goroutine {
			peer = "invalid IP"
		}
		for _, first := range []string{get("/inline", "X-Edit: 1\r\n"), get("/blocking", "X-Edit: 1\r\n"), post("/body", "X-Edit: 1\r\nContent-Length: 1\r\n", "x")} {
			for _, next := range []string{get("/inline", ""), get("/blocking", ""), post("/body", "Content-Length: 1\r\n", "x")} {
				for _, c := range []*servertest.Client{a, b} {
					a.Send(first)
					if got := a.Receive("GET"); !strings.HasSuffix(got.Body, " edited 203.0.113.9 https elsewhere ann") {
						t.Errorf("%.20q: not edited: %q", first, got.Body)
					}
					c.Send(next)
					if got := c.Receive("GET"); !strings.HasSuffix(got.Body, "  "+peer+" http test ") || got.Value("X-Edited") != "" {
						t.Errorf("%.20q after %.20q: still edited: %q", next, first, got.Body)
					}
				}
			}
		}
	})
}

// A path that has no canonical form, or a query that would end the line, is no rewrite.
func TestRewriteRefuses(t *testing.T) {
	for _, test := range []struct{ path, query string }{
		{"", ""}, {"relative", ""}, {"/a\x00b", ""}, {"/a", "q=\r\nX: 1"}, {"/a", "q=a b"}, {"/a", "q#f"}, {"/../..", ""},
	} {
		s := start(t, servertest.Loop, func(w *highball.Response, r *highball.Request) error {
			if err := r.Rewrite(test.path, test.query); err == nil {
				t.Errorf("%q and %q were taken, for %q", test.path, test.query, r.Path())
			}
			if r.Path() != "/was" {
				t.Errorf("the path is %q after a rewrite that failed", r.Path())
			}
			return nil
		})
		s.Dial(t).Get("/was")
	}
}

// The limit of a body is that of the last word, in either direction, for declared lengths and chunks.
func TestLimitBody(t *testing.T) {
	body := repeated(1000)
	chunked := "POST /%s HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n3e8\r\n" + body + "\r\n0\r\n\r\n"
	servertest.Each(t, func(t *testing.T, d servertest.Driver) {
		s := servertest.New(t, d, &highball.Server{Limits: highball.Limits{Body: 1 << 20}, Handler: highball.HandlerFunc(func(w *highball.Response, r *highball.Request) error {
			limit := map[string]int64{"/low": 999, "/fits": 1000, "/none": -1, "/zero": 0}[r.Path()]
			if err := r.LimitBody(limit); err != nil {
				return err
			}
			_, err := io.Copy(w, r.Body())
			return err
		})})
		for path, want := range map[string]int{"low": 413, "fits": 200, "none": 200, "zero": 413} {
			for _, raw := range []string{post("/"+path, "Content-Length: 1000\r\n", body), strings.Replace(chunked, "%s", path, 1)} {
				c := s.Dial(t)
				c.Send(raw)
				if got := c.Receive("POST"); got.Status != want || want == 200 && got.Body != body {
					t.Errorf("%s: %d with %d bytes, want %d\n%.80s", path, got.Status, len(got.Body), want, raw)
				}
			}
		}
	})
}

// What a proxy has told of the client stands in the access log, with the user, and also for a request whose handler is late.
func TestAccessLogOfTheToldClient(t *testing.T) {
	servertest.Each(t, func(t *testing.T, d servertest.Driver) {
		log := new(servertest.Log)
		release := make(chan struct{})
		s := servertest.New(t, d, &highball.Server{
			AccessLog: log, AccessFormat: "common", Deadlines: highball.Deadlines{Handler: 200 * time.Millisecond},
			Handler: highball.HandlerFunc(func(w *highball.Response, r *highball.Request) error {
				if r.Path() != "/direct" {
					r.SetClient(netip.MustParseAddrPort("203.0.113.9:1"), "", "")
					r.SetUser("ann lee")
				}
				if r.Path() == "/late" {
					<-release
				}
				return nil
			}),
		})
		c := s.Dial(t)
		c.Get("/told")
		c.Get("/direct")
		c.Send(get("/late", ""))
		c.Receive("GET")
		close(release)
		servertest.Eventually(t, "three lines", func() bool { return strings.Count(log.String(), "\n") == 3 })
		lines := strings.Split(log.String(), "\n")
		for i, want := range []string{`203.0.113.9 - ann\x20lee [`, `127.0.0.1 - - [`, `203.0.113.9 - ann\x20lee [`} {
			if d == servertest.Goroutine && i == 1 {
				want = "- - - [" // there is no address in memory
			}
			if !strings.HasPrefix(lines[i], want) {
				t.Errorf("line %d is %s, want %s", i, lines[i], want)
			}
		}
	})
}
