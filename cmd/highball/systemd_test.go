//go:build unix

package main

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// notices is the socket of a service manager, which hears what a server tells it.
type notices struct {
	t    *testing.T
	conn *net.UnixConn
	path string
}

func hear(t *testing.T, dir string) *notices {
	t.Helper()
	path := filepath.Join(dir, "notify")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if err := conn.SetReadDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	return &notices{t, conn, path}
}

// until returns what is told up to the first message that has the given beginning, signs of life aside, which are counted.
func (n *notices) until(beginning string) (told []string, alive int) {
	n.t.Helper()
	b := make([]byte, 4096)
	for {
		size, err := n.conn.Read(b)
		if err != nil {
			n.t.Fatalf("%v; told was %q", err, told)
		}
		text := string(b[:size])
		if text == "WATCHDOG=1" {
			alive++
		} else {
			told = append(told, text)
		}
		if strings.HasPrefix(text, beginning) {
			return told, alive
		}
	}
}

// The service manager hears of the start, of reloads, of another process that takes over, of the end, and that the server is alive.
func TestTellsServiceManager(t *testing.T) {
	needsProc(t)
	s := newService(t, upgradable)
	n := hear(t, s.dir)
	c := s.start(nil, "NOTIFY_SOCKET="+n.path, "WATCHDOG_USEC=20000")
	if told, _ := n.until("READY=1"); len(told) != 1 || !strings.Contains(told[0], "\nSTATUS=serving at 127.0.0.1:") {
		t.Errorf("at the start: %q", told)
	}
	for range 3 {
		n.until("WATCHDOG=1")
	}
	if out, err := s.command("reload"); err != nil {
		t.Fatalf("reload: %s, error %v", out, err)
	}
	if told, _ := n.until("READY=1"); len(told) != 2 || !strings.HasPrefix(told[0], "RELOADING=1\nMONOTONIC_USEC=") {
		t.Errorf("at a reload: %q", told)
	}
	if out, err := s.command("upgrade"); err != nil {
		t.Fatalf("upgrade: %s, error %v", out, err)
	}
	if told, _ := n.until("MAINPID="); strings.Contains(strings.Join(told, "\n"), "STOPPING") {
		t.Errorf("at an upgrade: %q", told)
	}
	if err := c.Wait(); err != nil {
		t.Error(err)
	}
	n.until("WATCHDOG=1")
	pid := s.pid()
	if out, err := s.command("stop"); err != nil {
		t.Fatalf("stop: %s, error %v", out, err)
	}
	n.until("STOPPING=1")
	s.gone(pid)
}

// Sockets of systemd serve the addresses that they are bound to; the others are bound as ever.
func TestSocketActivation(t *testing.T) {
	needsProc(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	socket, err := l.(*net.TCPListener).File()
	if err != nil {
		t.Fatal(err)
	}
	defer socket.Close()
	s := newService(t, strings.Replace(upgradable, "127.0.0.1:0", l.Addr().String(), 1))
	c := s.start([]*os.File{socket}, "LISTEN_FDS=1")
	if s.addr != l.Addr().String() {
		t.Errorf("it serves at %s, want %s", s.addr, l.Addr())
	}
	if got := s.get("/answer"); got != "here" {
		t.Errorf("answer %q", got)
	}
	if out, err := s.command("upgrade"); err != nil {
		t.Fatalf("upgrade: %s, error %v", out, err)
	}
	if err := c.Wait(); err != nil {
		t.Error(err)
	}
	if got := s.get("/answer"); got != "here" {
		t.Errorf("after an upgrade the answer is %q", got)
	}
	pid := s.pid()
	if out, err := s.command("stop"); err != nil {
		t.Fatalf("stop: %s, error %v", out, err)
	}
	s.gone(pid)
}

// A socket that no address is for is an error that names it: somebody wants it served.
func TestSocketActivationOfNothing(t *testing.T) {
	s := newService(t, upgradable)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	socket, err := l.(*net.TCPListener).File()
	if err != nil {
		t.Fatal(err)
	}
	defer socket.Close()
	out, err := s.activated(socket)
	want := `highball: the socket ` + l.Addr().String() + ` was handed over by systemd, and no listen address is for it; write listen = ["` + l.Addr().String() + `"]`
	if err == nil || !strings.Contains(out, want) {
		t.Errorf("%s, error %v; want %q", out, err, want)
	}
}
