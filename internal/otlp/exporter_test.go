package otlp

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
	"unsafe"

	"github.com/google/go-cmp/cmp"
	trace "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"highball/internal/observe"
)

// collector takes what an exporter sends.
type collector struct {
	answer func(attempt int) (status int, fields http.Header, body []byte) // nil takes everything; a status of 0 is no answer

	mu       sync.Mutex // guards the following fields
	requests []*http.Request
	times    []time.Time
	batches  []*trace.TracesData // that it has taken
}

// RoundTrip implements http.RoundTripper.
func (c *collector) RoundTrip(r *http.Request) (*http.Response, error) {
	text, err := gunzip(r.Body)
	if err != nil {
		return nil, err
	}
	batch := new(trace.TracesData)
	if err := proto.Unmarshal(text, batch); err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.requests, c.times = append(c.requests, r), append(c.times, time.Now())
	status, fields, body := 200, http.Header(nil), []byte(nil)
	if c.answer != nil {
		status, fields, body = c.answer(len(c.requests))
	}
	if status == 0 {
		return nil, errors.New("connection refused")
	}
	if status == 200 {
		c.batches = append(c.batches, batch)
	}
	if fields == nil {
		fields = http.Header{}
	}
	return &http.Response{StatusCode: status, Status: fmt.Sprint(status), Header: fields, Body: io.NopCloser(bytes.NewReader(body)), Request: r}, nil
}

func gunzip(r io.Reader) ([]byte, error) {
	z, err := gzip.NewReader(r)
	if err != nil {
		return nil, err
	}
	return io.ReadAll(z)
}

// spans returns the spans of all batches but those of phases.
func (c *collector) spans() (all []*trace.Span) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, b := range c.batches {
		for _, s := range b.ResourceSpans[0].ScopeSpans[0].Spans {
			if s.Kind == trace.Span_SPAN_KIND_SERVER {
				all = append(all, s)
			}
		}
	}
	return all
}

func (c *collector) attempts() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.times)
}

// taken returns how many batches it has taken.
func (c *collector) taken() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.batches)
}

// since returns how long after a moment the first attempt was.
func (c *collector) since(begun time.Time) time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.times[0].Sub(begun)
}

// pauses returns how long it was between attempts, in seconds rounded down.
func (c *collector) pauses() (all []int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i := 1; i < len(c.times); i++ {
		all = append(all, int(c.times[i].Sub(c.times[i-1])/time.Second))
	}
	return all
}

