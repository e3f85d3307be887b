//go:build linux

package gateway_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"highball"
	"highball/internal/gateway"
	"highball/internal/servertest"
)

// said collects what workers say.
type said struct {
	mu   sync.Mutex // guards the following field
	text bytes.Buffer
}

func (s *said) line(_ int, line []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.text.Write(line)
	s.text.WriteByte('\n')
}

func (s *said) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

// running is an application that a server serves.
type running struct {
	*servertest.Server
	app    *gateway.App
	output *said
	log    *servertest.Log
}

// prepare starts the application of testdata/pool for a server that does not run yet. It ends with the test, after the server.
func prepare(t testing.TB, srv *highball.Server, cfg gateway.Config) *running {
	t.Helper()
	dir, err := filepath.Abs("testdata/pool")
	if err != nil {
		t.Fatal(err)
	}
	r := &running{output: new(said), log: new(servertest.Log)}
	if cfg.Dir == "" {
		cfg.Dir = dir
	}
	if cfg.Target == "" {
		cfg.Target = "app"
	}
	if cfg.Workers == 0 {
		cfg.Workers = 1
	}
	cfg.Environ = append(os.Environ(), "PYTHONDONTWRITEBYTECODE=1")
	cfg.Logger = slog.New(slog.NewTextHandler(r.log, nil))
	cfg.Output = r.output.line
	if srv.Logger == nil {
		srv.Logger = cfg.Logger
	}
	if r.app, err = gateway.New(cfg); err != nil {
		t.Fatal(err)
	}
	srv.Handler = r.app.Handler("")
	if err := r.app.Start(t.Context(), srv); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := r.app.Stop(ctx); err != nil {
			t.Errorf("the workers did not stop: %v", err)
		}
	})
	return r
}

// serve has a server serve the application.
func serve(t testing.TB, d servertest.Driver, srv *highball.Server, cfg gateway.Config) *running {
	t.Helper()
	r := prepare(t, srv, cfg)
	r.Server = servertest.New(t, d, srv)
	return r
}

// await waits until the log or the output holds a text.
func await(t testing.TB, where interface{ String() string }, text string) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !strings.Contains(where.String(), text); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%q was never said; but this was:\n%s", text, where)
		}
	}
}

func TestContract(t *testing.T) {
	large := strings.Repeat("0123456789abcdef", 20000)
	var lines strings.Builder
	for n := range 100 {
		lines.WriteString("line ")
		lines.WriteString(itoa(n))
		lines.WriteString("\n")
	}
	for _, cfg := range []gateway.Config{{Workers: 2}, {Threads: 3}} {
		name := "workers"
		if cfg.Threads > 0 {
			name = "threads"
		}
		t.Run(name, func(t *testing.T) {
			servertest.ServerContract(t, func(t testing.TB, s *highball.Server) { prepare(t, s, cfg) },
				servertest.Case{Name: "text", Target: "/text", Status: 200, Want: "text\n"},
				servertest.Case{Name: "large", Target: "/large", Status: 200, Want: large},
				servertest.Case{Name: "declared", Target: "/declared", Status: 200, Want: large},
				servertest.Case{Name: "stream", Target: "/lines", Status: 200, Want: lines.String()},
				servertest.Case{Name: "file", Target: "/file", Status: 200, Want: "some text in a file\n"},
				servertest.Case{Name: "echo", Method: "POST", Target: "/echo", Body: "some text", Status: 200, Want: "some text"},
				servertest.Case{Name: "large echo", Method: "POST", Target: "/echo", Body: large, Status: 200, Want: large},
				servertest.Case{Name: "unread", Method: "POST", Target: "/unread", Body: large, Status: 200, Want: "unread\n"},
				servertest.Case{Name: "missing", Target: "/missing", Status: 404, Want: "missing\n"},
				servertest.Case{Name: "a date of its own", Target: "/dated", Status: 200, Want: "dated\n"},
			)
		})
	}
}

func itoa(n int) string { return string(appendInt(nil, n)) }

func appendInt(b []byte, n int) []byte {
	if n >= 10 {
		b = appendInt(b, n/10)
	}
	return append(b, byte('0'+n%10))
}

func TestFailingApplication(t *testing.T) {
	servertest.Each(t, func(t *testing.T, d servertest.Driver) {
		r := serve(t, d, &highball.Server{}, gateway.Config{})
		c := r.Dial(t)
		if res := c.Get("/fail"); res.Status != 500 || strings.Contains(res.Body, "ValueError") {
			t.Errorf("a failure: %d %s", res.Status, res.Body)
		}
		await(t, r.log, "ValueError: this cannot be <done>")
		if log := r.log.String(); strings.Contains(log, "<highball>") || !strings.Contains(log, "app.py") {
			t.Errorf("the traceback: %s", log)
		}
		if res := c.Get("/bad"); res.Status != 500 || res.Value("Set-Cookie") != "" {
			t.Errorf("a header that is two: %d", res.Status)
		}
		c.Send("GET /late HTTP/1.1\r\nHost: h\r\n\r\n")
		if res, err := c.TryReceive("GET"); err == nil {
			t.Errorf("a failure in mid-response looks whole: %d %q", res.Status, res.Body)
		}
		if res := r.Dial(t).Get("/text"); res.Body != "text\n" {
			t.Errorf("afterwards: %d", res.Status)
		}
	})
}

