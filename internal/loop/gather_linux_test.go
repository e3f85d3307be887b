package loop

import (
	"bytes"
	"strings"
	"testing"
	"time"
)

// What is gathered comes as it is, in whatever parts it arrives, and what is behind it after it.
func TestGather(t *testing.T) {
	fd, addr := listenTCP(t)
	h := &hub{}
	g := start(t, Config{Sockets: []int{fd}}, h)
	want := "g\n" + strings.Repeat("0123456789", gatherSize/10)
	for _, parts := range [][]string{
		{want},
		{want + "behind\n"},
		{want[:1], want[1:2], want[2:3], want[3:]},
		{want[:3], want[3:gatherSize], want[gatherSize:] + "behind\n"},
		{want[:gatherSize+1], want[gatherSize+1:]},
		{want, "behind\n" + want + want + strings.Repeat("far behind\n", 10_000)},
	} {
		c := dial(t, addr)
		for _, part := range parts {
			if _, err := c.Write([]byte(part)); err != nil {
				t.Fatal(err)
			}
			turns(t, g)
		}
		expect(t, c, strings.Join(parts, ""))
		_ = c.Close()
	}
}

// A room that is not full says how much is missing, and is not touched any more.
func TestStopGather(t *testing.T) {
	fd, addr := listenTCP(t)
	var conn *Conn
	var input []byte
	room := bytes.Repeat([]byte{'-'}, 20)
	h := &hub{prepare: func(s *echo) {
		s.onInput = func(b []byte) {
			if conn == nil {
				conn = s.c
				conn.Gather(room)
				return
			}
			input = append(input, b...)
		}
	}}
	g := start(t, Config{Sockets: []int{fd}}, h)
	c := dial(t, addr)
	send := func(text string, there func() bool) {
		t.Helper()
		if _, err := c.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
		for deadline, ok := time.Now().Add(patience), false; !ok; {
			if time.Now().After(deadline) {
				t.Fatalf("%q does not arrive", text)
			}
			onLoop(t, g, func(*Loop) { ok = there() })
		}
	}
	send("begin", func() bool { return conn != nil })
	send("0123456", func() bool { return len(conn.room) == 13 })
	onLoop(t, g, func(*Loop) {
		if missing := conn.StopGather(); missing != 13 {
			t.Errorf("%d bytes are missing of 20, of which 7 have arrived", missing)
		}
		if missing := conn.StopGather(); missing != 0 {
			t.Errorf("%d bytes are missing of nothing", missing)
		}
	})
	send("more", func() bool { return string(input) == "more" })
	if string(room) != "0123456-------------" {
		t.Errorf("the room has %q", room)
	}
	if received, _ := conn.Moved(); received != int64(len("begin0123456more")) {
		t.Errorf("%d bytes are counted", received)
	}
}

// The end of the stream, or of the connection, is told while something is gathered; what came before it is in the room.
func TestEndOfGathering(t *testing.T) {
	for _, how := range []string{"closed", "reset", "closed at once"} {
		fd, addr := listenTCP(t)
		ended := make(chan string, 1)
		h := &hub{opened: make(chan *echo, 2)}
		h.prepare = func(s *echo) {
			s.onEOF = func() {
				if s.room != nil {
					ended <- string(s.room[:gatherSize-len(s.c.room)])
					s.room = nil
				}
			}
		}
		g := start(t, Config{Sockets: []int{fd}}, h)
		c := dial(t, addr)
		s := <-h.opened
		text := "g\nabcdef"
		if how == "closed at once" {
			text = "g\nabc"
		}
		if _, err := c.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
		expect(t, c, "g\n")
		for arrived := false; !arrived; {
			onLoop(t, g, func(*Loop) { arrived = len(s.c.room) == gatherSize-len(text[2:]) })
		}
		switch how {
		case "reset":
			_ = c.SetLinger(0)
		case "closed at once": // the end comes with the last bytes
			onLoop(t, g, func(*Loop) {
				_, _ = c.Write([]byte("def")) // if it fails so does what follows
				_ = c.CloseWrite()
			})
		}
		if how != "closed at once" {
			_ = c.Close() // which cannot fail
		}
		select {
		case got := <-ended:
			if got != "abcdef" {
				t.Errorf("%s: the room has %q", how, got)
			}
		case <-time.After(patience):
			t.Fatalf("%s: the end is not told", how)
		}
		awaitOpen(t, g, 0)
		again := dial(t, addr) // in the same place
		if _, err := again.Write([]byte("inline\n")); err != nil {
			t.Fatal(err)
		}
		expect(t, again, "inline\n")
	}
}
