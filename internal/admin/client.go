package admin

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
)

// Client speaks to a running server. Its methods may be called from any goroutine; they end with their context. Their errors are a *[Refused]
// where the server has answered so, else those of the connection: one that is an fs.ErrNotExist or ECONNREFUSED tells that no server is there.
type Client struct {
	socket string
}

// NewClient returns a client of the server whose unix socket is at a path.
func NewClient(socket string) *Client { return &Client{socket} }

// Socket returns the path that NewClient was given.
func (c *Client) Socket() string { return c.socket }

// Status asks how the server is.
func (c *Client) Status(ctx context.Context) (s Status, err error) {
	return s, c.do(ctx, "GET", "/status", nil, &s)
}

// Reload has the server read its configuration again, and returns when that has come into force.
func (c *Client) Reload(ctx context.Context, order ReloadOrder) (r Reloaded, err error) {
	return r, c.do(ctx, "POST", "/reload", order, &r)
}

// Upgrade has the server start its program anew, and returns when the new process has taken over.
func (c *Client) Upgrade(ctx context.Context) (u Upgraded, err error) {
	return u, c.do(ctx, "POST", "/upgrade", nil, &u)
}

// Stop has the server finish what is in flight and end, and returns when it has ended.
func (c *Client) Stop(ctx context.Context, order StopOrder) (s Stopping, err error) {
	// A connection that nothing is said on ends with the server.
	witness, err := c.dial(ctx)
	if err != nil {
		return s, err
	}
	defer witness.Close()
	if err := c.do(ctx, "POST", "/stop", order, &s); err != nil {
		return s, err
	}
	defer context.AfterFunc(ctx, func() { _ = witness.Close() })()
	_, _ = io.Copy(io.Discard, witness) // which ends in one way or another
	return s, context.Cause(ctx)
}

func (c *Client) dial(ctx context.Context) (net.Conn, error) {
	return new(net.Dialer).DialContext(ctx, "unix", c.socket)
}

// do sends one request over a connection of its own, and reads the answer.
func (c *Client) do(ctx context.Context, method, path string, order, answer any) error {
	text, err := c.fetch(ctx, method, path, order)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(text, answer); err != nil {
		return fmt.Errorf("the server's answer cannot be read: %w", err)
	}
	return nil
}

// fetch sends one request and returns the body of the answer.
func (c *Client) fetch(ctx context.Context, method, path string, order any) ([]byte, error) {
	res, err := c.send(ctx, method, path, order)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	return io.ReadAll(res.Body)
}

// send sends one request and returns the answer, if it is a good one, with its body to be read.
func (c *Client) send(ctx context.Context, method, path string, order any) (*http.Response, error) {
	var body io.Reader
	if order != nil {
		text, err := json.Marshal(order)
		if err != nil {
			return nil, err
		}
		body = bytes.NewReader(text)
	}
	r, err := http.NewRequestWithContext(ctx, method, "http://highball"+path, body)
	if err != nil {
		return nil, err
	}
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	transport := &http.Transport{
		DialContext:        func(ctx context.Context, _, _ string) (net.Conn, error) { return c.dial(ctx) },
		DisableKeepAlives:  true,
		DisableCompression: true,
	}
	res, err := transport.RoundTrip(r)
	if err != nil || res.StatusCode < 300 {
		return res, err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		return nil, err
	}
	var failure Failure
	if err := json.Unmarshal(text, &failure); err != nil || len(failure.Errors) == 0 {
		failure.Errors = []string{fmt.Sprintf("the server answers %s", res.Status)}
	}
	return nil, &Refused{res.StatusCode, failure.Errors}
}