func TestDebugPage(t *testing.T) {
	r := serve(t, servertest.Loop, &highball.Server{}, gateway.Config{Debug: true})
	res := r.Dial(t).Get("/fail?a=<b>")
	for _, part := range []string{
		"ValueError: this cannot be &lt;done&gt;", "raise ValueError(&#39;this cannot be &lt;done&gt;&#39;)", "in <code>answer</code>",
		"wsgi.url_scheme", "/fail?a=&lt;b&gt;",
	} {
		if !strings.Contains(res.Body, part) {
			t.Errorf("the page lacks %q", part)
		}
	}
	if res.Status != 500 || strings.Contains(res.Body, "<b>;") || strings.Contains(res.Body, "&lt;highball&gt;") {
		t.Errorf("%d %s", res.Status, res.Body)
	}
}

func TestOutputIsPassedOn(t *testing.T) {
	r := serve(t, servertest.Loop, &highball.Server{}, gateway.Config{})
	r.Dial(t).Get("/say")
	await(t, r.output, "said on standard output\n")
	await(t, r.output, "said on standard error\n")
}

func TestWorkerDies(t *testing.T) {
	servertest.Each(t, func(t *testing.T, d servertest.Driver) {
		r := serve(t, d, &highball.Server{}, gateway.Config{})
		c := r.Dial(t)
		for range 3 {
			if res := c.Get("/die"); res.Status != 502 {
				t.Errorf("status %d", res.Status)
			}
			if res := c.Get("/text"); res.Body != "text\n" { // by the next worker, for which it waits
				t.Errorf("afterwards: %d %q", res.Status, res.Body)
			}
		}
		c.Send("POST /die HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc")
		if res := c.Receive("POST"); res.Status != 502 {
			t.Errorf("status %d", res.Status)
		}
	})
}

// However a request gets stuck, its client gets 504, the log the stack, and its worker is replaced.
func TestStuckRequests(t *testing.T) {
	for _, method := range []string{"GET", "POST"} {
		for _, how := range []string{"sleeping", "spinning", "locked", "matching"} {
			t.Run(method+" "+how, func(t *testing.T) {
				t.Parallel()
				srv := &highball.Server{Deadlines: highball.Deadlines{Handler: 300 * time.Millisecond}}
				r := serve(t, servertest.Loop, srv, gateway.Config{})
				c := r.Dial(t)
				c.Send(method + " /" + how + " HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n")
				if res := c.Receive(method); res.Status != 504 {
					t.Errorf("status %d", res.Status)
				}
				await(t, r.log, "in "+how)
				if n := strings.Count(r.log.String(), "level=ERROR"); n != 1 {
					t.Errorf("%d records instead of one:\n%s", n, r.log)
				}
				if log := r.log.String(); !strings.Contains(log, "target=/"+how) || !strings.Contains(log, "method="+method) || !strings.Contains(log, " id=") {
					t.Errorf("the record does not name the request: %s", log)
				}
				for range 50 { // the deadline may pass while a new worker starts
					if res := r.Dial(t).Get("/text"); res.Status == 200 {
						return
					}
				}
				t.Error("the worker was not replaced")
			})
		}
	}
}

