package highball_test

import (
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"highball"
	"highball/internal/servertest"
)

// rudeness is what an abusive client sends: whole requests, parts of them, and noise between.
var rudeness = []string{
	"GET / HTTP/1.1\r\nHost: test\r\n\r\n",
	"GET /blocking HTTP/1.1\r\nHost: test\r\n\r\n",
	"GET /large HTTP/1.1\r\nHost: test\r\n\r\n",
	"POST /echo HTTP/1.1\r\nHost: test\r\nContent-Length: 10\r\n\r\n01234",
	"POST /echo HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
	"POST /echo HTTP/1.1\r\nHost: test\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n",
	"Host: test\r\n\r\n", "\r\n", "\x00\xff", "Content-Length: 1\r\n", "HEAD /large HTTP/1.0\r\n\r\n",
	"GET /panic HTTP/1.1\r\nHost: test\r\n\r\n",
}

// Random bytes, resets and half-closes on many connections hurt nobody else. That nothing is left behind is seen by
// TestMain.
func TestAbuse(t *testing.T) {
	lasting := 10 * time.Second
	if testing.Short() {
		lasting = time.Second
	}
	servertest.Each(t, func(t *testing.T, d servertest.Driver) {
		s := servertest.New(t, d, &highball.Server{
			Deadlines: highball.Deadlines{Head: time.Second, Idle: time.Second, Handler: 50 * time.Millisecond, Body: 100 * time.Millisecond},
			Handler: newMux(t, map[string]highball.Handler{
				"/":     text("fine"),
				"/echo": highball.HandlerFunc(echo),
				"/blocking": highball.HandlerFunc(func(w *highball.Response, r *highball.Request) error {
					if rand.IntN(100) == 0 {
						<-r.Context().Done()
					}
					return w.Flush()
				}),
				"/large": highball.HandlerFunc(func(w *highball.Response, _ *highball.Request) error {
					_, err := w.WriteString(repeated(1 << 20))
					return err
				}),
				"/panic": highball.HandlerFunc(func(*highball.Response, *highball.Request) error { panic("on request") }),
			}),
		})
		seed := time.Now().UnixNano()
		t.Logf("seed %d", seed)
		end := time.Now().Add(lasting / 2)
		var clients sync.WaitGroup
		for i := range 32 {
			rng := rand.New(rand.NewPCG(uint64(seed), uint64(i)))
			clients.Go(func() {
				for time.Now().Before(end) {
					abuse(t, s, rng)
				}
			})
		}
		clients.Wait()
		if got := s.Dial(t).Get("/"); got.Body != "fine" {
			t.Errorf("afterwards a normal request got %+v", got)
		}
		if strings.Contains(s.Log.String(), "runtime error") {
			t.Errorf("a panic of our own: %s", s.Log)
		}
	})
}

// abuse is the life of one connection.
func abuse(t *testing.T, s *servertest.Server, rng *rand.Rand) {
	conn, err := s.Connect()
	if err != nil {
		return // so many at once that the queue is full
	}
	c := servertest.NewClient(t, conn)
	defer c.Close()
	c.Patience = 20 * time.Millisecond
	for range rng.IntN(8) {
		raw := []byte(rudeness[rng.IntN(len(rudeness))])
		switch rng.IntN(4) {
		case 0:
			raw = raw[:rng.IntN(len(raw))]
		case 1:
			raw[rng.IntN(len(raw))] = byte(rng.Uint32())
		}
		c.Send(string(raw))
		switch rng.IntN(8) {
		case 0:
			c.Reset()
			return
		case 1:
			c.CloseWrite()
		case 2:
			if err := c.SetReadDeadline(time.Now().Add(c.Patience)); err == nil {
				_, _ = c.Read(make([]byte, 1+rng.IntN(5000))) // an answer, or not
			}
		}
	}
	if rng.IntN(2) == 0 {
		c.Reset()
	}
}
