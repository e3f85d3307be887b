package highball_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"highball"
	"highball/internal/observe"
	"highball/internal/servertest"
)

// springs is a handler whose answers are made while they are sent: by the script of the path, or as the test says.
type springs struct {
	t       testing.TB
	head    map[int]*highball.PreparedHead
	scripts map[string]script
	rising  chan *spring // those that have no script
}

// script is how an answer comes: its declared length, 0 for none, and what there is of it, all from the start.
type script struct {
	status int // 0 is 200
	length int64
	steps  []step
}

// step is what one call of Next returns.
type step struct {
	text string
	err  error
}

// spring is one answer.
type spring struct {
	of    *springs
	later highball.Later
	done  chan error // gets the word of Done

	mu     sync.Mutex // guards the following fields
	steps  []step
	idle   bool
	served bool
}

func newSprings(t testing.TB, scripts map[string]script) *springs {
	t.Helper()
	s := &springs{t: t, scripts: scripts, head: make(map[int]*highball.PreparedHead), rising: make(chan *spring, 100)}
	for _, status := range []int{200, 204} {
		var h highball.Header
		h.Set("Content-Type", "text/plain")
		head, err := highball.PrepareHead(status, &h)
		if err != nil {
			t.Fatal(err)
		}
		s.head[status] = head
	}
	return s
}

func (s *springs) ServeInline(w *highball.Response, r *highball.Request) bool {
	switch r.Path() {
	case "/text":
		_, err := w.WriteString("text\n")
		return err == nil
	case "/heap":
		_, err := w.WriteString(numberedLines()[:200<<10])
		return err == nil
	}
	return false
}

func (s *springs) ServeLater(_ *highball.Turn, r *highball.Request, l highball.Later) highball.Pending {
	path := strings.Clone(r.Path())
	if r.Path() == "/edited" {
		r.EditResponse(headEdits(func(_ *highball.Request, _ int, h *highball.Header) { h.Set("X-Edited", "yes") }))
	}
	one := &spring{of: s, later: l, done: make(chan error, 2)}
	how, scripted := s.scripts[path]
	one.steps = how.steps
	if how.status == 0 {
		how.status = 200
	}
	if how.length == 0 {
		how.length = -1
	}
	l.Stream(nil, s.head[how.status], how.length, one)
	l.Send(nil, s.head[200], -1, []byte("too late")) // has no effect
	if !scripted {
		s.rising <- one
	}
	return one
}

// Serve is for what comes behind an answer that a goroutine has gone on with.
func (s *springs) Serve(w *highball.Response, r *highball.Request) error {
	one := &spring{of: s}
	how := s.scripts[r.Path()]
	one.steps = how.steps
	if r.Path() == "/text" {
		one.steps = []step{{"text\n", io.EOF}}
	}
	return one.Serve(w, r)
}

func (s *spring) ClientLeft(*highball.Turn) {}

func (s *spring) Done(_ *highball.Turn, err error) {
	select {
	case s.done <- err:
	default:
		s.of.t.Error("Done was called once more")
	}
}

func (s *spring) Took() time.Duration { return time.Millisecond }
func (s *spring) SlowStack() string   { return "a stack" }

// Next implements highball.Flow.
func (s *spring) Next() ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.served {
		s.of.t.Error("Next was called after Serve")
	}
	if len(s.steps) == 0 {
		s.idle = true
		return nil, highball.ErrNoneYet
	}
	next := s.steps[0]
	s.steps = s.steps[1:]
	return []byte(next.text), next.err
}

// Serve implements highball.Flow: in blocking style it gives what is left, where ErrWouldBlock means nothing.
func (s *spring) Serve(w *highball.Response, r *highball.Request) error {
	s.mu.Lock()
	steps := s.steps
	s.served = true
	s.mu.Unlock()
	for _, next := range steps {
		if _, err := w.WriteString(next.text); err != nil {
			return err
		}
		if next.err != nil && next.err != io.EOF && next.err != highball.ErrWouldBlock {
			return next.err
		}
		if err := w.Flush(); next.err == nil && err != nil {
			return err
		}
	}
	return nil
}

