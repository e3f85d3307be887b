package app

import (
	"context"
	"fmt"
	"time"

	"highball"
	"highball/internal/admin"
	"highball/internal/config"
	"highball/internal/observe"
	"highball/internal/otlp"
)

// longestRecording is for how long everything can be kept at most.
const longestRecording = time.Hour

// recording is what remembers exchanges, and what tells others of them.
type recording struct {
	recorder *observe.Recorder // nil where nothing is recorded
	tracing  config.OTLP       // what traces is made of
	traces   *otlp.Exporter    // nil where no traces are sent, and before openTraces
	masks    *observe.Masks    // of both
}

// newRecording makes what remembers exchanges.
func newRecording(c *config.Config) recording {
	r := recording{tracing: c.OTLP, masks: masksOf(c.Log)}
	if c.Recorder.Size != config.Off {
		r.recorder = observe.NewRecorder(c.Recorder.Size, highball.Processors()+1, r.masks)
	}
	return r
}

// record has the server tell of requests what recorder and traces need, and returns both as far as they are there.
func (a *App) record() (sinks []observe.Sink) {
	if r := a.seen.recorder; r != nil {
		a.server.CaptureWire()
		sinks = append(sinks, r)
	}
	a.openTraces()
	if e := a.seen.traces; e != nil {
		a.server.CaptureTraceContext()
		sinks = append(sinks, e)
	}
	return sinks
}

// recorder returns the flight recorder, or an error that says that there is none.
func (a *App) recorder() (*observe.Recorder, error) {
	if a.seen.recorder == nil {
		return nil, &admin.Refused{Status: 501, Lines: []string{`the flight recorder is off; write [recorder] and below it size = "4MiB"`}}
	}
	return a.seen.recorder, nil
}

// recent returns what the flight recorder has.
func (a *App) recent(_ context.Context, q admin.RecentQuery) (admin.Recent, error) {
	r, err := a.recorder()
	if err != nil {
		return admin.Recent{}, err
	}
	if q.Limit <= 0 {
		q.Limit = 50
	}
	f := observe.RecentFilter{Path: q.Path, Status: func(status int) bool { return admin.MatchesStatus(q.Status, status) }}
	answer := admin.Recent{Exchanges: []admin.Exchange{}}
	for _, e := range r.Recent(f, q.Limit) {
		answer.Exchanges = append(answer.Exchanges, exchangeMessage(e))
	}
	return answer, nil
}

// exchange returns one exchange of the flight recorder.
func (a *App) exchange(_ context.Context, id string) (admin.Exchange, error) {
	r, err := a.recorder()
	if err != nil {
		return admin.Exchange{}, err
	}
	e, ok := r.Exchange(id)
	if !ok {
		return admin.Exchange{}, notRecorded(id)
	}
	return exchangeMessage(e), nil
}

// recordFor has the flight recorder keep everything for a while.
func (a *App) recordFor(_ context.Context, order admin.RecordOrder) (admin.Recording, error) {
	r, err := a.recorder()
	if err != nil {
		return admin.Recording{}, err
	}
	if !(order.Seconds > 0 && order.Seconds <= longestRecording.Seconds()) {
		return admin.Recording{}, &admin.Refused{Status: 400, Lines: []string{fmt.Sprintf("seconds: %v is not a number from 1 to %.0f", order.Seconds, longestRecording.Seconds())}}
	}
	r.KeepAll(time.Now().Add(time.Duration(order.Seconds * float64(time.Second))))
	return admin.Recording(order), nil
}

// notRecorded is the error of an id that the flight recorder does not have.
func notRecorded(id string) error {
	return &admin.Refused{Status: 404, Lines: []string{fmt.Sprintf("the flight recorder has no request %q; it has the last ones, and those that failed for longer", id)}}
}

func exchangeMessage(e observe.Exchange) admin.Exchange {
	m := admin.Exchange{
		ID: e.ID, Time: e.Time, Method: e.Method, Target: e.Target, Host: e.Host, Status: e.Status, Duration: e.Duration.Seconds(),
		Phases: make(map[string]float64), Sent: e.Sent, Received: e.Received, Aborted: e.Aborted, Kept: e.Kept, Stack: e.Stack,
		RequestHead: e.RequestHead, RequestBody: e.RequestBody, ResponseHead: e.ResponseHead, ResponseBody: e.ResponseBody,
	}
	if e.Client.IsValid() {
		m.Client = e.Client.String()
	}
	if e.Route != nil {
		m.Route = admin.Route{Site: e.Route.Site, Path: e.Route.Path}
	}
	for phase, span := range e.Spans {
		m.Phases[observe.Phase(phase).String()] = span.Seconds()
	}
	return m
}
