package highball_test

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"highball"
	"highball/internal/servertest"
)

// sayListener says which address the client has connected to.
func sayListener(w *highball.Response, r *highball.Request) error {
	_, err := w.WriteString(r.Listener())
	return err
}

// askAt opens a connection for one request, and returns the body of its answer.
func askAt(t testing.TB, a net.Addr) string {
	t.Helper()
	conn, err := net.Dial(a.Network(), a.String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	c := servertest.NewClient(t, conn)
	return c.Get("/").Body
}

// A running server takes on addresses and lets go of them; the connections that it has go on.
func TestListenWhileServing(t *testing.T) {
	s := start(t, servertest.Loop, sayListener)
	first := s.Dial(t)
	if got := first.Get("/").Body; got != "127.0.0.1:0" {
		t.Errorf("at first: connected to %q", got)
	}
	path := filepath.Join(t.TempDir(), "socket")
	second, err := s.Highball.Listen("unix:" + path)
	if err != nil {
		t.Fatal(err)
	}
	queued, err := net.Dial("unix", path) // bound is enough for that
	if err != nil {
		t.Fatal(err)
	}
	defer queued.Close()
	if err := s.Highball.Begin(); err != nil {
		t.Fatal(err)
	}
	if got := askAt(t, second); got != "unix:"+path {
		t.Errorf("connected to %q", got)
	}
	if err := s.Highball.Unlisten("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Connect(); err == nil {
		t.Error("the first address still takes connections")
	}
	if got := first.Get("/").Body; got != "127.0.0.1:0" {
		t.Errorf("the connection from before: %q", got)
	}
	if got := servertest.NewClient(t, queued).Get("/").Body; got != "unix:"+path {
		t.Errorf("the connection that waited: %q", got)
	}
	if err := s.Highball.Unlisten("127.0.0.1:0"); err == nil {
		t.Error("an address was given up twice")
	}
	if err := s.Highball.Unlisten("unix:" + path); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the socket's name is still there: %v", err)
	}
	if _, err := s.Highball.Listen("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	if err := s.Highball.Unlisten("127.0.0.1:0"); err != nil {
		t.Errorf("an address that was only bound: %v", err)
	}
}

