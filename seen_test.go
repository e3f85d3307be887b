package highball_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"highball"
	"highball/internal/observe"
	"highball/internal/servertest"
)

// witness keeps what a server tells of.
type witness struct {
	mu          sync.Mutex
	records     []observe.Record
	connections []observe.ConnectionRecord
}

// Take implements observe.Sink.
func (w *witness) Take(_ int, r *observe.Record) {
	w.mu.Lock()
	defer w.mu.Unlock()
	kept := *r
	for _, s := range []*string{&kept.Method, &kept.Target, &kept.Host, &kept.Referer, &kept.UserAgent, &kept.Traceparent, &kept.Tracestate} {
		*s = strings.Clone(*s)
	}
	if r.Wire != nil {
		kept.Wire = r.Wire.Clone()
	}
	w.records = append(w.records, kept)
}

// TakeConnection implements observe.ConnectionSink.
func (w *witness) TakeConnection(_ int, r *observe.ConnectionRecord) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.connections = append(w.connections, *r)
}

// nextRecord waits for the record of a request and takes it.
func (w *witness) nextRecord(t *testing.T) (r observe.Record) {
	t.Helper()
	servertest.Eventually(t, "a record", func() bool {
		w.mu.Lock()
		defer w.mu.Unlock()
		if len(w.records) == 0 {
			return false
		}
		r, w.records = w.records[0], w.records[1:]
		return true
	})
	return r
}

// nextConnection waits for the record of a connection and takes it.
func (w *witness) nextConnection(t *testing.T) (r observe.ConnectionRecord) {
	t.Helper()
	servertest.Eventually(t, "the record of a connection", func() bool {
		w.mu.Lock()
		defer w.mu.Unlock()
		if len(w.connections) == 0 {
			return false
		}
		r, w.connections = w.connections[0], w.connections[1:]
		return true
	})
	return r
}

// watched serves srv, with a witness of everything there is to be told.
func watched(t *testing.T, d servertest.Driver, srv *highball.Server) (*witness, *servertest.Server) {
	t.Helper()
	w := new(witness)
	srv.Observe(w)
	srv.CaptureWire()
	srv.CaptureTraceContext()
	if srv.Logger == nil {
		srv.Logger = slog.New(slog.DiscardHandler)
	}
	return w, servertest.New(t, d, srv)
}