// start returns an exporter to a collector, which samples everything.
func start(t *testing.T, c *collector, edit func(*Options)) *Exporter {
	t.Helper()
	o := Options{Endpoint: "http://collector.example:4318", Sample: 1, Service: "shop", Version: "1.0", Masks: observe.DefaultMasks(), Transport: c}
	if edit != nil {
		edit(&o)
	}
	e, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func closed(t *testing.T, e *Exporter) {
	t.Helper()
	if err := e.Close(t.Context()); err != nil {
		t.Error(err)
	}
}

func record() *observe.Record {
	r := &observe.Record{
		Time: time.Unix(1700000000, 5), ID: observe.RequestID{Epoch: "5f3a", Connection: 1, Number: 2}, Remote: netip.MustParseAddrPort("[::ffff:192.0.2.7]:4000"),
		Host: "example.org:8080", Method: "GET", Target: "/a/b?x=1&token=SECRET", Minor: 1, Status: 200, Bytes: 12, Received: 3,
		Duration: 70 * time.Millisecond, UserAgent: "curl/8", Route: observe.NewRoutes(9).Of("example.org", "/a/"),
	}
	r.Spans[observe.Head], r.Spans[observe.App], r.Spans[observe.Send] = 10*time.Millisecond, 40*time.Millisecond, 20*time.Millisecond
	return r
}

// plain returns the attributes of a span.
func plain(s *trace.Span) map[string]any {
	all := make(map[string]any)
	for _, a := range s.Attributes {
		if n := a.Value.GetStringValue(); n != "" {
			all[a.Key] = n
		} else {
			all[a.Key] = int(a.Value.GetIntValue())
		}
	}
	return all
}

func TestSpan(t *testing.T) {
	c := new(collector)
	e := start(t, c, nil)
	r := record()
	r.Traceparent, r.Tracestate = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "a=1, b=2"
	e.Take(0, r)
	closed(t, e)
	if len(c.batches) != 1 {
		t.Fatalf("%d batches", len(c.batches))
	}
	of := c.batches[0].ResourceSpans[0]
	if a := of.Resource.Attributes; a[0].Key != "service.name" || a[0].Value.GetStringValue() != "shop" || of.ScopeSpans[0].Scope.Name != "highball" {
		t.Errorf("resource: %v", of)
	}
	spans := of.ScopeSpans[0].Spans
	s := spans[0]
	want := map[string]any{
		"http.request.method": "GET", "url.scheme": "http", "url.path": "/a/b", "url.query": "x=1&token=***", "network.protocol.version": "1.1",
		"http.response.status_code": 200, "http.response.body.size": 12, "http.request.body.size": 3, "http.route": "/a/", "highball.site": "example.org",
		"highball.request_id": "5f3a-1-2", "server.address": "example.org", "server.port": 8080, "client.address": "192.0.2.7", "user_agent.original": "curl/8",
	}
	if diff := cmp.Diff(want, plain(s)); diff != "" {
		t.Errorf("attributes (-want +got):\n%s", diff)
	}
	if s.Name != "GET /a/" || s.Kind != trace.Span_SPAN_KIND_SERVER || s.Status != nil || s.TraceState != "a=1,b=2" || s.Flags != 0x301 ||
		hex.EncodeToString(s.TraceId) != "0af7651916cd43dd8448eb211c80319c" || hex.EncodeToString(s.ParentSpanId) != "b7ad6b7169203331" || len(s.SpanId) != 8 ||
		s.StartTimeUnixNano != 1700000000e9+5 || s.EndTimeUnixNano != 1700000000e9+5+70e6 {
		t.Errorf("got %v", s)
	}
	var phases []string
	at := s.StartTimeUnixNano
	for _, p := range spans[1:] {
		phases = append(phases, p.Name)
		if p.StartTimeUnixNano != at || !bytes.Equal(p.ParentSpanId, s.SpanId) || !bytes.Equal(p.TraceId, s.TraceId) || p.Flags != 0x101 || p.Kind != trace.Span_SPAN_KIND_INTERNAL {
			t.Errorf("got %v", p)
		}
		at = p.EndTimeUnixNano
	}
	if got := strings.Join(phases, " "); got != "head app send" || at != s.EndTimeUnixNano {
		t.Errorf("phases %q end at %d, want %d", got, at, s.EndTimeUnixNano)
	}
}

func TestSpanOf(t *testing.T) {
	for _, tt := range []struct {
		name string
		edit func(*observe.Record)
		want func(*trace.Span, map[string]any) bool
	}{
		{"a trace of its own", func(*observe.Record) {}, func(s *trace.Span, _ map[string]any) bool {
			return len(s.TraceId) == 16 && len(s.ParentSpanId) == 0 && s.Flags == 0x101
		}},
		{"a traceparent that is none", func(r *observe.Record) { r.Traceparent, r.Tracestate = "00-x", "a=1" }, func(s *trace.Span, _ map[string]any) bool {
			return len(s.ParentSpanId) == 0 && s.TraceState == ""
		}},
		{"500", func(r *observe.Record) { r.Status = 500 }, func(s *trace.Span, a map[string]any) bool {
			return s.Status.GetCode() == trace.Status_STATUS_CODE_ERROR && s.Status.Message == "" && a["error.type"] == "500"
		}},
		{"404", func(r *observe.Record) { r.Status = 404 }, func(s *trace.Span, a map[string]any) bool { return s.Status == nil && a["error.type"] == nil }},
		{"no answer", func(r *observe.Record) { r.Status = 0 }, func(s *trace.Span, a map[string]any) bool {
			return s.Status.GetCode() == trace.Status_STATUS_CODE_ERROR && a["http.response.status_code"] == nil && a["error.type"] == "no_answer"
		}},
		{"a part of an answer", func(r *observe.Record) { r.Aborted = true }, func(s *trace.Span, a map[string]any) bool {
			return s.Status.GetMessage() == "the answer was cut short" && a["error.type"] == "aborted"
		}},
		{"a method nobody knows", func(r *observe.Record) { r.Method = "BREW" }, func(s *trace.Span, a map[string]any) bool {
			return s.Name == "HTTP /a/" && a["http.request.method"] == "_OTHER" && a["http.request.method_original"] == "BREW"
		}},
		{"no route", func(r *observe.Record) { r.Route = nil }, func(s *trace.Span, a map[string]any) bool { return s.Name == "GET" && a["http.route"] == nil }},
		{"a unix socket", func(r *observe.Record) { r.Remote = netip.AddrPort{} }, func(_ *trace.Span, a map[string]any) bool { return a["client.address"] == nil }},
		{"a host of IPv6", func(r *observe.Record) { r.Host = "[::1]" }, func(_ *trace.Span, a map[string]any) bool {
			return a["server.address"] == "::1" && a["server.port"] == nil
		}},
		{"the absolute form", func(r *observe.Record) { r.Target = "http://x.org/p?q" }, func(_ *trace.Span, a map[string]any) bool {
			return a["url.path"] == "/p" && a["url.query"] == "q"
		}},
		{"no UTF-8", func(r *observe.Record) { r.Target = "/\xff" }, func(_ *trace.Span, a map[string]any) bool { return a["url.path"] == "/\uFFFD" }},
		{"a long text", func(r *observe.Record) { r.UserAgent = strings.Repeat("x", 9999) }, func(_ *trace.Span, a map[string]any) bool {
			return len(a["user_agent.original"].(string)) == textBound
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := new(collector)
			e := start(t, c, nil)
			r := record()
			tt.edit(r)
			e.Take(0, r)
			closed(t, e)
			if s := c.spans(); len(s) != 1 || !tt.want(s[0], plain(s[0])) {
				t.Errorf("got %v", s)
			}
		})
	}
}

func TestSampling(t *testing.T) {
	const yes, no = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00"
	for _, tt := range []struct {
		name        string
		sample      float64
		traceparent string
		least, most int
	}{
		{"all", 1, "", 200, 200},
		{"none", 0, "", 0, 0},
		{"half of them", 0.5, "", 50, 150},
		{"the caller wants them", 0, yes, 200, 200},
		{"the caller does not", 1, no, 0, 0},
		{"a caller that cannot be understood", 1, "x", 200, 200},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := new(collector)
			e := start(t, c, func(o *Options) { o.Sample = tt.sample })
			for range 200 {
				r := record()
				r.Traceparent = tt.traceparent
				e.Take(0, r)
			}
			closed(t, e)
			if n := len(c.spans()); n < tt.least || n > tt.most {
				t.Errorf("%d spans, want %d to %d", n, tt.least, tt.most)
			}
		})
	}
}

