package highball_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"highball"
	"highball/internal/servertest"
)

// oracle is a handler whose answers come from the other end of a stream: a line "N PATH" is answered by "N PATH" when it
// is time. Bodies make it serve in blocking style.
type oracle struct {
	t      testing.TB
	peer   *highball.Peer
	remote net.Conn // the end of the one who answers
	ok     *highball.PreparedHead
	large  []byte

	mu      sync.Mutex // guards the following fields
	partial []byte
	next    int
	asked   map[int]*question
	causes  []error // why questions were abandoned
	changed chan struct{}
}

// question is one request at an oracle.
type question struct {
	o     *oracle
	later highball.Later
	done  atomic.Bool
	wait  chan string // in place of later
}

func newOracle(t testing.TB) *oracle {
	t.Helper()
	head, err := highball.PrepareHead(200, new(highball.Header))
	if err != nil {
		t.Fatal(err)
	}
	return &oracle{t: t, ok: head, large: []byte(repeated(300 << 10)), asked: make(map[int]*question), changed: make(chan struct{}, 100)}
}

// socketpair returns both ends of a stream.
func socketpair(t testing.TB) (*os.File, net.Conn) {
	t.Helper()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	far := os.NewFile(uintptr(fds[1]), "far")
	defer far.Close()
	conn, err := net.FileConn(far)
	if err != nil {
		t.Fatal(err)
	}
	return os.NewFile(uintptr(fds[0]), "near"), conn
}

// join makes the oracle's stream one of the server's.
func (o *oracle) join(s *highball.Server) {
	o.t.Helper()
	near, far := socketpair(o.t)
	o.remote = far
	o.t.Cleanup(func() { _ = far.Close() })
	peer, err := s.AddPeer(near, o)
	if err != nil {
		o.t.Fatal(err)
	}
	o.peer = peer
}

func (o *oracle) ask(t *highball.Turn, path string, q *question) {
	o.mu.Lock()
	o.next++
	n := o.next
	o.asked[n] = q
	o.mu.Unlock()
	o.peer.Send(t, fmt.Appendf(nil, "%d %s\n", n, path))
}

func (o *oracle) ServeLater(t *highball.Turn, r *highball.Request, l highball.Later) highball.Pending {
	if r.ContentLength() > 0 {
		return nil
	}
	q := &question{o: o, later: l}
	o.ask(t, strings.Clone(r.Path()), q)
	if r.Path() == "/nap" {
		o.peer.Send(nil, nil) // now, and not at the end of the turn
		time.Sleep(2 * time.Millisecond)
	}
	return q
}

func (o *oracle) Serve(w *highball.Response, r *highball.Request) error {
	body, err := io.ReadAll(r.Body())
	if err != nil {
		return err
	}
	q := &question{o: o, wait: make(chan string, 1)}
	o.ask(nil, r.Path(), q)
	select {
	case path := <-q.wait:
		if _, err := w.Write(body); err != nil {
			return err
		}
		return o.write(w, path)
	case <-r.Context().Done():
		return highball.ErrClientLeft
	}
}

func (o *oracle) write(w *highball.Response, path string) error {
	if path == "/large" {
		_, err := w.Write(o.large)
		return err
	}
	_, err := w.WriteString(path + "\n")
	return err
}

// ClientLeft implements highball.Pending.
func (q *question) ClientLeft(*highball.Turn) { q.abandoned(highball.ErrClientLeft) }

// Done implements highball.Pending.
func (q *question) Done(_ *highball.Turn, err error) {
	if q.done.Swap(true) {
		q.o.t.Error("Done was called twice")
	}
	if err != nil {
		q.abandoned(err)
	}
}

func (q *question) abandoned(cause error) {
	q.o.mu.Lock()
	q.o.causes = append(q.o.causes, cause)
	q.o.mu.Unlock()
	q.o.changed <- struct{}{}
}

// Receive implements highball.Receiver.
func (o *oracle) Receive(t *highball.Turn, b []byte) {
	o.partial = append(o.partial, b...)
	for {
		line, rest, ok := bytes.Cut(o.partial, []byte("\n"))
		if !ok {
			return
		}
		number, path, _ := strings.Cut(string(line), " ")
		o.partial = rest
		n, err := strconv.Atoi(number)
		if err != nil {
			panic(err)
		}
		o.mu.Lock()
		q := o.asked[n]
		delete(o.asked, n)
		o.mu.Unlock()
		o.tell(t, q, path)
	}
}

