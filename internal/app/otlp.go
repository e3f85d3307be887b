package app

import (
	"context"
	"slices"
	"time"

	"highball/internal/config"
	"highball/internal/otlp"
)

// tracesDeadline is for how long the end of the server waits for a collector of traces.
const tracesDeadline = 5 * time.Second

// openTraces begins to send traces, if the configuration wants that. Nobody can be reached yet, so nothing here fails but for a fault of ours.
func (a *App) openTraces() {
	c := a.seen.tracing
	if c.Endpoint == "" {
		return
	}
	headers := make(map[string]string)
	for _, h := range c.Headers {
		headers[h.Name] = h.Value
	}
	e, err := otlp.New(otlp.Options{
		Endpoint: c.Endpoint, Headers: headers, Sample: c.Sample, Service: c.Service, Version: a.env.Version, Masks: a.seen.masks, Logger: a.log,
	})
	if err != nil {
		a.log.Error("no traces are sent", "error", err)
		return
	}
	a.seen.traces = e
}

// closeTraces sends the traces that are left. That a collector does not take them is no fault of the server's end.
func (a *App) closeTraces() {
	if a.seen.traces == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), tracesDeadline)
	defer cancel()
	if err := a.seen.traces.Close(ctx); err != nil {
		a.log.Warn("the last traces are lost", "error", err)
	}
}

// sameTracing reports whether two configurations send traces alike.
func sameTracing(a, b config.OTLP) bool {
	return a.Endpoint == b.Endpoint && a.Sample == b.Sample && a.Service == b.Service && slices.Equal(a.Headers, b.Headers)
}
