package admin_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"highball"
	"highball/internal/admin"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// serve serves the interface of a backend at a socket, and returns its path and what ends it.
func serve(t *testing.T, b admin.Backend) (socket string, end func()) {
	t.Helper()
	h, err := admin.New(b)
	if err != nil {
		t.Fatal(err)
	}
	socket = filepath.Join(t.TempDir(), "s")
	srv := &highball.Server{Handler: h, Loops: 1}
	if _, err := srv.Listen("unix:" + socket); err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- srv.Run() }()
	ended := false
	end = func() {
		if !ended {
			ended = true
			if err := srv.Close(); err != nil {
				t.Error(err)
			}
			<-served
		}
	}
	t.Cleanup(end)
	return socket, end
}

// backend grants everything, and remembers what it was asked for.
func backend(asked *[]string) admin.Backend {
	note := func(what string, order any) { *asked = append(*asked, fmt.Sprintf("%s %+v", what, order)) }
	return admin.Backend{
		Status: func(context.Context) (admin.Status, error) {
			note("status", "")
			return admin.Status{PID: 7, State: "serving", Listeners: []admin.Listener{{Address: "a", Bound: "b"}}}, nil
		},
		Reload: func(_ context.Context, o admin.ReloadOrder) (admin.Reloaded, error) {
			note("reload", o)
			return admin.Reloaded{Notices: []string{"n"}, Took: 1.5}, nil
		},
		Upgrade: func(context.Context) (admin.Upgraded, error) {
			note("upgrade", "")
			return admin.Upgraded{PID: 8}, nil
		},
		Stop: func(_ context.Context, o admin.StopOrder) (admin.Stopping, error) {
			note("stop", o)
			return admin.Stopping{PID: 7, Deadline: "30s"}, nil
		},
	}
}

func TestClientIsUnderstood(t *testing.T) {
	var asked []string
	socket, _ := serve(t, backend(&asked))
	c, ctx := admin.NewClient(socket), t.Context()
	if s, err := c.Status(ctx); err != nil || s.PID != 7 || len(s.Listeners) != 1 || s.Listeners[0].Bound != "b" {
		t.Errorf("status %+v, error %v", s, err)
	}
	if r, err := c.Reload(ctx, admin.ReloadOrder{Workers: true}); err != nil || len(r.Notices) != 1 || r.Took != 1.5 {
		t.Errorf("reload %+v, error %v", r, err)
	}
	if u, err := c.Upgrade(ctx); err != nil || u.PID != 8 {
		t.Errorf("upgrade %+v, error %v", u, err)
	}
	if got, want := strings.Join(asked, "; "), "status ; reload {Workers:true}; upgrade "; got != want {
		t.Errorf("asked %q, want %q", got, want)
	}
}

// Stop returns when the server has ended, and no sooner.
func TestStopAwaitsTheEnd(t *testing.T) {
	var asked []string
	b := backend(&asked)
	order := make(chan admin.StopOrder, 1)
	stop := b.Stop
	b.Stop = func(ctx context.Context, o admin.StopOrder) (admin.Stopping, error) {
		order <- o
		return stop(ctx, o)
	}
	socket, end := serve(t, b)
	stopped := make(chan error, 1)
	go func() {
		s, err := admin.NewClient(socket).Stop(context.Background(), admin.StopOrder{Deadline: "5s"})
		if err == nil && s.PID != 7 {
			err = fmt.Errorf("got %+v", s)
		}
		stopped <- err
	}()
	if o := <-order; o.Deadline != "5s" {
		t.Errorf("order %+v", o)
	}
	select {
	case err := <-stopped:
		t.Fatalf("stop has returned before the end, error %v", err)
	case <-time.After(20 * time.Millisecond): // in which it has no reason to
	}
	end()
	if err := <-stopped; err != nil {
		t.Error(err)
	}
}

