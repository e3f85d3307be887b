package highball_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"highball"
	"highball/internal/observe"
	"highball/internal/servertest"
)

// timedLine is what a line of the access log says of a request's time, in seconds.
type timedLine struct {
	Method, Target string
	Status         int
	Aborted        bool
	Duration       float64
	Phases         map[string]float64
}

// phases returns those that are not zero, in milliseconds.
func (l *timedLine) phases() map[string]float64 {
	m := make(map[string]float64)
	for name, seconds := range l.Phases {
		if seconds != 0 {
			m[name] = seconds * 1000
		}
	}
	return m
}

// lines waits for n lines of a log.
func lines(t *testing.T, log *servertest.Log, n int) (all []timedLine) {
	t.Helper()
	servertest.Eventually(t, fmt.Sprint(n, " lines"), func() bool { return strings.Count(log.String(), "\n") >= n })
	for line := range strings.Lines(log.String()) {
		var l timedLine
		if err := json.Unmarshal([]byte(line), &l); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		all = append(all, l)
	}
	return all
}

// stopped is a clock that only the test moves.
type stopped struct{ at atomic.Int64 }

func (c *stopped) pass(ms int64) { c.at.Add(ms * 1e6) }

// timed serves h on a clock that stands still, with one loop.
func timed(t *testing.T, clock *stopped, h highball.Handler) (*servertest.Log, *servertest.Server) {
	t.Helper()
	log := new(servertest.Log)
	clock.pass(1000)
	srv := &highball.Server{Loops: 1, Handler: h, AccessLog: log, AccessFormat: "json"}
	srv.SetClock(clock.at.Load)
	return log, servertest.New(t, servertest.Loop, srv)
}

// inPhase waits until the one request that is answered is in a phase: the client may know before the server does.
func inPhase(t *testing.T, s *servertest.Server, p observe.Phase) {
	t.Helper()
	servertest.Eventually(t, "a request in phase "+p.String(), func() bool {
		live := s.Highball.Live()
		return len(live) == 1 && live[0].Phase == p
	})
}

// Under a clock that the test moves, each phase has exactly what has passed in it.
func TestPhasesAreExact(t *testing.T) {
	clock := new(stopped)
	h := inlineFunc{
		inline: func(w *highball.Response, r *highball.Request) bool {
			if !strings.HasPrefix(r.Path(), "/inline") {
				return false
			}
			clock.pass(3)
			if r.Path() == "/inline/large" {
				_, err := w.WriteString(strings.Repeat("x", 16<<20))
				return err == nil
			}
			return true
		},
		serve: func(w *highball.Response, r *highball.Request) error {
			clock.pass(20)
			switch r.Path() {
			case "/body":
				if _, err := io.Copy(io.Discard, r.Body()); err != nil {
					return err
				}
				clock.pass(1)
			case "/took":
				r.Took(5 * time.Millisecond)
			case "/waited":
				r.Waited(4 * time.Millisecond)
				clock.pass(10)
				r.Waited(3 * time.Millisecond)
			case "/stream":
				_, err := w.WriteString("first")
				err = errors.Join(err, w.Flush())
				clock.pass(30)
				_, writeErr := w.WriteString("second")
				return errors.Join(err, writeErr)
			case "/send":
				_, err := w.WriteString(strings.Repeat("x", 16<<20))
				return err
			case "/fail":
				return errors.New("on purpose")
			}
			return nil
		},
	}
	log, s := timed(t, clock, h)
	count := 0
	for _, test := range []struct {
		name string
		do   func(c *servertest.Client)
		want string // of the last line
	}{
		{"inline", func(c *servertest.Client) { c.Get("/inline") }, "map[app:3]"},
		{"a head in two parts", func(c *servertest.Client) {
			c.Send(get("/inline", "") + "GET /inline HTTP/1.1\r\n")
			c.Receive("GET") // so the server has read what came with it
			count++
			clock.pass(7)
			c.Send("Host: test\r\n\r\n")
			c.Receive("GET")
		}, "map[app:3 head:7]"},
		{"a goroutine", func(c *servertest.Client) { c.Get("/plain") }, "map[app:20]"},
		{"an error", func(c *servertest.Client) { c.Get("/fail") }, "map[app:20]"},
		{"a body", func(c *servertest.Client) {
			c.Send("POST /body HTTP/1.1\r\nHost: test\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n")
			interim := make([]byte, len("HTTP/1.1 100 Continue\r\n\r\n"))
			if _, err := io.ReadFull(c, interim); err != nil || !strings.HasPrefix(string(interim), "HTTP/1.1 100 ") {
				t.Fatalf("%q, %v", interim, err)
			}
			inPhase(t, s, observe.Body)
			clock.pass(9)
			c.Send("body")
			c.Receive("POST")
		}, "map[app:21 body:9]"},
		{"waiting that the handler tells of", func(c *servertest.Client) { c.Get("/took") }, "map[app:5 queue:15]"},
		{"waiting that it tells of as it goes on", func(c *servertest.Client) { c.Get("/waited") }, "map[app:23 queue:7]"},
		{"a stream", func(c *servertest.Client) { c.Get("/stream") }, "map[app:20 stream:30]"},
		{"a client that takes its time", func(c *servertest.Client) {
			c.Send(get("/send", ""))
			first := make([]byte, 1)
			if _, err := io.ReadFull(c, first); err != nil { // so the rest is on its way, and too much for the system to keep
				t.Fatal(err)
			}
			inPhase(t, s, observe.Send)
			clock.pass(40)
			if _, err := io.CopyN(io.Discard, c, 16<<20); err != nil {
				t.Fatal(err)
			}
		}, "map[app:20 send:40]"},
		{"a client that takes its time with an inline answer", func(c *servertest.Client) {
			c.Send(get("/inline/large", ""))
			first := make([]byte, 1)
			if _, err := io.ReadFull(c, first); err != nil {
				t.Fatal(err)
			}
			s.Highball.Quiesce() // the turn is over that has begun to send
			clock.pass(50)
			if _, err := io.CopyN(io.Discard, c, 16<<20); err != nil {
				t.Fatal(err)
			}
		}, "map[app:3 send:50]"},
	} {
		test.do(s.Dial(t))
		count++
		all := lines(t, log, count)
		if got := fmt.Sprint(all[len(all)-1].phases()); got != test.want {
			t.Errorf("%s: %s, want %s", test.name, got, test.want)
		}
	}
}

