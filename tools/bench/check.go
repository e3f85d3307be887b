package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// keptRequests is how many requests one connection must bear: more than the thousand after which nginx and others
// close it unless they are told not to.
const keptRequests = 1100

// check sees that a server answers a workload as it should, so that only equals are compared: status and size, a
// connection that stays open for request after request or is closed when asked, pipelined requests answered in order.
// It returns the header fields that the load must send.
func check(ctx context.Context, address string, w workload) ([]string, error) {
	c, err := dial(ctx, address)
	if err != nil {
		return nil, err
	}
	defer c.Close()

	var header []string
	if w.conditional {
		if header, err = c.validator(w.path); err != nil {
			return nil, err
		}
	}
	if w.closing {
		header = append(header, "Connection: close")
		if err := c.exchange(w, header, 1); err != nil {
			return nil, err
		}
		if _, err := c.in.ReadByte(); err != io.EOF {
			return nil, fmt.Errorf("connection not closed after \"Connection: close\": %v", err)
		}
		return header, nil
	}
	rounds := 3
	if w.size <= smallDocument.size && !w.few {
		rounds = keptRequests/max(w.pipelined, 1) + 1
	}
	for n := range rounds {
		if err := c.exchange(w, header, max(w.pipelined, 1)); err != nil {
			return nil, fmt.Errorf("after %d requests on one connection: %w", n*max(w.pipelined, 1), err)
		}
	}
	return header, nil
}

// client is one connection to a server.
type client struct {
	net.Conn
	in *bufio.Reader
}

// dial connects. The connection breaks when ctx ends, and after 20 seconds at the latest.
func dial(ctx context.Context, address string) (*client, error) {
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	end := time.Now().Add(20 * time.Second)
	if deadline, ok := ctx.Deadline(); ok && deadline.Before(end) {
		end = deadline
	}
	if err := conn.SetDeadline(end); err != nil {
		conn.Close()
		return nil, err
	}
	return &client{conn, bufio.NewReader(conn)}, nil
}

// ask sends count equal requests at once, each with a body of so many bytes.
func (c *client) ask(path string, upload int, header []string, count int) error {
	method := "GET "
	if upload > 0 {
		method = "POST "
		header = append([]string{fmt.Sprintf("Content-Length: %d", upload)}, header...)
	}
	fields := append([]string{method + path + " HTTP/1.1", "Host: " + c.RemoteAddr().String()}, header...)
	request := strings.Join(fields, "\r\n") + "\r\n\r\n" + strings.Repeat("x", upload)
	_, err := io.WriteString(c, strings.Repeat(request, count))
	return err
}

// answer reads one response and its body, and returns its head and the size of its body.
func (c *client) answer() (*http.Response, int64, error) {
	response, err := http.ReadResponse(c.in, nil)
	if err != nil {
		return nil, 0, err
	}
	defer response.Body.Close()
	size, err := io.Copy(io.Discard, response.Body)
	return response, size, err
}

// exchange sends count requests at once and compares every answer with what the workload expects.
func (c *client) exchange(w workload, header []string, count int) error {
	if err := c.ask(w.path, w.upload, header, count); err != nil {
		return err
	}
	for range count {
		response, size, err := c.answer()
		if err != nil {
			return err
		}
		if response.StatusCode != w.status {
			return fmt.Errorf("status %d, want %d", response.StatusCode, w.status)
		}
		if w.size >= 0 && size != int64(w.size) {
			return fmt.Errorf("body of %d bytes, want %d", size, w.size)
		}
		if response.Close && !w.closing {
			return errors.New("server closes the connection")
		}
	}
	return nil
}

// validator asks for a document and returns the header field that makes the next answer a 304: by its entity tag
// or, from a server that has none, by its date.
func (c *client) validator(path string) ([]string, error) {
	if err := c.ask(path, 0, nil, 1); err != nil {
		return nil, err
	}
	response, _, err := c.answer()
	if err != nil {
		return nil, err
	}
	if tag := response.Header.Get("ETag"); tag != "" {
		return []string{"If-None-Match: " + tag}, nil
	}
	if date := response.Header.Get("Last-Modified"); date != "" {
		return []string{"If-Modified-Since: " + date}, nil
	}
	return nil, errors.New("neither ETag nor Last-Modified in the answer")
}

// servedAtOnce opens as many connections as the workload has, makes a request on each, and returns on how many of them
// the answer came while all stayed open, patience at most. A server whose threads each keep to one connection answers only so many.
func servedAtOnce(ctx context.Context, address string, w workload, patience time.Duration) int {
	var served atomic.Int64
	var clients, asked sync.WaitGroup
	asked.Add(w.conns)
	for range w.conns {
		clients.Go(func() {
			c, err := dial(ctx, address)
			if err != nil {
				asked.Done()
				return
			}
			defer c.Close()
			if c.SetDeadline(time.Now().Add(patience)) == nil && c.exchange(w, nil, 1) == nil {
				served.Add(1)
			}
			asked.Done()
			asked.Wait() // for all of them, before it closes
		})
	}
	clients.Wait()
	return int(served.Load())
}
