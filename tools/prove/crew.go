package main

import (
	"bufio"
	"context"
	"fmt"
	"maps"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

const answerLimit = 20 * time.Second // longer than any deadline that a part sets

// crew is some clients that each have one connection, and on it make one request after the other.
type crew struct {
	address string
	clients int
	request func(client, n int) []byte // the nth request of a client
	pause   time.Duration              // between an answer and the next request

	// note is told of each answer and how long it took, one at a time; it may be nil.
	note func(answer *http.Response, took time.Duration)

	mu       sync.Mutex
	statuses map[int]int
	opened   int    // connections
	failures int    // requests without an answer
	first    string // the first failure
	slowest  time.Duration
	seen     map[string]time.Time // when each worker gave its first answer
}

// asking returns a crew whose clients all ask for one path.
func asking(srv *server, clients int, path string) *crew {
	request := fmt.Appendf(nil, "GET %s HTTP/1.1\r\nHost: %s\r\n\r\n", path, srv.address)
	return &crew{address: srv.address, clients: clients, request: func(int, int) []byte { return request }}
}

// parting returns a crew whose clients have a connection for each request, and say so.
func parting(srv *server, clients int, path string) *crew {
	request := fmt.Appendf(nil, "GET %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n", path, srv.address)
	return &crew{address: srv.address, clients: clients, request: func(int, int) []byte { return request }}
}

// start has the crew work until stop is called, which returns when all have stopped. It may be called several times.
func (c *crew) start(ctx context.Context) (stop func()) {
	working, cancel := context.WithCancel(ctx)
	worked := make(chan struct{})
	go func() {
		defer close(worked)
		c.work(working, 0)
	}()
	return func() {
		cancel()
		<-worked
	}
}

// work makes so many requests per client, or, when each is 0, as many as it can until ctx ends. A client that loses its
// connection makes another one.
func (c *crew) work(ctx context.Context, each int) {
	c.mu.Lock()
	c.statuses, c.seen = map[int]int{}, map[string]time.Time{}
	c.mu.Unlock()
	var clients sync.WaitGroup
	for n := range c.clients {
		clients.Go(func() {
			var conn *crewConn
			for done := 0; (each == 0 || done < each) && ctx.Err() == nil; done++ {
				var err error
				if conn == nil {
					conn, err = c.connect(ctx)
				}
				if err == nil {
					err = c.ask(conn, c.request(n, done))
				}
				if err != nil {
					c.fail(ctx, err)
				}
				if conn != nil && (err != nil || conn.over) {
					conn.Close()
					conn = nil
				}
				if c.pause > 0 {
					_ = pauseFor(ctx, c.pause) // the loop looks at ctx itself
				}
			}
			if conn != nil {
				conn.Close()
			}
		})
	}
	clients.Wait()
}

// crewConn is a connection with its buffer.
type crewConn struct {
	net.Conn
	in   *bufio.Reader
	over bool // the server has announced that it closes the connection
}

func (c *crew) connect(ctx context.Context) (*crewConn, error) {
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", c.address)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.opened++
	return &crewConn{Conn: conn, in: bufio.NewReader(conn)}, nil
}

// ask makes one request and notes its answer. That the server closes the connection after an answer is its right.
func (c *crew) ask(conn *crewConn, request []byte) error {
	began := time.Now()
	if err := conn.SetDeadline(began.Add(answerLimit)); err != nil {
		return err
	}
	if _, err := conn.Write(request); err != nil {
		return err
	}
	response, err := http.ReadResponse(conn.in, nil)
	if err != nil {
		return err
	}
	if _, err := bytesOf(response); err != nil {
		return err
	}
	now := time.Now()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.statuses[response.StatusCode]++
	c.slowest = max(c.slowest, now.Sub(began))
	if worker := response.Header.Get("X-Worker"); worker != "" {
		if _, known := c.seen[worker]; !known {
			c.seen[worker] = now
		}
	}
	if c.note != nil {
		c.note(response, now.Sub(began))
	}
	conn.over = response.Close
	return nil
}

// fail notes a request without an answer, unless the work has just been ended.
func (c *crew) fail(ctx context.Context, err error) {
	if ctx.Err() != nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.failures++
	if c.first == "" {
		c.first = err.Error()
	}
}

// firstAnswers returns when each worker gave its first answer, by its process.
func (c *crew) firstAnswers() map[string]time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return maps.Clone(c.seen)
}

// connections returns how many connections were made.
func (c *crew) connections() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.opened
}

// answers returns how many requests were answered, and how many of them by 200.
func (c *crew) answers() (all, good int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for status, n := range c.statuses {
		all += n
		if status == http.StatusOK {
			good += n
		}
	}
	return all, good
}

// only reports whether every request was answered, by one of these statuses.
func (c *crew) only(statuses ...int) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	for status := range c.statuses {
		if !slices.Contains(statuses, status) {
			return false
		}
	}
	return c.failures == 0 && len(c.statuses) > 0
}

// String tells what became of the requests.
func (c *crew) String() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var all []string
	for _, status := range slices.Sorted(maps.Keys(c.statuses)) {
		all = append(all, fmt.Sprintf("%d times %d", c.statuses[status], status))
	}
	text := fmt.Sprintf("%s; %d without an answer", strings.Join(all, ", "), c.failures)
	if c.first != "" {
		text += " (" + c.first + ")"
	}
	return text
}
