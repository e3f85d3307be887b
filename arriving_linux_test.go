package highball_test

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"highball"
	"highball/internal/observe"
	"highball/internal/servertest"
)

// basins is a handler that has room for bodies which are still to come, as the path says, and sends them back.
type basins struct {
	*mirror
	made chan *basin
}

// basin is the room for one body.
type basin struct {
	of      *basins
	path    string
	later   highball.Later
	room    []byte
	arrived atomic.Int64 // what Arrived has said; -1 before
	done    chan error
}

func newBasins(t testing.TB) *basins {
	return &basins{newMirror(t), make(chan *basin, 1000)}
}

func (s *basins) ServeLater(t *highball.Turn, r *highball.Request, l highball.Later) highball.Pending {
	if !r.Arriving() {
		return s.mirror.ServeLater(t, r, l)
	}
	b := &basin{of: s, path: strings.Clone(r.Path()), later: l, room: make([]byte, r.ContentLength()), done: make(chan error, 2)}
	b.arrived.Store(-1)
	s.made <- b
	switch b.path {
	case "/declined":
		return nil
	case "/read":
		if text, err := io.ReadAll(r.Body()); err != io.ErrUnexpectedEOF {
			s.t.Errorf("%q of a body that has not arrived was read: %v", text, err)
		}
		return nil
	case "/short":
		b.room = b.room[1:]
	case "/plain":
		l.Send(nil, s.head, -1, []byte("of no effect"))
		return struct{ highball.Pending }{b}
	case "/forever":
		r.ExtendDeadline(-1)
	}
	return b
}

func (b *basin) ClientLeft(*highball.Turn) {}

func (b *basin) Done(_ *highball.Turn, err error) {
	b.done <- err
}

func (b *basin) Room() []byte { return b.room }

func (b *basin) Arrived(t *highball.Turn, n int) {
	if !b.arrived.CompareAndSwap(-1, int64(n)) {
		b.of.t.Error("Arrived was called once more")
	}
	switch {
	case n < len(b.room):
		b.later.Serve(t, func(w *highball.Response, r *highball.Request) error {
			if _, err := io.ReadFull(r.Body(), b.room[n:]); err != nil {
				return err
			}
			if b.path == "/naps" {
				time.Sleep(500 * time.Millisecond)
			}
			_, err := w.WriteString("goroutine:" + string(b.room))
			return err
		})
	case b.path == "/never":
	case b.path == "/slowly": // later than a loop waits for bodies
		time.AfterFunc(1300*time.Millisecond, func() { b.later.Send(nil, b.of.head, -1, b.room) })
	case b.path == "/served":
		text := bytes.Clone(b.room)
		b.later.Serve(t, func(w *highball.Response, r *highball.Request) error {
			if rest, err := io.ReadAll(r.Body()); len(rest) > 0 || err != nil {
				return fmt.Errorf("there are %d bytes behind the body (%w)", len(rest), err)
			}
			_, err := w.Write(text)
			return err
		})
	default:
		b.later.Send(t, b.of.head, -1, b.room)
	}
}

// fills sends a head and the beginning of its body, and returns its basin when the loop waits for the rest.
func (s *basins) fills(t *testing.T, srv *servertest.Server, c *servertest.Client, request string) *basin {
	t.Helper()
	c.Send(request)
	select {
	case b := <-s.made:
		servertest.Eventually(t, "the loop waits for the body", func() bool {
			n := srv.Highball.Connections()
			return n.Reading == 1 && n.Handling == 0
		})
		return b
	case <-time.After(10 * time.Second):
		t.Fatal("nobody is asked for room")
		return nil
	}
}

func (b *basin) wantDone(t *testing.T, want error) {
	t.Helper()
	select {
	case err := <-b.done:
		if err != want {
			t.Errorf("done with %v, not %v", err, want)
		}
	case <-time.After(10 * time.Second):
		t.Errorf("not done")
	}
	if len(b.done) > 0 {
		t.Error("done once more")
	}
}

