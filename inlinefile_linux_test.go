package highball_test

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"highball"
	"highball/internal/observe"
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

// numberedLines is what files have in them: lines that tell where they stand.
var numberedLines = sync.OnceValue(func() string {
	text := make([]byte, 0, 24<<20)
	for len(text) < cap(text) {
		text = fmt.Appendf(text, "%015d\n", len(text))
	}
	return string(text)
})

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
	s.content = numberedLines()
	if len(s.content) < largest {
		t.Fatalf("there are no %d bytes", largest)
	}
	s.content = s.content[:(largest+15)&^15]
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
			head, seen, ended := strings.Cut(string(r.Wire.Response), "\r\n\r\n")
			if !strings.HasPrefix(head, "HTTP/1.1 200 OK\r\n") || !ended || !strings.HasPrefix(want, seen) { // what a goroutine has sent is seen
				t.Errorf("%s, record %d: the head is %.60q, and what follows %.60q", name, n, head, seen)
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
	w, srv := watched(t, servertest.Loop, &highball.Server{Handler: s, Limits: highball.Limits{MinRate: 1 << 40},
		Deadlines: highball.Deadlines{Write: 50 * time.Millisecond, Handler: time.Millisecond}})
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

// sending returns a client that has got the beginning of a large file, which the loop is at, and a function that checks the rest of it.
func sending(t *testing.T, s *sender, srv *servertest.Server, behind string) (c *servertest.Client, rest func()) {
	t.Helper()
	size := len(s.content)
	c = srv.Dial(t)
	c.Send(get("/"+strconv.Itoa(size), "") + behind)
	got := make([]byte, 1000)
	if _, err := io.ReadFull(c, got); err != nil {
		t.Fatal(err)
	}
	_, body, _ := bytes.Cut(got, []byte("\r\n\r\n"))
	servertest.Eventually(t, "the loop sends", func() bool { return srv.Highball.Connections().Sending == 1 })
	return c, func() {
		t.Helper()
		more := make([]byte, size-len(body))
		if n, err := io.ReadFull(c, more); err != nil || string(body)+string(more) != s.content {
			t.Errorf("the rest: %d bytes of %d, %v", n, len(more), err)
		}
	}
}

// A file that the loop sends can be seen, and ended by hand.
func TestFilesSeenAndKilled(t *testing.T) {
	s := newSender(t, 24<<20)
	w, srv := watched(t, servertest.Loop, &highball.Server{Handler: s})
	c, _ := sending(t, s, srv, "")
	live := srv.Highball.Live()
	if len(live) != 1 {
		t.Fatalf("%d are live", len(live))
	}
	l := live[0]
	if l.Method != "GET" || l.Target != "/25165824" || l.Host != "test" || l.Phase != observe.Send || l.Age < l.InPhase {
		t.Errorf("%+v", l)
	}
	if srv.Highball.Kill(l.ID + "0") {
		t.Error("another request was ended")
	}
	if !srv.Highball.Kill(l.ID) {
		t.Fatalf("there is no %s to be ended", l.ID)
	}
	if _, err := io.ReadAll(c); err == nil {
		t.Error("an answer that was cut looks whole")
	}
	record := w.nextRecord(t)
	if !record.Aborted || record.Status != 200 || record.Bytes == 0 || record.Bytes >= 24<<20 || record.ID.Number != 1 {
		t.Errorf("record: %+v", record)
	}
	if r := w.nextConnection(t); r.Why != "killed" || r.ByClient || r.Sent <= record.Bytes {
		t.Errorf("the connection has ended for %q, after %d bytes", r.Why, r.Sent)
	}
	if n := s.users.Load(); n != 0 {
		t.Errorf("the file has %d users", n)
	}
}

// A client that takes more than a second gets the rest from a goroutine, and then what it has asked for behind it.
func TestFilesForSlowClients(t *testing.T) {
	s := newSender(t, 24<<20)
	s.blocking = true
	w, srv := watched(t, servertest.Loop, &highball.Server{Handler: s})
	c, rest := sending(t, s, srv, get("/text", ""))
	servertest.Eventually(t, "a goroutine sends", func() bool { return srv.Highball.Connections().Handling == 1 })
	rest()
	if res := c.Receive("GET"); res.Body != "text\n" {
		t.Errorf("behind it: %+v", res)
	}
	r := w.nextRecord(t)
	sum := time.Duration(0)
	for _, d := range r.Spans {
		sum += d
	}
	if r.Aborted || r.Bytes != 24<<20 || sum != r.Duration || r.Spans[observe.Send] < 900*time.Millisecond {
		t.Errorf("%d bytes, aborted %v, phases of %v in %v: %v", r.Bytes, r.Aborted, sum, r.Duration, r.Spans)
	}
}

// A drain lets the loop send its files to the end, and answers what was asked for behind them.
func TestFilesAndADrain(t *testing.T) {
	for name, behind := range map[string]string{"alone": "", "with more behind it": get("/text", "")} {
		t.Run(name, func(t *testing.T) {
			s := newSender(t, 24<<20)
			w, srv := watched(t, servertest.Loop, &highball.Server{Handler: s})
			c, rest := sending(t, s, srv, behind)
			done := drain(t, srv)
			rest()
			if behind != "" {
				if res := c.Receive("GET"); res.Body != "text\n" || !res.Closing() {
					t.Errorf("behind it: %+v", res)
				}
			}
			c.WantClosed()
			if err := <-done; err != nil {
				t.Errorf("Shutdown: %v", err)
			}
			if r := w.nextRecord(t); r.Aborted || r.Bytes != 24<<20 {
				t.Errorf("record: %d bytes, aborted %v", r.Bytes, r.Aborted)
			}
		})
	}
}

// A server that is closed lets go of the files that it sends, and tells of them.
func TestFilesAndTheEnd(t *testing.T) {
	s := newSender(t, 24<<20)
	w, srv := watched(t, servertest.Loop, &highball.Server{Handler: s})
	sending(t, s, srv, "")
	if err := srv.Highball.Close(); err != nil {
		t.Fatal(err)
	}
	if r := w.nextRecord(t); !r.Aborted || r.Bytes >= 24<<20 {
		t.Errorf("record: %d bytes, aborted %v", r.Bytes, r.Aborted)
	}
	servertest.Eventually(t, "the file has no users", func() bool { return s.users.Load() == 0 })
}
