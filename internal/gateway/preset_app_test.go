//go:build linux

package gateway_test

import (
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"

	"highball"
	"highball/internal/gateway"
	"highball/internal/servertest"
)

// Whatever clients ask with the same header or with another, each request is handed to the application with what it says, and nothing of another's.
func TestPresets(t *testing.T) {
	for _, cfg := range []gateway.Config{{Workers: 2}, {Workers: 1, Threads: 3}, {Workers: 2, Preload: true}} {
		cfg.Target, cfg.Dir = "mirror:application", "testdata/apps/environ"
		r := serve(t, servertest.Loop, new(highball.Server), cfg)
		var all sync.WaitGroup
		for n := range 4 {
			all.Go(func() {
				random := rand.New(rand.NewPCG(uint64(n), 9))
				c := r.Dial(t)
				port := strconv.Itoa(c.LocalAddr().(*net.TCPAddr).Port)
				ids := make(map[any]bool)
				for range 300 {
					header, method := random.IntN(40), []string{"GET", "GET", "POST", "PUT"}[random.IntN(4)]
					path, query, body := fmt.Sprint("/p", random.IntN(5)), fmt.Sprint("q=", random.IntN(3)), ""
					raw := fmt.Sprintf("%s %s?%s HTTP/1.1\r\nHost: h%d.example\r\nX-Number: %d\r\nx-NUMBER: %d\r\n", method, path, query, header%3, header, header+1)
					if method == "POST" {
						body = strings.Repeat("b", random.IntN(3))
						raw += fmt.Sprintf("Content-Type: text/%d\r\nContent-Length: %d\r\n", header, len(body))
					}
					m := ask(t, c, raw+"\r\n"+body)
					want := map[string]any{
						"REQUEST_METHOD": method, "PATH_INFO": path, "QUERY_STRING": query, "RAW_URI": path + "?" + query, "REMOTE_ADDR": "127.0.0.1", "REMOTE_PORT": port,
						"HTTP_HOST": fmt.Sprintf("h%d.example", header%3), "SERVER_NAME": fmt.Sprintf("h%d.example", header%3), "HTTP_X_NUMBER": fmt.Sprintf("%d,%d", header, header+1),
						"CONTENT_TYPE": absent{}, "CONTENT_LENGTH": absent{},
					}
					if method == "POST" {
						want["CONTENT_TYPE"], want["CONTENT_LENGTH"] = fmt.Sprint("text/", header), strconv.Itoa(len(body))
					}
					for key, value := range want {
						m.want(t, key, value)
					}
					if id := m.Environ["HTTP_X_REQUEST_ID"]; ids[id] || id == "" {
						t.Errorf("the id %v comes twice, or is none", id)
					} else {
						ids[id] = true
					}
					if m.Body != body {
						t.Errorf("the body is %q, not %q", m.Body, body)
					}
					if t.Failed() {
						return
					}
				}
			})
		}
		all.Wait()
		if n := r.app.PresetsKnown(); n < 20 {
			t.Errorf("%+v: workers know %d presets", cfg, n)
		}
	}
}

// What an application does to its environ the next request does not see.
func TestPresetIsNotTheApplications(t *testing.T) {
	r := serve(t, servertest.Loop, new(highball.Server), gateway.Config{})
	c := r.Dial(t)
	for n := range 6 {
		if res := c.Get("/spoil"); res.Body != "as it was" {
			t.Errorf("request %d sees %q", n+1, res.Body)
		}
	}
	if r.app.PresetsKnown() != 1 {
		t.Errorf("workers know %d presets", r.app.PresetsKnown())
	}
}

// However many fields a header has, applications that add a few keys to the environ do not make it grow.
func TestPresetsHaveRoom(t *testing.T) {
	r := serve(t, servertest.Loop, new(highball.Server), gateway.Config{})
	c := r.Dial(t)
	header := ""
	for n := range 50 {
		header += fmt.Sprintf("X-%d: 1\r\n", n)
		for again := range 3 {
			c.Send("GET /extend HTTP/1.1\r\nHost: h\r\n" + header + "\r\n")
			if res := c.Receive("GET"); res.Status != 200 || again == 2 && res.Body != "as large" {
				t.Errorf("%d fields: %d, %s", n+1, res.Status, res.Body)
			}
		}
	}
}

// A worker that comes in place of another is told what it has to know.
func TestPresetsOfANewWorker(t *testing.T) {
	r := serve(t, servertest.Loop, new(highball.Server), gateway.Config{})
	for round := range 3 {
		c := r.Dial(t)
		pid := 0
		for range 4 {
			res := c.Get("/pid")
			if res.Status == 502 { // the last round's end was not seen yet
				res = c.Get("/pid")
			}
			pid = atoi(t, res.Body)
		}
		if r.app.PresetsKnown() != 1 {
			t.Errorf("round %d: workers know %d presets", round, r.app.PresetsKnown())
		}
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		servertest.Eventually(t, "another worker is there", func() bool {
			workers, _ := r.app.Workers()
			return len(workers) == 1 && workers[0].PID != pid && workers[0].State == "serving"
		})
	}
}

// Headers that come once, or are always another's, make no presets without end.
func TestPresetsAreFew(t *testing.T) {
	r := serve(t, servertest.Loop, new(highball.Server), gateway.Config{})
	c := r.Dial(t)
	for range 2 {
		for n := range 400 {
			c.Send(fmt.Sprintf("GET /text HTTP/1.1\r\nHost: h\r\nX-%d: 1\r\n\r\n", n))
			if res := c.Receive("GET"); res.Status != 200 {
				t.Fatal(res.Status)
			}
		}
	}
	if n := r.app.PresetsKnown(); n < 100 || n > 256 {
		t.Errorf("workers know %d presets", n)
	}
	for n := range 400 {
		c.Send(fmt.Sprintf("GET /text HTTP/1.1\r\nHost: h\r\nX-Once: once-%d\r\n\r\n", n))
		c.Receive("GET")
	}
	if n := r.app.PresetsFor("once-"); n > 0 {
		t.Errorf("there are %d presets of headers that came once", n)
	}
}