// gives has the answer go on.
func (s *spring) gives(steps ...step) {
	s.mu.Lock()
	s.steps = append(s.steps, steps...)
	idle := s.idle
	s.idle = false
	s.mu.Unlock()
	if idle {
		s.later.More(nil)
	}
}

// wantDone waits until the answer is done with, for that reason.
func (s *spring) wantDone(t *testing.T, want error) {
	t.Helper()
	select {
	case err := <-s.done:
		if !errors.Is(err, want) {
			t.Errorf("done with: %v, not %v", err, want)
		}
	case <-time.After(10 * time.Second):
		t.Errorf("it is not done with; it should be: %v", want)
	}
}

// rises asks for an answer that is made as the test says.
func (s *springs) rises(t *testing.T, c *servertest.Client, request string) *spring {
	t.Helper()
	c.Send(request)
	select {
	case one := <-s.rising:
		return one
	case <-time.After(10 * time.Second):
		t.Fatal("the request was not asked")
	}
	return nil
}

// wantRecord checks the next record: its phases are its time, and it has the answer's beginning.
func (w *witness) wantRecord(t *testing.T, status int, n int, aborted bool) observe.Record {
	t.Helper()
	r := w.nextRecord(t)
	sum := time.Duration(0)
	for _, d := range r.Spans {
		sum += d
	}
	if r.Status != status || r.Bytes != int64(n) || r.Aborted != aborted || sum != r.Duration {
		t.Errorf("record of %s: %d, %d bytes, aborted %v, phases of %v in %v; want %d, %d bytes, aborted %v",
			r.Target, r.Status, r.Bytes, r.Aborted, sum, r.Duration, status, n, aborted)
	}
	return r
}