// A batch goes when it is full, and five seconds after its first request.
func TestBatches(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := new(collector)
		e := start(t, c, nil)
		begun := time.Now()
		time.Sleep(time.Minute)
		e.Take(0, record())
		time.Sleep(2 * time.Second)
		e.Take(1, record())
		synctest.Wait()
		if c.taken() != 0 {
			t.Error("a batch goes at once")
		}
		time.Sleep(3 * time.Second)
		synctest.Wait()
		if len(c.spans()) != 2 || c.since(begun) != time.Minute+interval {
			t.Errorf("%d spans after %v", len(c.spans()), c.since(begun))
		}
		for range batchLength + 1 {
			e.Take(0, record())
		}
		synctest.Wait()
		if c.taken() != 2 || len(c.spans()) != 2+batchLength {
			t.Errorf("%d batches with %d spans", c.taken(), len(c.spans()))
		}
		closed(t, e)
		if len(c.spans()) != 3+batchLength || e.Dropped() != 0 {
			t.Errorf("%d spans, %d dropped", len(c.spans()), e.Dropped())
		}
	})
}

func TestRetries(t *testing.T) {
	fields := func(after string) http.Header { return http.Header{"Retry-After": {after}} }
	for _, tt := range []struct {
		name     string
		status   []int // of the attempts; then 200
		fields   http.Header
		attempts int
		pauses   []int // the least that each is, in seconds
		dropped  int64
	}{
		{"taken", nil, nil, 1, nil, 0},
		{"429", []int{429}, nil, 2, []int{0}, 0},
		{"502, 503, 504 and no answer", []int{502, 503, 504, 0}, nil, 5, []int{0, 1, 2, 4}, 0},
		{"Retry-After in seconds", []int{503}, fields("20"), 2, []int{20}, 0},
		{"Retry-After that is no time", []int{503}, fields("soon"), 2, []int{0}, 0},
		{"Retry-After that is very long", []int{503}, fields("86400"), 2, []int{300}, 0},
		{"400", []int{400}, nil, 1, nil, 1},
		{"401", []int{401}, nil, 1, nil, 1},
		{"500", []int{500}, nil, 1, nil, 1},
		{"a redirect", []int{307}, http.Header{"Location": {"http://elsewhere.example/"}}, 1, nil, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := &collector{answer: func(attempt int) (int, http.Header, []byte) {
					if attempt <= len(tt.status) {
						return tt.status[attempt-1], tt.fields, nil
					}
					return 200, nil, nil
				}}
				e := start(t, c, nil)
				e.Take(0, record())
				time.Sleep(time.Hour)
				synctest.Wait()
				got := c.pauses()
				if c.attempts() != tt.attempts || e.Dropped() != tt.dropped || len(c.spans()) != 1-int(tt.dropped) {
					t.Fatalf("%d attempts, %d dropped, %d spans", c.attempts(), e.Dropped(), len(c.spans()))
				}
				for i, n := range tt.pauses {
					if got[i] < n || n >= 20 && got[i] > n || n < 20 && got[i] > 3*(n+1) {
						t.Errorf("pauses of %v seconds, want at least %v", got, tt.pauses)
					}
				}
				closed(t, e)
			})
		})
	}
}

