package otlp

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strconv"
	"time"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
)

const (
	attemptDeadline = 10 * time.Second // of one request to the collector
	firstPause      = time.Second      // after the first failure; each further one doubles it
	longestPause    = 30 * time.Second
	longestAsked    = 5 * time.Minute // that a collector may ask to be left alone
	patience        = time.Minute     // with one batch
	largestAnswer   = 64 << 10
)

// deliver sends a batch, again and again if that may help (OTLP specification, "Failures"), and reports whether the collector has it. What it does not get is
// counted as dropped.
func (e *Exporter) deliver(batch []*request) bool {
	body, err := encode(e.options, batch)
	if err != nil { // a message that cannot be encoded is our own fault
		e.report(err)
		e.dropped.Add(int64(len(batch)))
		return true
	}
	begun := time.Now()
	for pause := firstPause; ; pause = min(2*pause, longestPause) {
		e.wait()
		rejected, failure := e.post(body)
		if failure == nil {
			e.dropped.Add(rejected)
			e.report(nil)
			return true
		}
		if failure.passing {
			// Servers that come back are not to be met by all their clients at once.
			e.notBefore = time.Now().Add(max(pause/2+rand.N(pause), failure.after))
		}
		if e.isClosing() || !failure.passing || time.Since(begun) > patience {
			e.report(failure.err)
			e.dropped.Add(int64(len(batch)))
			return false
		}
		e.report(failure.err)
	}
}

// wait waits until the next attempt is due, or the exporter is closed.
func (e *Exporter) wait() {
	pause := time.Until(e.notBefore)
	if pause <= 0 {
		return
	}
	due := time.NewTimer(pause)
	defer due.Stop()
	select {
	case <-due.C:
	case <-e.closing:
	}
}

// failure is why a batch was not taken.
type failure struct {
	err     error
	passing bool          // another attempt may succeed
	after   time.Duration // that it is to wait at least
}

// post makes one attempt, and returns how many spans the collector has rejected for good though it has taken the others.
func (e *Exporter) post(body []byte) (rejected int64, _ *failure) {
	r, err := http.NewRequestWithContext(e.life, http.MethodPost, e.url, bytes.NewReader(body))
	if err != nil {
		return 0, &failure{err: err}
	}
	for name, value := range e.options.Headers {
		r.Header.Set(name, value)
	}
	r.Header.Set("Content-Type", "application/x-protobuf")
	r.Header.Set("Content-Encoding", "gzip")
	r.Header.Set("User-Agent", "highball/"+e.options.Version)
	answer, err := e.client.Do(r)
	switch {
	case errors.Is(err, context.Canceled):
		return 0, &failure{err: errEnded}
	case err != nil:
		return 0, &failure{err: err, passing: true}
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(io.LimitReader(answer.Body, largestAnswer))
	switch answer.StatusCode {
	case http.StatusOK:
		return rejectedSpans(text), nil // also if the answer's end is missing: the collector has the spans
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return 0, &failure{fmt.Errorf("it answers %s", answer.Status), true, retryAfter(answer.Header.Get("Retry-After"))}
	}
	return 0, &failure{err: errors.Join(fmt.Errorf("it answers %s", answer.Status), err)}
}

// retryAfter reads how long a collector wants to be left alone (RFC 9110, section 10.2.3).
func retryAfter(s string) time.Duration {
	if seconds, err := strconv.ParseUint(s, 10, 31); err == nil {
		return min(time.Duration(seconds)*time.Second, longestAsked)
	}
	if at, err := http.ParseTime(s); err == nil {
		return min(time.Until(at), longestAsked)
	}
	return 0
}

// encode returns the message of a batch, compressed. A TracesData is the same bytes as an ExportTraceServiceRequest.
func encode(o Options, batch []*request) ([]byte, error) {
	text, err := proto.Marshal(message(o, batch))
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, err = w.Write(text)
	err = errors.Join(err, w.Close())
	return b.Bytes(), err
}

// rejectedSpans reads partial_success.rejected_spans of an ExportTraceServiceResponse; what it cannot read has none.
func rejectedSpans(text []byte) int64 {
	partial := fieldOf(text, protowire.BytesType, func(b []byte) ([]byte, int) { return protowire.ConsumeBytes(b) })
	return int64(fieldOf(partial, protowire.VarintType, protowire.ConsumeVarint))
}

// fieldOf returns the value of field 1 of a message.
func fieldOf[T any](text []byte, kind protowire.Type, consume func([]byte) (T, int)) (value T) {
	for len(text) > 0 {
		number, is, n := protowire.ConsumeTag(text)
		if n < 0 {
			return value
		}
		text = text[n:]
		if number == 1 && is == kind {
			if v, n := consume(text); n >= 0 {
				value = v
			}
		}
		if n = protowire.ConsumeFieldValue(number, is, text); n < 0 {
			return value
		}
		text = text[n:]
	}
	return value
}