// A record tells the route, what was on the wire, and the trace, whoever answers.
func TestRecordsTellRouteWireAndTrace(t *testing.T) {
	const parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
	route := observe.NewRoutes(10).Of("example.org", "/a/")
	large := strings.Repeat("large ", 40<<10)[:40<<10]
	file, err := os.Create(filepath.Join(t.TempDir(), "large"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if _, err := file.WriteString(large); err != nil {
		t.Fatal(err)
	}
	h := inlineFunc{
		inline: func(w *highball.Response, r *highball.Request) bool {
			r.SetRoute(route)
			if r.Path() != "/inline" {
				return false
			}
			_, err := w.WriteString("inline")
			return err == nil
		},
		serve: func(w *highball.Response, r *highball.Request) error {
			r.SetRoute(route)
			r.SetStack("a stack")
			body, err := io.ReadAll(r.Body())
			if err != nil {
				return err
			}
			switch r.Path() {
			case "/large":
				_, err = w.WriteString(large)
				return err
			case "/blocks":
				for at := 0; at < len(large) && err == nil; at += 600 {
					_, err = w.WriteString(large[at:min(len(large), at+600)])
					err = errors.Join(err, w.Flush())
				}
				return err
			case "/file":
				w.SetContentLength(int64(len(large)))
				return w.SendFile(file, 0, int64(len(large)))
			case "/pieces":
				return errors.Join(w.SendFile(file, 0, 600), w.SendFile(file, 600, int64(len(large)-600)))
			}
			_, err = w.Write(body)
			return err
		},
	}
	servertest.Each(t, func(t *testing.T, d servertest.Driver) {
		w, s := watched(t, d, &highball.Server{Handler: h})
		trace := "traceparent: " + parent + "\r\ntracestate: a=1\r\nTracestate: b=2\r\n"
		c := s.Dial(t)
		for _, test := range []struct {
			request, head, body string // of the request
			ends                string // of the response as it was recorded
			sent                int64
			stack               string
			parent, state       string
		}{
			{get("/inline", trace), get("/inline", trace), "", "\r\n\r\ninline", 6, "a stack", parent, "a=1,b=2"},
			{get("/inline", "traceparent: "+parent+"\r\n"+trace), "", "", "\r\n\r\ninline", 6, "a stack", "", ""},
			{post("/echo", "Content-Length: 5\r\n", "hello"), post("/echo", "Content-Length: 5\r\n", ""), "hello", "\r\n\r\nhello", 5, "a stack", "", ""},
			{post("/echo", "Content-Length: 3000\r\n", large[:3000]), "", large[:1024], "\r\n\r\n" + large[:1024], 3000, "a stack", "", ""},
			{get("/large", ""), get("/large", ""), "", large[:1024], 40 << 10, "a stack", "", ""},
			{get("/blocks", ""), "", "", "\r\n\r\n258\r\n" + large[:600] + "\r\n258\r\n" + large[600:1024], 40 << 10, "a stack", "", ""},
			{get("/file", ""), "", "", "\r\n\r\n" + large[:1024], 40 << 10, "a stack", "", ""},
			{get("/pieces", ""), "", "", "\r\n\r\n258\r\n" + large[:600] + "\r\n1a8\r\n" + large[600:1024], 40 << 10, "a stack", "", ""},
			{post("/echo", "Transfer-Encoding: chunked\r\n", "2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n"), "", "hello", "\r\n\r\nhello", 5, "a stack", "", ""},
		} {
			c.Send(test.request)
			method, _, _ := strings.Cut(test.request, " ")
			c.Receive(method)
			r := w.nextRecord(t)
			if d == servertest.Loop && strings.HasPrefix(test.request, "GET /inline") {
				test.stack = ""
			} else if d == servertest.Goroutine && strings.HasPrefix(test.request, "GET /inline") {
				test.ends, test.sent = "\r\n\r\n", 0 // nothing answers inline there
			}
			name := fmt.Sprintf("%.30q", test.request)
			switch {
			case r.Route != route:
				t.Errorf("%s: route %+v", name, r.Route)
			case r.Stack != test.stack:
				t.Errorf("%s: stack %q", name, r.Stack)
			case r.Wire == nil:
				t.Fatalf("%s: nothing of the wire", name)
			case test.head != "" && string(r.Wire.RequestHead) != test.head:
				t.Errorf("%s: the request's head is %q", name, r.Wire.RequestHead)
			case string(r.Wire.RequestBody) != test.body:
				t.Errorf("%s: the request's body is %q", name, r.Wire.RequestBody)
			case !strings.HasPrefix(string(r.Wire.Response), "HTTP/1.1 200 OK\r\n") || !strings.Contains(string(r.Wire.Response), test.ends):
				t.Errorf("%s: the response is %.300q", name, r.Wire.Response)
			case len(r.Wire.Response) > 2<<10 || r.Bytes != test.sent:
				t.Errorf("%s: %d bytes of the response, %d sent", name, len(r.Wire.Response), r.Bytes)
			case int(r.Received) < len(test.body):
				t.Errorf("%s: %d bytes received", name, r.Received)
			case test.parent != r.Traceparent || test.state != r.Tracestate:
				t.Errorf("%s: trace %q, %q", name, r.Traceparent, r.Tracestate)
			}
		}
		c.Send("BREW / HTTP/9.9\r\n\r\n")
		c.Receive("GET")
		if r := w.nextRecord(t); r.Wire == nil || !strings.HasPrefix(string(r.Wire.RequestHead), "BREW") || r.Route != nil {
			t.Errorf("of what is no request: %+v", r)
		}
	})
}

// The record of a connection says who has ended it and why, what went over it, and the phases of each request.
func TestConnectionsAreToldWhenTheyEnd(t *testing.T) {
	servertest.Each(t, func(t *testing.T, d servertest.Driver) {
		release := make(chan struct{})
		srv := &highball.Server{
			Deadlines: highball.Deadlines{Head: 250 * time.Millisecond, Idle: 250 * time.Millisecond, Handler: 250 * time.Millisecond},
			Handler: highball.HandlerFunc(func(w *highball.Response, r *highball.Request) error {
				switch r.Path() {
				case "/last":
					w.CloseAfter()
				case "/fails":
					if err := w.Flush(); err != nil {
						return err
					}
					return errors.New("no more")
				case "/late":
					<-release
				}
				return nil
			}),
		}
		w, s := watched(t, d, srv)
		for _, test := range []struct {
			sends    string
			answers  int
			leaves   bool
			byClient bool
			why      string
		}{
			{get("/", "") + get("/", ""), 2, true, true, "end of stream"},
			{get("/", "Connection: close\r\n"), 1, false, true, "asked for"},
			{get("/last", ""), 1, false, false, "last answer"},
			{get("/", ""), 1, false, false, "idle"},
			{"GET / HTTP/1.1\r\nHo", 1, false, false, "slow head"},
			{"nonsense\r\n\r\n", 1, false, false, "malformed request"},
			{get("/fails", ""), 1, false, false, "handler failed"},
			{get("/late", ""), 1, false, false, "handler deadline"},
		} {
			c := s.Dial(t)
			c.Send(test.sends)
			for range test.answers {
				_, _ = c.TryReceive("GET")
			}
			if test.leaves {
				c.CloseWrite()
			}
			if test.why == "handler deadline" {
				close(release)
			}
			c.Rest() // after some answers the server waits for this client to close, too
			_ = c.Close()
			r := w.nextConnection(t)
			if r.Why != test.why || r.ByClient != test.byClient {
				t.Errorf("%q has ended by client %t, %q; want %t, %q", test.sends, r.ByClient, r.Why, test.byClient, test.why)
			}
			if r.Requests != test.answers || len(r.Each) != test.answers || int(r.Received) != len(test.sends) || r.Sent < 50 || r.ID == 0 || r.Closed.Before(r.Opened) {
				t.Errorf("%q: %+v", test.sends, r)
			}
			var sum observe.Spans
			for _, one := range r.Each {
				for i := range sum {
					sum[i] += one.Spans[i]
				}
			}
			if sum != r.Spans {
				t.Errorf("%q: the phases are %v together and %v one by one", test.sends, r.Spans, sum)
			}
		}
	})
}

// Very many requests of one connection are counted, but not told one by one.
func TestConnectionRecordIsBounded(t *testing.T) {
	w, s := watched(t, servertest.Loop, &highball.Server{Handler: text("x")})
	c := s.Dial(t)
	for range 30 {
		c.Send(strings.Repeat(get("/", ""), 40))
		for range 40 {
			c.Receive("GET")
		}
	}
	_ = c.Close()
	if r := w.nextConnection(t); r.Requests != 1200 || len(r.Each) != 1000 || r.Omitted != 200 {
		t.Errorf("%d requests, %d of them told, %d omitted", r.Requests, len(r.Each), r.Omitted)
	}
}

// A handler that asks for its context only when the request has been ended learns why, too.
func TestContextAfterTheEnd(t *testing.T) {
	servertest.Each(t, func(t *testing.T, d servertest.Driver) {
		entered, ended := make(chan error), make(chan struct{})
		_, s := watched(t, d, &highball.Server{Handler: highball.HandlerFunc(func(_ *highball.Response, r *highball.Request) error {
			entered <- nil
			<-ended
			entered <- context.Cause(r.Context())
			return nil
		}), Deadlines: highball.Deadlines{Handler: time.Second}})
		for _, by := range []error{highball.ErrKilled, highball.ErrHandlerDeadline} {
			c := s.Dial(t)
			c.Send(get("/", ""))
			<-entered
			if by == highball.ErrKilled && !s.Highball.Kill(s.Highball.Live()[0].ID) {
				t.Fatal("there is no such request")
			}
			if _, err := c.TryReceive("GET"); err != nil {
				t.Error(err)
			}
			ended <- struct{}{}
			if err := <-entered; !errors.Is(err, by) {
				t.Errorf("the context has ended for %v, want %v", err, by)
			}
			c.Rest()
			_ = c.Close()
		}
	})
}

// A request that is being answered is seen, with its phase, and can be ended by hand.
func TestLiveAndKill(t *testing.T) {
	servertest.Each(t, func(t *testing.T, d servertest.Driver) {
		route := observe.NewRoutes(10).Of("", "/slow/")
		entered, release := make(chan error), make(chan struct{})
		w, s := watched(t, d, &highball.Server{RequestIDs: true, Handler: highball.HandlerFunc(func(w *highball.Response, r *highball.Request) error {
			r.SetRoute(route)
			r.SetUser("ann")
			r.SetClient(netip.MustParseAddrPort("203.0.113.9:1"), "", "")
			if r.Path() == "/slow/begun" {
				if err := w.Flush(); err != nil {
					return err
				}
			}
			entered <- nil
			select {
			case <-r.Context().Done():
			case <-release:
				return nil
			}
			entered <- whyOver(r)
			return nil
		})})
		if live := s.Highball.Live(); len(live) != 0 {
			t.Fatalf("nothing is asked, and %+v is live", live)
		}
		for _, path := range []string{"/slow/a?b=1", "/slow/begun"} {
			c := s.Dial(t)
			c.Send(get(path, ""))
			<-entered
			live := s.Highball.Live()
			if len(live) != 1 {
				t.Fatalf("%s: %d are live", path, len(live))
			}
			l := live[0]
			phase := observe.App
			if path == "/slow/begun" {
				phase = observe.Stream
			}
			if l.Method != "GET" || l.Target != path || l.Host != "test" || l.User != "ann" || l.Client.Addr().String() != "203.0.113.9" || l.Route != route ||
				l.Phase != phase || l.Age < l.InPhase || l.Connection == 0 {
				t.Errorf("%s: %+v", path, l)
			}
			if n := s.Highball.Connections(); n.Handling != 1 {
				t.Errorf("connections: %+v", n)
			}
			if s.Highball.Kill(l.ID+"0") || s.Highball.Kill("") {
				t.Error("another request was ended")
			}
			if !s.Highball.Kill(l.ID) {
				t.Fatalf("%s: there is no %s to be ended", path, l.ID)
			}
			if err := <-entered; !errors.Is(err, highball.ErrKilled) {
				t.Errorf("%s: the handler's context has ended for %v", path, err)
			}
			res, err := c.TryReceive("GET")
			if path == "/slow/begun" {
				if err == nil {
					t.Errorf("an answer that was cut looks whole: %+v", res)
				}
			} else if res.Status != 503 || !res.Closing() || res.Value("X-Request-ID") != l.ID {
				t.Errorf("%s: %+v, %v", path, res, err)
			}
			if s.Highball.Kill(l.ID) {
				t.Error("it was ended twice")
			}
			if r := w.nextRecord(t); path == "/slow/a?b=1" && (r.Status != 503 || r.Route != route) {
				t.Errorf("%s: record %+v", path, r)
			}
			if r := w.nextConnection(t); r.Why != "killed" || r.ByClient {
				t.Errorf("%s: the connection has ended for %q", path, r.Why)
			}
		}
		close(release)
	})
}

// whyOver waits for the end of a request's context, and returns why that was.
func whyOver(r *highball.Request) error {
	<-r.Context().Done()
	return context.Cause(r.Context())
}

// Whoever looks at live requests gets in nobody's way, and nobody in theirs.
func TestLiveUnderLoad(t *testing.T) {
	servertest.Each(t, func(t *testing.T, d servertest.Driver) {
		route := observe.NewRoutes(10).Of("", "/")
		_, s := watched(t, d, &highball.Server{Loops: 2, Handler: inlineFunc{
			inline: func(w *highball.Response, r *highball.Request) bool {
				r.SetRoute(route)
				return strings.HasPrefix(r.Path(), "/inline")
			},
			serve: func(w *highball.Response, r *highball.Request) error {
				r.SetUser("ann")
				r.SetRoute(route)
				_, err := w.WriteString(strings.Repeat("x", 20<<10))
				return err
			},
		}})
		var clients sync.WaitGroup
		for i := range 4 {
			clients.Go(func() {
				c := s.Dial(t)
				defer c.Close()
				for n := range 200 {
					c.Send(get([]string{"/inline", "/" + strings.Repeat("p", n)}[(n+i)%2], ""))
					if _, err := c.TryReceive("GET"); err != nil {
						t.Error(err)
						return
					}
				}
			})
		}
		over := make(chan struct{})
		go func() { clients.Wait(); close(over) }()
		for {
			for _, l := range s.Highball.Live() {
				if l.ID == "" || l.Method != "" && !strings.HasPrefix(l.Target, "/") {
					t.Errorf("%+v", l)
				}
				_ = s.Highball.Kill(l.ID + "x")
			}
			_ = s.Highball.Connections()
			select {
			case <-over:
				return
			default:
			}
		}
	})
}

// A response says its phases so far when it is asked to.
func TestServerTiming(t *testing.T) {
	servertest.Each(t, func(t *testing.T, d servertest.Driver) {
		h := inlineFunc{inline: func(w *highball.Response, r *highball.Request) bool {
			if r.Path() == "/timed" {
				r.TimeResponse()
			}
			return true
		}}
		_, s := watched(t, d, &highball.Server{Handler: h})
		c := s.Dial(t)
		timed, plain := c.Get("/timed"), c.Get("/")
		if got := timed.Value("Server-Timing"); !strings.HasPrefix(got, "head;dur=0.") || !strings.Contains(got, ", queue;dur=") || !strings.Contains(got, ", app;dur=") {
			t.Errorf("Server-Timing: %q", got)
		}
		if got := plain.Value("Server-Timing"); got != "" {
			t.Errorf("without being asked: %q", got)
		}
	})
}
