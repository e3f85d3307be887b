package admin

import (
	"bytes"
	"context"
	"encoding/json"
	"strconv"
	"sync"
	"time"

	"highball"
)

// The event stream is text/event-stream as the HTML standard has it (section 9.2): messages of a name and a line of JSON. Those who make what it
// tells, the loop that has answered a request among them, only put it into a queue of the reader; a goroutine of the reader's sends it. A reader
// who does not take it fast enough gets less, and is told so.

// heartbeat is how often a comment is sent, so that both ends notice if the other is gone.
const heartbeat = 15 * time.Second

// longestQueue is how many messages, and largestQueue how many bytes of them, wait for a reader.
const (
	longestQueue = 1024
	largestQueue = 1 << 20
)

// eventStream answers GET /events.
type eventStream struct {
	backend Backend
	beat    time.Duration
}

// Serve implements highball.Handler.
func (s *eventStream) Serve(w *highball.Response, r *highball.Request) error {
	wanted, lines, err := eventQuery(r)
	if err != nil {
		return err
	}
	if s.backend.Ticks == nil || s.backend.Hello == nil || wanted && s.backend.Lines == nil {
		return refusedf(501, "this server has no such events")
	}
	w.Header().Set("Content-Type", "text/event-stream")
	m := &messages{arrived: make(chan struct{}, 1), beat: s.beat}
	if r.Method() == "HEAD" {
		return nil
	}
	m.encode("hello", s.backend.Hello())
	defer s.backend.Ticks(func(t Tick) { m.encode("tick", t) })()
	if wanted {
		defer s.backend.Lines(lines, func(line []byte) { m.put("log", line) })()
	}
	return m.send(r.Context(), w)
}

// messages are those that wait for a reader.
type messages struct {
	arrived chan struct{} // has an element when there may be something
	beat    time.Duration // see heartbeat

	mu     sync.Mutex // guards the following fields
	text   []byte
	queued int
	lost   int64 // since the reader was last told
}

// encode adds a message of ours.
func (m *messages) encode(name string, content any) {
	if data, err := json.Marshal(content); err == nil { // as it always is
		m.put(name, data)
	}
}

// put adds a message of one line, or counts it as lost. It does not block.
func (m *messages) put(name string, data []byte) {
	data = bytes.TrimRight(data, "\n")
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.queued >= longestQueue || len(m.text)+len(data) > largestQueue {
		m.lost++
	} else {
		m.queued++
		m.text = appendMessage(m.text, name, data)
	}
	select {
	case m.arrived <- struct{}{}:
	default:
	}
}

// take returns what waits, in the room of what was taken before.
func (m *messages) take(room []byte) []byte {
	m.mu.Lock()
	defer m.mu.Unlock()
	text := m.text
	if m.lost > 0 {
		text = appendMessage(text, "lost", strconv.AppendInt(nil, m.lost, 10))
	}
	m.text, m.queued, m.lost = room[:0], 0, 0
	return text
}

func appendMessage(to []byte, name string, data []byte) []byte {
	to = append(append(to, "event: "...), name...)
	to = append(append(to, "\ndata: "...), data...)
	return append(to, "\n\n"...)
}

// send sends what arrives until the reader has left or the server ends.
func (m *messages) send(ctx context.Context, w *highball.Response) error {
	beat := time.NewTicker(m.beat)
	defer beat.Stop()
	var text []byte
	for {
		select {
		case <-ctx.Done():
			return nil // there is nobody to tell
		case <-beat.C:
			text = append(text[:0], ": still here\n\n"...)
		case <-m.arrived:
			text = m.take(text)
		}
		if _, err := w.Write(text); err != nil {
			return err
		}
		if err := w.Flush(); err != nil {
			return err
		}
	}
}