// The sockets of one server go on in another one: not a single connection of clients who come all the time is refused or
// reset, and none of their requests is lost.
func TestHandOver(t *testing.T) {
	path := filepath.Join(t.TempDir(), "socket")
	begin := func(adopt []highball.Listening) *highball.Server {
		t.Helper()
		srv := &highball.Server{Loops: 2, Handler: highball.HandlerFunc(sayListener)}
		for _, addr := range []string{"127.0.0.1:0", "unix:" + path} {
			var err error
			if i := indexOf(adopt, addr); i >= 0 {
				_, err = srv.Adopt(addr, adopt[i].Files)
			} else {
				_, err = srv.Listen(addr)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		running := make(chan error, 1)
		go func() { running <- srv.Run() }()
		t.Cleanup(func() {
			_ = srv.Close()
			if err := <-running; !errors.Is(err, highball.ErrServerClosed) {
				t.Error(err)
			}
		})
		return srv
	}
	now := begin(nil)
	addrs := listening(t, now)

	stop := make(chan struct{})
	var clients sync.WaitGroup
	for i := range 6 {
		clients.Go(func() {
			a := addrs[i%2]
			for n := 0; ; {
				conn, err := net.Dial(a.Network(), a.String())
				if err != nil {
					t.Errorf("client %d: %v after %d requests", i, err, n)
					return
				}
				c := servertest.NewClient(t, conn)
				for closing := false; !closing; n++ {
					select {
					case <-stop:
						_ = conn.Close()
						return
					default:
					}
					c.Send(get("/", ""))
					got, err := c.TryReceive("GET")
					if err != nil || got.Status != 200 {
						t.Errorf("client %d: %d, %v after %d requests", i, got.Status, err, n)
						return
					}
					closing = got.Closing()
				}
				_ = conn.Close()
			}
		})
	}
	for range 3 {
		handed, err := now.Listeners()
		if err != nil {
			t.Fatal(err)
		}
		next := begin(handed)
		for _, l := range handed {
			for _, f := range l.Files {
				_ = f.Close()
			}
		}
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		if err := now.Shutdown(ctx); err != nil {
			t.Error(err)
		}
		cancel()
		now = next
	}
	close(stop)
	clients.Wait()
	if _, err := os.Stat(path); err != nil {
		t.Errorf("the hand-over has lost the socket's name: %v", err)
	}
}

func indexOf(all []highball.Listening, addr string) int {
	for i := range all {
		if all[i].Addr == addr {
			return i
		}
	}
	return -1
}

// listening returns the addresses that a server listens at, once it does.
func listening(t testing.TB, srv *highball.Server) (addrs []net.Addr) {
	t.Helper()
	servertest.Eventually(t, "the server listens", func() bool {
		addrs = nil
		all, err := srv.Listeners()
		if err != nil {
			t.Fatal(err)
		}
		for _, l := range all {
			addrs = append(addrs, l.Bound)
			for _, f := range l.Files {
				_ = f.Close()
			}
		}
		return len(addrs) == 2
	})
	return addrs
}

// Only listening sockets of a kind that is served can be adopted.
func TestAdoptRefuses(t *testing.T) {
	srv := new(highball.Server)
	defer srv.Close()
	near, far := socketpair(t)
	defer near.Close()
	defer far.Close()
	for _, test := range []struct {
		files []*os.File
		want  string
	}{
		{nil, "no socket to adopt"},
		{[]*os.File{near}, "it does not listen"},
		{[]*os.File{fixtureFile(t, "")}, "non-socket"},
	} {
		if _, err := srv.Adopt("127.0.0.1:1", test.files); err == nil || !strings.Contains(err.Error(), test.want) || !strings.Contains(err.Error(), "127.0.0.1:1") {
			t.Errorf("%v, want %s", err, test.want)
		}
	}
}

// Other deadlines hold for what begins after they were set, and other limits too.
func TestReconfigure(t *testing.T) {
	servertest.Each(t, func(t *testing.T, d servertest.Driver) {
		release := make(chan struct{})
		defer close(release)
		s := start(t, d, func(w *highball.Response, r *highball.Request) error {
			if r.Path() == "/wait" {
				<-release
			}
			return nil
		})
		c := s.Dial(t)
		if got := c.Get("/" + strings.Repeat("x", 9000)); got.Status != 414 {
			t.Errorf("before: a long line got %d", got.Status)
		}
		if err := s.Highball.Reconfigure(highball.Deadlines{Handler: time.Millisecond}, highball.Limits{Line: 16 << 10}); err != nil {
			t.Fatal(err)
		}
		s.Highball.Quiesce()
		c = s.Dial(t)
		if got := c.Get("/" + strings.Repeat("x", 9000)); got.Status != 200 {
			t.Errorf("after: a long line got %d", got.Status)
		}
		if got := c.Get("/wait"); got.Status != 504 {
			t.Errorf("after: a slow handler got %d", got.Status)
		}
	})
}

// Quiesce waits for a turn that is under way.
func TestQuiesce(t *testing.T) {
	entered, release := make(chan struct{}), make(chan struct{})
	s := servertest.New(t, servertest.Loop, &highball.Server{Loops: 1, Handler: inlineFunc{inline: func(w *highball.Response, _ *highball.Request) bool {
		close(entered)
		<-release
		return true
	}}})
	c := s.Dial(t)
	c.Send(get("/", ""))
	<-entered
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.Highball.Quiesce()
	}()
	select {
	case <-done:
		t.Error("Quiesce has returned in the middle of a turn")
	case <-time.After(20 * time.Millisecond):
	}
	close(release)
	<-done
	c.Receive("GET")
}

// What is done to the listeners waits for the event loops, on which at the same time something may ask the server, as the end of a worker's
// stream and the limit of connections do: neither may wait for the other.
func TestListenersAndLoopsDoNotWaitForEachOther(t *testing.T) {
	for name, change := range map[string]func(s *highball.Server) error{
		"Listeners": func(s *highball.Server) error {
			all, err := s.Listeners()
			for _, l := range all {
				for _, f := range l.Files {
					_ = f.Close()
				}
			}
			return err
		},
		"Unlisten": func(s *highball.Server) error { return s.Unlisten("127.0.0.1:0") },
		"Begin": func(s *highball.Server) error {
			if _, err := s.Listen("localhost:0"); err != nil {
				return err
			}
			return s.Begin()
		},
	} {
		t.Run(name, func(t *testing.T) {
			entered, release := make(chan struct{}), make(chan struct{})
			srv := &highball.Server{Loops: 1, Limits: highball.Limits{Conns: 100}}
			srv.Handler = inlineFunc{inline: func(*highball.Response, *highball.Request) bool {
				close(entered)
				<-release
				return srv.InFlight() > 0
			}}
			s := servertest.New(t, servertest.Loop, srv)
			c := s.Dial(t)
			c.Send(get("/", ""))
			<-entered
			done := make(chan error, 1)
			go func() { done <- change(srv) }()
			select { // it may be through already, or wait for the turn to end
			case err := <-done:
				done <- err
			case <-time.After(50 * time.Millisecond):
			}
			close(release)
			select {
			case err := <-done:
				if err != nil {
					t.Error(err)
				}
			case <-time.After(10 * time.Second):
				buf := make([]byte, 1<<20)
				t.Fatalf("still waiting after ten seconds:\n%s", buf[:runtime.Stack(buf, true)])
			}
			if got := c.Receive("GET"); got.Status != 200 {
				t.Errorf("the request meanwhile got %d", got.Status)
			}
		})
	}
}
