package otlp

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/url"
	"sync/atomic"
	"time"

	"highball/internal/observe"
)

// Options say what is sent where.
type Options struct {
	Endpoint string            // the URL of a collector, to which "/v1/traces" is added
	Headers  map[string]string // of each request to it
	Sample   float64           // share of the requests that are traced, from 0 to 1, where the caller has not decided that
	Service  string            // name of the server
	Version  string            // of the server's program
	Masks    *observe.Masks    // of the secrets in queries; nil shows all
	Logger   *slog.Logger      // is told when the collector does not take what is sent, and when it does again; nil tells nobody

	Transport http.RoundTripper // nil is one of its own
}

// How much is held back, and for how long; the values are those of OpenTelemetry's own exporters.
const (
	queueLength = 2048
	batchLength = 512
	interval    = 5 * time.Second // after which a batch goes that is not full
)

// Exporter is an [observe.Sink] that sends traces. Its methods may be called by any goroutine.
type Exporter struct {
	options Options
	url     string
	client  *http.Client
	queue   chan *request
	dropped atomic.Int64

	closing chan struct{} // is closed when what is left is to be sent
	closed  atomic.Bool
	ended   chan struct{}   // is closed by the goroutine that sends
	life    context.Context // ends when nothing is to be sent any more
	end     context.CancelFunc

	// Of the goroutine that sends.
	notBefore time.Time // the collector, or who waits for it, does not want the next attempt before
	failing   bool
}

// New returns an exporter, which must be closed. The error is of an endpoint that is no URL.
func New(o Options) (*Exporter, error) {
	u, err := url.Parse(o.Endpoint)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return nil, fmt.Errorf("%q is not the URL of a collector", o.Endpoint)
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Transport == nil {
		o.Transport = &http.Transport{Proxy: http.ProxyFromEnvironment, MaxIdleConns: 1, IdleConnTimeout: time.Minute, TLSHandshakeTimeout: attemptDeadline}
	}
	e := &Exporter{
		options: o, url: u.JoinPath("v1", "traces").String(), queue: make(chan *request, queueLength),
		closing: make(chan struct{}), ended: make(chan struct{}),
		client: &http.Client{
			Transport: o.Transport, Timeout: attemptDeadline,
			// The fields may be secrets, which are for nobody else.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}
	e.life, e.end = context.WithCancel(context.Background())
	go e.run()
	return e, nil
}

// Take implements [observe.Sink]. It copies what is sent, and drops it where the queue is full.
func (e *Exporter) Take(_ int, r *observe.Record) {
	from, told := parseTraceparent(r.Traceparent)
	if told && from.flags&sampled == 0 || !told && rand.Float64() >= e.options.Sample {
		return
	}
	if e.closed.Load() || len(e.queue) == cap(e.queue) {
		e.dropped.Add(1)
		return
	}
	select {
	case e.queue <- newRequest(r, from):
	default:
		e.dropped.Add(1)
	}
}

// Dropped returns how many requests were to be traced and are not, since the queue was full or the collector did not take them.
func (e *Exporter) Dropped() int64 { return e.dropped.Load() }

// Close sends what is left, and gives up when ctx ends. It does not wait for a collector that does not answer now. The error tells that something is lost.
func (e *Exporter) Close(ctx context.Context) error {
	if e.closed.Swap(true) {
		return nil
	}
	before := e.Dropped()
	close(e.closing)
	stop := context.AfterFunc(ctx, e.end)
	<-e.ended
	stop()
	e.end()
	e.client.CloseIdleConnections()
	if lost := e.Dropped() - before; lost > 0 {
		return fmt.Errorf("%d traces could not be delivered", lost)
	}
	return nil
}

// run sends what is in the queue until the exporter is closed.
func (e *Exporter) run() {
	defer close(e.ended)
	var batch []*request
	due := time.NewTimer(0)
	<-due.C
	for {
		select {
		case r := <-e.queue:
			if batch = append(batch, r); len(batch) == 1 {
				due.Reset(interval)
			}
			if len(batch) < batchLength {
				continue
			}
			due.Stop()
		case <-due.C:
		case <-e.closing:
			e.flush(batch)
			return
		}
		e.deliver(batch)
		batch = nil
	}
}

// flush sends the last batch, and what is left in the queue, as long as the collector takes it.
func (e *Exporter) flush(batch []*request) {
	for {
		select {
		case r := <-e.queue:
			if batch = append(batch, r); len(batch) < batchLength {
				continue
			}
		default:
		}
		if len(batch) == 0 {
			return
		}
		if !e.deliver(batch) {
			e.dropped.Add(int64(len(e.queue)))
			return
		}
		batch = nil
	}
}

// isClosing reports whether Close was called.
func (e *Exporter) isClosing() bool {
	select {
	case <-e.closing:
		return true
	default:
		return false
	}
}

// report tells somebody once that the collector has begun, or ceased, to fail.
func (e *Exporter) report(err error) {
	switch {
	case err != nil && !e.failing:
		e.options.Logger.Warn("the collector does not take traces", "url", e.url, "error", err)
	case err == nil && e.failing:
		e.options.Logger.Info("the collector takes traces again", "url", e.url, "lost", e.Dropped())
	}
	e.failing = err != nil
}

var _ observe.Sink = (*Exporter)(nil)

// errEnded is why something is not sent when Close's deadline has passed.
var errEnded = errors.New("the exporter was closed")
