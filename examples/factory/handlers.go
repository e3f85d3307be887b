package main

import (
	"fmt"
	"time"

	"highball"
)

// greeting is a handler for one request: it has fields, as an object that is at work on one thing has.
type greeting struct {
	name string
}

func newGreeting(r *highball.Request) (highball.Handler, error) {
	return &greeting{name: r.PathValue("name")}, nil
}

// Serve answers stepwise: each part goes to the client when it is flushed. The length is not known at the first
// part, so that the server frames the body as the client's version of HTTP allows.
func (g *greeting) Serve(w *highball.Response, _ *highball.Request) error {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	for _, part := range []string{"hello, ", g.name, "\n"} {
		if _, err := w.WriteString(part); err != nil {
			return err
		}
		if err := w.Flush(); err != nil {
			return err
		}
	}
	return nil
}

// newClock makes handlers that tell when they were made.
func newClock(*highball.Request) (highball.Handler, error) {
	made := time.Now()
	return highball.HandlerFunc(func(w *highball.Response, _ *highball.Request) error {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		_, err := fmt.Fprintf(w, "made for this request at %s\n", made.Format(time.RFC3339Nano))
		return err
	}), nil
}

// counter counts the requests of one session. It needs no lock, since it is served one request at a time.
type counter struct {
	id     string
	visits int
}

func newCounter(id string) highball.Handler { return &counter{id: id} }

func (c *counter) Serve(w *highball.Response, _ *highball.Request) error {
	c.visits++
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, err := fmt.Fprintf(w, "session %s: visit %d\n", c.id, c.visits)
	return err
}