func TestQueueIsBounded(t *testing.T) {
	servertest.Each(t, func(t *testing.T, d servertest.Driver) {
		r := serve(t, d, &highball.Server{}, gateway.Config{QueueLimit: 2, QueueDeadline: 100 * time.Millisecond})
		mark := filepath.Join(t.TempDir(), "go")
		busy := r.Dial(t)
		busy.Send("GET /wait?" + mark + " HTTP/1.1\r\nHost: h\r\n\r\n")
		await(t, r.output, "waiting")
		var waiting []*servertest.Client
		for range 3 { // wherever they are, one is too many
			c := r.Dial(t)
			c.Send("GET /text HTTP/1.1\r\nHost: h\r\n\r\n")
			waiting = append(waiting, c)
		}
		for _, c := range waiting {
			if res := c.Receive("GET"); res.Status != 503 || res.Value("Retry-After") == "" {
				t.Errorf("%d, Retry-After %q", res.Status, res.Value("Retry-After"))
			}
		}
		if err := os.WriteFile(mark, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if res := busy.Receive("GET"); res.Body != "waited\n" {
			t.Errorf("the one that was served: %d", res.Status)
		}
		if res := waiting[0].Get("/text"); res.Body != "text\n" {
			t.Errorf("afterwards: %d", res.Status)
		}
	})
}

// A request is not begun for a client who has left before a worker was free.
func TestClientLeavesTheQueue(t *testing.T) {
	servertest.Each(t, func(t *testing.T, d servertest.Driver) {
		r := serve(t, d, &highball.Server{}, gateway.Config{})
		mark := filepath.Join(t.TempDir(), "go")
		busy := r.Dial(t)
		busy.Send("GET /wait?" + mark + " HTTP/1.1\r\nHost: h\r\n\r\n")
		await(t, r.output, "waiting")
		c := r.Dial(t)
		c.Send("GET /say HTTP/1.1\r\nHost: h\r\n\r\n")
		servertest.Eventually(t, "it waits", func() bool { return len(r.app.Running()) == 2 }) // else the end may come with the request
		c.CloseWrite()
		c.WantClosed() // it is dropped while the worker is busy
		if err := os.WriteFile(mark, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		busy.Receive("GET")
		busy.Get("/text")
		if out := r.output.String(); strings.Contains(out, "said") {
			t.Errorf("the request was begun: %s", out)
		}
	})
}

// A client that ends its sending while a worker is at its request gets the answer, whatever that is made of: but for a stream, which may end with what was
// there at once. It is not kept waiting for the deadline.
func TestClientEndsItsSending(t *testing.T) {
	chunked := "Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n"
	for path, want := range map[string]string{"/wait": "waited\n", "/wait-file": "some text in a file\n", "/wait-lines": ""} {
		for _, rest := range []string{"\r\n", chunked} { // the latter takes a goroutine
			r := serve(t, servertest.Loop, &highball.Server{Deadlines: highball.Deadlines{Handler: 10 * time.Second}}, gateway.Config{})
			mark := filepath.Join(t.TempDir(), "go")
			c := r.Dial(t)
			c.Send("POST " + path + "?" + mark + " HTTP/1.1\r\nHost: h\r\n" + rest)
			r.runningAt(t, path+"?"+mark)
			c.CloseWrite()
			servertest.Eventually(t, "the server knows", func() bool { return r.app.ClientsLeft() == 1 })
			if err := os.WriteFile(mark, nil, 0o600); err != nil {
				t.Fatal(err)
			}
			res, err := c.TryReceive("POST")
			if want != "" && (err != nil || res.Status != 200 || res.Body != want) || err == nil && res.Status != 200 {
				t.Errorf("%s: %d %q (%v)", path, res.Status, res.Body, err)
			}
			servertest.Eventually(t, "it is over", func() bool { n := r.Highball.Connections(); return n.Handling == 0 })
		}
	}
}

// An endless response ends with its client, and the application hears of it by close().
func TestClientLeavesAStream(t *testing.T) {
	for _, cfg := range []gateway.Config{{}, {Threads: 2}} {
		servertest.Each(t, func(t *testing.T, d servertest.Driver) {
			r := serve(t, d, &highball.Server{}, cfg)
			c := r.Dial(t)
			c.Send("GET /endless HTTP/1.1\r\nHost: h\r\n\r\n")
			if _, err := c.Read(make([]byte, 1000)); err != nil {
				t.Fatal(err)
			}
			_ = c.Close()
			if res := r.Dial(t).Get("/closed"); cfg.Threads == 0 && res.Body != "1" {
				t.Errorf("closed %s times", res.Body)
			}
		})
	}
}

func TestReloadUnderRequests(t *testing.T) {
	r := serve(t, servertest.Loop, &highball.Server{}, gateway.Config{Workers: 2})
	var clients sync.WaitGroup
	stop := make(chan struct{})
	for range 4 {
		clients.Go(func() {
			c := r.Dial(t)
			for {
				select {
				case <-stop:
					return
				default:
				}
				if res := c.Get("/text"); res.Status != 200 {
					t.Errorf("status %d", res.Status)
					return
				}
			}
		})
	}
	before := r.Dial(t).Get("/pid").Body
	for range 3 {
		if err := r.app.Reload(t.Context()); err != nil {
			t.Error(err)
		}
	}
	close(stop)
	clients.Wait()
	if after := r.Dial(t).Get("/pid").Body; after == before {
		t.Errorf("the same process %s answers", after)
	}
}

func TestLoadErrors(t *testing.T) {
	for target, want := range map[string]string{
		"nowhere:app":   "module-not-found",
		"app:nothing":   "attribute-missing",
		"app:HERE":      "not-callable",
		"broken":        "import-failed",
		"app.py:answer": "",
	} {
		t.Run(target, func(t *testing.T) {
			dir := t.TempDir()
			text, err := os.ReadFile("testdata/pool/app.py")
			if err != nil {
				t.Fatal(err)
			}
			for name, text := range map[string]string{"app.py": string(text), "broken.py": "import nothing_of_this_name\n"} {
				if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			app, err := gateway.New(gateway.Config{Target: target, Dir: dir, Workers: 1, Environ: os.Environ(), Logger: slog.New(slog.DiscardHandler)})
			if err != nil {
				t.Fatal(err)
			}
			srv := &highball.Server{Handler: app.Handler("")}
			servertest.New(t, servertest.Loop, srv) // so that a worker can be told to end
			err = app.Start(t.Context(), srv)
			var load *gateway.LoadError
			switch {
			case want == "" && err != nil:
				t.Error(err)
			case want != "" && (!errors.As(err, &load) || load.Kind != want):
				t.Errorf("error %v, want one of kind %s", err, want)
			}
			if err := app.Stop(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
}
