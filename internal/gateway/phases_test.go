//go:build linux

package gateway_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

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
	servertest.Eventually(t, "three lines", func() bool { return strings.Count(log.String(), "\n") == 3 })
	for line := range strings.Lines(log.String()) {
		var l struct {
			Target   string
			Duration float64
			Phases   map[string]float64
		}
		if err := json.Unmarshal([]byte(line), &l); err != nil {
			t.Fatal(err)
		}
		most := "queue"
		if strings.HasPrefix(l.Target, "/wait") {
			most = "app"
		}
		if l.Duration < 0.02 || l.Phases[most] < 0.8*l.Duration {
			t.Errorf("%s took %fs, most of it not in %s: %v", l.Target, l.Duration, most, l.Phases)
		}
	}
}

// passes reports false n times; servertest.Eventually looks again after a moment.
func passes(n int) func() bool {
	return func() bool {
		n--
		return n < 0
	}
}
