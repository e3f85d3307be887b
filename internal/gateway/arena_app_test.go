//go:build linux

package gateway_test

import (
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"highball"
	"highball/internal/gateway"
	"highball/internal/servertest"
)

// post is a request whose body is of n bytes that no other request has.
func post(path, mark string, n int) (request, body string) {
	body = strings.Repeat(mark, n/len(mark)+1)[:n]
	return fmt.Sprintf("POST %s HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n%s", path, n, body), body
}

// slotsBack waits until nobody has a slot of the arena any more.
func (r *running) slotsBack(t *testing.T) {
	t.Helper()
	servertest.Eventually(t, "all slots are back", func() bool { return r.app.SlotsUsed() == 0 })
}

// Bodies of any length come and go as they are, through the arena and beside it, and nothing of it is kept.
func TestBodiesOfAnyLength(t *testing.T) {
	sizes := []int{
		1, gateway.SlotLeast - 1, gateway.SlotLeast, gateway.SlotLeast + 1, 100 << 10, gateway.SlotSize - 200, gateway.SlotSize, gateway.SlotSize + 1,
		1 << 20, 1<<20 + 1,
	}
	for _, cfg := range []gateway.Config{{}, {Threads: 2}, {Preload: true}} {
		for _, d := range []servertest.Driver{servertest.Loop, servertest.Goroutine} {
			r := serve(t, d, new(highball.Server), cfg)
			c := r.Dial(t)
			for round := range 3 {
				for _, n := range sizes {
					request, body := post("/echo", fmt.Sprint(round, "-", n, " "), n)
					c.Send(request)
					if res := c.Receive("POST"); res.Status != 200 || res.Body != body {
						t.Errorf("%+v, %d bytes: %d with %d bytes", cfg, n, res.Status, len(res.Body))
					}
				}
				for range 3 { // the first of which has no slot
					if res := c.Get("/long"); res.Status != 200 || res.Body != strings.Repeat("long", 5000) {
						t.Errorf("%+v: %d with %d bytes", cfg, res.Status, len(res.Body))
					}
				}
				c.Send("HEAD /long HTTP/1.1\r\nHost: h\r\n\r\n")
				if res := c.Receive("HEAD"); res.Status != 200 || res.Value("Content-Length") != "20000" {
					t.Errorf("%+v, HEAD: %d, %v", cfg, res.Status, res.Fields)
				}
				if res := c.Get("/dated-long"); res.Status != 200 || res.Body != strings.Repeat("long", 5000) {
					t.Errorf("%+v, a head that is not prepared: %d with %d bytes", cfg, res.Status, len(res.Body))
				}
			}
			r.slotsBack(t)
		}
	}
}

// Bodies that come with their heads are limited, and given to the application, like others.
func TestShortBodies(t *testing.T) {
	servertest.Each(t, func(t *testing.T, d servertest.Driver) {
		r := serve(t, d, new(highball.Server), gateway.Config{MaxBody: 1000})
		for _, n := range []int{1, 500, 1000, 1001} {
			c := r.Dial(t)
			request, body := post("/echo", "short", n)
			c.Send(request)
			want := 200
			if n > 1000 {
				want, body = 413, ""
			}
			if res := c.Receive("POST"); res.Status != want || want == 200 && res.Body != body {
				t.Errorf("%d bytes: %d with %d", n, res.Status, len(res.Body))
			}
		}
	})
}

// marked is a request whose answer is of n bytes that no other has.
func marked(mark string, n int) (request, body string) {
	_, body = post("", mark, n)
	return fmt.Sprintf("GET /marked?%s=%d HTTP/1.1\r\nHost: h\r\n\r\n", mark, n), body
}

// Answers of any length come as they are, from slots and beside them.
func TestLongAnswers(t *testing.T) {
	sizes := []int{1, 256<<10 - 100, 256 << 10, 256<<10 + 1, 600_000, gateway.SlotSize, gateway.SlotSize + 1, 3 << 20}
	for _, cfg := range []gateway.Config{{}, {Workers: 2}, {Threads: 2}} {
		for _, trace := range []bool{false, true} {
			var traced servertest.Log
			srv := new(highball.Server)
			if trace {
				srv.Trace = &traced
			}
			r := serve(t, servertest.Loop, srv, cfg)
			c := r.Dial(t)
			for round := range 3 {
				for _, n := range sizes {
					request, body := marked(fmt.Sprint(round, "-", n, "."), n)
					c.Send(request)
					if res := c.Receive("GET"); res.Status != 200 || res.Body != body || res.Value("Content-Length") != fmt.Sprint(n) {
						t.Fatalf("%+v, %d bytes: %d with %d bytes, %v", cfg, n, res.Status, len(res.Body), res.Fields)
					}
					c.Send(strings.Replace(request, "GET", "HEAD", 1))
					if res := c.Receive("HEAD"); res.Status != 200 || res.Value("Content-Length") != fmt.Sprint(n) {
						t.Errorf("%+v, HEAD of %d bytes: %d, %v", cfg, n, res.Status, res.Fields)
					}
				}
			}
			r.slotsBack(t)
		}
	}
}

