// Package otlp tells an OpenTelemetry collector of requests, by traces over OTLP/HTTP.
//
// An [Exporter] is an [observe.Sink]. For each request that is sampled it makes a span of the kind "server", and a child for each phase of it:
//
//	e, err := otlp.New(otlp.Options{Endpoint: "http://127.0.0.1:4318", Sample: 0.1, Service: "shop"})
//	server.Observe(e)
//	...
//	e.Close(ctx) // sends what is left, as long as ctx lasts
//
// Whoever takes a request's record never waits for the collector: what a request leaves goes to a bounded queue, and is dropped and counted where that is full. One
// goroutine sends what is in the queue, in batches.
//
// Sources: OTLP specification 1.x (https://opentelemetry.io/docs/specs/otlp/), W3C Trace Context
// (https://www.w3.org/TR/trace-context/), OpenTelemetry semantic conventions for HTTP spans.
package otlp