// However an answer comes, its client gets it whole, in the framing that suits, and then what it has asked for behind it.
func TestFlows(t *testing.T) {
	large := numberedLines()[:3<<20]
	pieces := func(sizes ...int) (steps []step) {
		rest := large
		for _, n := range sizes {
			steps = append(steps, step{rest[:n], nil})
			rest = rest[n:]
		}
		return append(steps, step{rest[:100], nil}, step{rest[100:], io.EOF})
	}
	blocks := step{"", highball.ErrWouldBlock}
	scripts := map[string]script{
		"/one":             {steps: []step{{"one", io.EOF}}},
		"/end-alone":       {steps: []step{{"one", nil}, {"", io.EOF}}},
		"/nothing":         {steps: []step{{"", io.EOF}}},
		"/pieces":          {steps: []step{{"a", nil}, {"bc", nil}, {large[:20<<10], nil}, {"d", io.EOF}}},
		"/declared":        {length: 5, steps: []step{{"ab", nil}, {"cde", nil}, {"", io.EOF}}},
		"/excess":          {length: 4, steps: []step{{"ab", nil}, {"cde", nil}, {"fg", io.EOF}}},
		"/large":           {steps: pieces(1, 16<<10, 16<<10+1, 64<<10, 1<<20)},
		"/large-declared":  {length: int64(len(large)), steps: pieces(100, 64<<10, 1<<20)},
		"/blocks":          {steps: []step{blocks, {"all", nil}, {" of it", io.EOF}}},
		"/blocks-then":     {steps: []step{{"some", nil}, blocks, {" more", nil}, {" and more", io.EOF}}},
		"/blocks-declared": {length: 20, steps: []step{{"some", nil}, blocks, {" more", nil}, {" and enough", io.EOF}}},
		"/blocks-large":    {steps: append([]step{{large[:5], nil}, blocks}, step{large[5:], io.EOF})},
	}
	bodies := map[string]string{
		"/one": "one", "/end-alone": "one", "/nothing": "", "/pieces": "abc" + large[:20<<10] + "d", "/declared": "abcde", "/excess": "abcd", "/large": large,
		"/large-declared": large, "/blocks": "all of it", "/blocks-then": "some more and more", "/blocks-large": large, "/blocks-declared": "some more and enough",
	}
	framings := map[string]string{"/one": "3", "/nothing": "0", "/declared": "5", "/excess": "4", "/large-declared": fmt.Sprint(len(large)), "/blocks-declared": "20"}
	s := newSprings(t, scripts)
	w, srv := watched(t, servertest.Loop, &highball.Server{Handler: s, Loops: 2})
	var random = rand.New(rand.NewPCG(1, 2))
	for path, body := range bodies {
		for _, behind := range []string{"", "/text", "/pieces", "/large"} {
			c := srv.Dial(t)
			version, closing := "1.1", random.IntN(3) == 0
			if random.IntN(4) == 0 {
				version, closing = "1.0", true
			}
			fields := ""
			if closing && behind == "" {
				fields = "Connection: close\r\n"
			}
			first := fmt.Sprintf("GET %s HTTP/%s\r\nHost: test\r\n%s\r\n", path, version, fields)
			if behind != "" {
				first = get(path, "")
				first += get(behind, "")
			} else if !closing {
				first = get(path, "")
			}
			c.Send(first)
			res := c.Receive("GET")
			if res.Status != 200 || res.Body != body || path != "/blocks" && res.Value("Content-Type") != "text/plain" || res.Closing() != (closing && behind == "") {
				t.Fatalf("%s: %d with %d bytes of %d, %v", path, res.Status, len(res.Body), len(body), res.Fields)
			}
			switch length := framings[path]; {
			case path == "/blocks" || length == "" && version == "1.0" && behind == "":
			case length == "" && res.Value("Transfer-Encoding") != "chunked" || length != "" && res.Value("Content-Length") != length:
				t.Errorf("%s: framed by %v", path, res.Fields)
			}
			r := w.wantRecord(t, 200, len(body), false)
			if text := string(r.Wire.Response); !strings.HasPrefix(text, "HTTP/1.1 200 OK\r\n") || len(text) > 1400 {
				t.Errorf("%s, its record has %d bytes: %.60q", path, len(text), text)
			}
			switch {
			case behind != "":
				want := bodies[behind]
				if behind == "/text" {
					want = "text\n"
				}
				if res := c.Receive("GET"); res.Body != want {
					t.Fatalf("%s behind %s: %d bytes of %d", behind, path, len(res.Body), len(want))
				}
				w.wantRecord(t, 200, len(want), false)
				c.WantOpen("/text")
				w.nextRecord(t)
			case closing:
				c.WantClosed()
			default:
				c.WantOpen("/text")
				w.nextRecord(t)
			}
		}
	}
}

// An answer in pieces waits for those before it that the client has not taken, also if a goroutine is to give it; and HTTP/1.0 knows no chunks.
func TestFlowsBehindOthers(t *testing.T) {
	s := newSprings(t, map[string]script{
		"/pieces": {steps: []step{{"some", nil}, {" more", io.EOF}}},
		"/blocks": {steps: []step{{"", highball.ErrWouldBlock}, {"all of it", io.EOF}}},
	})
	_, srv := watched(t, servertest.Loop, &highball.Server{Handler: s})
	for n := range 20 {
		path, want, heaps := "/pieces", "some more", 41+n/2
		if n%2 == 0 {
			path, want = "/blocks", "all of it"
		}
		c := srv.Dial(t)
		c.Send(strings.Repeat(get("/heap", ""), heaps) + get(path, "") + get("/text", ""))
		for range heaps {
			if res := c.Receive("GET"); res.Body != numberedLines()[:200<<10] {
				t.Fatalf("before it: %d bytes", len(res.Body))
			}
		}
		if res := c.Receive("GET"); res.Body != want {
			t.Errorf("%s: %q", path, res.Body)
		}
		if res := c.Receive("GET"); res.Body != "text\n" {
			t.Errorf("behind it: %q", res.Body)
		}
	}
	c := srv.Dial(t)
	c.Send("GET /pieces HTTP/1.0\r\nHost: test\r\nConnection: keep-alive\r\n\r\n")
	if res := c.Receive("GET"); res.Body != "some more" || res.Value("Transfer-Encoding") != "" || !res.Closing() {
		t.Errorf("HTTP/1.0: %+v", res)
	}
	c.WantClosed()
}