// Many clients at once get each their own, also if goroutines send it, as they do where all is traced.
func TestLongAnswersDoNotMix(t *testing.T) {
	for _, traced := range []bool{false, true} {
		srv := new(highball.Server)
		if traced {
			srv.Trace = io.Discard
		}
		r := serve(t, servertest.Loop, srv, gateway.Config{Workers: 2})
		var all sync.WaitGroup
		for n := range 12 {
			all.Go(func() {
				random := rand.New(rand.NewPCG(uint64(n), 2))
				c := r.Dial(t)
				for round := range 12 {
					request, body := marked(fmt.Sprint(n, "-", round, "."), 250_000+random.IntN(gateway.SlotSize-200_000))
					c.Send(request)
					if res := c.Receive("GET"); res.Body != body {
						t.Errorf("client %d, answer %d: %d with %d bytes of %d", n, round, res.Status, len(res.Body), len(body))
						return
					}
				}
			})
		}
		all.Wait()
		r.slotsBack(t)
	}
}

// Clients that take their time keep slots, but not all of them; in the end each gets what it has asked for, or leaves and gives its slot back.
func TestSlowClientsOfLongAnswers(t *testing.T) {
	const clients, answers, size = 45, 8, 1 << 20 // more than sockets hold of one, and more of them than may keep slots
	r := serve(t, servertest.Loop, new(highball.Server), gateway.Config{Workers: 2})
	all := make([]*servertest.Client, clients)
	for n := range all {
		all[n] = r.Dial(t)
		for i := range answers {
			request, _ := marked(fmt.Sprint(n, "-", i, "."), size)
			all[n].Send(request)
		}
	}
	servertest.Eventually(t, "all wait for their clients", func() bool {
		n := r.Highball.Connections()
		return n.Sending+n.Handling == clients && r.app.InFlight() == 0
	})
	if n := r.app.SlotsUsed(); n < 10 || n > gateway.SlotsHeld+1 {
		t.Errorf("%d slots are with clients, of %d at most", n, gateway.SlotsHeld)
	}
	if res := r.Dial(t).Get("/long"); res.Body != strings.Repeat("long", 5000) {
		t.Errorf("meanwhile: %d with %d bytes", res.Status, len(res.Body))
	}
	var reading sync.WaitGroup
	for n, c := range all {
		if n%9 == 0 {
			c.Reset()
			continue
		}
		reading.Go(func() {
			for i := range answers {
				_, body := marked(fmt.Sprint(n, "-", i, "."), size)
				if res := c.Receive("GET"); res.Status != 200 || res.Body != body {
					t.Errorf("client %d, answer %d: %d with %d bytes", n, i, res.Status, len(res.Body))
				}
			}
		})
	}
	reading.Wait()
	r.slotsBack(t)
}

// A worker that does not share the arena gets the bodies in it all the same.
func TestWorkersWithoutArena(t *testing.T) {
	r := serve(t, servertest.Loop, new(highball.Server), gateway.Config{Env: []string{"PYTHONPATH=" + gateway.SiteThatRefusesToMap(t)}})
	c := r.Dial(t)
	for _, n := range []int{gateway.SlotLeast, 100 << 10, gateway.SlotSize} {
		request, body := post("/echo", fmt.Sprint(n, " "), n)
		c.Send(request)
		if res := c.Receive("POST"); res.Status != 200 || res.Body != body {
			t.Errorf("%d bytes: %d with %d bytes", n, res.Status, len(res.Body))
		}
	}
	r.slotsBack(t)
}

// When the arena has no slot left, all goes on without.
func TestArenaInUse(t *testing.T) {
	r := serve(t, servertest.Loop, new(highball.Server), gateway.Config{})
	c := r.Dial(t)
	giveBack := r.app.TakeSlots()
	for range 3 {
		request, body := post("/echo", "abc", 100<<10)
		c.Send(request)
		if res := c.Receive("POST"); res.Status != 200 || res.Body != body {
			t.Errorf("%d with %d bytes", res.Status, len(res.Body))
		}
	}
	giveBack()
	r.slotsBack(t)
}

