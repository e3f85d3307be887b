package app

import (
	"compress/gzip"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"highball/internal/admin"
	"highball/internal/config"
	"highball/internal/observe"
	"highball/internal/servertest"
)

// recordingServer runs a server of one folder with one file, and of routes.
func recordingServer(t *testing.T, text string) *live {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "a.txt"), []byte("hello"), 0o644); err != nil {
		t.Fatal(err)
	}
	c, err := config.ParseTOML("x.toml", []byte(text+`
[[site]]
root = "."
upload = true
  [[site.route]]
  path = "/gone"
  respond = "no"
  status = 503
`), dir)
	if err != nil {
		t.Fatal(err)
	}
	c.Log.Access = "off"
	return run(t, c)
}

// exchanged sends a request on a connection of its own, and returns the answer and its id.
func (l *live) exchanged(t *testing.T, request string) (answer, id string) {
	t.Helper()
	c := l.dial(t)
	c.send(request)
	text, err := io.ReadAll(c)
	if err != nil {
		t.Fatal(err)
	}
	return string(text), fieldOf(text, "X-Request-ID")
}

// recorded waits for an exchange; its record is made when the client has the answer.
func (l *live) recorded(t *testing.T, id string) (e admin.Exchange) {
	t.Helper()
	servertest.Eventually(t, "the record of "+id, func() bool {
		var err error
		e, err = l.exchange(t.Context(), id)
		return err == nil
	})
	return e
}

// refusedBy returns the status by which an error refuses something, or 0.
func refusedBy(err error) int {
	var refused *admin.Refused
	if errors.As(err, &refused) {
		return refused.Status
	}
	return 0
}

