package servertest

import (
	"bufio"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"highball"
)

// Case is a request that a handler answers, always alike, with a whole answer.
type Case struct {
	Name   string
	Method string // GET if empty
	Target string
	Fields string // further field lines, each with its CRLF
	Body   string // sent with a Content-Length, unless empty
	Status int    // of the answer
	Want   string // body of the answer, unless empty
}

func (c *Case) method() string {
	if c.Method == "" {
		return "GET"
	}
	return c.Method
}

// raw returns the request as bytes, in the given version ("1.0" or "1.1") and with further field lines.
func (c *Case) raw(version, fields string) string {
	length := ""
	if c.Body != "" {
		length = fmt.Sprintf("Content-Length: %d\r\n", len(c.Body))
	}
	return c.method() + " " + c.Target + " HTTP/" + version + "\r\nHost: test\r\n" + c.Fields + fields + length + "\r\n" + c.Body
}

// chunked returns the request with its body in chunks of a few bytes.
func (c *Case) chunked() string {
	var b strings.Builder
	b.WriteString(c.method() + " " + c.Target + " HTTP/1.1\r\nHost: test\r\n" + c.Fields + "Transfer-Encoding: chunked\r\n\r\n")
	for rest := c.Body; rest != ""; {
		n := min(7, len(rest))
		fmt.Fprintf(&b, "%x;name=value\r\n%s\r\n", n, rest[:n])
		rest = rest[n:]
	}
	b.WriteString("0\r\n\r\n")
	return b.String()
}

// Contract tests, over every driver, what holds for every handler: that its answers do not depend on how a request
// arrives, what came before it and what follows it, and that clients who leave do no harm. The handler that made makes
// must answer the cases, of which there is at least one, always alike.
func Contract(t *testing.T, made func(testing.TB) highball.Handler, cases ...Case) {
	ServerContract(t, func(t testing.TB, s *highball.Server) { s.Handler = made(t) }, cases...)
}

// ServerContract is Contract for a handler that needs its server: prepare sets it in a server that does not run yet.
func ServerContract(t *testing.T, prepare func(testing.TB, *highball.Server), cases ...Case) {
	Each(t, func(t *testing.T, d Driver) {
		srv := new(highball.Server)
		prepare(t, srv)
		s := New(t, d, srv)
		k := &contract{s: s, cases: cases, enough: moreThanKept(d)}
		for i := range cases {
			k.answers = append(k.answers, k.alone(t, &cases[i]))
		}
		for _, clause := range []struct {
			name string
			test func(*testing.T)
		}{
			{"a connection is kept", k.keepsAlive},
			{"HEAD is GET without a body", k.head},
			{"pipelined requests are answered in order", k.pipelined},
			{"a request in single bytes", k.dribbled},
			{"a chunked body", k.chunkedBody},
			{"HTTP/1.0 gets no chunks and an end", k.oldVersion},
			{"HTTP/1.0 keeps a connection on request", k.oldKeepAlive},
			{"Connection: close", k.closes},
			{"Expect: 100-continue", k.expects},
			{"a slow reader gets everything", k.slowReader},
			{"a client that leaves early does no harm", k.leaves},
			{"a client that aborts does no harm", k.aborts},
		} {
			t.Run(clause.name, clause.test)
		}
	})
}

// contract is the state of one run.
type contract struct {
	s       *Server
	cases   []Case
	enough  int        // bytes, which are more than what is kept for a client
	answers []Response // to each case, alone on its connection
}

// moreThanKept returns how many bytes are by far more than what is kept for a client who does not read: by the system, or by a connection in memory.
func moreThanKept(d Driver) int {
	if d == Goroutine {
		return 16 * pipeSize
	}
	return 8 << 20
}

func (k *contract) alone(t *testing.T, c *Case) Response {
	t.Helper()
	client := k.s.Dial(t)
	defer client.Close()
	client.Send(c.raw("1.1", ""))
	r := client.Receive(c.method())
	if r.Status != c.Status {
		t.Fatalf("%s: status %d, want %d", c.Name, r.Status, c.Status)
	}
	if c.Want != "" && r.Body != c.Want {
		t.Fatalf("%s: body %q, want %q", c.Name, abbreviated(r.Body), abbreviated(c.Want))
	}
	return r
}

