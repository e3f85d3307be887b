package highball_test

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"highball"
	"highball/internal/servertest"
)

// barrier keeps an event loop in one request while clients send others, which the loop then finds in one turn.
type barrier struct {
	entered, leave chan bool
	client         *servertest.Client
}

// gated is h behind a barrier, which opens for the path /gate.
func gated(h func(w *highball.Response, r *highball.Request) bool) (*barrier, highball.Handler) {
	g := &barrier{entered: make(chan bool), leave: make(chan bool)}
	return g, inlineFunc{
		inline: func(w *highball.Response, r *highball.Request) bool {
			if r.Path() == "/gate" {
				g.entered <- true
				<-g.leave
				return true
			}
			return h(w, r)
		},
		serve: func(w *highball.Response, r *highball.Request) error { // also of what was sent ahead behind what needs a goroutine
			if h(w, r) {
				return nil
			}
			_, err := w.WriteString("goroutine " + r.Target())
			return err
		},
	}
}

// shut has the loop wait in front of what clients send until open is called.
func (g *barrier) shut(t *testing.T, s *servertest.Server) {
	if g.client == nil {
		g.client = s.Dial(t)
	}
	g.client.Send(get("/gate", ""))
	<-g.entered
}

func (g *barrier) open() {
	g.leave <- true
	g.client.Receive("GET")
}

// said answers with what the request says of itself.
func said(w *highball.Response, r *highball.Request) bool {
	if strings.HasPrefix(r.Path(), "/goroutine") {
		return false
	}
	agent := r.Header().Value("User-Agent")
	_, err := w.WriteString(r.Target() + " " + agent)
	return err == nil
}

// Each client gets its own answers, in order, and each record tells of its own request, however many have sent something by the same turn.
func TestAnswersOfOneTurn(t *testing.T) {
	g, h := gated(said)
	srv := &highball.Server{Loops: 1, Handler: h}
	srv.CaptureWire()
	w, s := watched(t, servertest.Loop, srv)
	for round := range 5 {
		clients := make([]*servertest.Client, 50)
		for i := range clients {
			clients[i] = s.Dial(t)
			clients[i].Get(fmt.Sprint("/first/", round, "/", i)) // so that it is known to the loop
			w.nextRecord(t)
		}
		g.shut(t, s)
		type sent struct{ target, want string }
		all := make([][]sent, len(clients))
		agents := map[string]string{}
		ask := func(i int, target, fields string) {
			agent := strings.Repeat(string(rune('a'+i%26)), 1+rand.N(300)) + fmt.Sprint(i)
			clients[i].Send(get(target, "User-Agent: "+agent+"\r\n"+fields))
			want := target + " " + agent
			if strings.HasPrefix(target, "/goroutine") {
				want = "goroutine " + target
			}
			agents[target] = agent
			all[i] = append(all[i], sent{target, want})
		}
		requests := 0
		for i := range clients {
			for k := range []int{1, 1, 1, 3, 2}[i%5] { // sent ahead, some of them
				target := fmt.Sprint("/", round, "/", i, "/", k)
				if i%7 == 3 && k == 1 {
					target = "/goroutine" + target
				}
				ask(i, target, "")
				requests++
			}
			switch i % 11 {
			case 5:
				ask(i, fmt.Sprint("/", round, "/", i, "/last"), "Connection: close\r\n")
				requests++
				clients[i].Send(get("/not", ""))
			case 6:
				clients[i].Send("GET /half HTTP/1.1\r\n")
			}
		}
		g.open()
		for i, c := range clients {
			for _, one := range all[i] {
				if got := c.Receive("GET"); got.Status != 200 || got.Body != one.want {
					t.Fatalf("%s: %d %.100q, want %.100q", one.target, got.Status, got.Body, one.want)
				}
			}
			switch i % 11 {
			case 5:
				c.WantClosed()
			case 6:
				c.Send("Host: test\r\nUser-Agent: second\r\n\r\n")
				if got := c.Receive("GET"); got.Body != "/half second" {
					t.Errorf("%q", got.Body)
				}
				agents["/half"] = "second"
				requests++
			default:
				c.WantOpen("/open")
				agents["/open"] = ""
				requests++
			}
		}
		for range requests + 1 { // and the gate's
			r := w.nextRecord(t)
			if r.Target == "/gate" {
				continue
			}
			agent, known := agents[r.Target]
			if !known || r.UserAgent != agent {
				t.Errorf("a record of %q tells of the agent %.50q, not %.50q", r.Target, r.UserAgent, agent)
			}
			if r.Wire == nil || !strings.HasPrefix(string(r.Wire.RequestHead), "GET "+r.Target+" ") ||
				!strings.Contains(string(r.Wire.Response), r.Target) {
				t.Errorf("the record of %q has %q and %q", r.Target, r.Wire.RequestHead, r.Wire.Response)
			}
		}
	}
}

