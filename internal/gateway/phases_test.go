//go:build linux

package gateway_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"highball"
	"highball/internal/gateway"
	"highball/internal/servertest"
)

// A request that waits for the one worker has waited in the phase queue, whether a goroutine waits with it or not, and the application has
// had the rest.
func TestPhasesOfAnApplication(t *testing.T) {
	log := new(servertest.Log)
	r := serve(t, servertest.Loop, &highball.Server{AccessLog: log, AccessFormat: "json"}, gateway.Config{})
	gate := filepath.Join(t.TempDir(), "gate")
	wait := "/wait?" + gate
	first, second, body := r.Dial(t), r.Dial(t), r.Dial(t)
	first.Send("GET " + wait + " HTTP/1.1\r\nHost: test\r\n\r\n")
	servertest.Eventually(t, "the first is with the worker", func() bool { return r.app.InFlight() == 1 })
	second.Send("GET /text HTTP/1.1\r\nHost: test\r\n\r\n")
	servertest.Eventually(t, "the second waits", func() bool { return r.app.InFlight() == 2 })
	body.Send("POST /echo HTTP/1.1\r\nHost: test\r\nContent-Length: 4\r\n\r\nbody")
	servertest.Eventually(t, "time passes", passes(40))
	if err := os.WriteFile(gate, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []*servertest.Client{first, second, body} {
		if got := c.Receive("GET"); got.Status != 200 {
			t.Errorf("%d %s", got.Status, got.Body)
		}
	}
	wantPhases(t, log, map[string]string{"/wait": "app", "/text": "queue", "/echo": "queue"})
}

// What a request waits for a worker in vain is in the phase queue, too.
func TestPhasesOfRefusedRequests(t *testing.T) {
	log := new(servertest.Log)
	r := serve(t, servertest.Loop, &highball.Server{AccessLog: log, AccessFormat: "json"}, gateway.Config{QueueDeadline: 200 * time.Millisecond})
	busy, gate := r.occupy(t)
	for _, waiting := range []string{"GET /text HTTP/1.1\r\nHost: test\r\n\r\n", "POST /echo HTTP/1.1\r\nHost: test\r\nContent-Length: 4\r\n\r\nbody"} {
		late := r.Dial(t)
		late.Send(waiting)
		if got := late.Receive("GET"); got.Status != 503 {
			t.Errorf("%d %s", got.Status, got.Body)
		}
	}
	if err := os.WriteFile(gate, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	busy.Receive("GET")
	wantPhases(t, log, map[string]string{"/wait": "app", "/text": "queue", "/echo": "queue"})
}

// So is what it waits for one that then dies of it.
func TestPhasesOfADeadlyRequest(t *testing.T) {
	log := new(servertest.Log)
	r := serve(t, servertest.Loop, &highball.Server{AccessLog: log, AccessFormat: "json"}, gateway.Config{})
	_, gate := r.occupy(t)
	deadly := r.Dial(t)
	deadly.Send("GET /die HTTP/1.1\r\nHost: test\r\n\r\n")
	servertest.Eventually(t, "it waits", func() bool { return r.app.InFlight() == 2 })
	servertest.Eventually(t, "time passes", passes(100))
	if err := os.WriteFile(gate, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if got := deadly.Receive("GET"); got.Status != 502 {
		t.Errorf("%d %s", got.Status, got.Body)
	}
	wantPhases(t, log, map[string]string{"/wait": "app", "/die": "queue"})
}

// Of a request that has missed its deadline it is told how long it waited for a worker, and how long one was at it.
func TestPhasesOfAMissedDeadline(t *testing.T) {
	const deadline = time.Second
	for _, request := range []string{
		"GET /wait?%s HTTP/1.1\r\nHost: test\r\n\r\n", "POST /wait?%s HTTP/1.1\r\nHost: test\r\nContent-Length: 4\r\n\r\nbody",
	} {
		log := new(servertest.Log)
		r := serve(t, servertest.Loop, &highball.Server{AccessLog: log, AccessFormat: "json", Deadlines: highball.Deadlines{Handler: deadline}}, gateway.Config{})
		busy, gate := r.occupy(t)
		late := r.Dial(t)
		late.Send(fmt.Sprintf(request, gate+"-never"))
		servertest.Eventually(t, "it waits", func() bool { return r.app.InFlight() == 2 || len(r.app.Running()) == 2 })
		waited := time.Now()
		servertest.Eventually(t, "time passes", func() bool { return time.Since(waited) > deadline/10 })
		if err := os.WriteFile(gate, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if got := busy.Receive("GET"); got.Status != 200 {
			t.Errorf("the one before: %d", got.Status)
		}
		if got := late.Receive("GET"); got.Status != 504 {
			t.Errorf("%d %s", got.Status, got.Body)
		}
		servertest.Eventually(t, "two lines", func() bool { return strings.Count(log.String(), "\n") == 2 })
		_, line, _ := strings.Cut(log.String(), "\n")
		l := decodeTimed(t, line)
		least := deadline.Seconds() / 10
		if l.Status != 504 || l.Phases["queue"] < least || l.Phases["queue"] > l.Duration-least/2 || l.Phases["queue"]+l.Phases["app"] < 0.9*l.Duration {
			t.Errorf("%.6s: phases %v of %f", request, l.Phases, l.Duration)
		}
	}
}

// occupy has the one worker at a request until there is a file at gate.
func (r *running) occupy(t *testing.T) (busy *servertest.Client, gate string) {
	t.Helper()
	gate = filepath.Join(t.TempDir(), "gate")
	busy = r.Dial(t)
	busy.Send("GET /wait?" + gate + " HTTP/1.1\r\nHost: test\r\n\r\n")
	r.runningAt(t, "/wait?"+gate)
	return busy, gate
}

// timed is what a line of the access log says of where its time went.
type timed struct {
	Target   string
	Status   int
	Duration float64
	Phases   map[string]float64
}

func decodeTimed(t *testing.T, line string) (l timed) {
	t.Helper()
	if err := json.Unmarshal([]byte(line), &l); err != nil {
		t.Fatal(err)
	}
	return l
}

// wantPhases fails the test unless the log comes to have a line for each path, and nothing else, that says that most of the time was spent in
// the phase.
func wantPhases(t *testing.T, log *servertest.Log, most map[string]string) {
	t.Helper()
	servertest.Eventually(t, "all lines", func() bool { return strings.Count(log.String(), "\n") >= len(most) })
	for line := range strings.Lines(log.String()) {
		l := decodeTimed(t, line)
		path, _, _ := strings.Cut(l.Target, "?")
		if want := most[path]; l.Duration < 0.02 || l.Phases[want] < 0.8*l.Duration {
			t.Errorf("%s took %fs, most of it not in %q: %v", l.Target, l.Duration, want, l.Phases)
		}
		delete(most, path)
	}
	if len(most) > 0 {
		t.Errorf("no line for %v", most)
	}
}

// passes reports false n times; servertest.Eventually looks again after a moment.
func passes(n int) func() bool {
	return func() bool {
		n--
		return n < 0
	}
}
