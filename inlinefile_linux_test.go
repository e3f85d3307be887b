package highball_test

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"highball"
	"highball/internal/servertest"
)

// sender sends files inline, by the last part of the path the one of that size.
type sender struct {
	t        testing.TB
	file     *os.File // of as many bytes as the largest
	content  string
	users    atomic.Int64 // of the file
	served   atomic.Int64 // requests that it has declined
	blocking bool         // it sends the files then, too
	prepared map[string]*highball.Prepared
}

func newSender(t testing.TB, sizes ...int) *sender {
	t.Helper()
	s := &sender{t: t, prepared: make(map[string]*highball.Prepared)}
	largest := 0
	for _, size := range sizes {
		var h highball.Header
		h.Set("Content-Length", strconv.Itoa(size))
		h.Set("Content-Type", "text/plain")
		p, err := highball.Prepare(200, &h, nil)
		if err != nil {
			t.Fatal(err)
		}
		s.prepared["/"+strconv.Itoa(size)] = p
		largest = max(largest, size)
	}
	var content strings.Builder
	for content.Len() < largest {
		fmt.Fprintf(&content, "%015d\n", content.Len())
	}
	s.content = content.String()
	f, err := os.CreateTemp(t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = f.Close()
		if n := s.users.Load(); n != 0 {
			t.Errorf("the file has %d users left", n)
		}
	})
	if _, err := f.WriteString(s.content); err != nil {
		t.Fatal(err)
	}
	s.file = f
	return s
}

// Close implements io.Closer: a user has done with the file.
func (s *sender) Close() error {
	if s.users.Add(-1) < 0 {
		s.t.Error("the file was given back twice")
	}
	return nil
}

func (s *sender) ServeInline(w *highball.Response, r *highball.Request) bool {
	path := r.Path()
	if path == "/text" {
		_, err := w.WriteString("text\n")
		return err == nil
	}
	s.users.Add(1)
	size, how, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	if how == "headed" {
		w.Header().Set("X-Mine", "1")
	}
	if !w.SendFileInline(s.prepared["/"+size], s.file, s.file.Fd(), s) {
		s.users.Add(-1)
		w.Header().Del("X-Mine")
		return false
	}
	switch how {
	case "panics":
		panic("no more")
	case "declines":
		return false
	}
	return true
}

func (s *sender) Serve(w *highball.Response, r *highball.Request) error {
	switch {
	case r.Path() == "/text":
		_, err := w.WriteString("text\n")
		return err
	case s.blocking: // of requests behind one that a goroutine had to go on with
		return w.SendFileAs(s.prepared[r.Path()], s.file, 0)
	}
	s.served.Add(1)
	_, err := w.WriteString("served\n")
	return err
}

// A file is sent whole whether the client takes it at once or slowly, between other answers and as the last one.
func TestFilesSentInline(t *testing.T) {
	const small, large = 100 << 10, 24 << 20 // the latter is more than buffers hold
	s := newSender(t, small, large)
	s.blocking = true
	w, srv := watched(t, servertest.Loop, &highball.Server{Handler: s})
	ask := func(path, fields string) string { return get(path, fields) }
	smallPath, largePath := "/"+strconv.Itoa(small), "/"+strconv.Itoa(large)
	for name, test := range map[string]struct {
		requests string
		bodies   []string
		closes   bool
	}{
		"one":              {ask(smallPath, ""), []string{s.content[:small]}, false},
		"many":             {ask(smallPath, "") + ask(smallPath, "") + ask("/text", "") + ask(smallPath, ""), []string{s.content[:small], s.content[:small], "text\n", s.content[:small]}, false},
		"behind text":      {ask("/text", "") + ask("/text", "") + ask(smallPath, ""), []string{"text\n", "text\n", s.content[:small]}, false},
		"the last":         {ask(smallPath, "Connection: close\r\n"), []string{s.content[:small]}, true},
		"slowly":           {ask(largePath, ""), []string{s.content[:large]}, false},
		"slowly, and more": {ask("/text", "") + ask(largePath, "") + ask("/text", "") + ask(largePath, "") + ask(smallPath, ""), []string{"text\n", s.content[:large], "text\n", s.content[:large], s.content[:small]}, false},
		"slowly, the last": {ask(largePath, "Connection: close\r\n"), []string{s.content[:large]}, true},
		"HTTP/1.0":         {"GET " + smallPath + " HTTP/1.0\r\n\r\n", []string{s.content[:small]}, true},
		"in two parts":     {ask(smallPath, "X: "+strings.Repeat("x", 3000)+"\r\n"), []string{s.content[:small]}, false},
	} {
		c := srv.Dial(t)
		if name == "in two parts" {
			half, rest := test.requests[:1000], test.requests[1000:]
			c.Send(half)
			servertest.Eventually(t, "the beginning is read", func() bool { return srv.Highball.Connections().Reading == 1 })
			c.Send(rest)
		} else {
			c.Send(test.requests)
		}
		for n, want := range test.bodies {
			res := c.Receive("GET")
			if res.Status != 200 || res.Body != want || res.Closing() != (test.closes && n == len(test.bodies)-1) {
				t.Fatalf("%s, answer %d: %d with %d bytes of %d, closing %v", name, n, res.Status, len(res.Body), len(want), res.Closing())
			}
			r := w.nextRecord(t)
			if r.Status != 200 || r.Aborted || r.Bytes != int64(len(want)) {
				t.Errorf("%s, record %d: %d, %d bytes, aborted %v", name, n, r.Status, r.Bytes, r.Aborted)
			}
			if head := string(r.Wire.Response); !strings.HasPrefix(head, "HTTP/1.1 200 OK\r\n") || len(want) > 100 && !strings.HasSuffix(head, "\r\n\r\n") {
				t.Errorf("%s, record %d: the head is %.60q", name, n, head)
			}
			sum := time.Duration(0)
			for _, d := range r.Spans {
				sum += d
			}
			if sum != r.Duration {
				t.Errorf("%s, record %d: phases of %v in %v: %v", name, n, sum, r.Duration, r.Spans)
			}
		}
		if test.closes {
			c.WantClosed()
		} else {
			c.WantOpen("/text")
			w.nextRecord(t)
		}
	}
}