func (o *oracle) tell(t *highball.Turn, q *question, path string) {
	switch {
	case q.wait != nil:
		q.wait <- path
	case path == "/large":
		q.later.Send(t, o.ok, -1, o.large)
	case path == "/dropped":
		q.later.Drop(t)
	case strings.HasPrefix(path, "/served"):
		q.later.Serve(t, func(w *highball.Response, r *highball.Request) error { return o.write(w, r.Path()) })
	case strings.HasPrefix(path, "/elsewhere"):
		go q.later.Send(nil, o.ok, -1, []byte(path+"\n"))
	case path == "/short":
		q.later.Send(t, o.ok, 100, []byte("short"))
	case path == "/long":
		q.later.Send(t, o.ok, 4, []byte("long and longer"))
	default:
		q.later.Send(t, o.ok, -1, []byte(path+"\n"))
		q.later.Send(t, o.ok, -1, []byte("twice\n")) // which has no effect
	}
}

// Closed implements highball.Receiver.
func (o *oracle) Closed(*highball.Turn, error) { o.changed <- struct{}{} }

// answerAll answers every question at once until the stream ends.
func (o *oracle) answerAll() {
	lines := bufio.NewReader(o.remote)
	for {
		line, err := lines.ReadString('\n')
		if err != nil {
			return
		}
		if _, err := io.WriteString(o.remote, line); err != nil {
			return
		}
	}
}

// hears waits for a question.
func (o *oracle) hears(want string) {
	o.t.Helper()
	b := make([]byte, 100)
	n, err := o.remote.Read(b)
	if _, path, _ := strings.Cut(string(b[:n]), " "); err != nil || path != want+"\n" {
		o.t.Fatalf("the oracle was asked %q (%v), not for %s", b[:n], err, want)
	}
}

func (o *oracle) says(text string) {
	o.t.Helper()
	if _, err := io.WriteString(o.remote, text); err != nil {
		o.t.Fatal(err)
	}
}