// A body that arrives behind its head, in whatever parts, is answered like one that is there, and what is behind it after it.
func TestBodiesThatArrive(t *testing.T) {
	basins := newBasins(t)
	w, srv := watched(t, servertest.Loop, &highball.Server{Handler: basins})
	random := rand.New(rand.NewPCG(7, 8))
	text := repeated(200_000)
	for round := range 80 {
		path := []string{"/sent", "/served", "/declined", "/read", "/short", "/plain"}[round%6]
		body := text[:1+random.IntN(100)]
		switch round % 4 {
		case 1:
			body = text[:1+random.IntN(30_000)]
		case 2:
			body = text[:1+random.IntN(len(text))]
		}
		before, behind := "", post("/sent", "Content-Length: 5\r\n", "three")
		if round%3 == 0 {
			before = post("/sent", "Content-Length: 3\r\n", "one") + get("/text", "")
		}
		request := before + post(path, fmt.Sprintf("Content-Length: %d\r\n", len(body)), body) + behind
		head := len(request) - len(behind) - len(body)
		c := srv.Dial(t)
		for at := 0; at < len(request); {
			end := at + 1 + random.IntN(len(request)-at)
			if at < head {
				end = min(max(end, at+1), head+random.IntN(len(body))) // not the whole body with the head
			}
			c.Send(request[at:end])
			if at = end; random.IntN(2) == 0 {
				time.Sleep(time.Millisecond)
			}
		}
		if before != "" {
			if one, two := c.Receive("POST"), c.Receive("GET"); one.Body != "one" || two.Body != "text\n" {
				t.Fatalf("%s: before it are %.60q and %.60q", path, one.Body, two.Body)
			}
			w.wantRecord(t, 200, 3, false)
			w.wantRecord(t, 200, 5, false)
		}
		res := c.Receive("POST")
		if got := strings.TrimPrefix(res.Body, "goroutine:"); res.Status != 200 || got != body {
			t.Fatalf("%s: %d, %d bytes, not %d: %.60q", path, res.Status, len(res.Body), len(body), res.Body)
		}
		r := w.wantRecord(t, 200, len(res.Body), false)
		if r.Received != int64(len(body)) || string(r.Wire.RequestBody) != body[:min(len(body), 1<<10)] || r.Target != path {
			t.Errorf("%s: the record has %q, %d bytes of %d, and shows %.60q", path, r.Target, r.Received, len(body), r.Wire.RequestBody)
		}
		three := c.Receive("POST")
		if got := strings.TrimPrefix(three.Body, "goroutine:"); got != "three" {
			t.Fatalf("behind %s: %d %.60q", path, three.Status, three.Body)
		}
		w.wantRecord(t, 200, len(three.Body), false)
		for len(basins.made) > 0 {
			b := <-basins.made
			if n := b.arrived.Load(); n >= 0 && n < int64(len(b.room)) {
				t.Errorf("%s: %d of %d bytes came in time", path, n, len(b.room))
			}
			want := error(nil)
			switch b.path {
			case "/declined", "/read":
				continue
			case "/short", "/plain":
				want = highball.ErrNoRoom
			}
			b.wantDone(t, want)
		}
		_ = c.Close()
	}
}

// A handler is not asked for room for a body that is longer than 256 KiB, or whose client waits for 100 Continue.
func TestBodiesThatLoopsDoNotWaitFor(t *testing.T) {
	basins := newBasins(t)
	_, srv := watched(t, servertest.Loop, &highball.Server{Handler: basins})
	long := repeated(256<<10 + 1)
	for fields, body := range map[string]string{
		fmt.Sprintf("Content-Length: %d\r\n", len(long)): long,
		"Content-Length: 10\r\nExpect: 100-continue\r\n": long[:10],
	} {
		c := srv.Dial(t)
		request := post("/sent", fields, body)
		c.Send(request[:len(request)-len(body)])
		servertest.Eventually(t, "a goroutine waits for the body", func() bool { return srv.Highball.Connections().Handling == 1 })
		c.Send(body)
		if res := c.Receive("POST"); res.Body != "goroutine:"+body {
			t.Errorf("%s: %d with %d bytes", fields, res.Status, len(res.Body))
		}
		_ = c.Close()
	}
	if len(basins.made) > 0 {
		t.Error("it was asked for room")
	}
}

// While a body is waited for, its request is in the phase of that name, and the time is that phase's; the handler's deadline runs from its arrival.
func TestPhaseOfArriving(t *testing.T) {
	basins := newBasins(t)
	w, srv := watched(t, servertest.Loop, &highball.Server{Handler: basins, Deadlines: highball.Deadlines{Handler: 300 * time.Millisecond}})
	c := srv.Dial(t)
	b := basins.fills(t, srv, c, "POST /sent HTTP/1.1\r\nHost: test\r\nContent-Length: 10\r\n\r\n12345")
	live := srv.Highball.Live()
	if len(live) != 1 || live[0].Phase != observe.Body || live[0].Target != "/sent" {
		t.Errorf("in flight: %+v", live)
	}
	time.Sleep(500 * time.Millisecond)
	c.Send("67890")
	if res := c.Receive("POST"); res.Body != "1234567890" {
		t.Errorf("%d %q", res.Status, res.Body)
	}
	b.wantDone(t, nil)
	if r := w.wantRecord(t, 200, 10, false); r.Spans[observe.Body] < 500*time.Millisecond || r.Spans[observe.Body] < r.Duration*9/10 {
		t.Errorf("phases: %v", r.Spans)
	}
	never := basins.fills(t, srv, c, "POST /never HTTP/1.1\r\nHost: test\r\nContent-Length: 10\r\n\r\n12345")
	c.Send("67890")
	if res := c.Receive("POST"); res.Status != 504 {
		t.Errorf("%d", res.Status)
	}
	never.wantDone(t, highball.ErrHandlerDeadline)
	if r := w.nextRecord(t); r.Spans[observe.App] < 290*time.Millisecond {
		t.Errorf("phases: %v", r.Spans)
	}
}

