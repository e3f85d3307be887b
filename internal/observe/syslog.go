package observe

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"syscall"
	"time"
)

const (
	// syslogPriority is facility local7, severity informational (RFC 5424, section 6.2.1).
	syslogPriority = "<190>"

	// syslogPatience bounds how long a batch of lines waits for a syslog that takes none.
	syslogPatience = 250 * time.Millisecond

	// syslogRetry is how long a syslog that is gone is not looked for again.
	syslogRetry = time.Second
)

// Syslog writes lines to a syslog daemon, each as a message of RFC 5424, by
// datagrams (RFC 5426) or, where a unix socket is one of streams, ended by line feeds (RFC 6587, section 3.4.2). The
// standard library's log/syslog writes the older form, whose time has no year and no fraction, and waits for a daemon that has stopped reading.
//
// A daemon that is gone, or does not read, costs lines and no more: a Write waits for a quarter of a second at most, and of its
// lines those are lost that the daemon did not take. It is looked for again after a second. The methods may be called by any goroutine.
type Syslog struct {
	network, address string
	head             string // of each message, between the time and the line
	now              func() time.Time

	mu      sync.Mutex // guards the following fields
	conn    net.Conn   // nil while there is none
	stream  bool
	retry   time.Time // not before
	err     error     // why there is none
	message []byte
	closed  bool
}

// NewSyslog returns a writer to the daemon at an address: "unix:/dev/log", or "udp:127.0.0.1:514". Name is the program's, and kind says
// what the messages are; both are printable ASCII without spaces. The daemon is looked for when the first lines are written, so that a server
// starts without it.
func NewSyslog(address, name, kind string) (*Syslog, error) {
	network, where, _ := strings.Cut(address, ":")
	switch network {
	case "udp":
		if _, _, err := net.SplitHostPort(where); err != nil {
			return nil, fmt.Errorf("syslog %s: %w", address, err)
		}
	case "unix":
		if where == "" {
			return nil, errors.New("syslog: the path of the socket is missing")
		}
	default:
		return nil, fmt.Errorf("syslog %s: the address begins with neither \"unix:\" nor \"udp:\"", address)
	}
	host, err := os.Hostname()
	if err != nil || strings.IndexFunc(host, func(c rune) bool { return c <= ' ' || c > '~' }) >= 0 {
		host = ""
	}
	return &Syslog{
		network: network, address: where, now: time.Now,
		head: fmt.Sprintf(" %s %s %d %s - ", cmp.Or(host, "-"), name, os.Getpid(), kind),
	}, nil
}

// lostLines is an error that tells how many lines of a batch it has cost.
type lostLines struct {
	lines int64
	err   error
}

func (l *lostLines) Error() string { return l.err.Error() }
func (l *lostLines) Unwrap() error { return l.err }

// Write sends each line of p, which holds whole lines. It always takes all of p; the error tells of what was lost.
func (s *Syslog) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	lost := &lostLines{}
	err := s.connectLocked()
	if err == nil {
		_ = s.conn.SetWriteDeadline(time.Now().Add(syslogPatience)) // a failure would show when writing
	}
	for rest := p; len(rest) > 0; {
		line, after, _ := bytes.Cut(rest, []byte{'\n'})
		if err == nil {
			if sent := s.sendLocked(line); errors.Is(sent, syscall.EMSGSIZE) {
				lost.lines, lost.err = lost.lines+1, sent // it alone
			} else if sent != nil {
				err = sent
				s.failLocked(err)
			}
		}
		if err != nil {
			lost.lines, lost.err = lost.lines+1, err
		}
		rest = after
	}
	if lost.lines > 0 {
		return len(p), lost
	}
	return len(p), nil
}

// connectLocked sees to it that there is a connection.
func (s *Syslog) connectLocked() error {
	switch {
	case s.closed:
		return fmt.Errorf("syslog %s: %w", s.address, os.ErrClosed)
	case s.conn != nil:
		return nil
	case s.now().Before(s.retry):
		return s.err
	}
	ctx, cancel := context.WithTimeout(context.Background(), syslogPatience)
	defer cancel()
	var dialer net.Dialer
	networks := []string{"udp"}
	if s.network == "unix" {
		networks = []string{"unixgram", "unix"}
	}
	var err error
	for _, network := range networks {
		if s.conn, err = dialer.DialContext(ctx, network, s.address); err == nil {
			s.stream = network == "unix"
			return nil
		}
		s.conn = nil
	}
	s.failLocked(err)
	return err
}

// failLocked gives the connection up.
func (s *Syslog) failLocked(err error) {
	if s.conn != nil {
		_ = s.conn.Close()
	}
	s.conn, s.err, s.retry = nil, err, s.now().Add(syslogRetry)
}

// sendLocked sends one line.
func (s *Syslog) sendLocked(line []byte) error {
	b := append(s.message[:0], syslogPriority+"1 "...)
	b = s.now().AppendFormat(b, "2006-01-02T15:04:05.000000Z07:00")
	b = append(append(b, s.head...), line...)
	if s.stream {
		b = append(b, '\n')
	}
	s.message = b
	_, err := s.conn.Write(b)
	return err
}

// Close closes the connection. What is written later is lost.
func (s *Syslog) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	if s.conn == nil {
		return nil
	}
	conn := s.conn
	s.conn = nil
	return conn.Close()
}

// atLineStart implements lineStarter: a line that could not be sent whole has cost the connection.
func (s *Syslog) atLineStart() bool { return true }

var (
	_ io.WriteCloser = (*Syslog)(nil)
	_ lineStarter    = (*Syslog)(nil)
)