// What records show of an answer in pieces is what was sent, chunks and all.
func TestFlowsOnTheWire(t *testing.T) {
	s := newSprings(t, map[string]script{"/pieces": {steps: []step{{"ab", nil}, {strings.Repeat("c", 2000), nil}, {"d", io.EOF}}}})
	w, srv := watched(t, servertest.Loop, &highball.Server{Handler: s})
	got := srv.Do(t, get("/pieces", "Connection: close\r\n"))
	r := w.wantRecord(t, 200, 2003, false)
	head, body, _ := strings.Cut(got, "\r\n\r\n")
	if want := "2\r\nab\r\n7d0\r\n" + strings.Repeat("c", 2000) + "\r\n1\r\nd\r\n0\r\n\r\n"; body != want {
		t.Errorf("the body is %.60q", body)
	}
	shown := string(r.Wire.Response)
	if want := head + "\r\n\r\n2\r\nab\r\n7d0\r\n" + strings.Repeat("c", 1022); !strings.HasPrefix(shown, want) || len(shown) > len(want)+2 {
		t.Errorf("the record shows %q", shown)
	}
	if r.Stack != "a stack" {
		t.Errorf("its stack is %q", r.Stack)
	}
}

// Each piece reaches a client that waits for it, and nothing else happens until there is another.
func TestFlowsWithoutDelay(t *testing.T) {
	s := newSprings(t, nil)
	w, srv := watched(t, servertest.Loop, &highball.Server{Handler: s})
	c := srv.Dial(t)
	one := s.rises(t, c, get("/stream", ""))
	total := 0
	for n := range 20 {
		text := fmt.Sprintf("piece %d %s", n, strings.Repeat("x", n*n*n*10))
		one.gives(step{text, nil})
		want := fmt.Sprintf("%x\r\n%s\r\n", len(text), text)
		if n == 0 {
			readUntil(t, c, "\r\n\r\n")
		}
		got := make([]byte, len(want))
		if _, err := io.ReadFull(c, got); err != nil || string(got) != want {
			t.Fatalf("%d: %.40q (%v)", n, got, err)
		}
		total += len(text)
	}
	live := srv.Highball.Live()
	if len(live) != 1 || live[0].Target != "/stream" || live[0].Phase != observe.Stream {
		t.Errorf("live: %+v", live)
	}
	if n := srv.Highball.Connections(); n.Handling != 1 {
		t.Errorf("connections: %+v", n)
	}
	one.gives(step{"", io.EOF})
	one.wantDone(t, nil)
	w.wantRecord(t, 200, total, false)
	readUntil(t, c, "0\r\n\r\n")
	c.WantOpen("/text")
}

func readUntil(t *testing.T, c *servertest.Client, end string) (got []byte) {
	t.Helper()
	for b := make([]byte, 1); !bytes.HasSuffix(got, []byte(end)); {
		if _, err := io.ReadFull(c, b); err != nil {
			t.Fatalf("%v after %.60q", err, got)
		}
		got = append(got, b...)
	}
	return got
}

// A client that does not take all is waited for, as long as is promised.
func TestFlowsForSlowClients(t *testing.T) {
	body := numberedLines()
	s := newSprings(t, map[string]script{"/large": {steps: []step{{body[:10<<20], nil}, {body[10<<20:], nil}, {"", io.EOF}}}})
	w, srv := watched(t, servertest.Loop, &highball.Server{Handler: s})
	c := srv.Dial(t)
	c.Send(get("/large", ""))
	servertest.Eventually(t, "the loop waits", func() bool { return srv.Highball.Connections().Sending == 1 })
	if live := srv.Highball.Live(); len(live) != 1 || live[0].Phase != observe.Send {
		t.Errorf("live: %+v", live)
	}
	if res := c.Receive("GET"); res.Body != body {
		t.Errorf("%d bytes of %d", len(res.Body), len(body))
	}
	w.wantRecord(t, 200, len(body), false)
	c.WantOpen("/text")
}