// The phases of every request add up to its duration, whatever kind it is and whatever becomes of it.
func TestPhasesAddUp(t *testing.T) {
	requests := 2000
	if testing.Short() {
		requests = 200
	}
	servertest.Each(t, func(t *testing.T, d servertest.Driver) {
		log := new(servertest.Log)
		s := servertest.New(t, d, &highball.Server{
			Handler: around{everyWay(t), func(r *highball.Request) {}}, AccessLog: log, AccessFormat: "json",
		})
		var clients sync.WaitGroup
		paths := append([]string{"/unread"}, ways...)
		for range 4 {
			clients.Go(func() {
				conn, err := s.Connect()
				if err != nil {
					t.Error(err)
					return
				}
				defer conn.Close()
				c := servertest.NewClient(t, conn)
				for i := range requests / 4 {
					switch path := paths[i%len(paths)]; {
					case i%5 == 4:
						c.Send("POST " + path + " HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n")
						c.Send("4\r\nbody\r\n0\r\n\r\n")
						c.Receive("POST")
					case i%7 == 6:
						c.Send(get(path, "") + get("/inline", ""))
						c.Receive("GET")
						c.Receive("GET")
					default:
						c.Get(path)
					}
				}
			})
		}
		clients.Wait()
		for _, l := range lines(t, log, requests) {
			sum := 0.0
			for _, seconds := range l.Phases {
				sum += seconds
			}
			if diff := l.Duration - sum; diff < -1e-8 || diff > max(0.01*l.Duration, 7e-6) { // each is rounded down to a microsecond
				t.Fatalf("%s %s: the phases add up to %f of %f seconds: %v", l.Method, l.Target, sum, l.Duration, l.Phases)
			}
		}
	})
}

// A deadline that answers in the handler's place tells where the time went.
func TestPhasesOfExpired(t *testing.T) {
	release := make(chan struct{})
	log := new(servertest.Log)
	s := servertest.New(t, servertest.Loop, &highball.Server{
		AccessLog: log, AccessFormat: "json", Deadlines: highball.Deadlines{Handler: 50 * time.Millisecond},
		Handler: highball.HandlerFunc(func(*highball.Response, *highball.Request) error {
			<-release
			return nil
		}),
	})
	if got := s.Dial(t).Get("/late"); got.Status != 504 {
		t.Errorf("answered by %d", got.Status)
	}
	l := lines(t, log, 1)[0]
	close(release) // not before: the handler's return would be the next phase
	if l.Status != 504 || l.Phases["app"] < 0.049 || l.Phases["app"] < 0.9*l.Duration {
		t.Errorf("%+v", l)
	}
}

// Of the time that sending from a file takes, what the client lets the server wait is Send, and the rest is Stream.
func TestPhasesOfAFile(t *testing.T) {
	f, err := os.CreateTemp(t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	const size = 16 << 20
	if err := f.Truncate(size); err != nil {
		t.Fatal(err)
	}
	srv := &highball.Server{Handler: highball.HandlerFunc(func(w *highball.Response, _ *highball.Request) error {
		w.SetContentLength(size)
		return w.SendFile(f, 0, size)
	})}
	w, s := watched(t, servertest.Loop, srv)
	c := s.Dial(t)
	c.Send(get("/", ""))
	servertest.Eventually(t, "the client to be waited for", func() bool {
		live := srv.Live()
		return len(live) == 1 && live[0].Phase == observe.Send && live[0].InPhase > 100*time.Millisecond
	})
	c.Receive("GET")
	if r := w.nextRecord(t); r.Spans[observe.Send] < 100*time.Millisecond || r.Spans[observe.Stream] > r.Spans[observe.Send] || r.Spans[observe.Stream] == 0 {
		t.Errorf("%v", r.Spans)
	}
}