// An answer waits for the others of its turn, but not for many, and not for long.
func TestAnswersLeaveTogether(t *testing.T) {
	for _, observed := range []bool{false, true} {
		var count atomic.Int64
		var clients [40]*servertest.Client
		left := func() (n int) { // answers that have, since it was last called, which takes its time
			for _, c := range clients {
				if err := c.SetReadDeadline(time.Now().Add(time.Millisecond)); err != nil {
					t.Error(err)
				}
				if k, _ := c.Conn.Read(make([]byte, 1)); k > 0 {
					n++
				}
			}
			return n
		}
		// Where nobody measures time, sixteen leave together; else those that have waited for the fourth.
		moments := map[int64]int{4: 0, 20: 16}
		if observed {
			moments = map[int64]int{4: 0, 5: 4}
		}
		g, h := gated(func(w *highball.Response, r *highball.Request) bool {
			n := count.Add(1)
			if want, known := moments[n]; known && r.Path() == "/" {
				if got := left(); got != want {
					t.Errorf("%d answers have left when the request %d is answered, want %d", got, n, want)
				}
			}
			return true
		})
		srv := &highball.Server{Loops: 1, Handler: h}
		if observed {
			srv.Observe(new(witness))
		}
		s := servertest.New(t, servertest.Loop, srv)
		for i := range clients {
			clients[i] = s.Dial(t)
			clients[i].Get("/first")
		}
		g.shut(t, s)
		count.Store(0)
		for _, c := range clients {
			c.Send(get("/", ""))
		}
		g.open()
		servertest.Eventually(t, "all answers", func() bool { return count.Load() == int64(len(clients)) })
	}
}

// The buffer grows with the answers, and is not mistaken for another.
func TestAnswersOfManySizes(t *testing.T) {
	g, h := gated(func(w *highball.Response, r *highball.Request) bool {
		n, err := strconv.Atoi(r.Path()[1:])
		if err != nil {
			return true
		}
		_, err = w.WriteString(strings.Repeat(string(rune('a'+n%26)), n))
		return err == nil
	})
	w, s := watched(t, servertest.Loop, &highball.Server{Loops: 1, Handler: h})
	clients := make([]*servertest.Client, 40)
	for i := range clients {
		clients[i] = s.Dial(t)
		clients[i].Get("/first")
	}
	for round := range 6 {
		g.shut(t, s)
		sizes := make([]int, len(clients))
		for i, c := range clients {
			sizes[i] = rand.N(1 << (1 + rand.N(8+2*round)))
			c.Send(get(fmt.Sprint("/", sizes[i]), "") + get(fmt.Sprint("/", sizes[i]/2), ""))
		}
		g.open()
		var readers sync.WaitGroup
		for i, c := range clients {
			readers.Go(func() {
				for _, n := range []int{sizes[i], sizes[i] / 2} {
					got, err := c.TryReceive("GET")
					if err != nil || got.Body != strings.Repeat(string(rune('a'+n%26)), n) {
						t.Errorf("%d bytes of %d: %v", len(got.Body), n, err)
					}
				}
			})
		}
		readers.Wait()
	}
	for range 40 + 6*(2*40+1) {
		w.nextRecord(t)
	}
}