func TestFlowsForClientsThatAreTooSlow(t *testing.T) {
	body := numberedLines()
	s := newSprings(t, map[string]script{"/large": {steps: []step{{body, nil}, {"", io.EOF}}}})
	w, srv := watched(t, servertest.Loop, &highball.Server{Handler: s, Limits: highball.Limits{MinRate: 1 << 40}, Deadlines: highball.Deadlines{Write: 50 * time.Millisecond}})
	c := srv.Dial(t)
	c.Send(get("/large", ""))
	r := w.nextRecord(t)
	if !r.Aborted || r.Status != 200 || r.Spans[observe.Send] < 40*time.Millisecond {
		t.Errorf("%d, aborted %v, %v", r.Status, r.Aborted, r.Spans)
	}
	if _, err := io.ReadAll(c); err == nil {
		t.Error("the answer seems whole")
	}
	if end := w.nextConnection(t); end.Why != "slow client" {
		t.Errorf("ended for %q", end.Why)
	}
}

// The handler's deadline counts while the answer is made, and not while the client is waited for.
func TestFlowsAndTheDeadline(t *testing.T) {
	const deadline = 800 * time.Millisecond
	s := newSprings(t, nil)
	w, srv := watched(t, servertest.Loop, &highball.Server{Handler: s, Deadlines: highball.Deadlines{Handler: deadline}})

	c := srv.Dial(t)
	one := s.rises(t, c, get("/silent", ""))
	if res := c.Receive("GET"); res.Status != 504 {
		t.Errorf("before anything was sent: %d", res.Status)
	}
	one.wantDone(t, highball.ErrHandlerDeadline)
	one.gives(step{"too late", io.EOF})
	if r := w.nextRecord(t); r.Status != 504 || r.Stack != "a stack" {
		t.Errorf("record: %d, stack %q", r.Status, r.Stack)
	}
	w.nextConnection(t)

	c = srv.Dial(t)
	one = s.rises(t, c, get("/begun", ""))
	one.gives(step{"begun", nil})
	if _, err := c.TryReceive("GET"); err == nil {
		t.Error("an answer that was cut seems whole")
	}
	one.wantDone(t, highball.ErrHandlerDeadline)
	w.wantRecord(t, 200, 5, true)
	if end := w.nextConnection(t); end.Why != "handler deadline" {
		t.Errorf("ended for %q", end.Why)
	}

	c = srv.Dial(t)
	one = s.rises(t, c, get("/slow-client", ""))
	body := numberedLines()
	one.gives(step{body, nil})
	servertest.Eventually(t, "the loop waits", func() bool { return srv.Highball.Connections().Sending == 1 })
	time.Sleep(deadline + 100*time.Millisecond)
	readUntil(t, c, "\r\n\r\n")
	if _, err := io.ReadFull(c, make([]byte, len("1800000\r\n")+len(body)+len("\r\n"))); err != nil {
		t.Error(err)
	}
	time.Sleep(deadline * 3 / 8)
	one.gives(step{"", io.EOF})
	readUntil(t, c, "0\r\n\r\n")
	w.wantRecord(t, 200, len(body), false)

	// Once the client has taken all it counts again.
	c = srv.Dial(t)
	one = s.rises(t, c, get("/slow-client-and-app", ""))
	one.gives(step{body, nil})
	servertest.Eventually(t, "the loop waits", func() bool { return srv.Highball.Connections().Sending == 1 })
	readUntil(t, c, "\r\n\r\n")
	if _, err := io.ReadAll(c); err == nil {
		t.Error("an answer that was cut seems whole")
	}
	one.wantDone(t, highball.ErrHandlerDeadline)
	r := w.wantRecord(t, 200, len(body), true)
	if r.Spans[observe.Stream] < deadline/4 {
		t.Errorf("phases: %v", r.Spans)
	}
}