// Once the body is there nothing that the client sends behind it is read, and nothing ends the request before its deadline, until it is answered.
func TestAnswerToABodyThatArrived(t *testing.T) {
	basins := newBasins(t)
	w, srv := watched(t, servertest.Loop, &highball.Server{Handler: basins})
	c := srv.Dial(t)
	b := basins.fills(t, srv, c, "POST /slowly HTTP/1.1\r\nHost: test\r\nContent-Length: 10\r\n\r\n12345")
	c.Send("67890" + get("/declined", ""))
	servertest.Eventually(t, "the request has begun", func() bool { return b.arrived.Load() == 10 })
	c.Send(get("/text", "") + post("/sent", "Content-Length: 3\r\n", "two"))
	for i, want := range []string{"1234567890", "", "", "two"} {
		res := c.Receive("GET")
		if got := strings.TrimPrefix(res.Body, "goroutine:"); res.Status != 200 || got != want {
			t.Errorf("%d %q, not %q", res.Status, res.Body, want)
		}
		if r := w.wantRecord(t, 200, len(res.Body), false); i > 0 && i < 3 && len(r.Wire.RequestBody) > 0 {
			t.Errorf("the record of %s shows %q", r.Target, r.Wire.RequestBody)
		}
	}
	b.wantDone(t, nil)
}

// A body that was within the limit when its request began is not held to another that is set meanwhile.
func TestLimitOfABodyThatArrivesSlowly(t *testing.T) {
	basins := newBasins(t)
	_, srv := watched(t, servertest.Loop, &highball.Server{Handler: basins, Limits: highball.Limits{Body: 10}})
	c := srv.Dial(t)
	b := basins.fills(t, srv, c, "POST /sent HTTP/1.1\r\nHost: test\r\nContent-Length: 10\r\n\r\n12345")
	if err := srv.Highball.Reconfigure(highball.Deadlines{}, highball.Limits{Body: 7}); err != nil {
		t.Fatal(err)
	}
	b.wantDone(t, nil)
	c.Send("67890" + post("/sent", "Content-Length: 8\r\n", "12345678"))
	if res := c.Receive("POST"); res.Body != "goroutine:1234567890" {
		t.Errorf("%d %q", res.Status, res.Body)
	}
	if res := c.Receive("POST"); res.Status != 413 {
		t.Errorf("the next one: %d", res.Status)
	}
}

// What a client takes for its body is not part of the handler's time.
func TestDeadlineOfABodyThatArrivesSlowly(t *testing.T) {
	basins := newBasins(t)
	_, srv := watched(t, servertest.Loop, &highball.Server{Handler: basins, Deadlines: highball.Deadlines{Handler: 1300 * time.Millisecond}})
	c := srv.Dial(t)
	basins.fills(t, srv, c, "POST /naps HTTP/1.1\r\nHost: test\r\nContent-Length: 10\r\n\r\n12345").wantDone(t, nil)
	time.Sleep(500 * time.Millisecond)
	c.Send("67890")
	if res := c.Receive("POST"); res.Status != 200 {
		t.Errorf("%d", res.Status)
	}
}

