package loop

import (
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// never is for connections whose timeout must not pass.
func never(t *testing.T) func() {
	return func() { t.Error("the timeout has passed") }
}

// bubble runs a test on a pair of connected ends, in a time of its own.
func bubble(t *testing.T, f func(t *testing.T, server, client net.Conn)) {
	synctest.Test(t, func(t *testing.T) {
		server, client := net.Pipe()
		defer func() {
			_ = server.Close() // pipes do not fail
			_ = client.Close()
		}()
		f(t, server, client)
	})
}

// tcpPair returns both ends of a TCP connection.
func tcpPair(t *testing.T) (server, client *net.TCPConn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	s, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(l.Close(), c.SetDeadline(time.Now().Add(patience))); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = s.Close() // mostly closed by the test
		_ = c.Close()
	})
	return s.(*net.TCPConn), c.(*net.TCPConn)
}

func TestBlockingPatience(t *testing.T) {
	bubble(t, func(t *testing.T, server, client net.Conn) {
		b := NewBlocking(server, never(t))
		for name, op := range map[string]func() (int, time.Duration, error){
			"Read":      func() (int, time.Duration, error) { return b.Read(make([]byte, 1), 5*time.Second) },
			"Write":     func() (int, time.Duration, error) { return b.Write([]byte("x"), nil, 5*time.Second) },
			"WriteMore": func() (int, time.Duration, error) { return b.WriteMore([]byte("x"), 5*time.Second) },
		} {
			if n, waited, err := op(); n != 0 || waited != 5*time.Second || err != ErrPatience {
				t.Errorf("%s returns %d, %v, %v", name, n, waited, err)
			}
		}
		// What has moved something is no failure.
		go func() { _, _ = client.Read(make([]byte, 3)) }() // the first part, as the write below tells
		if n, waited, err := b.Write([]byte("ab"), []byte("cd"), time.Second); n != 2 || waited != time.Second || err != nil {
			t.Errorf("a partial write returns %d, %v, %v", n, waited, err)
		}
		b.Close()
	})
}

func TestBlockingWriteOfTwoParts(t *testing.T) {
	for _, parts := range [][2]string{{"ab", "cd"}, {"", "abcd"}, {"abcd", ""}} {
		bubble(t, func(t *testing.T, server, client net.Conn) {
			b := NewBlocking(server, never(t))
			go func() {
				if n, _, err := b.Write([]byte(parts[0]), []byte(parts[1]), time.Second); n != 4 || err != nil {
					t.Errorf("Write returns %d, %v", n, err)
				}
				b.Close()
			}()
			var got []string
			for {
				p := make([]byte, 10)
				n, err := client.Read(p)
				if err != nil {
					break
				}
				got = append(got, string(p[:n]))
			}
			if strings.Join(got, "") != "abcd" || got[0] == "" || got[len(got)-1] == "" {
				t.Errorf("the client reads %q", got)
			}
		})
	}
}

// The timeout counts the owner's own time, not what it waits for the peer.
func TestBlockingTimeoutPausesWhileWaiting(t *testing.T) {
	bubble(t, func(t *testing.T, server, client net.Conn) {
		begin := time.Now()
		expired := make(chan time.Duration, 1)
		b := NewBlocking(server, func() { expired <- time.Since(begin) })
		b.SetTimeout(10 * time.Second)
		time.Sleep(4 * time.Second)
		if _, _, err := b.Read(make([]byte, 1), 20*time.Second); err != ErrPatience {
			t.Errorf("Read returns %v", err)
		}
		if at := <-expired; at != 30*time.Second {
			t.Errorf("expired after %v, want 10 s of its own and 20 s of waiting", at)
		}
		b.SetTimeout(time.Second)
		b.SetTimeout(0)
		time.Sleep(time.Minute)
		b.SetTimeout(time.Second)
		b.Close()
		time.Sleep(time.Minute)
		b.SetTimeout(time.Second)
		time.Sleep(time.Minute)
		if len(expired) > 0 {
			t.Error("expired without a deadline")
		}
	})
}