// Clients that are gone do not keep the others of their turn from their answers.
func TestAnswersToTheGone(t *testing.T) {
	g, h := gated(said)
	_, s := watched(t, servertest.Loop, &highball.Server{Loops: 1, Handler: h})
	for range 5 {
		clients := make([]*servertest.Client, 40)
		for i := range clients {
			clients[i] = s.Dial(t)
			clients[i].Get("/first")
		}
		g.shut(t, s)
		for i, c := range clients {
			c.Send(get(fmt.Sprint("/", i), ""))
			switch i % 4 {
			case 1:
				c.Reset()
			case 2:
				c.CloseWrite()
			}
		}
		g.open()
		for i, c := range clients {
			if i%4 == 1 {
				continue
			}
			if got := c.Receive("GET"); got.Body != fmt.Sprint("/", i, " ") {
				t.Errorf("%d: %q", i, got.Body)
			}
			if i%4 == 2 {
				c.WantClosed()
			} else {
				c.Get("/again")
			}
		}
	}
	servertest.Eventually(t, "the gone to be gone", func() bool { return s.Highball.Connections().Idle == 1+5*20 })
}

// largeAnswer is more than the system takes from a server for a client that does not read.
var largeAnswer = strings.Repeat("x", 16<<20)

// large answers /large, and other requests as said does.
func large(w *highball.Response, r *highball.Request) bool {
	if r.Path() != "/large" {
		return said(w, r)
	}
	_, err := w.WriteString(largeAnswer)
	return err == nil
}

// What a client has sent behind its last request is not answered, though it arrives while the answers before are still on their way, and does not
// cost it these.
func TestNothingBehindTheLastAnswer(t *testing.T) {
	for name, h := range map[string]highball.Handler{
		"on the loop": inlineFunc{inline: large},
		"on a goroutine": highball.HandlerFunc(func(w *highball.Response, r *highball.Request) error {
			large(w, r)
			return nil
		}),
	} {
		t.Run(name, func(t *testing.T) {
			_, s := watched(t, servertest.Loop, &highball.Server{Loops: 1, Handler: h})
			sending := func() bool {
				n := s.Highball.Connections()
				return n.Sending+n.Handling == 1
			}
			c := s.Dial(t)
			c.Send(get("/large", "") + get("/last", "Connection: close\r\n"))
			servertest.Eventually(t, "it to be sent", sending)
			c.Send(get("/not", ""))
			// It reads only until the server has handed over everything, of which the system still has some that a reset would destroy.
			var got bytes.Buffer
			for sending() {
				if _, err := io.CopyN(&got, c, 64<<10); err != nil {
					t.Fatal(err)
				}
			}
			if _, err := got.ReadFrom(c); err != nil {
				t.Errorf("after %d bytes: %v", got.Len(), err)
			}
			if got.Len() < len(largeAnswer) || strings.Count(got.String(), "HTTP/1.1") != 2 || !strings.HasSuffix(got.String(), "\r\n\r\n/last ") {
				t.Errorf("%d bytes, the last of which are %.200q", got.Len(), got.Bytes()[max(0, got.Len()-200):])
			}
		})
	}
}

// A client that has ended its sending gets the answers to what it has sent before.
func TestAnswersBeforeTheEnd(t *testing.T) {
	_, s := watched(t, servertest.Loop, &highball.Server{Loops: 1, Handler: inlineFunc{inline: large}})
	c := s.Dial(t)
	c.Send(get("/large", "") + get("/last", ""))
	servertest.Eventually(t, "it to be sent", func() bool { return s.Highball.Connections().Sending == 1 })
	c.CloseWrite()
	if got := c.Receive("GET"); got.Body != largeAnswer {
		t.Errorf("%d bytes", len(got.Body))
	}
	if got := c.Receive("GET"); got.Body != "/last " {
		t.Errorf("%+v", got)
	}
	c.WantClosed()
}

