package highball_test

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"highball"
	"highball/internal/servertest"
)

// An address that is taken is refused in one line, also when its holder has set SO_REUSEPORT, as our own sockets have.
func TestTakenAddressIsRefused(t *testing.T) {
	holder := servertest.New(t, servertest.Loop, &highball.Server{Handler: text("")})
	addr := holder.Addr.String()
	_, err := (&highball.Server{}).Listen(addr)
	if !errors.Is(err, syscall.EADDRINUSE) {
		t.Fatalf("the second one got %v", err)
	}
	if want := "listen " + addr + ": address already in use"; err.Error() != want {
		t.Errorf("the error says %q, want %q", err, want)
	}
}

func TestBadAddresses(t *testing.T) {
	for _, addr := range []string{"nonsense", "127.0.0.1:99999", "203.0.113.1:0", "unix:/nonexistent/socket", "127.0.0.1:x"} {
		_, err := (&highball.Server{}).Listen(addr)
		if err == nil || !strings.Contains(err.Error(), addr) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v", addr, err)
		}
	}
}

// One server may listen at several addresses, in each family.
func TestSeveralAddresses(t *testing.T) {
	srv := &highball.Server{Handler: text("here")}
	other, err := srv.Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := servertest.New(t, servertest.Loop, srv)
	if got := s.Dial(t).Get("/"); got.Body != "here" {
		t.Errorf("got %+v", got)
	}
	second := servertest.Server{Addr: other}
	if got := second.Dial(t).Get("/"); got.Body != "here" {
		t.Errorf("got %+v", got)
	}
}

func TestUnixSocket(t *testing.T) {
	path := filepath.Join(t.TempDir(), "socket")
	// A dead server's socket: bound, and closed without removing its name.
	dead, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	dead.(*net.UnixListener).SetUnlinkOnClose(false)
	if err := dead.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Lstat(path); err != nil {
		t.Fatal(err)
	}

	srv := &highball.Server{Handler: text("here")}
	addr, err := srv.Listen("unix:" + path)
	if err != nil {
		t.Fatalf("a dead socket was not replaced: %v", err)
	}
	done := make(chan error, 1)
	go func() { done <- srv.Run() }()
	s := servertest.Server{Addr: addr}
	if got := s.Dial(t).Get("/"); got.Body != "here" {
		t.Errorf("got %+v", got)
	}
	if _, err := (&highball.Server{}).Listen("unix:" + path); !errors.Is(err, syscall.EADDRINUSE) {
		t.Errorf("a live socket was taken over: %v", err)
	}
	if got := s.Dial(t).Get("/"); got.Body != "here" {
		t.Errorf("then %+v", got)
	}
	if err := srv.Close(); err != nil {
		t.Error(err)
	}
	if err := <-done; !errors.Is(err, highball.ErrServerClosed) {
		t.Errorf("Run: %v", err)
	}
	if _, err := os.Lstat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the socket is left behind: %v", err)
	}
}

// A file that is no socket is nobody's to replace.
func TestUnixSocketReplacesNoFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := (&highball.Server{}).Listen("unix:" + path); err == nil {
		t.Error("listening at a file")
	}
	if b, err := os.ReadFile(path); err != nil || string(b) != "precious" {
		t.Errorf("the file has %q, %v", b, err)
	}
}

// A listener that was made elsewhere is taken over, also a unix one.
func TestServeTakesAListenerOver(t *testing.T) {
	for _, network := range []string{"tcp", "unix"} {
		address := "127.0.0.1:0"
		if network == "unix" {
			address = filepath.Join(t.TempDir(), "socket")
		}
		l, err := net.Listen(network, address)
		if err != nil {
			t.Fatal(err)
		}
		srv := &highball.Server{Handler: text("here")}
		done := make(chan error, 1)
		go func() { done <- srv.Serve(l) }()
		s := servertest.Server{Addr: l.Addr()}
		if got := s.Dial(t).Get("/"); got.Body != "here" {
			t.Errorf("%s: %+v", network, got)
		}
		if err := srv.Close(); err != nil {
			t.Error(err)
		}
		if err := <-done; !errors.Is(err, highball.ErrServerClosed) {
			t.Errorf("Serve: %v", err)
		}
		if network == "unix" {
			if _, err := os.Lstat(address); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("the socket is left behind: %v", err)
			}
		}
	}
}

// Beyond the limit of connections clients are told so, and served again when there is room.
func TestConnectionLimit(t *testing.T) {
	servertest.Each(t, func(t *testing.T, d servertest.Driver) {
		s := servertest.New(t, d, &highball.Server{Handler: text("here"), Limits: highball.Limits{Conns: 2}})
		var open []*servertest.Client
		for range 2 {
			c := s.Dial(t)
			c.Get("/")
			open = append(open, c)
		}
		c := s.Dial(t)
		if got := c.Receive("GET"); got.Status != 503 || !got.Closing() || got.Value("Retry-After") == "" {
			t.Errorf("got %+v", got)
		}
		c.WantClosed()
		c.Close()
		open[1].Close()
		open[0].WantOpen("/")
		servertest.Eventually(t, "there is room", func() bool { return s.Highball.InFlight() == 1 })
		if got := s.Dial(t).Get("/"); got.Status != 200 {
			t.Errorf("then %+v", got)
		}
	})
}
