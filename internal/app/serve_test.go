package app

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"highball/internal/config"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// output is a stream that the server writes and a test reads.
type output struct {
	mu   sync.Mutex // guards the following field
	text bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// live is an App that runs.
type live struct {
	*App
	addr           string // of the first listener
	stdout, stderr *output
	signals        chan os.Signal
	ended          chan error // gets what Run returned
}

// run builds and runs the server of c at a free port. At its end the test stops it, if it has not done so by itself.
func run(t *testing.T, c *config.Config, change ...func(*App)) *live {
	t.Helper()
	l := &live{stdout: new(output), stderr: new(output), signals: make(chan os.Signal), ended: make(chan error, 1)}
	others := slices.DeleteFunc(slices.Clone(c.Listen), func(l config.Listener) bool { return l.Network == "tcp" })
	c.Listen = append([]config.Listener{{Network: "tcp", Address: "127.0.0.1:0"}}, others...)
	var err error
	if l.App, err = Build(c, Env{Stdout: l.stdout, Stderr: l.stderr}); err != nil {
		t.Fatal(err)
	}
	for _, f := range change {
		f(l.App)
	}
	addrs, err := l.Listen()
	if err != nil {
		t.Fatal(err)
	}
	l.addr = addrs[0].String()
	ctx, cancel := context.WithCancel(context.Background())
	over := make(chan struct{})
	go func() {
		defer close(over)
		l.ended <- l.Run(ctx, l.signals)
	}()
	t.Cleanup(func() {
		cancel()
		<-over
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	return l
}

// webConf returns the configuration of the given lines of a web.conf.
func webConf(t *testing.T, lines string) *config.Config {
	t.Helper()
	c, err := config.ParseWebConf("web.conf", []byte(lines), ".")
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// client is a connection that requests are written to by hand.
type client struct {
	t *testing.T
	net.Conn
	reader *bufio.Reader
}

func (l *live) dial(t *testing.T) *client {
	t.Helper()
	c, err := net.Dial("tcp", l.addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	if err := c.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	return &client{t, c, bufio.NewReader(c)}
}

func (c *client) send(text string) {
	c.t.Helper()
	if _, err := io.WriteString(c, text); err != nil {
		c.t.Fatal(err)
	}
}

// answer reads the answer to a request with the given method.
func (c *client) answer(method string) (*http.Response, string) {
	c.t.Helper()
	res, err := http.ReadResponse(c.reader, &http.Request{Method: method})
	if err != nil {
		c.t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		c.t.Fatal(err)
	}
	return res, string(body)
}

// hold begins an upload and returns when the server waits for its body.
func (l *live) hold(t *testing.T) *client {
	t.Helper()
	c := l.dial(t)
	c.send("PUT /held HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n")
	if res, _ := c.answer("PUT"); res.StatusCode != 100 {
		t.Fatalf("status %d, want 100", res.StatusCode)
	}
	return c
}

// uploads returns the configuration of the current folder with uploads.
func uploads() *config.Config {
	site := config.DefaultSite(".")
	site.Upload = true
	c := config.Default()
	c.Sites = []config.Site{site}
	return &c
}

func TestDrainGivesUpAtItsDeadline(t *testing.T) {
	folder(t)
	l := run(t, uploads(), func(a *App) { a.drainDeadline = 20 * time.Millisecond })
	c := l.hold(t)
	l.signals <- os.Interrupt
	if err := <-l.ended; err != nil {
		t.Error(err)
	}
	if _, err := http.ReadResponse(c.reader, nil); err == nil {
		t.Error("the held request was answered")
	}
	said := l.stderr.String()
	if !strings.Contains(said, "finishing 1 request (at most 20ms), Ctrl-C again to stop now\n") || !strings.Contains(said, "requests in flight were cut") {
		t.Errorf("stderr: %s", said)
	}
}

func TestSecondInterruptEndsAtOnce(t *testing.T) {
	folder(t)
	l := run(t, uploads())
	c := l.hold(t)
	l.signals <- os.Interrupt
	l.signals <- os.Interrupt
	if err := <-l.ended; !errors.Is(err, ErrInterrupted) {
		t.Errorf("error %v, want %v", err, ErrInterrupted)
	}
	if _, err := http.ReadResponse(c.reader, nil); err == nil {
		t.Error("the held request was answered")
	}
}

func TestEndOfContextDrains(t *testing.T) {
	folder(t)
	c := uploads()
	c.Listen = []config.Listener{{Network: "tcp", Address: "127.0.0.1:0"}}
	a, err := Build(c, Env{Stdout: io.Discard, Stderr: io.Discard})
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	if _, err := a.Listen(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := a.Run(ctx, nil); err != nil {
		t.Error(err)
	}
}

func TestServerWideRequests(t *testing.T) {
	folder(t)
	c := run(t, uploads()).dial(t)
	c.send("OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n")
	if res, _ := c.answer("OPTIONS"); res.StatusCode != 204 || res.Header.Get("Allow") != "GET, HEAD, OPTIONS" {
		t.Errorf("OPTIONS *: %s, Allow %q", res.Status, res.Header.Get("Allow"))
	}
	c.send("CONNECT example.org:443 HTTP/1.1\r\nHost: example.org:443\r\n\r\n")
	if res, _ := c.answer("CONNECT"); res.StatusCode != 501 {
		t.Errorf("CONNECT: %s", res.Status)
	}
}

func TestLimitOfBodies(t *testing.T) {
	site := func(limit int64) config.Site {
		s := config.DefaultSite(".")
		s.Upload, s.UploadLimit = limit != 0, limit
		return s
	}
	for _, test := range []struct {
		name  string
		body  int64
		sites []config.Site
		want  int64 // 0 is none
	}{
		{"no uploads", 100, []config.Site{site(0)}, 100},
		{"an upload may be longer", 100, []config.Site{site(0), site(500), site(50)}, 500},
		{"a smaller upload is for its site to refuse", 100, []config.Site{site(50)}, 100},
		{"unlimited uploads", 100, []config.Site{site(config.Off), site(50)}, 0},
		{"no limit", config.Off, []config.Site{site(50)}, 0},
	} {
		c := config.Config{Limits: config.Limits{Body: test.body}, Sites: test.sites}
		if got := limits(&c).Body; got != test.want {
			t.Errorf("%s: %d, want %d", test.name, got, test.want)
		}
	}
}

func TestBuildRefuses(t *testing.T) {
	folder(t, "root/")
	for name, c := range map[string]*config.Config{
		"a folder that is gone": {Sites: []config.Site{config.DefaultSite("root"), config.DefaultSite("gone")}, Log: config.Log{Access: "off"}},
		"a log that cannot be":  {Sites: []config.Site{config.DefaultSite("root")}, Log: config.Log{Access: "json", AccessFile: "gone/access.log"}},
		"a host of two sites": {Sites: []config.Site{
			{Root: "root", Hosts: []string{"a.example"}}, {Root: "root", Hosts: []string{"a.example"}},
		}, Log: config.Log{Access: "off"}},
	} {
		if a, err := Build(c, Env{Stdout: io.Discard, Stderr: io.Discard}); err == nil {
			t.Errorf("%s: no error", name)
			_ = a.Close()
		}
	}
}

func TestListenNamesTheAddress(t *testing.T) {
	folder(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	c := uploads()
	c.Listen = []config.Listener{{Network: "tcp", Address: "127.0.0.1:0"}, {Network: "tcp", Address: l.Addr().String()}}
	a, err := Build(c, Env{Stdout: io.Discard, Stderr: io.Discard})
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	_, err = a.Listen()
	if err == nil || !strings.Contains(err.Error(), l.Addr().String()) || strings.Contains(err.Error(), "\n") {
		t.Errorf("error %v", err)
	}
}

func TestAccessLogOff(t *testing.T) {
	folder(t)
	c := uploads()
	c.Log.Access = "off"
	l := run(t, c)
	conn := l.dial(t)
	conn.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n")
	conn.answer("GET")
	l.signals <- os.Interrupt
	if err := <-l.ended; err != nil {
		t.Error(err)
	}
	if got := l.stdout.String(); got != "" {
		t.Errorf("stdout: %s", got)
	}
}

func TestSeveralAddressesAndSocket(t *testing.T) {
	dir := folder(t)
	write(t, "f", "content")
	c := uploads()
	c.Listen = []config.Listener{{Network: "tcp", Address: "127.0.0.1:0"}, {Network: "unix", Address: dir + "/s"}}
	a, err := Build(c, Env{Stdout: io.Discard, Stderr: io.Discard})
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	addrs, err := a.Listen()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- a.Run(ctx, nil) }()
	for _, addr := range addrs {
		conn, err := net.Dial(addr.Network(), addr.String())
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprint(conn, "GET /f HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
		if all, err := io.ReadAll(conn); err != nil || !strings.HasSuffix(string(all), "\r\n\r\ncontent") {
			t.Errorf("%v: %q, %v", addr, all, err)
		}
		_ = conn.Close()
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