func TestBlockingTimeoutIsSetAnew(t *testing.T) {
	bubble(t, func(t *testing.T, server, client net.Conn) {
		begin := time.Now()
		expired := make(chan time.Duration, 1)
		b := NewBlocking(server, func() { expired <- time.Since(begin) })
		b.SetTimeout(time.Second)
		b.SetTimeout(time.Minute)
		if at := <-expired; at != time.Minute {
			t.Errorf("expired after %v", at)
		}
		b.Close()
	})
}

func TestWatch(t *testing.T) {
	t.Run("reads on where it ends", func(t *testing.T) {
		bubble(t, func(t *testing.T, server, client net.Conn) {
			b := NewBlocking(server, never(t))
			b.Watch(func() { t.Error("left is called") })
			b.Watch(func() { t.Error("a second watch is kept") })
			go func() { _, _ = io.WriteString(client, "abc") }() // the reads below tell
			synctest.Wait()
			var got []byte
			for len(got) < 3 {
				p := make([]byte, 10)
				n, _, err := b.Read(p, time.Second)
				if err != nil {
					t.Fatal(err)
				}
				got = append(got, p[:n]...)
			}
			if string(got) != "abc" || b.PeerLeft() {
				t.Errorf("got %q, left: %v", got, b.PeerLeft())
			}
			b.Close()
		})
	})
	t.Run("ends with a read that has nothing to read", func(t *testing.T) {
		bubble(t, func(t *testing.T, server, client net.Conn) {
			b := NewBlocking(server, never(t))
			b.Watch(func() { t.Error("left is called") })
			if _, waited, err := b.Read(make([]byte, 1), time.Second); waited != time.Second || err != ErrPatience {
				t.Errorf("Read returns after %v, %v", waited, err)
			}
			if b.PeerLeft() {
				t.Error("the peer has not left")
			}
			b.Close()
		})
	})
	t.Run("sees the peer leave", func(t *testing.T) {
		bubble(t, func(t *testing.T, server, client net.Conn) {
			b := NewBlocking(server, never(t))
			left := make(chan struct{})
			b.Watch(func() { close(left) })
			if err := client.Close(); err != nil {
				t.Fatal(err)
			}
			<-left
			if !b.PeerLeft() {
				t.Error("PeerLeft is false")
			}
			if _, _, err := b.Read(make([]byte, 1), 0); err == nil {
				t.Error("there is more to read")
			}
			b.Close()
		})
	})
	t.Run("does not take its own end for the peer's", func(t *testing.T) {
		bubble(t, func(t *testing.T, server, client net.Conn) {
			b := NewBlocking(server, never(t))
			b.Watch(func() { t.Error("left is called") })
			b.Close()
			b.Watch(func() { t.Error("a closed connection is watched") })
			synctest.Wait()
			if b.PeerLeft() {
				t.Error("PeerLeft is true")
			}
		})
	})
}

func TestBlockingIntervene(t *testing.T) {
	t.Run("ends every operation", func(t *testing.T) {
		bubble(t, func(t *testing.T, server, client net.Conn) {
			b := NewBlocking(server, never(t))
			failed := make(chan error, 1)
			go func() {
				_, _, err := b.Read(make([]byte, 1), 0)
				failed <- err
			}()
			synctest.Wait()
			read := make(chan string, 1)
			go func() {
				p := make([]byte, 100)
				n, _ := client.Read(p)
				read <- string(p[:n])
			}()
			b.Intervene([]byte("too late"))
			if got := <-read; got != "too late" {
				t.Errorf("the client reads %q", got)
			}
			if err := <-failed; err != ErrClosed {
				t.Errorf("the blocked Read returns %v", err)
			}
			_, reading, readErr := b.Read(make([]byte, 1), time.Hour)
			_, writing, writeErr := b.Write([]byte("x"), nil, time.Hour)
			if reading > 0 || writing > 0 || readErr != ErrClosed || writeErr != ErrClosed {
				t.Errorf("Read then returns %v after %v, Write %v after %v", readErr, reading, writeErr, writing)
			}
			b.Close()
		})
	})
	t.Run("gives a client that takes nothing a second", func(t *testing.T) {
		bubble(t, func(t *testing.T, server, client net.Conn) {
			b := NewBlocking(server, never(t))
			begin := time.Now()
			b.Intervene([]byte("too late"))
			if took := time.Since(begin); took != time.Second {
				t.Errorf("it takes %v", took)
			}
			b.Close()
		})
	})
	t.Run("resets without a farewell", func(t *testing.T) {
		server, client := tcpPair(t)
		b := NewBlocking(server, never(t))
		b.Intervene(nil)
		b.Close()
		if _, err := client.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("the client sees %v", err)
		}
	})
}