// compare fails the test unless got is the answer that case i has had alone.
func (k *contract) compare(t *testing.T, i int, got Response) {
	t.Helper()
	want := k.answers[i]
	if got.Status != want.Status || got.Body != want.Body {
		t.Errorf("%s: got %d %q, alone %d %q", k.cases[i].Name,
			got.Status, abbreviated(got.Body), want.Status, abbreviated(want.Body))
	}
	k.compareFields(t, i, got)
}

// compareFields leaves out what depends on the time and on the connection.
func (k *contract) compareFields(t *testing.T, i int, got Response) {
	t.Helper()
	if g, w := content(got.Fields), content(k.answers[i].Fields); !slices.Equal(g, w) {
		t.Errorf("%s: fields %q, alone %q", k.cases[i].Name, g, w)
	}
}

func content(fields []Field) []Field {
	return slices.DeleteFunc(slices.Clone(fields), func(f Field) bool {
		switch strings.ToLower(f.Name) {
		case "date", "connection", "content-length", "transfer-encoding", "trailer":
			return true
		}
		return false
	})
}

// each runs f for every case as a subtest of its own connection.
func (k *contract) each(t *testing.T, f func(t *testing.T, i int, c *Case, client *Client)) {
	for i := range k.cases {
		t.Run(k.cases[i].Name, func(t *testing.T) {
			client := k.s.Dial(t)
			defer client.Close()
			f(t, i, &k.cases[i], client)
		})
	}
}

func (k *contract) keepsAlive(t *testing.T) {
	client := k.s.Dial(t)
	for range 2 {
		for i := range k.cases {
			client.Send(k.cases[i].raw("1.1", ""))
			r := client.Receive(k.cases[i].method())
			k.compare(t, i, r)
			if r.Closing() {
				client.Close()
				client = k.s.Dial(t)
			}
		}
	}
}

func (k *contract) head(t *testing.T) {
	k.each(t, func(t *testing.T, i int, c *Case, client *Client) {
		if c.method() != "GET" {
			return
		}
		h := *c
		h.Method = "HEAD"
		client.Send(h.raw("1.1", "Connection: close\r\n"))
		r := client.Receive("HEAD")
		client.WantClosed()
		if r.Status != c.Status {
			t.Errorf("status %d, of GET %d", r.Status, c.Status)
		}
		k.compareFields(t, i, r)
		if n := r.Value("Content-Length"); n != "" && n != fmt.Sprint(len(k.answers[i].Body)) {
			t.Errorf("Content-Length %s, but GET has a body of %d", n, len(k.answers[i].Body))
		}
	})
}

func (k *contract) pipelined(t *testing.T) {
	client := k.s.Dial(t)
	var raw strings.Builder
	for range 3 {
		for i := range k.cases {
			raw.WriteString(k.cases[i].raw("1.1", ""))
		}
	}
	done := make(chan struct{})
	go func() { // answers may have to be read before all requests are taken
		defer close(done)
		client.Send(raw.String())
	}()
	defer func() { <-done }()
	for range 3 {
		for i := range k.cases {
			r, err := client.TryReceive(k.cases[i].method())
			if err != nil {
				client.Close()
				t.Errorf("%s: %v", k.cases[i].Name, err)
				return
			}
			k.compare(t, i, r)
			if r.Closing() { // what follows is rightly unanswered
				client.Close()
				return
			}
		}
	}
}

func (k *contract) dribbled(t *testing.T) {
	k.each(t, func(t *testing.T, i int, c *Case, client *Client) {
		raw := c.raw("1.1", "")
		if len(raw) > 4096 {
			client.Send(raw[:len(raw)-4096])
			raw = raw[len(raw)-4096:]
		}
		client.Dribble(raw)
		k.compare(t, i, client.Receive(c.method()))
	})
}

func (k *contract) chunkedBody(t *testing.T) {
	k.each(t, func(t *testing.T, i int, c *Case, client *Client) {
		if c.Body == "" {
			return
		}
		client.Send(c.chunked())
		k.compare(t, i, client.Receive(c.method()))
	})
}

