package observe

import (
	"errors"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"time"
)

// daemon is a syslog daemon that receives datagrams.
func daemon(t *testing.T, network, address string) net.PacketConn {
	t.Helper()
	if network == "unixgram" && runtime.GOOS == "windows" {
		t.Skip("no such sockets")
	}
	c, err := net.ListenPacket(network, address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func receive(t *testing.T, c net.PacketConn) string {
	t.Helper()
	b := make([]byte, 64<<10)
	_ = c.SetReadDeadline(time.Now().Add(5 * time.Second))
	n, _, err := c.ReadFrom(b)
	if err != nil {
		t.Fatal(err)
	}
	return string(b[:n])
}

func openSyslog(t *testing.T, address string) *Syslog {
	t.Helper()
	s, err := NewSyslog(address, "highball", "access")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// rfc5424 is a message of RFC 5424, section 6, without structured data.
var rfc5424 = regexp.MustCompile(`^<190>1 \d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}(?:Z|[-+]\d\d:\d\d) [!-~]+ highball \d+ access - (.*)$`)

func checkMessage(t *testing.T, message, want string) {
	t.Helper()
	m := rfc5424.FindStringSubmatch(message)
	if m == nil || m[1] != want {
		t.Errorf("message %q, want one of %q", message, want)
	}
}

func TestSyslogDatagrams(t *testing.T) {
	for _, network := range []string{"udp", "unix"} {
		t.Run(network, func(t *testing.T) {
			var c net.PacketConn
			address := "udp:"
			if network == "unix" {
				path := filepath.Join(t.TempDir(), "log")
				c = daemon(t, "unixgram", path)
				address = "unix:" + path
			} else {
				c = daemon(t, "udp", "127.0.0.1:0")
				address += c.LocalAddr().String()
			}
			s := openSyslog(t, address)
			if n, err := s.Write([]byte("one\ntwo\n")); n != 8 || err != nil {
				t.Errorf("%d bytes, error %v", n, err)
			}
			checkMessage(t, receive(t, c), "one")
			checkMessage(t, receive(t, c), "two")
		})
	}
}

func TestSyslogStream(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	s := openSyslog(t, "unix:"+path)
	if _, err := s.Write([]byte("one\ntwo\n")); err != nil {
		t.Fatal(err)
	}
	c, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	s.Close()
	text, err := io.ReadAll(c)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(string(text), "\n")
	if len(lines) != 3 || lines[2] != "" {
		t.Fatalf("lines %q", lines)
	}
	checkMessage(t, lines[0], "one")
	checkMessage(t, lines[1], "two")
}

// A daemon that is not there costs lines, which are counted, and is looked for again after a second.
func TestSyslogGone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	s := openSyslog(t, "unix:"+path)
	clock := &wall{t: time.Now()}
	s.now = clock.now
	log := NewAccessLog(s, Common, 1, nil)
	defer log.Close()
	flush := func(n int) error {
		log.Shard(0).Append(numbered(n))
		return log.Flush()
	}
	for n := range 2 {
		if err := flush(n); err == nil || log.Lost() != int64(n+1) {
			t.Errorf("without a daemon: error %v, %d lost", err, log.Lost())
		}
	}
	c := daemon(t, "unixgram", path)
	if err := flush(2); err == nil {
		t.Error("it was looked for at once")
	}
	clock.add(syslogRetry)
	if err := flush(3); err != nil {
		t.Error(err)
	}
	if got := receive(t, c); !strings.Contains(got, `"GET /3 HTTP/1.1"`) {
		t.Errorf("message %q", got)
	}
	_ = c.Close()
	if err := flush(4); err == nil || log.Lost() != 4 {
		t.Errorf("after the daemon's end: error %v, %d lost", err, log.Lost())
	}
}

// A daemon that does not read holds nobody up for long. The socket takes some messages; the rest are counted as lost.
func TestSyslogThatDoesNotRead(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("sockets of other systems drop datagrams")
	}
	path := filepath.Join(t.TempDir(), "log")
	c := daemon(t, "unixgram", path)
	s := openSyslog(t, "unix:"+path)
	begun := time.Now()
	_, err := s.Write([]byte(strings.Repeat("line\n", 5000)))
	var lost *lostLines
	if !errors.As(err, &lost) || lost.lines == 0 || lost.lines >= 5000 {
		t.Fatalf("error %v", err)
	}
	if took := time.Since(begun); took > 5*time.Second {
		t.Errorf("it has taken %v", took)
	}
	for range 5000 - lost.lines {
		checkMessage(t, receive(t, c), "line")
	}
}

// A line that no datagram holds is lost alone.
func TestSyslogHugeLine(t *testing.T) {
	c := daemon(t, "udp", "127.0.0.1:0")
	s := openSyslog(t, "udp:"+c.LocalAddr().String())
	n, err := s.Write(fmt.Appendf(nil, "one\n%s\ntwo\n", strings.Repeat("x", 70_000)))
	var lost *lostLines
	if n != 70_009 || !errors.As(err, &lost) || lost.lines != 1 {
		t.Errorf("%d bytes, error %v", n, err)
	}
	checkMessage(t, receive(t, c), "one")
	checkMessage(t, receive(t, c), "two")
}

func TestSyslogAddresses(t *testing.T) {
	for _, address := range []string{"", "/dev/log", "unix:", "udp:127.0.0.1", "tcp:127.0.0.1:514"} {
		if _, err := NewSyslog(address, "highball", "access"); err == nil {
			t.Errorf("%q is taken for good", address)
		}
	}
}
