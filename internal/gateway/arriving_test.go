//go:build linux

package gateway_test

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"highball"
	"highball/internal/gateway"
	"highball/internal/servertest"
)

// begins sends a request but for the end of its body, which it returns, and waits until the application has room for it.
func (r *running) begins(t *testing.T, c *servertest.Client, path, mark string, n, missing int) (rest, body string) {
	t.Helper()
	request, body := post(path, mark, n)
	c.Send(request[:len(request)-missing])
	servertest.Eventually(t, "there is room for the body", func() bool { return r.app.Arriving() == 1 })
	return request[len(request)-missing:], body
}

// nothingHeld waits until nothing is kept for a body that was to arrive.
func (r *running) nothingHeld(t *testing.T) {
	t.Helper()
	servertest.Eventually(t, "nothing is kept", func() bool { return r.app.Arriving() == 0 && r.app.BytesHeld() == 0 && r.app.SlotsUsed() == 0 })
}

// A body that arrives behind its head gets to the application as it is, by a slot or in the frame, whether its client takes its time or not.
func TestBodiesThatArrive(t *testing.T) {
	for name, cfg := range map[string]gateway.Config{"one worker": {}, "threads": {Workers: 2, Threads: 3}} {
		for _, pause := range []time.Duration{0, 1500 * time.Millisecond} {
			t.Run(name+" "+pause.String(), func(t *testing.T) {
				r := serve(t, servertest.Loop, new(highball.Server), cfg)
				for _, n := range []int{2, gateway.SlotLeast - 1, gateway.SlotLeast, 100 << 10, gateway.SlotBody} {
					c := r.Dial(t)
					rest, body := r.begins(t, c, "/echo", "arriving", n, 1+n/3)
					if n := r.app.InFlight(); n != 1 {
						t.Errorf("%d requests are in flight", n)
					}
					time.Sleep(pause)
					c.Send(rest)
					if res := c.Receive("POST"); res.Status != 200 || res.Body != body {
						t.Errorf("%d bytes: %d with %d", n, res.Status, len(res.Body))
					}
					r.nothingHeld(t)
				}
			})
		}
	}
}

// Without slots a short body goes with the frame, and a goroutine waits for a long one.
func TestBodiesThatArriveWithoutSlots(t *testing.T) {
	r := serve(t, servertest.Loop, new(highball.Server), gateway.Config{})
	giveBack := r.app.TakeSlots()
	c := r.Dial(t)
	rest, body := r.begins(t, c, "/echo", "short", 60<<10, 1000)
	if n := r.app.BytesHeld(); n != 60<<10 {
		t.Errorf("%d bytes are reserved", n)
	}
	c.Send(rest)
	if res := c.Receive("POST"); res.Body != body {
		t.Errorf("%d with %d bytes", res.Status, len(res.Body))
	}
	request, body := post("/echo", "long", 70<<10)
	c.Send(request[:1000])
	servertest.Eventually(t, "a goroutine waits for the body", func() bool { return r.Highball.Connections().Handling == 1 })
	if r.app.Arriving() != 0 {
		t.Error("there is room for it")
	}
	c.Send(request[1000:])
	if res := c.Receive("POST"); res.Body != body {
		t.Errorf("%d with %d bytes", res.Status, len(res.Body))
	}
	giveBack()
	r.nothingHeld(t)
}