// abandoned waits until a question is abandoned, and returns why.
func (o *oracle) abandoned() error {
	o.t.Helper()
	select {
	case <-o.changed:
	case <-time.After(10 * time.Second):
		o.t.Fatal("nothing was abandoned")
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.causes[len(o.causes)-1]
}

// startOracle serves an oracle, which answers by itself or as the test says.
func startOracle(t testing.TB, d servertest.Driver, srv *highball.Server) (*oracle, *servertest.Server) {
	t.Helper()
	o := newOracle(t)
	srv.Handler = o
	srv.Logger = slog.New(slog.DiscardHandler)
	o.join(srv) // before Run
	return o, servertest.New(t, d, srv)
}

func TestAnswersThatComeLater(t *testing.T) {
	for _, loops := range []int{1, 2} {
		t.Run(fmt.Sprint(loops, " loops"), func(t *testing.T) {
			servertest.Each(t, func(t *testing.T, d servertest.Driver) {
				o, s := startOracle(t, d, &highball.Server{Loops: loops})
				var answering sync.WaitGroup
				answering.Go(o.answerAll)
				defer answering.Wait()
				defer o.remote.Close()
				large := string(o.large)
				for range 4 { // for connections on either loop
					c := s.Dial(t)
					var requests strings.Builder
					paths := []string{"/a", "/elsewhere", "/served", "/b", "/large", "/served", "/served/large", "/elsewhere", "/c"}
					for _, path := range paths {
						requests.WriteString(get(path, ""))
					}
					for range 2 {
						c.Send(requests.String()) // pipelined
						for _, path := range paths {
							want := path + "\n"
							if path == "/large" {
								want = large
							}
							if body := c.Receive("GET").Body; body != want {
								t.Fatalf("%s: %.40q", path, body)
							}
						}
					}
					c.Send(post("/body", "Content-Length: 5\r\n", "body:"))
					if body := c.Receive("POST").Body; body != "body:/body\n" {
						t.Fatalf("with a body: %q", body)
					}
				}
			})
		})
	}
}

// Long answers, which are sent from where they were made, keep their order among others, and each is told of, however slowly the client takes them.
func TestLongAnswersThatComeLater(t *testing.T) {
	for _, slow := range []bool{false, true} {
		w, srv := new(witness), &highball.Server{Loops: 1}
		srv.Observe(w)
		srv.CaptureWire()
		o, s := startOracle(t, servertest.Loop, srv)
		var answering sync.WaitGroup
		answering.Go(o.answerAll)
		const rounds = 30 // more than sockets hold
		c := s.Dial(t)
		var requests strings.Builder
		for range rounds {
			requests.WriteString(get("/a", "") + get("/large", "") + get("/large", "") + get("/b", ""))
		}
		c.Send(requests.String())
		if slow {
			servertest.Eventually(t, "the client is waited for", func() bool { return s.Highball.Connections().Sending == 1 })
		}
		for n := range rounds {
			for _, want := range []string{"/a\n", string(o.large), string(o.large), "/b\n"} {
				if body := c.Receive("GET").Body; body != want {
					t.Fatalf("round %d: %d bytes, not %d", n, len(body), len(want))
				}
				r := w.wantRecord(t, 200, len(want), false)
				head, body, _ := strings.Cut(string(r.Wire.Response), "\r\n\r\n")
				if !strings.HasPrefix(head, "HTTP/1.1 200 OK\r\n") || body != want[:min(len(want), 1<<10)] {
					t.Fatalf("round %d: the record shows %d bytes: %.60q", n, len(r.Wire.Response), r.Wire.Response)
				}
			}
		}
		c.Send(get("/large", "Connection: close\r\n"))
		if res := c.Receive("GET"); res.Body != string(o.large) || !res.Closing() {
			t.Errorf("the last one: %d bytes", len(res.Body))
		}
		c.WantClosed()
		_ = o.remote.Close()
		answering.Wait()
	}
}

func TestLaterHead(t *testing.T) {
	o, s := startOracle(t, servertest.Loop, &highball.Server{})
	go o.answerAll()
	c := s.Dial(t)
	for _, test := range []struct {
		method, path, length, body string
	}{
		{"HEAD", "/a", "3", ""},
		{"GET", "/long", "4", "long"},
		{"HEAD", "/short", "100", ""},
	} {
		c.Send(test.method + " " + test.path + " HTTP/1.1\r\nHost: h\r\n\r\n")
		res := c.Receive(test.method)
		if res.Value("Content-Length") != test.length || res.Body != test.body {
			t.Errorf("%s %s: length %s, body %q", test.method, test.path, res.Value("Content-Length"), res.Body)
		}
	}
	c.Send(get("/short", "")) // and the connection is cut
	if res, err := c.TryReceive("GET"); err == nil {
		t.Errorf("a body that is too short was sent as whole: %q", res.Body)
	}
	if got := s.Do(t, get("/dropped", "")); got != "" {
		t.Errorf("a dropped request was answered: %q", got)
	}
	if got := s.Do(t, get("/a", "Connection: close\r\n")); !strings.HasSuffix(got, "Connection: close\r\n\r\n/a\n") {
		t.Errorf("the last request: %q", got)
	}
	if got := s.Do(t, "GET /a HTTP/1.0\r\n\r\n"); !strings.HasSuffix(got, "Connection: close\r\n\r\n/a\n") {
		t.Errorf("HTTP/1.0: %q", got)
	}
}

func TestLaterDeadline(t *testing.T) {
	o, s := startOracle(t, servertest.Loop, &highball.Server{Deadlines: highball.Deadlines{Handler: time.Millisecond}})
	c := s.Dial(t)
	c.Send(get("/a", ""))
	o.hears("/a")
	if res := c.Receive("GET"); res.Status != 504 || !res.Closing() {
		t.Errorf("%d", res.Status)
	}
	if cause := o.abandoned(); cause != highball.ErrHandlerDeadline {
		t.Errorf("abandoned for %v", cause)
	}
	o.says("1 /a\n") // too late
	c.Rest()
}

func TestLaterClientLeaves(t *testing.T) {
	o, s := startOracle(t, servertest.Loop, &highball.Server{})
	c := s.Dial(t)
	c.Send(get("/a", "") + get("/b", ""))
	o.hears("/a")
	c.CloseWrite()
	if cause := o.abandoned(); cause != highball.ErrClientLeft {
		t.Errorf("abandoned for %v", cause)
	}
	o.says("1 /a\n") // it may still read
	if body := c.Receive("GET").Body; body != "/a\n" {
		t.Errorf("body %q", body)
	}
	o.hears("/b")
	o.says("2 /b\n")
	if body := c.Receive("GET").Body; body != "/b\n" {
		t.Errorf("body %q", body)
	}
	c.Rest()
}

// A client that has left already when its request is read is known to have left, too.
func TestLaterClientHasLeft(t *testing.T) {
	o, s := startOracle(t, servertest.Loop, &highball.Server{})
	nap := s.Dial(t)
	for n := range 40 { // the end comes with the request if the loop looks late enough
		c := s.Dial(t)
		nap.Send(get("/nap", ""))
		o.hears("/nap")
		c.Send(get("/a", ""))
		c.CloseWrite()
		o.hears("/a")
		if cause := o.abandoned(); cause != highball.ErrClientLeft {
			t.Fatalf("abandoned for %v", cause)
		}
		o.says(fmt.Sprintf("%d /nap\n%d /a\n", 2*n+1, 2*n+2))
		if one, other := nap.Receive("GET").Body, c.Receive("GET").Body; one != "/nap\n" || other != "/a\n" {
			t.Errorf("bodies %q and %q", one, other)
		}
		c.Rest()
	}
}

func TestLaterServerCloses(t *testing.T) {
	o, s := startOracle(t, servertest.Loop, &highball.Server{})
	c := s.Dial(t)
	c.Send(get("/a", ""))
	o.hears("/a")
	if err := s.Highball.Close(); err != nil {
		t.Fatal(err)
	}
	if cause := o.abandoned(); cause != highball.ErrServerClosed {
		t.Errorf("abandoned for %v", cause)
	}
	if _, err := o.remote.Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("the peer's stream: %v", err)
	}
	if _, err := s.Highball.AddPeer(os.NewFile(0, ""), o); err != highball.ErrServerClosed {
		t.Errorf("AddPeer: %v", err)
	}
}

