package policy

import (
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"highball"
	"highball/internal/servertest"
)

// TestMain holds the tests to leaving no goroutines behind.
func TestMain(m *testing.M) {
	code := m.Run()
	if err := goleak.Find(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// clock is one that tests advance.
type clock struct {
	mu  sync.Mutex // guards the following field
	now time.Time
}

func newClock() *clock { return &clock{now: time.Now().Add(time.Hour)} }

func (c *clock) time() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// write makes a file, or replaces what is in it.
func write(t testing.TB, path, text string) string {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func file(t testing.TB, text string) string {
	t.Helper()
	return write(t, filepath.Join(t.TempDir(), "file"), text)
}

// inner answers "PATH?QUERY USER" and notes where it was asked to.
type inner struct {
	answer   func(w *highball.Response, r *highball.Request) error // in its place
	declines bool                                                  // the loop is not for it

	inline, later, blocking atomic.Int64
	asked                   atomic.Int64 // on a loop, whether or not it has answered
}

func (h *inner) Serve(w *highball.Response, r *highball.Request) error {
	h.blocking.Add(1)
	return h.write(w, r)
}

func (h *inner) write(w *highball.Response, r *highball.Request) error {
	if h.answer != nil {
		return h.answer(w, r)
	}
	w.Header().Set("Content-Type", "text/plain")
	_, err := w.WriteString(r.Path() + "?" + r.Query() + " " + r.User())
	return err
}

// inlineInner is an inner that answers on the loop.
type inlineInner struct{ *inner }

func (h inlineInner) ServeInline(w *highball.Response, r *highball.Request) bool {
	h.asked.Add(1)
	if h.declines {
		return false
	}
	h.inline.Add(1)
	return h.write(w, r) == nil
}

// laterInner is an inner that answers from elsewhere.
type laterInner struct{ *inner }

func (h laterInner) ServeLater(_ *highball.Turn, r *highball.Request, l highball.Later) highball.Pending {
	h.asked.Add(1)
	if h.declines {
		return nil
	}
	h.later.Add(1)
	var header highball.Header
	header.Set("Content-Type", "text/plain")
	head, err := highball.PrepareHead(200, &header)
	if err != nil {
		return nil
	}
	body := []byte(r.Path() + "?" + r.Query() + " " + r.User())
	go l.Send(nil, head, -1, body)
	return done{}
}

type done struct{}

func (done) ClientLeft(*highball.Turn)  {}
func (done) Done(*highball.Turn, error) {}

// told has requests come from the address in their field X-Client, as a proxy in front would have it.
type told struct{ next highball.Handler }

func (h told) tell(r *highball.Request) {
	switch v := r.Header().Value("X-Client"); v {
	case "":
		r.SetClient(netip.MustParseAddrPort("192.0.2.1:1000"), "", "")
	case "unix":
	default:
		r.SetClient(netip.AddrPortFrom(netip.MustParseAddr(v), 1000), "", "")
	}
}

func (h told) Serve(w *highball.Response, r *highball.Request) error {
	h.tell(r)
	return h.next.Serve(w, r)
}

func (h told) ServeInline(w *highball.Response, r *highball.Request) bool {
	h.tell(r)
	next, ok := h.next.(highball.InlineHandler)
	return ok && next.ServeInline(w, r)
}

func (h told) ServeLater(t *highball.Turn, r *highball.Request, l highball.Later) highball.Pending {
	h.tell(r)
	if next, ok := h.next.(highball.LaterHandler); ok {
		return next.ServeLater(t, r, l)
	}
	return nil
}

// wrap has cfg hold for next.
func wrap(t testing.TB, cfg Config, next highball.Handler) highball.Handler {
	t.Helper()
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	h, err := New(cfg, next)
	if err != nil {
		t.Fatal(err)
	}
	return told{h}
}

// ask sends one request on a connection of its own; fields are "Name: value".
func ask(t testing.TB, s *servertest.Server, line string, fields ...string) servertest.Response {
	t.Helper()
	c := s.Dial(t)
	defer c.Close()
	method, _, _ := strings.Cut(line, " ")
	fields = append([]string{"Host: test"}, fields...)
	c.Send(line + " HTTP/1.1\r\n" + strings.Join(fields, "\r\n") + "\r\n\r\n")
	return c.Receive(method)
}

// wantLoops skips a test of what is answered on event loops where there are none.
func wantLoops(t testing.TB) {
	if runtime.GOOS != "linux" {
		t.Skip("there are no event loops here")
	}
}

// ways runs a test for each way in which an inner handler can answer, over each driver.
func ways(t *testing.T, f func(t *testing.T, d servertest.Driver, made func(*inner) highball.Handler)) {
	servertest.Each(t, func(t *testing.T, d servertest.Driver) {
		for name, made := range map[string]func(*inner) highball.Handler{
			"blocking": func(i *inner) highball.Handler { return i },
			"inline":   func(i *inner) highball.Handler { return inlineInner{i} },
			"later":    func(i *inner) highball.Handler { return laterInner{i} },
		} {
			t.Run(name, func(t *testing.T) { f(t, d, made) })
		}
	})
}

func ptr[T any](v T) *T { return &v }