// What ends a request before its body is there leaves nothing behind, with the loop or with a goroutine.
func TestBodiesThatDoNotArrive(t *testing.T) {
	srv := &highball.Server{Deadlines: highball.Deadlines{Body: time.Second}, AccessLog: io.Discard} // with which it is known what is in flight
	w := serve(t, servertest.Loop, srv, gateway.Config{})
	for _, n := range []int{100, 100 << 10} {
		for name, end := range map[string]func(c *servertest.Client){
			"leaves": func(c *servertest.Client) { c.CloseWrite(); c.WantClosed() },
			"resets": func(c *servertest.Client) { c.Reset() },
			"is killed": func(c *servertest.Client) {
				servertest.Eventually(t, "it can be killed", func() bool {
					all := srv.Live()
					return len(all) == 1 && srv.Kill(all[0].ID)
				})
				c.Receive("POST")
			},
			"waits long": func(c *servertest.Client) { c.Receive("POST") },
		} {
			for _, late := range []bool{false, true} {
				if late && name == "waits long" {
					continue
				}
				c := w.Dial(t)
				w.begins(t, c, "/echo", "x", n, 50)
				if late {
					servertest.Eventually(t, "a goroutine waits", func() bool { return srv.Connections().Handling == 1 })
				}
				end(c)
				w.nothingHeld(t)
				_ = c.Close()
				if t.Failed() {
					t.Fatalf("a client that %s, with %d bytes, late: %v", name, n, late)
				}
			}
		}
	}
	if res := w.Dial(t).Get("/text"); res.Status != 200 {
		t.Errorf("afterwards: %d", res.Status)
	}
}

// A request whose body arrives when no more may wait is refused like others.
func TestBodyArrivesToAFullQueue(t *testing.T) {
	r := serve(t, servertest.Loop, new(highball.Server), gateway.Config{QueueLimit: 1})
	for _, n := range []int{100, 100 << 10} {
		mark := filepath.Join(t.TempDir(), "go")
		busy, waiting, c := r.Dial(t), r.Dial(t), r.Dial(t)
		busy.Send("GET /wait?" + mark + " HTTP/1.1\r\nHost: h\r\n\r\n")
		servertest.Eventually(t, "the worker is busy", func() bool { return len(r.app.Running()) == 1 })
		rest, _ := r.begins(t, c, "/echo", "x", n, 50)
		waiting.Send("GET /text HTTP/1.1\r\nHost: h\r\n\r\n")
		servertest.Eventually(t, "the queue is full", func() bool { return r.app.InFlight() == 3 })
		before := r.app.Counters().QueueFull
		c.Send(rest)
		if res := c.Receive("POST"); res.Status != 503 || res.Value("Retry-After") == "" {
			t.Errorf("%d bytes: %d, Retry-After %q", n, res.Status, res.Value("Retry-After"))
		}
		if full := r.app.Counters().QueueFull - before; full != 1 {
			t.Errorf("%d refusals are counted", full)
		}
		if err := os.WriteFile(mark, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		busy.Receive("GET")
		if res := waiting.Receive("GET"); res.Status != 200 {
			t.Errorf("the one that waited: %d", res.Status)
		}
		if res := c.Get("/text"); res.Status != 200 {
			t.Errorf("the refused one's connection: %d", res.Status)
		}
		r.nothingHeld(t)
	}
}

// An application that is to be done away with waits for bodies that are on their way, and refuses them once it is stopped.
func TestApplicationEndsWhileABodyArrives(t *testing.T) {
	r := serve(t, servertest.Loop, new(highball.Server), gateway.Config{})
	c := r.Dial(t)
	rest, body := r.begins(t, c, "/echo", "x", 100, 50)
	drained := make(chan error, 1)
	go func() { drained <- r.app.Drain(t.Context()) }()
	short, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if err := r.app.Drain(short); err == nil {
		t.Error("it is drained while a body is on its way")
	}
	c.Send(rest)
	if res := c.Receive("POST"); res.Body != body {
		t.Errorf("%d %q", res.Status, res.Body)
	}
	if err := <-drained; err != nil {
		t.Error(err)
	}
	rest, _ = r.begins(t, c, "/echo", "x", 100, 50)
	if err := r.app.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	c.Send(rest)
	if res := c.Receive("POST"); res.Status != 503 {
		t.Errorf("%d", res.Status)
	}
	servertest.Eventually(t, "nothing is kept", func() bool { return r.app.Arriving() == 0 && r.app.BytesHeld() == 0 })
}
