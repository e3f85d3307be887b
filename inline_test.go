package highball_test

import (
	"bytes"
	"io"
	"log/slog"
	"net"
	"runtime"
	"strings"
	"testing"

	"highball"
	"highball/internal/servertest"
)

const browserHead = "GET /file.txt?version=1 HTTP/1.1\r\nHost: www.example.org\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64) Gecko\r\n" +
	"Accept: text/html,application/xhtml+xml\r\nAccept-Language: en\r\nAccept-Encoding: gzip, br\r\nConnection: keep-alive\r\n\r\n"

// preparedHandler answers from memory, as static files do.
func preparedHandler(t testing.TB, extra func(r *highball.Request)) highball.Handler {
	t.Helper()
	p, err := highball.Prepare(200, nil, []byte(repeated(1024)))
	if err != nil {
		t.Fatal(err)
	}
	return inlineFunc{inline: func(w *highball.Response, r *highball.Request) bool {
		extra(r)
		return w.Send(p) == nil
	}}
}

// exchanger does exchanges on a connection without allocating.
type exchanger struct {
	conn    net.Conn
	request []byte
	answer  []byte // of the length of an answer
}

// newExchanger makes one whose answers have bodies of size bytes.
func newExchanger(t testing.TB, s *servertest.Server, request string, size int) *exchanger {
	t.Helper()
	c := s.Dial(t)
	c.Send(request)
	c.Receive("GET")
	c.Send(request)
	b := make([]byte, 64<<10+size)
	n := 0
	for !bytes.Contains(b[:n], []byte("\r\n\r\n")) {
		got, err := c.Read(b[n:])
		if err != nil {
			t.Fatal(err)
		}
		n += got
	}
	size += bytes.Index(b[:n], []byte("\r\n\r\n")) + 4
	if _, err := io.ReadFull(c, b[n:max(n, size)]); err != nil {
		t.Fatal(err)
	}
	return &exchanger{c.Conn, []byte(request), make([]byte, size)}
}

func (e *exchanger) exchange(t testing.TB) {
	if _, err := e.conn.Write(e.request); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(e.conn, e.answer); err != nil {
		t.Fatal(err)
	}
}

// An inline answer costs no allocation, also with an access log.
func TestInlineAnswersDoNotAllocate(t *testing.T) {
	for name, log := range map[string]io.Writer{"without a log": nil, "with a log": io.Discard} {
		t.Run(name, func(t *testing.T) {
			s := servertest.New(t, servertest.Loop, &highball.Server{
				Handler: preparedHandler(t, func(*highball.Request) {}), AccessLog: log, Loops: 1, Logger: slog.New(slog.DiscardHandler),
			})
			newExchanger(t, s, browserHead, 1024).wantNoAllocations(t, 20_000)
		})
	}
}

// An answer that the loop's buffer was too small for has it made large enough.
func TestLargeInlineAnswersDoNotAllocate(t *testing.T) {
	const size = 70_000
	body := []byte(repeated(size))
	s := servertest.New(t, servertest.Loop, &highball.Server{Loops: 1, Handler: inlineFunc{inline: func(w *highball.Response, _ *highball.Request) bool {
		w.SetContentLength(size)
		_, err := w.Write(body)
		return err == nil
	}}})
	newExchanger(t, s, browserHead, size).wantNoAllocations(t, 2000)
}

func (e *exchanger) wantNoAllocations(t *testing.T, times int) {
	t.Helper()
	for range 1000 {
		e.exchange(t)
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range times {
		e.exchange(t)
	}
	runtime.ReadMemStats(&after)
	if each := float64(after.Mallocs-before.Mallocs) / float64(times); each >= 0.01 {
		t.Errorf("%.3f allocations for each request", each)
	}
}

// BenchmarkInline measures an exchange that is answered on the loop, as it is, and as it would be if the strings of a request
// were a copy of its head.
func BenchmarkInline(b *testing.B) {
	var kept string
	for name, extra := range map[string]func(*highball.Request){
		"alias": func(*highball.Request) {},
		"copy":  func(*highball.Request) { kept = strings.Clone(browserHead) },
	} {
		b.Run(name, func(b *testing.B) {
			s := servertest.New(b, servertest.Loop, &highball.Server{Handler: preparedHandler(b, extra), Loops: 1})
			e := newExchanger(b, s, browserHead, 1024)
			b.ReportAllocs()
			for b.Loop() {
				e.exchange(b)
			}
		})
	}
	_ = kept
}
