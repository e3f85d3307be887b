package admin

import (
	"context"
	"fmt"
	"net/url"
	"strconv"
	"time"
)

// Requests asks what is being answered.
func (c *Client) Requests(ctx context.Context) (r Requests, err error) {
	return r, c.do(ctx, "GET", "/requests", nil, &r)
}

// Stack asks where the program is that answers a request.
func (c *Client) Stack(ctx context.Context, id string) (s Stack, err error) {
	return s, c.do(ctx, "GET", "/requests/"+segment(id)+"/stack", nil, &s)
}

// Kill ends a request.
func (c *Client) Kill(ctx context.Context, id string) (k Killed, err error) {
	return k, c.do(ctx, "POST", "/requests/"+segment(id)+"/kill", nil, &k)
}

// Workers asks for the workers of all applications.
func (c *Client) Workers(ctx context.Context) (w Workers, err error) {
	return w, c.do(ctx, "GET", "/workers", nil, &w)
}

// Statistics asks what has happened lately.
func (c *Client) Statistics(ctx context.Context) (s Statistics, err error) {
	return s, c.do(ctx, "GET", "/statistics", nil, &s)
}

// History asks for the last seconds, at most an hour of them.
func (c *Client) History(ctx context.Context, span time.Duration) (h History, err error) {
	return h, c.do(ctx, "GET", fmt.Sprintf("/history?seconds=%d", int(span.Seconds())), nil, &h)
}

// Recent asks for what the flight recorder has, without heads and bodies.
func (c *Client) Recent(ctx context.Context, q RecentQuery) (r Recent, err error) {
	query := make(url.Values)
	if q.Limit > 0 {
		query.Set("limit", strconv.Itoa(q.Limit))
	}
	set(query, "status", q.Status)
	set(query, "path", q.Path)
	return r, c.do(ctx, "GET", "/recent?"+query.Encode(), nil, &r)
}

// Exchange asks for one exchange of the flight recorder, with heads and bodies.
func (c *Client) Exchange(ctx context.Context, id string) (e Exchange, err error) {
	return e, c.do(ctx, "GET", "/recent/"+segment(id), nil, &e)
}

// Replay has a recorded request sent again, and returns when that is answered.
func (c *Client) Replay(ctx context.Context, id string, order ReplayOrder) (r Replayed, err error) {
	return r, c.do(ctx, "POST", "/recent/"+segment(id)+"/replay", order, &r)
}

// Record has the flight recorder keep everything for a while.
func (c *Client) Record(ctx context.Context, order RecordOrder) (r Recording, err error) {
	return r, c.do(ctx, "POST", "/recent/record", order, &r)
}

// Configuration asks what is in force.
func (c *Client) Configuration(ctx context.Context) (k Configuration, err error) {
	return k, c.do(ctx, "GET", "/configuration", nil, &k)
}

// Address asks where the interface is at a TCP address.
func (c *Client) Address(ctx context.Context) (a Address, err error) {
	return a, c.do(ctx, "GET", "/address", nil, &a)
}

// Metrics asks for the metrics, as Prometheus has them.
func (c *Client) Metrics(ctx context.Context) (text []byte, err error) {
	return c.fetch(ctx, "GET", "/metrics", nil)
}

// segment returns an ID as a segment of a path, see idOf.
func segment(id string) string { return url.PathEscape(url.PathEscape(id)) }

func set(query url.Values, name, value string) {
	if value != "" {
		query.Set(name, value)
	}
}