// An answer that fails is told by Serve if nothing was sent, and else cuts the connection.
func TestFlowsThatFail(t *testing.T) {
	failure := errors.New("on purpose")
	s := newSprings(t, map[string]script{
		"/fails":       {steps: []step{{"", failure}, {"", failure}}},
		"/fails-later": {steps: []step{{"some", nil}, {"", failure}}},
		"/aborts":      {steps: []step{{"some", nil}, {"", highball.ErrAbort}}},
		"/short":       {length: 10, steps: []step{{"some", nil}, {"", io.EOF}}},
		"/short-first": {length: 10, steps: []step{{"some", io.EOF}}},
	})
	log := new(servertest.Log)
	w, srv := watched(t, servertest.Loop, &highball.Server{Handler: s, Logger: slog.New(slog.NewTextHandler(log, nil))})
	if res := srv.Dial(t).Get("/fails"); res.Status != 500 {
		t.Errorf("%d", res.Status)
	}
	w.nextRecord(t)
	said := strings.Count(log.String(), "handler failed")
	for _, path := range []string{"/fails-later", "/aborts", "/short", "/short-first"} {
		c := srv.Dial(t)
		c.Send(get(path, ""))
		if res, err := c.TryReceive("GET"); err == nil {
			t.Errorf("%s: %d %q", path, res.Status, res.Body)
		}
		w.wantRecord(t, 200, 4, true)
		if path != "/aborts" {
			said++
		}
		if end := w.nextConnection(t); end.Why != "handler failed" {
			t.Errorf("%s: ended for %q", path, end.Why)
		}
	}
	if n := strings.Count(log.String(), "handler failed"); n != said {
		t.Errorf("%d failures are in the log, not %d: %s", n, said, log)
	}
}

// Whoever ends it, an answer is done with once, and told of.
func TestFlowsAreEnded(t *testing.T) {
	s := newSprings(t, nil)
	w, srv := watched(t, servertest.Loop, &highball.Server{Handler: s})
	begun := func() (*servertest.Client, *spring) {
		t.Helper()
		c := srv.Dial(t)
		one := s.rises(t, c, get("/stream", ""))
		one.gives(step{"begun", nil})
		readUntil(t, c, "begun\r\n")
		return c, one
	}

	c, one := begun()
	c.CloseWrite()
	one.wantDone(t, highball.ErrClientLeft)
	w.wantRecord(t, 200, 5, true)
	w.nextConnection(t)

	c, one = begun()
	c.Reset()
	one.wantDone(t, highball.ErrClientLeft)
	w.wantRecord(t, 200, 5, true)
	w.nextConnection(t)

	c, one = begun()
	one.gives(step{numberedLines(), nil})
	servertest.Eventually(t, "the loop waits", func() bool { return srv.Highball.Connections().Sending == 1 })
	c.Reset()
	one.wantDone(t, highball.ErrServerClosed)
	if r := w.nextRecord(t); !r.Aborted {
		t.Error("it is not told that the answer was cut")
	}
	w.nextConnection(t)

	// What is there a client that has ended its sending still gets. It is not taken before there is room for it.
	c, one = begun()
	one.gives(step{numberedLines(), nil})
	servertest.Eventually(t, "the loop waits", func() bool { return srv.Highball.Connections().Sending == 1 })
	one.gives(step{"the end", io.EOF})
	one.later.More(nil)
	n := srv.Highball.Connections() // by now the loop has read its mail
	one.mu.Lock()
	if n.Sending != 1 || len(one.steps) != 1 {
		t.Errorf("%+v, %d steps are left", n, len(one.steps))
	}
	one.mu.Unlock()
	c.CloseWrite()
	if rest, err := io.ReadAll(c); err != nil || !strings.HasSuffix(string(rest), "the end\r\n0\r\n\r\n") {
		t.Errorf("%d bytes, %v", len(rest), err)
	}
	one.wantDone(t, nil)
	w.wantRecord(t, 200, 5+len(numberedLines())+7, false)
	_ = c.Close()
	w.nextConnection(t)

	c, one = begun()
	live := srv.Highball.Live()
	if len(live) != 1 || !srv.Highball.Kill(live[0].ID) {
		t.Fatalf("live: %+v", live)
	}
	one.wantDone(t, highball.ErrKilled)
	if _, err := io.ReadAll(c); err == nil {
		t.Error("an answer that was cut seems whole")
	}
	w.wantRecord(t, 200, 5, true)
	if end := w.nextConnection(t); end.Why != "killed" {
		t.Errorf("ended for %q", end.Why)
	}

	// A drain lets it come to its end.
	c, one = begun()
	done := drain(t, srv)
	one.gives(step{"more", io.EOF})
	readUntil(t, c, "more\r\n0\r\n\r\n")
	one.wantDone(t, nil)
	w.wantRecord(t, 200, 9, false)
	if err := <-done; err != nil {
		t.Errorf("Shutdown: %v", err)
	}
}

