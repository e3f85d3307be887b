package highball_test

import (
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"highball"
	"highball/internal/servertest"
)

// mirror sends bodies back: from the event loop what has arrived there, in the way that the path says, and else from a goroutine, with a mark.
type mirror struct {
	t    testing.TB
	head *highball.PreparedHead
}

func newMirror(t testing.TB) *mirror {
	t.Helper()
	head, err := highball.PrepareHead(200, new(highball.Header))
	if err != nil {
		t.Fatal(err)
	}
	return &mirror{t, head}
}

func (m *mirror) ServeInline(w *highball.Response, r *highball.Request) bool {
	if r.ContentLength() != 0 {
		m.t.Error("a request with a body is to be answered inline")
	}
	if r.Path() != "/text" {
		return false
	}
	_, err := w.WriteString("text\n")
	return err == nil
}

func (m *mirror) ServeLater(t *highball.Turn, r *highball.Request, l highball.Later) highball.Pending {
	if r.Arriving() {
		return nil
	}
	text, err := io.ReadAll(r.Body())
	if err != nil || int64(len(text)) != r.ContentLength() {
		m.t.Errorf("%d bytes of %d (%v)", len(text), r.ContentLength(), err)
	}
	one := &spring{of: &springs{t: m.t}, later: l, done: make(chan error, 2)}
	switch r.Path() {
	case "/declined":
		return nil
	case "/never":
	case "/streamed":
		one.steps = []step{{string(text), nil}, {"", io.EOF}}
		l.Stream(nil, m.head, -1, one)
	case "/handed-over":
		half := len(text) / 2
		one.steps = []step{{string(text[:half]), nil}, {"", highball.ErrWouldBlock}, {string(text[half:]), io.EOF}}
		l.Stream(nil, m.head, -1, one)
	case "/served":
		l.Serve(nil, func(w *highball.Response, _ *highball.Request) error {
			_, err := w.Write(text)
			return err
		})
	default:
		l.Send(nil, m.head, -1, text)
	}
	return one
}

func (m *mirror) Serve(w *highball.Response, r *highball.Request) error {
	text, err := io.ReadAll(r.Body())
	if err != nil {
		return err
	}
	_, err = w.WriteString("goroutine:" + string(text))
	return err
}

// A request whose body has arrived with its head is answered like one without a body, and what is behind it after it.
func TestBodiesOnLoops(t *testing.T) {
	w, srv := watched(t, servertest.Loop, &highball.Server{Handler: newMirror(t), Limits: highball.Limits{Body: 50_000}})
	random := rand.New(rand.NewPCG(5, 6))
	paths := []string{"/sent", "/streamed", "/handed-over", "/served", "/declined"}
	for round := range 60 {
		c := srv.Dial(t)
		path := paths[round%len(paths)]
		body := repeated(1 + random.IntN(3000))
		want := body
		if path == "/declined" {
			want = "goroutine:" + body
		}
		request := post(path, fmt.Sprintf("Content-Length: %d\r\n", len(body)), body)
		behind := post("/sent", "Content-Length: 3\r\n", "two") + get("/text", "") + post(path, "Content-Length: 5\r\n", "three")
		c.Send(request + behind)
		if res := c.Receive("POST"); res.Status != 200 || res.Body != want {
			t.Fatalf("%s: %d %.60q, not %.60q", path, res.Status, res.Body, want)
		}
		r := w.wantRecord(t, 200, len(want), false)
		if r.Received != int64(len(body)) || string(r.Wire.RequestBody) != body[:min(len(body), 1<<10)] {
			t.Errorf("%s: the record has %d bytes of %d, and shows %.60q", path, r.Received, len(body), r.Wire.RequestBody)
		}
		onGoroutine := path == "/declined" || path == "/handed-over" || path == "/served" // and so what is behind it
		for _, next := range []string{"two", "text\n", "three"} {
			res := c.Receive("POST")
			got := strings.TrimPrefix(res.Body, "goroutine:")
			if next == "text\n" && onGoroutine {
				next = ""
			}
			if res.Status != 200 || got != next {
				t.Fatalf("behind %s: %d %.60q, not %q", path, res.Status, res.Body, next)
			}
			if r := w.nextRecord(t); next == "two" && (r.Received != 3 || string(r.Wire.RequestBody) != "two") || next == "text\n" && r.Received+int64(len(r.Wire.RequestBody)) != 0 {
				t.Errorf("behind %s, %q: the record has %d bytes, and shows %q", path, next, r.Received, r.Wire.RequestBody)
			}
		}
	}
}

// Bodies that have not arrived, for which the handler has no room, that are too large, in chunks or waited for with 100 Continue are for goroutines.
func TestBodiesNotOnLoops(t *testing.T) {
	_, srv := watched(t, servertest.Loop, &highball.Server{Handler: newMirror(t), Limits: highball.Limits{Body: 50}})
	c := srv.Dial(t)
	c.Send("POST /sent HTTP/1.1\r\nHost: test\r\nContent-Length: 10\r\n\r\n12345")
	servertest.Eventually(t, "a goroutine waits for the rest", func() bool { return srv.Highball.Connections().Handling == 1 })
	c.Send("67890")
	if res := c.Receive("POST"); res.Body != "goroutine:1234567890" {
		t.Errorf("in two parts: %q", res.Body)
	}
	for fields, want := range map[string]string{
		"Transfer-Encoding: chunked\r\n\r\n5\r\n12345\r\n0\r\n\r\n":           "goroutine:12345",
		"Content-Length: 5\r\nExpect: 100-continue\r\n\r\n12345":              "goroutine:12345",
		"Content-Length: 0\r\n\r\n":                                           "",
		"Content-Length: 50\r\n\r\n" + strings.Repeat("x", 50):                strings.Repeat("x", 50),
		"Content-Length: 51\r\n\r\n" + strings.Repeat("x", 51) + "not a body": "413",
	} {
		c := srv.Dial(t)
		c.Send("POST /sent HTTP/1.1\r\nHost: test\r\n" + fields)
		res := c.Receive("POST")
		if res.Status == 100 {
			res = c.Receive("POST")
		}
		switch {
		case want == "413":
			if res.Status != 413 || !res.Closing() {
				t.Errorf("too large: %d", res.Status)
			}
		case res.Status != 200 || res.Body != want:
			t.Errorf("%.40q: %d %q", fields, res.Status, res.Body)
		}
	}
}

// A request with a body that is not answered in time, or whose client leaves, ends as one without.
func TestBodiesOnLoopsThatAreEnded(t *testing.T) {
	w, srv := watched(t, servertest.Loop, &highball.Server{Handler: newMirror(t), Deadlines: highball.Deadlines{Handler: 50 * time.Millisecond}})
	c := srv.Dial(t)
	c.Send(post("/never", "Content-Length: 4\r\n", "body") + get("/text", ""))
	if res := c.Receive("POST"); res.Status != 504 || !res.Closing() {
		t.Errorf("%d", res.Status)
	}
	c.WantClosed()
	if r := w.nextRecord(t); r.Status != 504 {
		t.Errorf("record: %d", r.Status)
	}
}
