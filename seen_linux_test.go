package highball_test

import (
	"strings"
	"testing"
	"time"

	"highball"
	"highball/internal/observe"
	"highball/internal/servertest"
)

// A request that somebody else is to answer is seen, and can be ended by hand.
func TestLaterLiveAndKill(t *testing.T) {
	srv := &highball.Server{RequestIDs: true}
	w := new(witness)
	srv.Observe(w)
	o, s := startOracle(t, servertest.Loop, srv)
	c := s.Dial(t)
	c.Send(get("/asked?x", ""))
	o.hears("/asked")
	live := srv.Live()
	if len(live) != 1 || live[0].Target != "/asked?x" || live[0].Phase != observe.App || live[0].Host != "test" {
		t.Fatalf("%+v", live)
	}
	if n := srv.Connections(); n.Handling != 1 || n.Accepted != 1 {
		t.Errorf("connections: %+v", n)
	}
	if !srv.Kill(live[0].ID) {
		t.Fatal("it could not be ended")
	}
	if res := c.Receive("GET"); res.Status != 503 || !res.Closing() || res.Value("X-Request-ID") != live[0].ID {
		t.Errorf("the client got %+v", res)
	}
	if cause := o.abandoned(); cause != highball.ErrKilled {
		t.Errorf("abandoned for %v", cause)
	}
	if r := w.nextRecord(t); r.Status != 503 || r.Spans[observe.App] == 0 {
		t.Errorf("%+v", r)
	}
	if r := w.nextConnection(t); r.Why != "killed" {
		t.Errorf("the connection has ended for %q", r.Why)
	}
}

// Half a head, and an answer that the client does not take, are seen; connections are counted by what they are at.
func TestLiveWithoutAHandler(t *testing.T) {
	srv := &highball.Server{Handler: text(strings.Repeat("x", 16<<20))}
	_, s := watched(t, servertest.Loop, srv)
	idle, partial, slow := s.Dial(t), s.Dial(t), s.Dial(t)
	idle.Send("GET / HTTP/1.1\r\nHost: h\r\n\r\n")
	idle.Receive("GET")
	partial.Send("GET /secret HT")
	slow.Send(get("/slow", ""))
	servertest.Eventually(t, "both to be live", func() bool { return len(srv.Live()) == 2 })
	for _, l := range srv.Live() {
		switch {
		case l.Phase == observe.Head && l.Target == "" && l.Age == l.InPhase && l.ID != "":
		case l.Phase == observe.Send && l.Target == "/slow" && l.Age >= l.InPhase:
		default:
			t.Errorf("%+v", l)
		}
	}
	if n := srv.Connections(); n.Idle != 1 || n.Reading != 1 || n.Sending != 1 || n.Handling != 0 {
		t.Errorf("%+v", n)
	}
	if got := srv.LoopStates(); len(got) != 2 || got[0].Connections+got[1].Connections != 3 {
		t.Errorf("%+v", got)
	}
}

// A loop that does not turn is done without.
func TestSurveyOfAStuckLoop(t *testing.T) {
	entered, release := make(chan bool), make(chan bool)
	srv := &highball.Server{Loops: 1, Handler: inlineFunc{inline: func(*highball.Response, *highball.Request) bool {
		entered <- true
		<-release
		return true
	}}}
	_, s := watched(t, servertest.Loop, srv)
	c := s.Dial(t)
	c.Send(get("/", ""))
	<-entered
	begun := time.Now()
	if live := srv.Live(); len(live) != 0 {
		t.Errorf("%+v", live)
	}
	took := time.Since(begun)
	release <- true
	c.Receive("GET")
	servertest.Eventually(t, "the long turn to be told", func() bool { // it ends after its answer has left
		return srv.LoopStates()[0].Lag >= took
	})
	srv.Connections() // for which the loop turns, and there is no request
	if lag := srv.LoopStates()[0].Lag; lag >= took {
		t.Errorf("the turn of %v is told twice", lag)
	}
}