// What cannot be sent inline is declined, and leaves nothing.
func TestFilesNotSentInline(t *testing.T) {
	s := newSender(t, 1000)
	empty, err := highball.Prepare(200, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	s.prepared["/0"] = empty
	_, srv := watched(t, servertest.Loop, &highball.Server{Handler: s})
	for _, test := range []struct {
		method, path string
		status       int
		body         string
	}{
		{"HEAD", "/1000", 200, ""},
		{"GET", "/0", 200, "served\n"},
		{"GET", "/1000/headed", 200, "served\n"},
		{"GET", "/1000/declines", 200, "served\n"},
		{"GET", "/1000/panics", 500, ""},
		{"GET", "/1000", 200, s.content[:1000]},
	} {
		c := srv.Dial(t)
		c.Send(test.method + " " + test.path + " HTTP/1.1\r\nHost: h\r\n\r\n")
		if res := c.Receive(test.method); res.Status != test.status || test.status == 200 && res.Body != test.body {
			t.Errorf("%s %s: %d %.60q", test.method, test.path, res.Status, res.Body)
		}
		c.WantOpen("/text")
		if n := s.users.Load(); n != 0 {
			t.Errorf("%s %s: %d users", test.method, test.path, n)
		}
	}
	var traced bytes.Buffer
	other := servertest.New(t, servertest.Loop, &highball.Server{Handler: s, Trace: &traced})
	if res := other.Dial(t).Get("/1000"); res.Body != "served\n" {
		t.Errorf("with a trace: %q", res.Body)
	}
	alone := servertest.New(t, servertest.Goroutine, &highball.Server{Handler: s})
	if res := alone.Dial(t).Get("/1000"); res.Body != "served\n" {
		t.Errorf("without a loop: %q", res.Body)
	}
}

// Of a file that has become shorter the client gets what there is, and then the end of the connection, never an answer that seems whole; and one that
// leaves is done with.
func TestFilesCutShort(t *testing.T) {
	const size = 24 << 20
	s := newSender(t, size)
	w, srv := watched(t, servertest.Loop, &highball.Server{Handler: s})
	if err := s.file.Truncate(size / 2); err != nil {
		t.Fatal(err)
	}
	c := srv.Dial(t)
	c.Send(get("/"+strconv.Itoa(size), ""))
	got, _ := io.ReadAll(c)
	if n := len(got); n > size/2+1000 {
		t.Errorf("%d bytes of %d", n, size/2)
	}
	if r := w.nextRecord(t); !r.Aborted || r.Bytes != size/2 {
		t.Errorf("shorter: aborted %v, %d bytes", r.Aborted, r.Bytes)
	}

	if err := s.file.Truncate(size); err != nil {
		t.Fatal(err)
	}
	c = srv.Dial(t)
	c.Send(get("/"+strconv.Itoa(size), ""))
	if _, err := io.ReadFull(c, make([]byte, 1000)); err != nil {
		t.Fatal(err)
	}
	c.Reset()
	if r := w.nextRecord(t); !r.Aborted {
		t.Errorf("reset: %d bytes", r.Bytes)
	}
}

// The deadline cuts an answer that has begun, and says nothing in its place.
func TestFilesAndTheDeadline(t *testing.T) {
	const size = 24 << 20
	s := newSender(t, size)
	w, srv := watched(t, servertest.Loop, &highball.Server{Handler: s, Deadlines: highball.Deadlines{Write: 50 * time.Millisecond, Handler: time.Millisecond}})
	c := srv.Dial(t)
	c.Send(get("/"+strconv.Itoa(size), ""))
	if r := w.nextRecord(t); !r.Aborted || r.Status != 200 {
		t.Errorf("%d, aborted %v", r.Status, r.Aborted)
	}
	got, _ := io.ReadAll(c)
	if n := bytes.Count(got, []byte("HTTP/1.1 ")); n != 1 || len(got) >= size {
		t.Errorf("%d heads in %d bytes", n, len(got))
	}
}
