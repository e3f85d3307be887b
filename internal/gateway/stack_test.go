//go:build linux

package gateway_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"highball"
	"highball/internal/gateway"
	"highball/internal/servertest"
)

// runningAt waits until a worker is at the request of a path, and returns what is told of it.
func (r *running) runningAt(t testing.TB, path string) (found gateway.Running) {
	t.Helper()
	servertest.Eventually(t, path+" runs", func() bool {
		for _, one := range r.app.Running() {
			if one.Target == path && one.Stage == "running" {
				found = one
				return true
			}
		}
		return false
	})
	return found
}

// stack takes the stack of a request that has come to a function or comes to it soon. It must be there within a second.
func (r *running) stack(t testing.TB, id, function string) (s gateway.Stack) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	for range 10 {
		begun := time.Now()
		var err error
		if s, err = r.app.Stack(ctx, id); err != nil {
			t.Fatalf("no stack: %v", err)
		}
		if took := time.Since(begun); took > time.Second {
			t.Errorf("the stack took %s", took)
		}
		if strings.HasSuffix(s.Line, " in "+function) {
			break
		}
	}
	return s
}

// stays serves testdata/pool/stays.py by one worker.
func stays(t *testing.T, python string, threads int, env ...string) *running {
	t.Helper()
	return serve(t, servertest.Loop, &highball.Server{}, gateway.Config{Target: "stays:app", Python: python, Threads: threads, Env: env})
}

// staysLong has requests stay for as long as it takes to look at several, one after the other, where other tests are at work.
const staysLong = "STAY=6"

// Wherever a worker is, its stack tells, and the request gets done as if nobody had looked.
func TestStackOfARequest(t *testing.T) {
	least := map[string]int{"sleeping": 1200, "locking": 1200, "spinning": 1200, "holding": 2000}
	gateway.EachPython(t, func(t *testing.T, python string) {
		for how, least := range least {
			for _, threads := range []int{1, 5} {
				t.Run(fmt.Sprintf("%s of %d", how, threads), func(t *testing.T) {
					t.Parallel()
					r := stays(t, python, threads)
					c := r.Dial(t)
					c.Send("GET /" + how + " HTTP/1.1\r\nHost: h\r\n\r\n")
					one := r.runningAt(t, "/"+how)
					s := r.stack(t, one.ID, how)
					if !strings.HasPrefix(s.Line, "stays.py:") || !strings.HasSuffix(s.Line, " in "+how) {
						t.Errorf("the line is %q", s.Line)
					}
					first, _, _ := strings.Cut(s.Text, "\n\n")
					if !strings.Contains(first, "at the request") || !strings.Contains(first, ", in app\n") || !strings.Contains(first, ", in "+how+"\n") {
						t.Errorf("the first thread is\n%s", first)
					}
					if strings.Index(first, ", in app\n") > strings.Index(first, ", in "+how+"\n") || strings.Contains(s.Text, "<highball>") {
						t.Errorf("frames of others, or in another order, in\n%s", s.Text)
					}
					if s.Worker != 1 || s.PID != one.PID || time.Since(s.Taken) > time.Minute {
						t.Errorf("it is of %+v", s)
					}
					checkStay(t, c.Receive("GET"), least)
					if res := c.Get("/quick"); res.Status != 200 {
						t.Errorf("afterwards: %d", res.Status)
					}
				})
			}
		}
	})
}

// checkStay checks that a request was not disturbed.
func checkStay(t *testing.T, res servertest.Response, least int) {
	t.Helper()
	took, result, _ := strings.Cut(res.Body, " ")
	if n, err := strconv.Atoi(took); res.Status != 200 || err != nil || n < least || result != "None" && result != "0" {
		t.Errorf("the request was disturbed: %d %q, wanted %d ms", res.Status, res.Body, least)
	}
}

// Of several threads, that of the request comes first.
func TestStackOfEachThread(t *testing.T) {
	t.Parallel()
	gateway.EachPython(t, func(t *testing.T, python string) {
		t.Parallel()
		r := stays(t, python, 5, staysLong)
		hows := []string{"sleeping", "locking", "spinning", "sleeping", "locking"}
		var clients []*servertest.Client
		for i, how := range hows {
			c := r.Dial(t)
			c.Send(fmt.Sprintf("GET /%s?%d HTTP/1.1\r\nHost: h\r\n\r\n", how, i))
			clients = append(clients, c)
		}
		ids := make([]string, len(hows))
		for i, how := range hows {
			ids[i] = r.runningAt(t, fmt.Sprintf("/%s?%d", how, i)).ID
		}
		for i, how := range hows {
			if s := r.stack(t, ids[i], how); !strings.HasSuffix(s.Line, " in "+how) || strings.Count(s.Text, "in app\n") != 5 {
				t.Errorf("%s is at %s\n%s", how, s.Line, s.Text)
			}
		}
		for _, c := range clients {
			checkStay(t, c.Receive("GET"), 6000)
		}
	})
}