// A body that its client does not finish gives its slot back, and so does what the client, or the deadline, ends.
func TestSlotsComeBack(t *testing.T) {
	servertest.Each(t, func(t *testing.T, d servertest.Driver) {
		srv := new(highball.Server)
		srv.Deadlines.Handler = 300 * time.Millisecond
		r := serve(t, d, srv, gateway.Config{Workers: 2})
		half, _ := post("/echo", "half", 100<<10)
		c := r.Dial(t)
		c.Send(half[:50_000])
		servertest.Eventually(t, "it has a slot", func() bool { return r.app.SlotsUsed() == 1 })
		c.Close()
		r.slotsBack(t)

		stuck, _ := post("/sleeping", "stuck", 100<<10)
		c = r.Dial(t)
		c.Send(stuck)
		if res := c.Receive("POST"); res.Status != 504 {
			t.Errorf("stuck: %d", res.Status)
		}
		r.slotsBack(t) // with the worker that had it

		for _, path := range []string{"/die", "/fail", "/endless", "/file", "/missing"} {
			request, _ := post(path, "any", 100<<10)
			c = r.Dial(t)
			c.Send(request)
			if path != "/endless" {
				c.Receive("POST")
			}
			c.Close()
			r.slotsBack(t)
		}
	})
}

// A worker that is at a request when it closes its stream keeps the slot until it has ended: it may still write there.
func TestSlotOfAWorkerThatIsLost(t *testing.T) {
	r := serve(t, servertest.Loop, new(highball.Server), gateway.Config{Threads: 2, Workers: 1})
	pid := atoi(t, r.Dial(t).Get("/pid").Body)
	c := r.Dial(t)
	request, _ := post("/hang-up", "x", 100<<10)
	c.Send(request)
	if res := c.Receive("POST"); res.Status != 502 {
		t.Errorf("%d", res.Status)
	}
	r.slotsBack(t)
	if err := syscall.Kill(pid, 0); err != syscall.ESRCH {
		t.Errorf("its slot is back while it lives: %v", err)
	}
}

// A worker that answers with what is in no slot of its own is ended, and only its request fails.
func TestForgedSlot(t *testing.T) {
	servertest.Each(t, func(t *testing.T, d servertest.Driver) {
		r := serve(t, d, new(highball.Server), gateway.Config{})
		c := r.Dial(t)
		if res := c.Get("/forged?100"); res.Status != 502 && res.Status != 500 {
			t.Errorf("without a slot: %d %.100q", res.Status, res.Body)
		}
		await(t, r.log, "breaks the protocol")
		request, _ := post(fmt.Sprintf("/forged?%d", gateway.SlotSize+1), "x", 100<<10)
		c = r.Dial(t)
		c.Send(request)
		if res := c.Receive("POST"); res.Status != 502 && res.Status != 500 {
			t.Errorf("beyond the slot: %d %.100q", res.Status, res.Body)
		}
		r.slotsBack(t)
		if res := r.Dial(t).Get("/text"); res.Status != 200 {
			t.Errorf("afterwards: %d", res.Status)
		}
	})
}

// An answer in a slot for which no memory can be had fails, and ends nothing.
func TestAnswerWithoutMemory(t *testing.T) {
	r := serve(t, servertest.Loop, new(highball.Server), gateway.Config{})
	c := r.Dial(t)
	c.Get("/long") // from now on there are slots for answers
	r.app.LoseMemory(t)
	if res := c.Get("/long"); res.Status != 500 {
		t.Errorf("%d with %d bytes", res.Status, len(res.Body))
	}
	if res := r.Dial(t).Get("/text"); res.Status != 200 {
		t.Errorf("afterwards: %d", res.Status)
	}
	r.slotsBack(t)
}

// Many clients at once, some of which leave: each gets its own bytes.
func TestBodiesDoNotMix(t *testing.T) {
	for _, cfg := range []gateway.Config{{Workers: 2}, {Threads: 4}} {
		r := serve(t, servertest.Loop, new(highball.Server), cfg)
		var all sync.WaitGroup
		for n := range 24 {
			all.Go(func() {
				random := rand.New(rand.NewPCG(uint64(n), 1))
				c := r.Dial(t)
				for round := range 20 {
					request, body := post("/echo", fmt.Sprint(n, ".", round, " "), 1+random.IntN(gateway.SlotSize+gateway.SlotSize/4))
					c.Send(request)
					if random.IntN(6) == 0 {
						c.Close()
						c = r.Dial(t)
						continue
					}
					if res := c.Receive("POST"); res.Status != 200 || res.Body != body {
						t.Errorf("client %d, request %d: %d with %d bytes of %d", n, round, res.Status, len(res.Body), len(body))
						return
					}
				}
			})
		}
		all.Wait()
		r.slotsBack(t)
	}
}