func TestRecorder(t *testing.T) {
	l := recordingServer(t, "")
	ctx := t.Context()
	_, id := l.exchanged(t, "GET /a.txt?token=SECRET HTTP/1.1\r\nHost: x\r\nCookie: a=SECRET\r\nConnection: close\r\n\r\n")
	_, failed := l.exchanged(t, "GET /gone HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
	e := l.recorded(t, id)
	if e.ID != id || e.Method != "GET" || e.Target != "/a.txt?token=***" || e.Host != "x" || e.Status != 200 || e.Kept || e.Sent != 5 || e.Client != "127.0.0.1" || e.Route.Path != "/" ||
		!strings.HasPrefix(e.RequestHead, "GET /a.txt?token=*** HTTP/1.1\nHost: x\nCookie: ***\n") || !strings.HasPrefix(e.ResponseHead, "HTTP/1.1 200 OK\n") ||
		string(e.ResponseBody) != "hello" || len(e.Phases) != observe.Phases {
		t.Errorf("got %+v", e)
	}
	if e := l.recorded(t, failed); !e.Kept || e.Status != 503 || e.Route.Path != "/gone" {
		t.Errorf("got %+v", e)
	}
	for _, tt := range []struct {
		q    admin.RecentQuery
		want string
	}{
		{admin.RecentQuery{}, failed + " " + id},
		{admin.RecentQuery{Limit: 1}, failed},
		{admin.RecentQuery{Status: "2xx"}, id},
		{admin.RecentQuery{Status: "503"}, failed},
		{admin.RecentQuery{Path: "/a"}, id},
		{admin.RecentQuery{Path: "/b"}, ""},
	} {
		all, err := l.recent(ctx, tt.q)
		var ids []string
		for _, e := range all.Exchanges {
			ids = append(ids, e.ID)
			if e.RequestHead != "" || e.ResponseBody != nil {
				t.Error("a list has heads or bodies")
			}
		}
		if got := strings.Join(ids, " "); err != nil || got != tt.want {
			t.Errorf("%+v: %q, %v; want %q", tt.q, got, err, tt.want)
		}
	}
	if _, err := l.exchange(ctx, "other"); refusedBy(err) != 404 {
		t.Errorf("an id that there is not: %v", err)
	}
}

func TestRecordOnDemand(t *testing.T) {
	l := recordingServer(t, "")
	for _, seconds := range []float64{0, -1, 3601} {
		if _, err := l.recordFor(t.Context(), admin.RecordOrder{Seconds: seconds}); refusedBy(err) != 400 {
			t.Errorf("%v seconds: %v", seconds, err)
		}
	}
	if got, err := l.recordFor(t.Context(), admin.RecordOrder{Seconds: 60}); err != nil || got.Seconds != 60 {
		t.Errorf("got %v, %v", got, err)
	}
	_, id := l.exchanged(t, "GET /a.txt HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
	if e := l.recorded(t, id); !e.Kept {
		t.Error("what was asked for is not kept")
	}
}

func TestRecorderIsOff(t *testing.T) {
	l := recordingServer(t, "recorder.size = 'off'\n")
	_, err := l.recent(t.Context(), admin.RecentQuery{})
	_, err2 := l.exchange(t.Context(), "x")
	_, err3 := l.replayFor(t.Context(), "x", admin.ReplayOrder{})
	_, err4 := l.recordFor(t.Context(), admin.RecordOrder{Seconds: 1})
	for _, err := range []error{err, err2, err3, err4} {
		if refusedBy(err) != 501 {
			t.Errorf("got %v", err)
		}
	}
}

// What the log is told to mask, the recorder masks, too.
func TestRecorderMasksNames(t *testing.T) {
	l := recordingServer(t, "log.mask_query = ['pin']\nlog.mask_headers = ['X-Pin']\n")
	_, id := l.exchanged(t, "GET /a.txt?pin=1&token=2 HTTP/1.1\r\nHost: x\r\nx-pin: 1\r\nCookie: c\r\nConnection: close\r\n\r\n")
	if e := l.recorded(t, id); e.Target != "/a.txt?pin=***&token=2" || !strings.Contains(e.RequestHead, "x-pin: ***\nCookie: c\n") {
		t.Errorf("got %q, %q", e.Target, e.RequestHead)
	}
}

func TestReplay(t *testing.T) {
	l := recordingServer(t, "")
	ctx := t.Context()
	_, id := l.exchanged(t, "GET /a.txt?token=SECRET HTTP/1.1\r\nHost: x\r\nRange: bytes=1-2\r\nConnection: close\r\n\r\n")
	l.recorded(t, id)
	got, err := l.replayFor(ctx, id, admin.ReplayOrder{})
	if err != nil || got.ID == id || got.Status != 206 || got.Before != 206 || string(got.Body) != "el" || !strings.HasPrefix(got.Head, "HTTP/1.1 206 Partial Content\n") || got.Duration <= 0 {
		t.Fatalf("got %+v, %v", got, err)
	}
	again := l.recorded(t, got.ID)
	if again.Target != "/a.txt?token=***" || !strings.Contains(again.RequestHead, "Range: bytes=1-2\nConnection: close\n\n") {
		t.Errorf("sent again as %+v", again)
	}
	if o, _ := l.seen.recorder.Original(got.ID); !strings.HasPrefix(string(o.Head), "GET /a.txt?token=SECRET HTTP/1.1\r\n") {
		t.Errorf("the secret was not sent: %s", o.Head)
	}

	_, id = l.exchanged(t, "PUT /b.txt HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nConnection: close\r\n\r\nabc")
	l.recorded(t, id)
	if _, err := l.replayFor(ctx, id, admin.ReplayOrder{}); refusedBy(err) != 409 || !strings.Contains(err.Error(), "PUT") {
		t.Errorf("a method that is not safe: %v", err)
	}
	if got, err := l.replayFor(ctx, id, admin.ReplayOrder{Force: true}); err != nil || got.Before != 201 || got.Status != 409 {
		t.Errorf("forced: %+v, %v", got, err)
	}
	if _, err := l.replayFor(ctx, "other", admin.ReplayOrder{}); refusedBy(err) != 404 {
		t.Errorf("an id that there is not: %v", err)
	}
}

func TestAgain(t *testing.T) {
	original := func(head, body string) observe.Original {
		method, _, _ := strings.Cut(head, " ")
		return observe.Original{Method: method, Head: []byte(head), Body: []byte(body), Status: 200}
	}
	for _, tt := range []struct {
		name   string
		head   string
		body   string
		edit   func(*observe.Original)
		want   string
		status int
	}{
		{name: "fields of the connection", head: "GET / HTTP/1.1\r\nHost: x\r\nConnection: keep-alive, TE\r\nTE: trailers\r\nKeep-Alive: 5\r\nUpgrade: h2c\r\nX-Request-ID: 1\r\nA:b\r\n\r\n",
			want: "GET / HTTP/1.1\r\nHost: x\r\nA:b\r\nConnection: close\r\n\r\n"},
		{name: "an empty line before", head: "\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n", edit: func(o *observe.Original) { o.Method = "GET" },
			want: "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"},
		{name: "a body", head: "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n", body: "abc",
			want: "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nConnection: close\r\n\r\nabc"},
		{name: "chunks", head: "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nTrailer: A\r\n\r\n", body: "abc",
			want: "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nConnection: close\r\n\r\nabc"},
		{name: "an empty body", head: "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n",
			want: "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"},
		{name: "a body that nobody has read", head: "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\n", status: 422},
		{name: "chunks that nobody has read", head: "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n", status: 422},
		{name: "a long body", head: "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n", body: "abc", edit: func(o *observe.Original) { o.BodyCut = true }, status: 422},
		{name: "a long head", head: "GET / HTTP/1.1\r\nHost: x\r\n", edit: func(o *observe.Original) { o.HeadCut = true }, status: 422},
		{name: "no request", head: "GARBAGE\r\n\r\n", edit: func(o *observe.Original) { o.Method = "" }, status: 422},
		{name: "a tunnel", head: "CONNECT x:1 HTTP/1.1\r\nHost: x\r\n\r\n", status: 422},
		{name: "another protocol", head: "GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n\r\n", edit: func(o *observe.Original) { o.Status = 101 }, status: 422},
	} {
		t.Run(tt.name, func(t *testing.T) {
			o := original(tt.head, tt.body)
			if tt.edit != nil {
				tt.edit(&o)
			}
			got, err := again(&o, admin.ReplayOrder{Force: true})
			if string(got) != tt.want || refusedBy(err) != tt.status {
				t.Errorf("got %q, %v", got, err)
			}
		})
	}
	for method, want := range map[string]int{"GET": 0, "HEAD": 0, "OPTIONS": 0, "TRACE": 0, "POST": 409, "PUT": 409, "DELETE": 409, "PATCH": 409, "get": 409, "X": 409} {
		o := original(method+" / HTTP/1.1\r\nHost: x\r\n\r\n", "")
		if _, err := again(&o, admin.ReplayOrder{}); refusedBy(err) != want {
			t.Errorf("%s: %v", method, err)
		}
	}
}

func TestFinalStatus(t *testing.T) {
	for head, want := range map[string]int{
		"HTTP/1.1 200 OK\r\n\r\n":                                         200,
		"HTTP/1.1 204 \r\nA: b\r\n\r\n":                                   204,
		"HTTP/1.1 103 Early Hints\r\nA: b\r\n\r\nHTTP/1.1 404 No\r\n\r\n": 404,
		"HTTP/1.1 200 OK\r\n":                                             0,
		"HTTP":                                                            0,
		"\r\n\r\n":                                                        0,
		"":                                                                0,
	} {
		if got := finalStatus([]byte(head)); got != want {
			t.Errorf("%q: %d, want %d", head, got, want)
		}
	}
}

// A request is sent again to an address at which its site answers, and to a socket if it came by one.
func TestAddressFor(t *testing.T) {
	dir, err := os.MkdirTemp("", "h") // the name of a socket is to be short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	c, err := config.ParseTOML("x.toml", []byte(`
listen = ["127.0.0.1:0", "unix:a.sock", "unix:b.sock"]
[[site]]
root = "."
[[site]]
hosts = ["b.example"]
listen = ["unix:b.sock"]
root = "."
`), dir)
	if err != nil {
		t.Fatal(err)
	}
	l := run(t, c)
	tcp := observe.Original{Remote: l.listening[0].bound.(*net.TCPAddr).AddrPort(), Route: l.seen.routes.Of("", "/")}
	unix := observe.Original{Route: l.seen.routes.Of("", "/")}
	other := observe.Original{Remote: tcp.Remote, Route: l.seen.routes.Of("b.example", "/")}
	for want, o := range map[string]*observe.Original{l.addr: &tcp, filepath.Join(dir, "a.sock"): &unix, filepath.Join(dir, "b.sock"): &other} {
		if got := l.addressFor(o).String(); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

func TestReachable(t *testing.T) {
	for at, want := range map[string]string{"0.0.0.0:80": "127.0.0.1:80", "[::]:80": "[::1]:80", "192.0.2.1:80": "192.0.2.1:80", "[::1]:80": "[::1]:80"} {
		addr, err := net.ResolveTCPAddr("tcp", at)
		if err != nil {
			t.Fatal(err)
		}
		if got := reachable(addr); got != want {
			t.Errorf("%s: got %s, want %s", at, got, want)
		}
	}
	if got := reachable(&net.UnixAddr{Name: "/run/x", Net: "unix"}); got != "/run/x" {
		t.Errorf("got %s", got)
	}
}

// What a server that ends has not sent yet it sends.
func TestTraces(t *testing.T) {
	var got atomic.Pointer[string]
	collector := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		z, err := gzip.NewReader(r.Body)
		if err != nil {
			return
		}
		text, _ := io.ReadAll(z)
		all := r.Header.Get("Authorization") + string(text)
		got.Store(&all)
	}))
	defer collector.Close()
	l := recordingServer(t, "otlp = { endpoint = '"+collector.URL+"', service = 'shop', headers = { Authorization = 'Bearer x' } }\n")
	_, id := l.exchanged(t, "GET /a.txt?token=SECRET HTTP/1.1\r\nHost: x\r\nTraceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\nTracestate: a=b\r\nConnection: close\r\n\r\n")
	l.recorded(t, id)
	l.closeTraces()
	if got.Load() == nil {
		t.Fatal("nothing is told of")
	}
	for _, part := range []string{"Bearer x", "shop", id, "/a.txt", "token=***", "\x0a\xf7\x65\x19\x16\xcd\x43\xdd\x84\x48\xeb\x21\x1c\x80\x31\x9c", "a=b"} {
		if !strings.Contains(*got.Load(), part) {
			t.Errorf("%q is not told of", part)
		}
	}
	if strings.Contains(*got.Load(), "SECRET") {
		t.Error("a secret is told of")
	}
}