func (k *contract) oldVersion(t *testing.T) {
	k.each(t, func(t *testing.T, i int, c *Case, client *Client) {
		client.Send(c.raw("1.0", ""))
		r := client.Receive(c.method())
		if r.Value("Transfer-Encoding") != "" {
			t.Error("an HTTP/1.0 client got chunks")
		}
		k.compare(t, i, r)
		client.WantClosed()
	})
}

func (k *contract) oldKeepAlive(t *testing.T) {
	k.each(t, func(t *testing.T, i int, c *Case, client *Client) {
		client.Send(c.raw("1.0", "Connection: keep-alive\r\n"))
		r := client.Receive(c.method())
		k.compare(t, i, r)
		if r.Closing() { // the answer may have had no other end
			client.WantClosed()
			return
		}
		if !strings.EqualFold(r.Value("Connection"), "keep-alive") {
			t.Error("the client was not told that its connection is kept")
		}
		client.Send(c.raw("1.0", ""))
		k.compare(t, i, client.Receive(c.method()))
		client.WantClosed()
	})
}

func (k *contract) closes(t *testing.T) {
	k.each(t, func(t *testing.T, i int, c *Case, client *Client) {
		client.Send(c.raw("1.1", "Connection: close\r\n"))
		r := client.Receive(c.method())
		k.compare(t, i, r)
		if !r.Closing() {
			t.Error("the answer does not say that the connection is closed")
		}
		client.WantClosed()
	})
}

func (k *contract) expects(t *testing.T) {
	k.each(t, func(t *testing.T, i int, c *Case, client *Client) {
		if c.Body == "" {
			return
		}
		raw := c.raw("1.1", "Expect: 100-continue\r\n")
		client.Send(raw[:len(raw)-len(c.Body)])
		r, err := client.receive(c.method()) // the interim answer, or the final one
		if err != nil {
			t.Fatal(err)
		}
		if r.Status == 100 {
			client.Send(c.Body)
			r = client.Receive(c.method())
		} else if !r.Closing() {
			t.Error("a final answer without 100 Continue leaves the connection open")
		}
		k.compare(t, i, r)
	})
}

// slowReader asks for more than is kept for a client, and only then begins to read, in small steps.
func (k *contract) slowReader(t *testing.T) {
	k.each(t, func(t *testing.T, i int, c *Case, client *Client) {
		raw := c.raw("1.1", "")
		times := min(64, 8+k.enough/(1+len(k.answers[i].Body)))
		done := make(chan struct{})
		go func() {
			defer close(done)
			client.Send(strings.Repeat(raw, times))
		}()
		if times*len(raw) < 16<<10 {
			<-done
		}
		client.in = bufio.NewReaderSize(patientReader{client}, 1000)
		for range times {
			r, err := client.TryReceive(c.method())
			if err != nil {
				t.Errorf("cut: %v", err)
				break
			}
			k.compare(t, i, r)
			if r.Closing() {
				break
			}
		}
		client.Close()
		<-done
	})
}

func (k *contract) leaves(t *testing.T) {
	for i := range k.cases {
		raw := k.cases[i].raw("1.1", "")
		for n := 0; n <= len(raw); n += max(1, len(raw)/16) {
			for _, leave := range []func(*Client){(*Client).hangUp, (*Client).CloseWrite} {
				client := k.s.Dial(t)
				client.Send(raw[:n])
				leave(client)
				if n < len(raw) {
					client.Rest() // the server has given up, with or without an answer
				}
				client.Close()
			}
		}
		k.compare(t, i, k.alone(t, &k.cases[i]))
	}
}

func (c *Client) hangUp() { _ = c.Close() }

func (k *contract) aborts(t *testing.T) {
	for i := range k.cases {
		for _, taken := range []int{0, 1, 100, 5000} {
			client := k.s.Dial(t)
			client.Send(k.cases[i].raw("1.1", "Connection: close\r\n"))
			_, _ = io.CopyN(io.Discard, client.in, int64(taken)) // the answer may be shorter
			client.Reset()
		}
		k.compare(t, i, k.alone(t, &k.cases[i]))
	}
}
