//go:build linux

package gateway_test

import (
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"highball"
	"highball/internal/gateway"
	"highball/internal/observe"
	"highball/internal/servertest"
)

// A request that is ended by hand takes its worker along, and only then: one that waits is dropped.
func TestKilledRequests(t *testing.T) {
	for _, method := range []string{"GET", "POST"} {
		servertest.Each(t, func(t *testing.T, d servertest.Driver) {
			srv := new(highball.Server)
			r := serve(t, d, srv, gateway.Config{})
			stuck, waits := r.Dial(t), r.Dial(t)
			stuck.Send(method + " /sleeping HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n")
			one := r.runningAt(t, "/sleeping")
			servertest.Eventually(t, "it sleeps", func() bool {
				s, err := r.app.Stack(t.Context(), one.ID)
				return err == nil && strings.HasSuffix(s.Line, " in sleeping")
			})
			waits.Send(method + " /text HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n")
			servertest.Eventually(t, "one waits", func() bool { return len(r.app.Running()) == 2 })
			if !srv.Kill(r.app.Running()[1].ID) {
				t.Fatal("there is no such request")
			}
			if res := waits.Receive(method); res.Status != 503 {
				t.Errorf("that which waits: %d", res.Status)
			}
			servertest.Eventually(t, "it waits no more", func() bool { return len(r.app.Running()) == 1 })
			if n := r.app.Counters(); n.Restarts["killed"] != 0 {
				t.Errorf("%+v", n)
			}
			if !srv.Kill(one.ID) {
				t.Fatal("there is no such request")
			}
			if res := stuck.Receive(method); res.Status != 503 {
				t.Errorf("that which runs: %d", res.Status)
			}
			await(t, r.log, "by hand, its worker is replaced")
			if res := r.Dial(t).Get("/pid"); res.Status != 200 || res.Body == itoa(one.PID) {
				t.Errorf("afterwards: %d by process %s", res.Status, res.Body)
			}
			if n := r.app.Counters(); n.Restarts["killed"] != 1 || n.Restarts["deadline"] != 0 || n.Restarts["died"] != 0 {
				t.Errorf("%+v", n)
			}
			if log := r.log.String(); strings.Count(log, "by hand, its worker is replaced") != 1 || !strings.Contains(log, "in sleeping") || !strings.Contains(log, "id="+one.ID) {
				t.Errorf("the log: %s", log)
			}
		})
	}
}

// A stream that has begun ends with its worker as well.
func TestKilledStream(t *testing.T) {
	servertest.Each(t, func(t *testing.T, d servertest.Driver) {
		srv := new(highball.Server)
		r := serve(t, d, srv, gateway.Config{})
		c := r.Dial(t)
		c.Send("GET /endless HTTP/1.1\r\nHost: h\r\n\r\n")
		if _, err := c.Read(make([]byte, 1000)); err != nil {
			t.Fatal(err)
		}
		all := r.app.Running()
		if len(all) != 1 || all[0].Stage != "streaming" {
			t.Fatalf("%+v", all)
		}
		if !srv.Kill(all[0].ID) {
			t.Fatal("there is no such request")
		}
		await(t, r.log, "by hand, its worker is replaced")
		servertest.Eventually(t, "the worker is replaced", func() bool { return r.app.Counters().Restarts["killed"] == 1 })
	})
}

// records keeps the stacks of the records.
type records struct{ stacks chan string }

func (s *records) Take(_ int, r *observe.Record) { s.stacks <- strings.Clone(r.Stack) }

// The record of a slow request tells where it was, however it is answered; that of a quick one does not.
func TestSlowRequests(t *testing.T) {
	for name, raw := range map[string]string{
		"without a body": "GET /pausing HTTP/1.1\r\nHost: h\r\n\r\n",
		"with a body":    "POST /pausing HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc",
		"stream":         "GET /dripping HTTP/1.1\r\nHost: h\r\n\r\n",
		"quick":          "GET /quick HTTP/1.1\r\nHost: h\r\n\r\n",
	} {
		for _, threads := range []int{1, 3} {
			t.Run(name+" "+itoa(threads), func(t *testing.T) {
				t.Parallel()
				seen := &records{make(chan string, 10)}
				srv := new(highball.Server)
				srv.Observe(seen)
				r := serve(t, servertest.Loop, srv, gateway.Config{Target: "stays:app", Threads: threads, Slow: 100 * time.Millisecond})
				c := r.Dial(t)
				c.Send(raw)
				if res := c.Receive("GET"); res.Status != 200 {
					t.Errorf("%d %s", res.Status, res.Body)
				}
				stack := <-seen.stacks
				if function := strings.Fields(raw)[1][1:]; name == "quick" && stack != "" || name != "quick" && !strings.Contains(stack, ", in "+function) {
					t.Errorf("the record's stack is %q", stack)
				}
			})
		}
	}
}

