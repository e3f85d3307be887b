package admin

import (
	"bufio"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"highball"
)

// Where nothing happens the reader hears that the server is there, and nothing that is an event.
func TestHeartbeat(t *testing.T) {
	b := Backend{
		Hello: func() Hello { return Hello{PID: 7} },
		Ticks: func(func(Tick)) (cancel func()) { return func() {} },
	}
	srv := &highball.Server{Handler: &eventStream{b, time.Millisecond}, Loops: 1}
	addr, err := srv.Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- srv.Run() }()
	defer func() {
		if err := srv.Close(); err != nil {
			t.Error(err)
		}
		<-served
	}()
	c, err := net.Dial("tcp", addr.String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	fmt.Fprintf(c, "GET /events HTTP/1.0\r\nHost: h\r\n\r\n") // so that nothing is in chunks
	lines := bufio.NewScanner(c)
	beats := 0
	for beats < 3 && lines.Scan() {
		switch line := lines.Text(); {
		case strings.HasPrefix(line, ":"):
			beats++
		case strings.HasPrefix(line, "event:") && line != "event: hello":
			t.Errorf("%q", line)
		}
	}
	if beats < 3 {
		t.Errorf("%d heartbeats, error %v", beats, lines.Err())
	}
}
