package admin

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/url"
)

// EventQuery says what is wanted of the event stream beside the ticks. Its zero value wants nothing more.
type EventQuery struct {
	Log    bool // lines of the access log, too
	Filter LogFilter
}

// Event is one message of the event stream. One field of it is set.
type Event struct {
	Hello *Hello
	Tick  *Tick
	Line  LogLine // valid until the function returns that was given it
	Lost  int64   // so many messages were not sent, since they were not taken fast enough
}

// longestEvent is more than any message has of bytes.
const longestEvent = 1 << 20

// Events calls take for each message of the event stream, on the caller's goroutine, and returns when the stream ends, since ctx does, the server does,
// or take returns an error. It never returns nil: the end of the server is io.EOF.
func (c *Client) Events(ctx context.Context, q EventQuery, take func(Event) error) error {
	query := make(url.Values)
	if q.Log {
		query.Set("log", "1")
		set(query, "status", q.Filter.Status)
		set(query, "method", q.Filter.Method)
		set(query, "path", q.Filter.Path)
		set(query, "client", q.Filter.Client)
	}
	res, err := c.send(ctx, "GET", "/events?"+query.Encode(), nil)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	err = readEvents(res.Body, take)
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	return err
}

// readEvents reads an event stream, as far as ours go: an event has one line of data.
func readEvents(r io.Reader, take func(Event) error) error {
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, longestEvent)
	name := ""
	for lines.Scan() {
		field, data, _ := bytes.Cut(lines.Bytes(), []byte(": "))
		switch string(field) {
		case "event":
			name = string(data)
		case "data":
			if err := handOver(name, data, take); err != nil {
				return err
			}
		}
	}
	if err := lines.Err(); err != nil {
		return err
	}
	return io.EOF
}

// handOver gives take a message. One of a kind that is not known is left out: the server may be newer.
func handOver(name string, data []byte, take func(Event) error) (err error) {
	var e Event
	switch name {
	case "hello":
		e.Hello = new(Hello)
		err = json.Unmarshal(data, e.Hello)
	case "tick":
		e.Tick = new(Tick)
		err = json.Unmarshal(data, e.Tick)
	case "log":
		e.Line = LogLine(data)
	case "lost":
		err = json.Unmarshal(data, &e.Lost)
	default:
		return nil
	}
	if err != nil {
		return fmt.Errorf("the server's event %q cannot be read: %w", name, err)
	}
	return take(e)
}