func TestStopEndsWithItsContext(t *testing.T) {
	var asked []string
	socket, _ := serve(t, backend(&asked))
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := admin.NewClient(socket).Stop(ctx, admin.StopOrder{}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error %v", err)
	}
}

func TestFailureIsTold(t *testing.T) {
	socket, _ := serve(t, admin.Backend{
		Reload: func(context.Context, admin.ReloadOrder) (admin.Reloaded, error) {
			return admin.Reloaded{}, &admin.Refused{Status: 409, Lines: []string{"a:1:1: one", "a:2:1: two"}}
		},
		Upgrade: func(context.Context) (admin.Upgraded, error) { return admin.Upgraded{}, errors.New("no program") },
	})
	c := admin.NewClient(socket)
	var refused *admin.Refused
	if _, err := c.Reload(t.Context(), admin.ReloadOrder{}); !errors.As(err, &refused) || refused.Status != 409 || len(refused.Lines) != 2 || refused.Lines[1] != "a:2:1: two" {
		t.Errorf("reload: error %v", err)
	}
	if _, err := c.Upgrade(t.Context()); !errors.As(err, &refused) || refused.Status != 422 || refused.Error() != "no program" {
		t.Errorf("upgrade: error %v", err)
	}
}

func TestNobodyThere(t *testing.T) {
	gone := filepath.Join(t.TempDir(), "s")
	if _, err := admin.NewClient(gone).Status(t.Context()); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("without a socket: error %v", err)
	}
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: gone, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	l.SetUnlinkOnClose(false)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := admin.NewClient(gone).Status(t.Context()); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("with what a dead server has left: error %v", err)
	}
}

// What is no request of the interface is refused, in the form of all failures, and nothing is done.
func TestRefusals(t *testing.T) {
	var asked []string
	socket, _ := serve(t, backend(&asked))
	const json = "Content-Type: application/json\r\n"
	for name, test := range map[string]struct {
		head, body string
		want       int
	}{
		"an unknown path":           {"GET /", "", 404},
		"another method":            {"GET /reload", "", 405},
		"a web page":                {"POST /stop\r\nOrigin: http://example.org", "", 403},
		"a page without an origin":  {"POST /stop\r\nOrigin: null", "", 403},
		"another type":              {"POST /reload\r\nContent-Type: text/plain", "{}", 415},
		"no type":                   {"POST /reload", "{}", 415},
		"no JSON":                   {"POST /reload\r\n" + json, "workers", 400},
		"another kind of JSON":      {"POST /reload\r\n" + json, "[]", 400},
		"an unknown key":            {"POST /reload\r\n" + json, `{"wokers": true}`, 400},
		"two values":                {"POST /reload\r\n" + json, `{} {}`, 400},
		"a body where there's none": {"POST /upgrade\r\n" + json, `{"a": 1}`, 400},
		"too much":                  {"POST /reload\r\n" + json, strings.Repeat(" ", 1<<17), 413},
	} {
		c, err := net.Dial("unix", socket)
		if err != nil {
			t.Fatal(err)
		}
		line, fields, _ := strings.Cut(test.head, "\r\n")
		fields = strings.TrimSuffix(fields, "\r\n")
		if fields != "" {
			fields += "\r\n"
		}
		fmt.Fprintf(c, "%s HTTP/1.1\r\nHost: h\r\nConnection: close\r\n%sContent-Length: %d\r\n\r\n%s", line, fields, len(test.body), test.body)
		res, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		text, err := io.ReadAll(res.Body)
		if err != nil || res.StatusCode != test.want || !strings.Contains(string(text), `"errors"`) || res.Header.Get("Content-Type") != "application/json" {
			t.Errorf("%s: %s, %s, error %v; want %d", name, res.Status, text, err, test.want)
		}
		if test.want == 405 && res.Header.Get("Allow") != "POST" {
			t.Errorf("%s: Allow %q", name, res.Header.Get("Allow"))
		}
		_ = c.Close()
	}
	if len(asked) > 0 {
		t.Errorf("asked %q", asked)
	}
}