// swap is a handler that answers, when it is asked for /swap, all who wait, in the midst of that.
type swap struct {
	highball.Handler
	head    *highball.PreparedHead
	waiting []highball.Later // of the one loop
}

func (h *swap) ServeInline(w *highball.Response, r *highball.Request) bool {
	return h.Handler.(highball.InlineHandler).ServeInline(w, r)
}

func (h *swap) ServeLater(t *highball.Turn, r *highball.Request, l highball.Later) highball.Pending {
	if !strings.HasPrefix(r.Path(), "/swap") {
		h.waiting = append(h.waiting, l)
		return nobody{}
	}
	for i, one := range h.waiting {
		one.Send(t, h.head, -1, []byte(strings.Repeat("x", i)))
	}
	h.waiting = nil
	if r.Path() == "/swap/panic" {
		panic("on purpose")
	}
	return nil
}

type nobody struct{}

func (nobody) ClientLeft(*highball.Turn)  {}
func (nobody) Done(*highball.Turn, error) {}

// Answers of others may be made in the midst of one's own.
func TestAnswersInTheMidstOfAnswers(t *testing.T) {
	t.Run("observed", func(t *testing.T) { answersInTheMidst(t, new(witness)) })
	t.Run("not observed", func(t *testing.T) { answersInTheMidst(t, nil) }) // so that they wait however long the others take
}

func answersInTheMidst(t *testing.T, w *witness) {
	head, err := highball.PrepareHead(200, new(highball.Header))
	if err != nil {
		t.Fatal(err)
	}
	g, h := gated(func(w *highball.Response, r *highball.Request) bool {
		if !strings.HasPrefix(r.Path(), "/inline") {
			return false
		}
		_, err := w.WriteString(r.Target())
		return err == nil
	})
	srv := &highball.Server{Loops: 1, Handler: &swap{Handler: h, head: head}}
	if w != nil {
		srv.Observe(w)
	}
	s := servertest.New(t, servertest.Loop, srv)
	var early, waiting, swapping []*servertest.Client
	for range 20 {
		early, waiting, swapping = append(early, s.Dial(t)), append(waiting, s.Dial(t)), append(swapping, s.Dial(t))
	}
	swaps := []string{"/swap/panic", "/swap"}
	failed := s.Dial(t).Get("/swap/panic").Body
	if w != nil {
		w.nextRecord(t)
	}
	for round := range 3 {
		for i, c := range waiting {
			c.Send(get(fmt.Sprint("/wait/", i), "") + get(fmt.Sprint("/inline/behind/", i), ""))
			servertest.Eventually(t, "it to wait", func() bool { return s.Highball.Connections().Handling == i+1 })
		}
		g.shut(t, s)
		for i := range early {
			early[i].Send(get(fmt.Sprint("/inline/", i), ""))
			swapping[i].Send(get(fmt.Sprint("/inline/before/", i), "") + get(swaps[i%2], "") + get(fmt.Sprint("/inline/after/", i), ""))
		}
		g.open()
		for i := range early {
			for _, want := range []struct {
				c    *servertest.Client
				body string
			}{
				{early[i], fmt.Sprint("/inline/", i)},
				{waiting[i], strings.Repeat("x", i)},
				{waiting[i], fmt.Sprint("/inline/behind/", i)},
				{swapping[i], fmt.Sprint("/inline/before/", i)},
				{swapping[i], []string{failed, "goroutine /swap"}[i%2]},
				{swapping[i], fmt.Sprint("/inline/after/", i)},
			} {
				if got := want.c.Receive("GET"); got.Body != want.body {
					t.Errorf("round %d: %q, want %q", round, got.Body, want.body)
				}
			}
		}
		if w == nil {
			continue
		}
		targets := map[string]int{}
		for range 1 + 6*20 {
			targets[w.nextRecord(t).Target]++
		}
		if len(targets) != 3+5*20 || targets["/swap"] != 10 || targets["/swap/panic"] != 10 {
			t.Errorf("records of %d", len(targets))
		}
	}
}
