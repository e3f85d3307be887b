package static

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"highball"
)

// exchange sends a request again and again on one connection, and reads answers of one length.
type exchange struct {
	conn    net.Conn
	request []byte
	answer  []byte
}

func newExchange(t testing.TB, c *client, request string) *exchange {
	t.Helper()
	conn, err := net.Dial("tcp", c.addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	x := &exchange{conn: conn, request: []byte(request)}
	if _, err := conn.Write(x.request); err != nil {
		t.Fatal(err)
	}
	method, _, _ := strings.Cut(request, " ")
	counted := &countingReader{from: conn}
	res, err := http.ReadResponse(bufio.NewReaderSize(counted, 1), &http.Request{Method: method})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(io.Discard, res.Body); err != nil {
		t.Fatal(err)
	}
	x.answer = make([]byte, counted.n)
	return x
}

type countingReader struct {
	from io.Reader
	n    int
}

func (c *countingReader) Read(p []byte) (int, error) {
	n, err := c.from.Read(p)
	c.n += n
	return n, err
}

func (x *exchange) again(t testing.TB) {
	if _, err := x.conn.Write(x.request); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(x.conn, x.answer); err != nil {
		t.Fatal(err)
	}
}

const browserFields = "Host: example.org\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:130.0) Gecko/20100101 Firefox/130.0\r\n" +
	"Accept: text/html,application/xhtml+xml,*/*;q=0.8\r\nAccept-Language: en-US,en;q=0.5\r\n" +
	"Accept-Encoding: gzip, deflate, br, zstd\r\nSec-Fetch-Site: none\r\nPriority: u=0, i\r\n"

// TestAllocations: what is in memory is sent without any allocation, from the first byte read to the last one written.
func TestAllocations(t *testing.T) {
	root := folderWith(t, map[string]string{"a.css": strings.Repeat("x", 1024), "a.css.gz": "coded"})
	c := serveConfig(t, Config{Root: root, Now: newClock().time, ErrorPages: map[int]string{404: "a.css"}})
	etag := c.get(t, "/a.css", "Accept-Encoding: gzip").header.Get("ETag")
	for name, request := range map[string]string{
		"bare":    "GET /a.css HTTP/1.1\r\nHost: x\r\n\r\n",
		"HEAD":    "HEAD /a.css HTTP/1.1\r\nHost: x\r\n\r\n",
		"browser": "GET /a.css HTTP/1.1\r\n" + browserFields + "\r\n",
		"404":     "GET /none HTTP/1.1\r\nHost: x\r\n\r\n",
		"304":     "GET /a.css HTTP/1.1\r\n" + browserFields + "If-None-Match: " + etag + "\r\n\r\n",
	} {
		x := newExchange(t, c, request)
		x.again(t)
		if n := testing.AllocsPerRun(200, func() { x.again(t) }); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}

// BenchmarkInline measures what ServeInline does but for sending.
func BenchmarkInline(b *testing.B) {
	root := folderWith(b, map[string]string{"a.css": "plain", "a.css.gz": "coded"})
	for name, fields := range map[string]string{"bare": "Host: x\r\n", "browser": browserFields} {
		s := newSite(b, Config{Root: root})
		done := make(chan struct{})
		c := serve(b, highball.HandlerFunc(func(w *highball.Response, r *highball.Request) error {
			r.ExtendDeadline(-1)
			defer close(done)
			found := s.lookup(r.Path())
			defer found.close()
			s.remember(r.Path(), &found, s.cfg.Now())
			b.Run(name, func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					e := s.cache.get(r.Path())
					e.fresh(s.cfg.Now())
					if e.choose(r.Header()) == nil {
						b.Fatal("no answer")
					}
				}
			})
			return nil
		}))
		newExchange(b, c, "GET /a.css HTTP/1.1\r\n"+fields+"\r\n")
		<-done
	}
}

// TestShrinking: a file that becomes shorter while it is sent ends the connection before the promised length.
func TestShrinking(t *testing.T) {
	const size = 64 << 20 // more than the buffers between the two ends hold
	root := t.TempDir()
	path := filepath.Join(root, "big.bin")
	if err := os.WriteFile(path, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	for _, fields := range []string{"", "Range: bytes=1000-\r\n", "Range: bytes=0-9,1000-\r\n"} {
		if err := os.Truncate(path, size); err != nil {
			t.Fatal(err)
		}
		c := serveConfig(t, Config{Root: root})
		conn, err := net.Dial("tcp", c.addr)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		fmt.Fprintf(conn, "GET /big.bin HTTP/1.1\r\nHost: x\r\n%s\r\n", fields)
		res, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Fatal(err)
		}
		if res.ContentLength < size-1000 {
			t.Fatalf("Content-Length %d", res.ContentLength)
		}
		if err := os.Truncate(path, size/64); err != nil {
			t.Fatal(err)
		}
		n, err := io.Copy(io.Discard, res.Body)
		if err == nil || n >= res.ContentLength {
			t.Errorf("%q: got %d of %d bytes, %v", fields, n, res.ContentLength, err)
		}
	}
}