// A server that is closed drops its answers, also those of which nothing was sent, and of which a word is on its way.
func TestFlowsAndTheEnd(t *testing.T) {
	s := newSprings(t, nil)
	w, srv := watched(t, servertest.Loop, &highball.Server{Handler: s})
	silent, begun := s.rises(t, srv.Dial(t), get("/a", "")), s.rises(t, srv.Dial(t), get("/b", ""))
	begun.gives(step{"begun", nil})
	servertest.Eventually(t, "it has begun", func() bool {
		begun.mu.Lock()
		defer begun.mu.Unlock()
		return begun.idle
	})
	if err := srv.Highball.Close(); err != nil {
		t.Fatal(err)
	}
	silent.wantDone(t, highball.ErrServerClosed)
	begun.wantDone(t, highball.ErrServerClosed)
	w.wantRecord(t, 200, 5, true)
	begun.gives(step{"too late", io.EOF})
}

// What a loop cannot send piece by piece a goroutine does.
func TestFlowsThatAreServed(t *testing.T) {
	s := newSprings(t, map[string]script{
		"/edited": {steps: []step{{"one", nil}, {"two", io.EOF}}},
		"/head":   {steps: []step{{"one", nil}, {"two", io.EOF}}},
		"/none":   {status: 204, steps: []step{{"", io.EOF}}},
	})
	_, srv := watched(t, servertest.Loop, &highball.Server{Handler: s})
	if res := srv.Dial(t).Get("/edited"); res.Body != "onetwo" || res.Value("X-Edited") != "yes" {
		t.Errorf("edited: %q, %v", res.Body, res.Fields)
	}
	c := srv.Dial(t)
	c.Send("HEAD /head HTTP/1.1\r\nHost: h\r\n\r\n")
	if res := c.Receive("HEAD"); res.Status != 200 || res.Body != "" {
		t.Errorf("HEAD: %d %q", res.Status, res.Body)
	}
	c.WantOpen("/text")
	if res := srv.Dial(t).Get("/none"); res.Status != 200 || res.Body != "" { // by Serve, which has not said otherwise
		t.Errorf("204: %d %q", res.Status, res.Body)
	}
	var traced bytes.Buffer
	other := servertest.New(t, servertest.Loop, &highball.Server{Handler: s, Trace: &traced})
	if res := other.Dial(t).Get("/head"); res.Body != "onetwo" {
		t.Errorf("with a trace: %q", res.Body)
	}
	if err := other.Highball.Close(); err != nil || !strings.Contains(traced.String(), "two") {
		t.Errorf("the trace: %v, %q", err, traced.String())
	}
}
