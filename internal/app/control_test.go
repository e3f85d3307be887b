package app

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"testing"
	"time"

	"highball"
)

// began has a control server begin, and sends it a request on a connection that is closed with the test.
func began(t *testing.T, k *control, request string) net.Conn {
	t.Helper()
	path := filepath.Join(t.TempDir(), "s")
	k.addr = "unix:" + path
	if _, err := k.server.Listen(k.addr); err != nil {
		t.Fatal(err)
	}
	k.begin()
	conn, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if _, err := io.WriteString(conn, request); err != nil {
		t.Fatal(err)
	}
	return conn
}

// Whoever has told the server to end hears that it does, however little there is to finish.
func TestLastOrderIsAnswered(t *testing.T) {
	entered, release := make(chan bool), make(chan bool)
	k := newControlServer(highball.HandlerFunc(func(w *highball.Response, _ *highball.Request) error {
		entered <- true
		<-release
		w.SetContentLength(int64(len("it ends"))) // as package admin does
		_, err := w.WriteString("it ends")
		return err
	}), highball.Deadlines{})
	conn := began(t, k, "POST /stop HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n")
	<-entered
	closed := make(chan error, 1)
	go func() { closed <- k.close() }()
	select {
	case err := <-closed:
		t.Errorf("it was closed before the answer, error %v", err)
	case <-time.After(20 * time.Millisecond): // in which it has no reason to be
	}
	close(release)
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	if body, err := io.ReadAll(res.Body); err != nil || string(body) != "it ends" {
		t.Errorf("%q, %v", body, err)
	}
	if err := <-closed; err != nil {
		t.Error(err)
	}
}

// An order that somebody has begun to send, and does not go on with, keeps no server from its end.
func TestUnfinishedOrderHoldsNobodyUp(t *testing.T) {
	entered, left := make(chan bool), make(chan error, 1)
	k := newControlServer(highball.HandlerFunc(func(_ *highball.Response, r *highball.Request) error {
		entered <- true
		_, err := io.ReadAll(r.Body())
		left <- err
		return err
	}), highball.Deadlines{Handler: never})
	began(t, k, "POST /reload HTTP/1.1\r\nHost: h\r\nContent-Length: 100\r\n\r\n{")
	<-entered
	if err := k.close(); err != nil {
		t.Error(err)
	}
	if err := <-left; err == nil || errors.Is(err, highball.ErrSlowClient) {
		t.Errorf("the order has ended by %v, not with the socket", err)
	}
}