// While one thread keeps the interpreter, it is told from those that wait for it.
func TestStackWithoutTheLock(t *testing.T) {
	t.Parallel()
	gateway.EachPython(t, func(t *testing.T, python string) {
		t.Parallel()
		r := stays(t, python, 3, staysLong)
		sleeper, holder := r.Dial(t), r.Dial(t)
		sleeper.Send("GET /sleeping HTTP/1.1\r\nHost: h\r\n\r\n")
		first := r.runningAt(t, "/sleeping")
		holder.Send("GET /holding HTTP/1.1\r\nHost: h\r\n\r\n")
		second := r.runningAt(t, "/holding")
		if s := r.stack(t, second.ID, "holding"); !strings.HasSuffix(s.Line, " in holding") {
			t.Errorf("the one that holds it is at %s\n%s", s.Line, s.Text)
		}
		if s := r.stack(t, first.ID, "sleeping"); !strings.HasSuffix(s.Line, " in sleeping") {
			t.Errorf("the other is at %s\n%s", s.Line, s.Text)
		}
		checkStay(t, holder.Receive("GET"), 6800)
		checkStay(t, sleeper.Receive("GET"), 6000)
	})
}

// Stacks are taken again and again while a worker answers: nothing happens to it.
func TestStacksUnderLoad(t *testing.T) {
	gateway.EachPython(t, func(t *testing.T, python string) {
		// Among several busy threads, many a request is over when it is its stack's turn: there it takes long to see as many.
		for threads, wanted := range map[int]int{1: 100, 4: 10} {
			t.Run(strconv.Itoa(threads), func(t *testing.T) {
				r := stays(t, python, threads)
				stop := make(chan struct{})
				var clients sync.WaitGroup
				for range 6 {
					clients.Go(func() {
						c := r.Dial(t)
						for {
							select {
							case <-stop:
								return
							default:
							}
							if res := c.Get("/busy"); res.Status != 200 || !strings.HasSuffix(res.Body, " 44999850000") {
								t.Errorf("%d %q", res.Status, res.Body)
								return
							}
						}
					})
				}
				for taken, end := 0, time.Now().Add(2*time.Minute); taken < wanted; {
					for _, one := range r.app.Running() {
						if one.Stage != "running" {
							continue
						}
						s, err := r.app.Stack(t.Context(), one.ID)
						switch {
						case err == nil && (strings.HasPrefix(s.Line, "stays.py:") || s.Line == "outside of the application"):
							taken++
						case err == nil:
							t.Errorf("it is at %s", s.Line)
						case !errors.Is(err, gateway.ErrNoRequest) && !errors.Is(err, gateway.ErrNotRunning):
							t.Errorf("error %v", err)
						}
					}
					if time.Now().After(end) {
						t.Fatalf("only %d stacks", taken)
					}
				}
				close(stop)
				clients.Wait()
				if n := r.app.Counters(); n.Restarts["died"] > 0 || n.FailedStarts > 0 {
					t.Errorf("workers have died: %+v", n)
				}
			})
		}
	})
}

func TestNoStack(t *testing.T) {
	r := serve(t, servertest.Loop, &highball.Server{}, gateway.Config{})
	if _, err := r.app.Stack(t.Context(), "nobody"); !errors.Is(err, gateway.ErrNoRequest) {
		t.Errorf("of no request: %v", err)
	}
	busy, gate := r.occupy(t)
	waits := r.Dial(t)
	waits.Send("GET /text HTTP/1.1\r\nHost: h\r\n\r\n")
	servertest.Eventually(t, "one waits", func() bool { return len(r.app.Running()) == 2 })
	all := r.app.Running()
	if all[1].Stage != "queued" || all[1].Worker != 0 || all[1].PID != 0 || all[1].Method != "GET" || all[1].Target != "/text" {
		t.Errorf("that which waits is %+v", all[1])
	}
	if _, err := r.app.Stack(t.Context(), all[1].ID); !errors.Is(err, gateway.ErrNotRunning) {
		t.Errorf("of one that waits: %v", err)
	}
	if err := os.WriteFile(gate, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	busy.Receive("GET")
	waits.Receive("GET")
	if all := r.app.Running(); len(all) != 0 {
		t.Errorf("afterwards there are %+v", all)
	}
}

// A fork within the application is not warned of, nor disturbed, since the worker has a thread of its own.
func TestForkWithinTheApplication(t *testing.T) {
	gateway.EachPython(t, func(t *testing.T, python string) {
		r := serve(t, servertest.Loop, &highball.Server{}, gateway.Config{Target: "stays:app", Python: python, Env: []string{"PYTHONWARNINGS=error"}})
		for range 3 {
			if res := r.Dial(t).Get("/forking"); !strings.HasSuffix(res.Body, " 7") {
				t.Errorf("%d %q", res.Status, res.Body)
			}
		}
		if text := r.output.String(); strings.Contains(text, "Warning") {
			t.Errorf("it was warned: %s", text)
		}
	})
}