// So does the record of one that is answered by 504, or ended by hand.
func TestSlowRequestsThatAreEnded(t *testing.T) {
	for name, raw := range map[string]string{
		"without a body": "GET /sleeping HTTP/1.1\r\nHost: h\r\n\r\n",
		"with a body":    "POST /sleeping HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			seen := &records{make(chan string, 10)}
			srv := &highball.Server{Deadlines: highball.Deadlines{Handler: 600 * time.Millisecond}}
			srv.Observe(seen)
			r := serve(t, servertest.Loop, srv, gateway.Config{Target: "stays:app", Slow: 50 * time.Millisecond})
			c := r.Dial(t)
			c.Send(raw)
			if res := c.Receive("GET"); res.Status != 504 {
				t.Errorf("%d %s", res.Status, res.Body)
			}
			if stack := <-seen.stacks; !strings.Contains(stack, ", in sleeping") {
				t.Errorf("the record's stack is %q", stack)
			}
		})
	}
}

// What is refused is counted, by why.
func TestCounters(t *testing.T) {
	r := serve(t, servertest.Loop, &highball.Server{}, gateway.Config{QueueLimit: 1, QueueDeadline: 100 * time.Millisecond})
	busy, gate := r.occupy(t)
	late := r.Dial(t)
	late.Send("GET /text HTTP/1.1\r\nHost: h\r\n\r\n")
	servertest.Eventually(t, "one waits", func() bool { return r.app.Counters().Waiting == 1 })
	r.Dial(t).Get("/text")
	late.Receive("GET")
	n := r.app.Counters()
	if n.QueueFull != 1 || n.QueueExpired != 1 || n.QueueLimit != 1 || n.Waiting != 0 {
		t.Errorf("%+v", n)
	}
	if err := os.WriteFile(gate, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	busy.Receive("GET")
	if err := r.app.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	r.Dial(t).Get("/die")
	servertest.Eventually(t, "all is counted", func() bool {
		n := r.app.Counters().Restarts
		return n["reload"] == 1 && n["died"] == 1 && len(n) == 8
	})
}

// What a proxy says of traces reaches the application as any field does.
func TestTraceContext(t *testing.T) {
	r := serve(t, servertest.Loop, &highball.Server{}, gateway.Config{Target: "stays:traced"})
	const parent, state = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "rojo=00f067aa0ba902b7,congo=t61rcWkgMzE"
	c := r.Dial(t)
	c.Send("GET / HTTP/1.1\r\nHost: h\r\nTraceParent: " + parent + "\r\ntracestate: " + state + "\r\n\r\n")
	if res := c.Receive("GET"); res.Body != parent+" "+state {
		t.Errorf("the application got %q", res.Body)
	}
}

// Scripts that run are told of, and end with a request that is ended by hand.
func TestKilledScript(t *testing.T) {
	servertest.Each(t, func(t *testing.T, d servertest.Driver) {
		dir := t.TempDir()
		mark := filepath.Join(dir, "mark")
		script := "#!/bin/sh\necho $$ > " + mark + ".new; mv " + mark + ".new " + mark + "\nsleep 3600\n"
		if err := os.WriteFile(filepath.Join(dir, "stay"), []byte(script), 0o700); err != nil {
			t.Fatal(err)
		}
		log := new(servertest.Log)
		cgi, err := gateway.NewCGI(gateway.CGIConfig{Dir: dir, Environ: os.Environ(), Logger: slog.New(slog.NewTextHandler(log, nil))})
		if err != nil {
			t.Fatal(err)
		}
		srv := &highball.Server{Handler: cgi.Handler("/cgi-bin")}
		s := servertest.New(t, d, srv)
		t.Cleanup(func() { _ = cgi.Stop(t.Context()) })
		c := s.Dial(t)
		c.Send("GET /cgi-bin/stay?a HTTP/1.1\r\nHost: h\r\n\r\n")
		var pid []byte
		servertest.Eventually(t, "it runs", func() bool { pid, err = os.ReadFile(mark); return err == nil })
		var all []gateway.RunningScript
		servertest.Eventually(t, "it is told of", func() bool { all = cgi.Running(); return len(all) == 1 && all[0].PID != 0 })
		if itoa(all[0].PID) != strings.TrimSpace(string(pid)) || all[0].Script != "/cgi-bin/stay" || all[0].Target != "/cgi-bin/stay?a" ||
			all[0].Method != "GET" || all[0].ID == "" {
			t.Fatalf("process %s is told as %+v", pid, all)
		}
		if !srv.Kill(all[0].ID) {
			t.Fatal("there is no such request")
		}
		if res := c.Receive("GET"); res.Status != 503 {
			t.Errorf("status %d", res.Status)
		}
		servertest.Eventually(t, "it is no more", func() bool { return len(cgi.Running()) == 0 })
		if n := strings.Count(log.String(), "by hand"); n != 1 {
			t.Errorf("%d records: %s", n, log)
		}
	})
}
