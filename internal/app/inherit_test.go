package app

import (
	"errors"
	"io"
	"net"
	"os"
	"slices"
	"strings"
	"testing"

	"highball/internal/config"
)

func TestSameAddress(t *testing.T) {
	tcp := func(ip string, port int) net.Addr { return &net.TCPAddr{IP: net.ParseIP(ip), Port: port} }
	socket := &net.UnixAddr{Name: "/run/s", Net: "unix"}
	for _, test := range []struct {
		bound  net.Addr
		listen string
		want   bool
	}{
		{tcp("127.0.0.1", 80), "127.0.0.1:80", true},
		{tcp("127.0.0.1", 80), "localhost:80", true},
		{tcp("127.0.0.1", 80), "127.0.0.1:81", false},
		{tcp("127.0.0.1", 80), "127.0.0.2:80", false},
		{tcp("127.0.0.1", 80), "0.0.0.0:80", false},
		{tcp("::", 80), ":80", true},
		{tcp("::", 80), "0.0.0.0:80", true},
		{tcp("0.0.0.0", 80), "[::]:80", true},
		{tcp("::", 80), "127.0.0.1:80", false},
		{tcp("::1", 80), "[::1]:80", true},
		{tcp("::", 80), "unix:/run/s", false},
		{socket, "unix:/run/s", true},
		{socket, "unix:/run/t", false},
		{socket, "127.0.0.1:80", false},
	} {
		l := config.Listener{Network: "tcp", Address: test.listen}
		if path, ok := strings.CutPrefix(test.listen, "unix:"); ok {
			l = config.Listener{Network: "unix", Address: path}
		}
		if got := sameAddress(test.bound, l); got != test.want {
			t.Errorf("%v and %s: %v, want %v", test.bound, test.listen, got, test.want)
		}
	}
}

// What the server before has called an address decides, not where its sockets are bound: port 0 is another one each time.
func TestInheritanceIsTaken(t *testing.T) {
	i := &inheritance{sockets: []*inheritedSocket{{Addr: "127.0.0.1:0", Count: 1}, {Addr: "127.0.0.1:0", Count: 2}, {Addr: "unix:/run/s"}}}
	l := config.Listener{Network: "tcp", Address: "127.0.0.1:0"}
	for _, want := range []int{1, 2} {
		if s := i.take(l); s == nil || s.Count != want {
			t.Fatalf("got %+v, want the one with %d", s, want)
		}
	}
	if s := i.take(l); s != nil {
		t.Errorf("got %+v", s)
	}
	if err := i.rest(); err != nil {
		t.Errorf("what a configuration does not want any more: error %v", err)
	}
	if s := (*inheritance)(nil).take(l); s != nil {
		t.Errorf("of nothing: %+v", s)
	}
}

func TestAnnounce(t *testing.T) {
	for _, test := range []struct {
		err  error
		want string
	}{{nil, tookOver}, {errors.New("a port is taken"), "a port is taken"}} {
		r, w, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		i := &inheritance{ready: w}
		i.announce(test.err)
		i.announce(errStopped) // what comes later is of no interest
		text, err := io.ReadAll(r)
		if err != nil || string(text) != test.want {
			t.Errorf("%q, error %v; want %q", text, err, test.want)
		}
		_ = r.Close()
	}
}

func TestWithout(t *testing.T) {
	environ := []string{"A=1", "LISTEN_PID=7", "LISTEN_PIDS=8", "HIGHBALL_INHERIT={}", "B"}
	if got := without(environ, ownVariables); !slices.Equal(got, []string{"A=1", "LISTEN_PIDS=8", "B"}) || len(environ) != 5 {
		t.Errorf("%q of %q", got, environ)
	}
}
