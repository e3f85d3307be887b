package app

import (
	"io"
	"net"
	"path/filepath"
	"strings"
	"testing"
)

// A file from memory is sent without any allocation while everything is told that there is to be told: the access log, in two formats, a statistics
// log, metrics, the flight recorder, and the phases in the head.
func TestSeeingDoesNotAllocate(t *testing.T) {
	folder(t, "public/")
	write(t, "public/a.css", strings.Repeat("x", 1024))
	for _, format := range []string{"json", "{remote} {method} {target} {status} {phase.app} {id}"} {
		log := filepath.Join(t.TempDir(), "log")
		l := serveTOML(t, `
[log]
access = '`+format+`'
access_file = '`+log+`'
stats_file = '`+log+`.stats'

[[site]]
root = "public"
server_timing = true
`)
		conn, err := net.Dial("tcp", l.addr)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		request := []byte("GET /a.css?token=secret HTTP/1.1\r\nHost: h\r\nReferer: http://h/?a=b\r\nUser-Agent: test\r\n\r\n")
		answer := make([]byte, 4<<10)
		again := func() {
			if _, err := conn.Write(request); err != nil {
				t.Fatal(err)
			}
			// The number of digits of the id and the phases differs from answer to answer; the body ends each.
			if n, err := io.ReadAtLeast(conn, answer, 1200); err != nil || answer[n-1] != 'x' {
				t.Fatalf("%q, %v", answer[:n], err)
			}
		}
		for range 1500 { // until buffers, and the flight recorder's ring, have what they need
			again()
		}
		if n := testing.AllocsPerRun(2000, again); n != 0 {
			t.Errorf("%s: %v allocations for each request", format, n)
		}
	}
}