// A client that takes its time has a goroutine wait for the rest of its body; one that is too slow for that gets 408.
func TestBodiesThatArriveSlowly(t *testing.T) {
	basins := newBasins(t)
	w, srv := watched(t, servertest.Loop, &highball.Server{Handler: basins, Deadlines: highball.Deadlines{Body: time.Second}})
	for _, path := range []string{"/sent", "/forever"} {
		c := srv.Dial(t)
		b := basins.fills(t, srv, c, "POST "+path+" HTTP/1.1\r\nHost: test\r\nContent-Length: 10\r\n\r\n12345")
		b.wantDone(t, nil)
		if n := b.arrived.Load(); n != 5 {
			t.Errorf("%d bytes have arrived, not 5", n)
		}
		c.Send("67890" + get("/text", ""))
		if res := c.Receive("POST"); res.Body != "goroutine:1234567890" {
			t.Errorf("%d %q", res.Status, res.Body)
		}
		if r := w.wantRecord(t, 200, 20, false); r.Received != 10 || string(r.Wire.RequestBody) != "1234567890" || r.Spans[observe.Body] < r.Duration*9/10 {
			t.Errorf("the record has %d bytes, and shows %q, in %v", r.Received, r.Wire.RequestBody, r.Spans)
		}
		c.Receive("GET")
		if r := w.nextRecord(t); r.Received != 0 || len(r.Wire.RequestBody) > 0 {
			t.Errorf("the record behind it has %d bytes, and shows %q", r.Received, r.Wire.RequestBody)
		}
		_ = c.Close()
	}
	c := srv.Dial(t)
	basins.fills(t, srv, c, "POST /sent HTTP/1.1\r\nHost: test\r\nContent-Length: 10\r\n\r\n12345").wantDone(t, nil)
	if res := c.Receive("POST"); res.Status != 408 || !res.Closing() {
		t.Errorf("%d", res.Status)
	}
	c.WantClosed()
	if r := w.nextRecord(t); r.Status != 408 || r.Received != 5 {
		t.Errorf("record: %d, %d bytes", r.Status, r.Received)
	}
}

// What ends a request or a connection while its body is waited for gives the room back.
func TestBodiesThatDoNotArrive(t *testing.T) {
	const request = "POST /sent HTTP/1.1\r\nHost: test\r\nContent-Length: 10\r\n\r\n12345"
	for name, c := range map[string]struct {
		end    func(srv *servertest.Server, c *servertest.Client)
		want   error // of Done
		status int   // that the client sees, 0 for none
		known  int   // to the record, 0 for none
	}{
		"the client ends its sending": {
			end:   func(_ *servertest.Server, c *servertest.Client) { c.CloseWrite() },
			known: 200,
		},
		"the client resets": {
			end:   func(_ *servertest.Server, c *servertest.Client) { c.Reset() },
			known: 200,
		},
		"the request is killed": {
			end: func(srv *servertest.Server, c *servertest.Client) {
				if !srv.Highball.Kill(srv.Highball.Live()[0].ID) {
					panic("there is nothing to kill")
				}
			},
			want: highball.ErrKilled, status: 503, known: 503,
		},
		"the server closes": {
			end:  func(srv *servertest.Server, c *servertest.Client) { _ = srv.Highball.Close() },
			want: highball.ErrServerClosed,
		},
	} {
		t.Run(name, func(t *testing.T) {
			basins := newBasins(t)
			w, srv := watched(t, servertest.Loop, &highball.Server{Handler: basins})
			client := srv.Dial(t)
			b := basins.fills(t, srv, client, request)
			c.end(srv, client)
			b.wantDone(t, c.want)
			if c.status > 0 {
				if res := client.Receive("POST"); res.Status != c.status || !res.Closing() {
					t.Errorf("%d", res.Status)
				}
				client.Send("67890") // is not taken for a request
			}
			if name != "the client resets" {
				client.WantClosed()
			}
			if c.known > 0 {
				if r := w.nextRecord(t); r.Status != c.known || r.Received > 5 || r.Aborted != (c.status == 0) {
					t.Errorf("record: %d, %d bytes", r.Status, r.Received)
				}
			}
			servertest.Eventually(t, "the connection is gone", func() bool {
				n := srv.Highball.Connections()
				return n.Reading+n.Handling+n.Sending+n.Idle+n.Closing == 0
			})
			if string(b.room) != "12345\x00\x00\x00\x00\x00" {
				t.Errorf("the room has %q", b.room)
			}
		})
	}
}

// A drain waits for a body that is on its way, and a client that ends its sending behind it has its answer.
func TestBodiesThatArriveAtTheEnd(t *testing.T) {
	basins := newBasins(t)
	_, srv := watched(t, servertest.Loop, &highball.Server{Handler: basins})
	half := srv.Dial(t)
	basins.fills(t, srv, half, "POST /sent HTTP/1.1\r\nHost: test\r\nContent-Length: 10\r\n\r\n12345")
	half.Send("67890")
	half.CloseWrite()
	if res := half.Receive("POST"); res.Body != "1234567890" {
		t.Errorf("%d %q", res.Status, res.Body)
	}
	half.WantClosed()
	c := srv.Dial(t)
	basins.fills(t, srv, c, "POST /sent HTTP/1.1\r\nHost: test\r\nContent-Length: 10\r\n\r\n12345")
	ended := make(chan error, 1)
	go func() { ended <- srv.Highball.Shutdown(t.Context()) }()
	time.Sleep(50 * time.Millisecond)
	c.Send("67890")
	if res := c.Receive("POST"); res.Body != "1234567890" {
		t.Errorf("%d %q", res.Status, res.Body)
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