func TestLaterShutdownWaits(t *testing.T) {
	o, s := startOracle(t, servertest.Loop, &highball.Server{})
	c := s.Dial(t)
	c.Send(get("/a", ""))
	o.hears("/a")
	ended := make(chan error, 1)
	go func() { ended <- s.Highball.Shutdown(t.Context()) }()
	for {
		probe, err := s.Connect()
		if err != nil {
			break // it listens no more
		}
		_ = probe.Close()
	}
	o.says("1 /a\n")
	if res := c.Receive("GET"); res.Body != "/a\n" || !res.Closing() {
		t.Errorf("body %q", res.Body)
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func TestPeerBackPressure(t *testing.T) {
	servertest.Each(t, func(t *testing.T, d servertest.Driver) {
		o, s := startOracle(t, d, &highball.Server{})
		_ = s.Do(t, "nonsense\r\n\r\n") // by now the server runs
		sent := bytes.Repeat([]byte(repeated(1000)), 2000)
		for part := sent; len(part) > 0; part = part[1000:] {
			o.peer.Send(nil, part[:1000]) // far more than a socket holds
		}
		got := make([]byte, len(sent))
		if _, err := io.ReadFull(o.remote, got); err != nil || !bytes.Equal(got, sent) {
			t.Errorf("received otherwise than sent: %v", err)
		}
		o.peer.Pause()
		o.peer.Resume()
		o.peer.Close()
		if _, err := o.remote.Read(got); err != io.EOF {
			t.Errorf("after Close: %v", err)
		}
		o.peer.Send(nil, sent) // does nothing
		<-o.changed            // Closed
	})
}

// What a process does not take at once is kept for it, in order, and however the sending and taking are mixed.
func TestPeerKeepsWhatIsNotTaken(t *testing.T) {
	o, _ := startOracle(t, servertest.Loop, &highball.Server{})
	random := rand.New(rand.NewPCG(3, 4))
	sent, taken := 0, 0
	take := func(n int) {
		t.Helper()
		b := make([]byte, n)
		if _, err := io.ReadFull(o.remote, b); err != nil {
			t.Fatal(err)
		}
		for i := range b {
			if want := byte((taken + i) % 251); b[i] != want {
				t.Fatalf("byte %d is %d, want %d", taken+i, b[i], want)
			}
		}
		taken += n
	}
	for range 300 {
		b := make([]byte, 1+random.IntN(100<<10))
		for i := range b {
			b[i] = byte((sent + i) % 251)
		}
		o.peer.Send(nil, b)
		sent += len(b)
		if waits := sent - taken; waits > 1<<20 {
			take(1 + random.IntN(waits))
		}
	}
	take(sent - taken)
}
