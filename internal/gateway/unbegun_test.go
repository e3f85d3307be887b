//go:build linux

package gateway_test

import (
	"strconv"
	"strings"
	"syscall"
	"testing"

	"highball"
	"highball/internal/gateway"
	"highball/internal/servertest"
)

// held starts two workers and stops them with a signal, so that they begin with nothing.
func held(t *testing.T, d servertest.Driver) (r *running, pids []int) {
	t.Helper()
	r = serve(t, d, new(highball.Server), gateway.Config{Workers: 2})
	servertest.Eventually(t, "two workers serve", func() bool {
		all, _ := r.app.Workers()
		pids = pids[:0]
		for _, w := range all {
			if w.State == "serving" {
				pids = append(pids, w.PID)
			}
		}
		return len(pids) == 2
	})
	for _, pid := range pids {
		signal(t, pid, syscall.SIGSTOP)
	}
	return r, pids
}

func signal(t *testing.T, pid int, s syscall.Signal) {
	t.Helper()
	if err := syscall.Kill(pid, s); err != nil {
		t.Fatal(err)
	}
}

// heldBy waits until one of two workers has a request, and returns that one and the other.
func (r *running) heldBy(t *testing.T, pids []int) (has, other int) {
	t.Helper()
	servertest.Eventually(t, "a worker has the request", func() bool {
		all := r.app.Running()
		if len(all) != 1 || all[0].PID == 0 {
			return false
		}
		has, other = all[0].PID, pids[0]+pids[1]-all[0].PID
		return true
	})
	return has, other
}

// What a worker was given and had not begun with when it died is answered by another one, and only what two have died with fails.
func TestRequestThatIsNotBegun(t *testing.T) {
	for _, request := range []string{
		"GET /text HTTP/1.1\r\nHost: h\r\n\r\n",
		"POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\ntext\n",
		"POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 2000000\r\n\r\n" + strings.Repeat("x", 2_000_000), // in a file
	} {
		method, _, _ := strings.Cut(request, " ")
		_, body, _ := strings.Cut(request, "\r\n\r\n")
		if body == "" {
			body = "text\n"
		}
		servertest.Each(t, func(t *testing.T, d servertest.Driver) {
			for _, dies := range []string{"one worker", "two workers"} {
				r, pids := held(t, d)
				c := r.Dial(t)
				c.Send(request)
				has, other := r.heldBy(t, pids)
				signal(t, has, syscall.SIGKILL)
				servertest.Eventually(t, "the other one has it", func() bool {
					all := r.app.Running()
					return len(all) == 1 && all[0].PID == other
				})
				if dies == "one worker" {
					signal(t, other, syscall.SIGCONT)
					if res := c.Receive(method); res.Status != 200 || res.Body != body {
						t.Errorf("%s dies: %d %.40q", dies, res.Status, res.Body)
					}
					continue
				}
				signal(t, other, syscall.SIGKILL)
				if res := c.Receive(method); res.Status != 502 {
					t.Errorf("%s die: %d %.40q", dies, res.Status, res.Body)
				}
			}
		})
	}
}

// So are those that stand behind a request that a worker dies with.
func TestRequestsBehindOneThatIsFatal(t *testing.T) {
	r := serve(t, servertest.Loop, new(highball.Server), gateway.Config{})
	for attempt := 0; ; attempt++ {
		c, behind := r.Dial(t), r.Dial(t)
		for range 300 { // so that the worker is given requests ahead
			c.Get("/text")
		}
		c.Send("GET /sleeping HTTP/1.1\r\nHost: h\r\n\r\n")
		behind.Send("GET /pid HTTP/1.1\r\nHost: h\r\n\r\n")
		one := r.runningAt(t, "/sleeping")
		servertest.Eventually(t, "it sleeps", func() bool {
			s, err := r.app.Stack(t.Context(), one.ID)
			return err == nil && strings.HasSuffix(s.Line, " in sleeping")
		})
		stage := ""
		for _, each := range r.app.Running() {
			if each.Target == "/pid" {
				stage = each.Stage
			}
		}
		signal(t, one.PID, syscall.SIGKILL)
		if res := c.Receive("GET"); res.Status != 502 {
			t.Errorf("the fatal one: %d", res.Status)
		}
		// Served by another loop, it may have come first, and its answer may have waited for the sleeper's.
		if res := behind.Receive("GET"); stage != "running" && (res.Status != 200 || stage == "ahead" && res.Body == itoa(one.PID)) {
			t.Errorf("that behind it, %q: %d by process %s", stage, res.Status, res.Body)
		}
		if stage == "ahead" || t.Failed() {
			return
		}
		if attempt == 50 { // on a machine so busy that the second one comes too late
			t.Fatal("no request was given ahead")
		}
	}
}

// Of large bodies a worker is given but a few ahead; the others wait, and go to whoever is free.
func TestLargeBodiesAreNotGivenAhead(t *testing.T) {
	r := serve(t, servertest.Loop, new(highball.Server), gateway.Config{})
	first := r.Dial(t)
	for range 300 {
		first.Get("/text")
	}
	pid := atoi(t, first.Get("/pid").Body)
	body := strings.Repeat("x", 300<<10) // for which there is no place but in the frame
	var clients []*servertest.Client
	for range 12 {
		clients = append(clients, r.Dial(t))
	}
	signal(t, pid, syscall.SIGSTOP)
	for _, c := range clients {
		c.Send("POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 307200\r\n\r\n" + body)
	}
	servertest.Eventually(t, "all have come", func() bool { return len(r.app.Running()) == len(clients) })
	given := 0
	for _, one := range r.app.Running() {
		if one.PID != 0 {
			given++
		}
	}
	if given < 1 || given > 2 {
		t.Errorf("the worker has %d requests", given)
	}
	signal(t, pid, syscall.SIGCONT)
	for _, c := range clients {
		if res := c.Receive("POST"); res.Status != 200 || res.Body != body {
			t.Errorf("%d, and %d bytes", res.Status, len(res.Body))
		}
	}
}

func atoi(t *testing.T, text string) int {
	t.Helper()
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatal(err)
	}
	return n
}