// With one batch nobody is patient for ever, and the next one is tried, too.
func TestGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		var down atomic.Bool
		down.Store(true)
		c := &collector{answer: func(int) (int, http.Header, []byte) {
			if down.Load() {
				return 0, nil, nil
			}
			return 200, nil, nil
		}}
		e := start(t, c, func(o *Options) { o.Logger = slog.New(slog.NewTextHandler(&log, nil)) })
		e.Take(0, record())
		time.Sleep(5 * time.Minute)
		synctest.Wait()
		if e.Dropped() != 1 || c.attempts() < 5 || c.attempts() > 12 {
			t.Errorf("%d dropped after %d attempts", e.Dropped(), c.attempts())
		}
		down.Store(false)
		e.Take(0, record())
		time.Sleep(time.Minute)
		synctest.Wait()
		if len(c.spans()) != 1 {
			t.Errorf("%d spans", len(c.spans()))
		}
		closed(t, e)
		if n := strings.Count(log.String(), "\n"); n != 2 || !strings.Contains(log.String(), "connection refused") || !strings.Contains(log.String(), "lost=1") {
			t.Errorf("logged:\n%s", &log)
		}
	})
}

// Take never waits for a collector; what does not fit is counted.
func TestDrops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &collector{answer: func(int) (int, http.Header, []byte) { return 503, http.Header{"Retry-After": {"100"}}, nil }}
		e := start(t, c, nil)
		const all = 10000
		for i := range all {
			e.Take(0, record())
			if i == batchLength-1 {
				synctest.Wait() // the first batch is on its way
			}
		}
		if want := int64(all - batchLength - queueLength); e.Dropped() != want {
			t.Errorf("%d dropped, want %d", e.Dropped(), want)
		}
		begun := time.Now()
		if err := e.Close(t.Context()); err == nil || e.Dropped() != all {
			t.Errorf("%v; %d dropped, want %d", err, e.Dropped(), all)
		}
		if took := time.Since(begun); took != 0 {
			t.Errorf("closing takes %v with a collector that is down", took)
		}
	})
}

