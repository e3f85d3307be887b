package static

import (
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"highball"
	"highball/internal/servertest"
)

// TestMain holds the tests to leaving neither descriptors nor goroutines behind.
func TestMain(m *testing.M) {
	// The runtime opens its poller with the first file that it can wait for.
	if r, w, err := os.Pipe(); err == nil {
		r.Close()
		w.Close()
	}
	before := descriptors()
	code := m.Run()
	if err := goleak.Find(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	if after := descriptors(); code == 0 && len(after) > len(before) {
		fmt.Fprintf(os.Stderr, "descriptors before: %q, after: %q\n", before, after)
		code = 1
	}
	os.Exit(code)
}

func descriptors() []string {
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return nil
	}
	var open []string
	for _, e := range entries {
		target, err := os.Readlink("/proc/self/fd/" + e.Name())
		if err == nil && !strings.HasPrefix(target, "/proc/") {
			open = append(open, e.Name()+" "+target)
		}
	}
	return open
}

// folderWith makes a folder of files: a name that ends in "/" is a folder, a content "-> TARGET" a link.
func folderWith(t testing.TB, files map[string]string) string {
	t.Helper()
	root := t.TempDir()
	for name, content := range files {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		var err error
		if target, isLink := strings.CutPrefix(content, "-> "); isLink {
			err = os.Symlink(target, path)
		} else if strings.HasSuffix(name, "/") {
			err = os.MkdirAll(path, 0o755)
		} else {
			err = os.WriteFile(path, []byte(content), 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	age(t, root)
	return root
}

// age dates everything below root back, so that no file counts as changed just now. The change time of an inode
// cannot be set; tests that need it old use a clock that is ahead.
func age(t testing.TB, root string) {
	t.Helper()
	at := time.Date(2024, 2, 29, 12, 30, 15, 500, time.UTC)
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.Type()&fs.ModeSymlink != 0 {
			return err
		}
		return os.Chtimes(path, at, at)
	})
	if err != nil {
		t.Fatal(err)
	}
}

// later is a clock ahead of that of the files.
func later() time.Time { return time.Now().Add(time.Hour) }

// clock is one that tests advance.
type clock struct{ now atomic.Pointer[time.Time] }

func newClock() *clock {
	c := new(clock)
	now := later()
	c.now.Store(&now)
	return c
}

func (c *clock) time() time.Time { return *c.now.Load() }

func (c *clock) advance(d time.Duration) {
	now := c.time().Add(d)
	c.now.Store(&now)
}

// newSite opens a site that lives as long as the test.
func newSite(t testing.TB, cfg Config) *Site {
	t.Helper()
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	s, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// client talks to one server.
type client struct {
	addr   string
	http   *http.Client
	server *highball.Server
}

// serve starts a server that lives as long as the test.
func serve(t testing.TB, h highball.Handler) *client {
	t.Helper()
	server := &highball.Server{Handler: h, Logger: slog.New(slog.DiscardHandler), Loops: 1}
	addr, err := server.Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- server.Run() }()
	transport := &http.Transport{DisableCompression: true}
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		server.Close()
		if err := <-done; err != highball.ErrServerClosed {
			t.Errorf("Run: %v", err)
		}
	})
	return &client{addr: addr.String(), server: server, http: &http.Client{
		Transport:     transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Timeout:       30 * time.Second,
	}}
}

func serveConfig(t testing.TB, cfg Config) *client {
	t.Helper()
	return serve(t, newSite(t, cfg))
}

// answer is a response, read to its end.
type answer struct {
	status int
	header http.Header
	body   string
}

// settle waits until no goroutine has a connection: one that finds the next request there before it has given the connection back to its loop
// serves that, too, and nothing is answered inline then.
func (c *client) settle(t testing.TB) {
	t.Helper()
	servertest.Eventually(t, "no goroutine has a connection", func() bool { return c.server.Connections().Handling == 0 })
}

// do sends a request with a target that is sent as it is. Fields are "Name: value".
func (c *client) do(t testing.TB, method, target, body string, fields ...string) answer {
	t.Helper()
	a, err := c.try(method, target, strings.NewReader(body), fields...)
	if err != nil {
		t.Fatalf("%s %s: %v", method, target, err)
	}
	return a
}

func (c *client) try(method, target string, body io.Reader, fields ...string) (answer, error) {
	r, err := http.NewRequest(method, "http://"+c.addr+"/", body)
	if err != nil {
		return answer{}, err
	}
	r.URL.Opaque = target
	r.Header.Set("User-Agent", "test")
	for _, field := range fields {
		name, value, _ := strings.Cut(field, ": ")
		r.Header.Add(name, value)
	}
	res, err := c.http.Do(r)
	if err != nil {
		return answer{}, err
	}
	defer res.Body.Close()
	content, err := io.ReadAll(res.Body)
	return answer{res.StatusCode, res.Header, string(content)}, err
}

func (c *client) get(t testing.TB, target string, fields ...string) answer {
	t.Helper()
	return c.do(t, "GET", target, "", fields...)
}