func TestBlockingAbort(t *testing.T) {
	server, client := tcpPair(t)
	b := NewBlocking(server, never(t))
	if b.Conn() != net.Conn(server) {
		t.Error("Conn is another")
	}
	b.Abort()
	if _, err := client.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("the client sees %v", err)
	}
	if _, _, err := b.Read(make([]byte, 1), time.Second); !errors.Is(err, net.ErrClosed) {
		t.Errorf("a Read after it returns %v", err)
	}
}

func TestBlockingLinger(t *testing.T) {
	t.Run("delivers the last answer", func(t *testing.T) {
		server, client := tcpPair(t)
		b := NewBlocking(server, never(t))
		sent := make(chan error, 1)
		go func() {
			_, err := io.WriteString(client, strings.Repeat("x", 800_000))
			sent <- err
		}()
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			if _, _, err := b.Write([]byte("bye"), nil, patience); err != nil {
				t.Error(err)
			}
			b.Linger()
		}()
		if got, err := io.ReadAll(client); string(got) != "bye" || err != nil {
			t.Errorf("the client gets %q, %v", got, err)
		}
		if err := within(t, sent, "sending"); err != nil {
			t.Error(err)
		}
		if err := client.Close(); err != nil {
			t.Error(err)
		}
		within(t, ended, "lingering")
	})
	t.Run("is bounded by bytes", func(t *testing.T) {
		server, client := tcpPair(t)
		b := NewBlocking(server, never(t))
		ended := make(chan struct{})
		go func() {
			b.Linger()
			close(ended)
		}()
		var err error
		for n := 0; err == nil && n < 64*lingerBytes; n += 100_000 {
			_, err = client.Write(make([]byte, 100_000))
		}
		if err == nil {
			t.Error("the client may send for ever")
		}
		within(t, ended, "lingering")
	})
	t.Run("is over at once where no half can be closed", func(t *testing.T) {
		bubble(t, func(t *testing.T, server, client net.Conn) {
			NewBlocking(server, never(t)).Linger()
			if _, err := client.Read(make([]byte, 1)); err != io.EOF {
				t.Errorf("the client sees %v", err)
			}
		})
	})
}

func TestBlockingSendFile(t *testing.T) {
	text := strings.Repeat("0123456789", 10_000)
	name := filepath.Join(t.TempDir(), "f")
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }() // it was only read
	bubble(t, func(t *testing.T, server, client net.Conn) {
		b := NewBlocking(server, never(t))
		go func() {
			for offset := int64(5); offset < int64(len(text)); {
				n, _, err := b.SendFile(f, offset, int64(len(text))-offset, time.Second)
				if n == 0 || err != nil {
					t.Errorf("SendFile returns %d, %v", n, err)
					break
				}
				offset += n
			}
			if _, _, err := b.SendFile(f, int64(len(text)), 1, time.Second); err != io.ErrUnexpectedEOF {
				t.Errorf("behind the end: %v", err)
			}
			b.Close()
		}()
		if got, err := io.ReadAll(client); string(got) != text[5:] || err != nil {
			t.Errorf("the client gets %d bytes, %v", len(got), err)
		}
	})
}

func TestBlockingRelease(t *testing.T) {
	bubble(t, func(t *testing.T, server, client net.Conn) {
		b := NewBlocking(server, never(t))
		b.SetTimeout(time.Second)
		b.Watch(func() { t.Error("left is called") })
		go func() { _, _ = io.WriteString(client, "abc") }() // the read below tells
		synctest.Wait()
		conn, ahead, err := b.Release()
		if conn != server || string(ahead) != "a" || err != nil {
			t.Errorf("Release returns %q, %v", ahead, err)
		}
		time.Sleep(time.Minute)
		rest := make([]byte, 2)
		if _, err := io.ReadFull(conn, rest); string(rest) != "bc" || err != nil {
			t.Errorf("the rest is %q, %v", rest, err)
		}
	})
}