// A collector that hangs does not hold Close up for longer than its context lasts.
func TestCloseHasADeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := start(t, nil, func(o *Options) {
			o.Transport = transport(func(r *http.Request) (*http.Response, error) {
				<-r.Context().Done()
				return nil, r.Context().Err()
			})
		})
		for range 2 * batchLength {
			e.Take(0, record())
		}
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		begun := time.Now()
		err := e.Close(ctx)
		if took := time.Since(begun); err == nil || took > 3*time.Second || e.Dropped() != 2*batchLength {
			t.Errorf("%v after %v, %d dropped", err, took, e.Dropped())
		}
		if err := e.Close(ctx); err != nil {
			t.Errorf("closed again: %v", err)
		}
		e.Take(0, record())
		if e.Dropped() != 2*batchLength+1 {
			t.Error("what comes later is not counted")
		}
	})
}

type transport func(*http.Request) (*http.Response, error)

func (f transport) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// What a collector takes only in part is counted (ExportTracePartialSuccess).
func TestPartialSuccess(t *testing.T) {
	for _, tt := range []struct {
		name string
		body []byte
		want int64
	}{
		{"none", nil, 0},
		{"an empty message", []byte{0x0a, 0x00}, 0},
		{"three spans, and why", append([]byte{0x0a, 0x08, 0x08, 0x03, 0x12, 0x04}, "full"...), 3},
		{"another field before", []byte{0x10, 0x01, 0x0a, 0x02, 0x08, 0x05}, 5},
		{"half of it", []byte{0x0a, 0x08, 0x08}, 0},
		{"no message", []byte("<html>"), 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := rejectedSpans(tt.body); got != tt.want {
				t.Errorf("got %d, want %d", got, tt.want)
			}
		})
	}
	c := &collector{answer: func(int) (int, http.Header, []byte) { return 200, nil, []byte{0x0a, 0x02, 0x08, 0x02} }}
	e := start(t, c, nil)
	e.Take(0, record())
	e.Take(0, record())
	if err := e.Close(t.Context()); err == nil || e.Dropped() != 2 {
		t.Errorf("%v, %d dropped", err, e.Dropped())
	}
}

// Over a connection, the request is as the specification has it.
func TestRequest(t *testing.T) {
	var got *http.Request
	var text []byte
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got = r
		text, _ = gunzip(r.Body)
	}))
	defer s.Close()
	e := start(t, nil, func(o *Options) {
		o.Endpoint, o.Transport, o.Headers = s.URL+"/base/", nil, map[string]string{"Authorization": "Bearer x", "Content-Type": "text/plain"}
	})
	e.Take(0, record())
	closed(t, e)
	if got == nil || got.Method != "POST" || got.URL.Path != "/base/v1/traces" || got.Header.Get("Content-Type") != "application/x-protobuf" ||
		got.Header.Get("Content-Encoding") != "gzip" || got.Header.Get("Authorization") != "Bearer x" || got.Header.Get("User-Agent") != "highball/1.0" {
		t.Fatalf("got %+v", got)
	}
	if err := proto.Unmarshal(text, new(trace.TracesData)); err != nil {
		t.Error(err)
	}
}

// The record's strings are used again when Take has returned.
func TestTakeCopies(t *testing.T) {
	c := new(collector)
	e := start(t, c, nil)
	target := []byte("/a")
	r := record()
	r.Target = unsafe.String(&target[0], len(target))
	e.Take(0, r)
	target[1] = 'b'
	closed(t, e)
	if got := plain(c.spans()[0])["url.path"]; got != "/a" {
		t.Errorf("got %v", got)
	}
}

func TestNewRefuses(t *testing.T) {
	for _, endpoint := range []string{"", "127.0.0.1:4318", "ftp://x", "http://", "http://%"} {
		if _, err := New(Options{Endpoint: endpoint}); err == nil {
			t.Errorf("%q is not refused", endpoint)
		}
	}
}

// BenchmarkTake is what a request costs whose trace is sent, and one whose is not.
func BenchmarkTake(b *testing.B) {
	for _, sample := range []float64{0, 1} {
		b.Run(fmt.Sprintf("sample=%v", sample), func(b *testing.B) {
			e, err := New(Options{Endpoint: "http://x", Sample: sample, Transport: new(collector)})
			if err != nil {
				b.Fatal(err)
			}
			r := record()
			b.ReportAllocs()
			for b.Loop() {
				e.Take(0, r)
			}
			_ = e.Close(b.Context())
		})
	}
}
