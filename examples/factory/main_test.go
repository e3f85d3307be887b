package main

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"

	"highball"
)

// start serves h on a free port and returns the URL of its root.
func start(t *testing.T, h highball.Handler) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &highball.Server{Handler: h}
	served := make(chan error, 1)
	go func() { served <- s.Serve(l) }()
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		if err := <-served; !errors.Is(err, highball.ErrServerClosed) {
			t.Error(err)
		}
		http.DefaultClient.CloseIdleConnections()
	})
	return "http://" + l.Addr().String()
}

func get(url string) (status int, body string, err error) {
	res, err := http.Get(url)
	if err != nil {
		return 0, "", err
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	return res.StatusCode, string(b), err
}

func TestTable(t *testing.T) {
	table, err := newTable()
	if err != nil {
		t.Fatal(err)
	}
	url := start(t, table)
	for _, test := range []struct {
		path   string
		status int
		body   string // "" is not compared
	}{
		{"/hello/Ada", 200, "hello, Ada\n"},
		{"/hello/Gr%C3%A9ta", 200, "hello, Gréta\n"},
		{"/session/a", 200, "session a: visit 1\n"},
		{"/session/a", 200, "session a: visit 2\n"},
		{"/session/b", 200, "session b: visit 1\n"},
		{"/elsewhere", 404, ""},
	} {
		status, body, err := get(url + test.path)
		if err != nil {
			t.Fatal(err)
		}
		if status != test.status || test.body != "" && body != test.body {
			t.Errorf("%s: %d %q, want %d %q", test.path, status, body, test.status, test.body)
		}
	}
}

func TestEachRequestHasItsHandler(t *testing.T) {
	var made atomic.Int32
	url := start(t, Factory(func(r *highball.Request) (highball.Handler, error) {
		made.Add(1)
		return newClock(r)
	}))
	for range 3 {
		if status, _, err := get(url); status != 200 || err != nil {
			t.Fatal(status, err)
		}
	}
	if made.Load() != 3 {
		t.Errorf("%d handlers made for 3 requests", made.Load())
	}
}

// TestSerial holds a request of one key inside its handler until all others of that key are sent and a request of another key has
// been answered: the former must wait, the latter must not.
func TestSerial(t *testing.T) {
	const others = 8
	var inside, most, visits atomic.Int32
	release := make(chan struct{})
	entered := make(chan struct{}, others+1)
	sessions := NewSerial(func(key string) highball.Handler {
		return highball.HandlerFunc(func(w *highball.Response, _ *highball.Request) error {
			if key == "free" {
				return nil
			}
			most.Store(max(most.Load(), inside.Add(1)))
			defer inside.Add(-1)
			entered <- struct{}{}
			<-release
			visits.Add(1)
			return nil
		})
	})
	arrived := make(chan struct{}, others+1)
	url := start(t, Factory(func(r *highball.Request) (highball.Handler, error) {
		if r.Path() == "/busy" {
			arrived <- struct{}{}
		}
		return sessions.Handler(r.Path()[1:])
	}))

	var clients sync.WaitGroup
	for range others + 1 {
		clients.Go(func() {
			if status, _, err := get(url + "/busy"); status != 200 || err != nil {
				t.Error(status, err)
			}
		})
	}
	<-entered
	for range others + 1 {
		<-arrived
	}
	if status, _, err := get(url + "/free"); status != 200 || err != nil {
		t.Error(status, err)
	}
	close(release)
	clients.Wait()
	if visits.Load() != others+1 || most.Load() != 1 {
		t.Errorf("%d visits, at most %d at once; want %d and 1", visits.Load(), most.Load(), others+1)
	}
}

func TestSerialBoundsItsKeys(t *testing.T) {
	s := NewSerial(newCounter)
	for i := range maxKeys {
		if _, err := s.Handler(fmt.Sprint(i)); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.Handler("one more"); !errors.Is(err, errTooManyKeys) {
		t.Errorf("error %v, want %v", err, errTooManyKeys)
	}
	if _, err := s.Handler("7"); err != nil {
		t.Errorf("a known key: %v", err)
	}
}
