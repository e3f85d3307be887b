package servertest

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"
)

// clientPatience is when a client's wait has failed. It is long, since it is only reached by broken servers; in a bubble of
// testing/synctest it costs nothing.
const clientPatience = 30 * time.Second

// Client is a client's end of a connection.
type Client struct {
	net.Conn
	// Patience bounds each wait.
	Patience time.Duration

	t  testing.TB
	in *bufio.Reader
}

// NewClient returns a client on conn, which the caller closes.
func NewClient(t testing.TB, conn net.Conn) *Client {
	c := &Client{Conn: conn, Patience: clientPatience, t: t}
	c.in = bufio.NewReader(patientReader{c})
	return c
}

// patientReader bounds each read.
type patientReader struct{ c *Client }

func (r patientReader) Read(p []byte) (int, error) {
	if err := r.c.SetReadDeadline(time.Now().Add(r.c.Patience)); err != nil {
		return 0, err
	}
	return r.c.Conn.Read(p)
}

// Field is a field line of an answer.
type Field struct{ Name, Value string }

// Response is an answer as it came over the wire.
type Response struct {
	Status  int
	Fields  []Field
	Body    string
	Trailer []Field
	Interim []Response // 1xx answers before it
}

// Value returns the value of the first field with the name, in any case.
func (r *Response) Value(name string) string {
	for _, f := range r.Fields {
		if strings.EqualFold(f.Name, name) {
			return f.Value
		}
	}
	return ""
}

// Closing reports whether the answer announces the end of its connection.
func (r *Response) Closing() bool { return strings.EqualFold(r.Value("Connection"), "close") }

// Send writes raw. It does not fail: a server may close while a client still writes, and what counts is its answer.
func (c *Client) Send(raw string) {
	if err := c.SetWriteDeadline(time.Now().Add(c.Patience)); err == nil {
		_, _ = io.WriteString(c.Conn, raw) // see above
	}
}

// Dribble writes raw in single bytes.
func (c *Client) Dribble(raw string) {
	for i := range len(raw) {
		c.Send(raw[i : i+1])
	}
}

// CloseWrite ends the client's sending.
func (c *Client) CloseWrite() {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		_ = half.CloseWrite() // the server may have closed
	}
}

// Reset closes the connection so that the server sees a reset.
func (c *Client) Reset() {
	if l, ok := c.Conn.(interface{ SetLinger(int) error }); ok {
		_ = l.SetLinger(0) // the server may have closed
	}
	_ = c.Close() // likewise
}

// Get sends a GET request for the target, with keep-alive, and returns its answer.
func (c *Client) Get(target string) Response {
	c.t.Helper()
	c.Send("GET " + target + " HTTP/1.1\r\nHost: test\r\n\r\n")
	return c.Receive("GET")
}

// Receive reads one answer to a request with the given method. The test fails if it is not whole.
func (c *Client) Receive(method string) Response {
	c.t.Helper()
	r, err := c.TryReceive(method)
	if err != nil {
		c.t.Fatalf("no whole answer to %s: %v (after %d %q)", method, err, r.Status, abbreviated(r.Body))
	}
	return r
}

// TryReceive is Receive for an answer that may not come, or be cut: it then returns what there was.
func (c *Client) TryReceive(method string) (Response, error) {
	var interim []Response
	for {
		r, err := c.receive(method)
		if err == nil && r.Status < 200 && r.Status != 101 {
			interim = append(interim, r)
			continue
		}
		r.Interim = interim
		return r, err
	}
}

// Rest returns everything until the server closes. The test fails if it does not.
func (c *Client) Rest() string {
	c.t.Helper()
	b, err := io.ReadAll(c.in)
	if err != nil && errors.Is(err, os.ErrDeadlineExceeded) {
		c.t.Fatalf("the connection was not closed, after %q", abbreviated(string(b)))
	}
	return string(b)
}

// WantClosed fails the test unless the server closes the connection without another byte.
func (c *Client) WantClosed() {
	c.t.Helper()
	if rest := c.Rest(); rest != "" {
		c.t.Fatalf("more bytes before the connection was closed: %q", abbreviated(rest))
	}
}

// WantOpen fails the test unless the connection takes another request, for the target.
func (c *Client) WantOpen(target string) {
	c.t.Helper()
	c.Send("GET " + target + " HTTP/1.1\r\nHost: test\r\n\r\n")
	if _, err := c.TryReceive("GET"); err != nil {
		c.t.Fatalf("the connection does not go on: %v", err)
	}
}

func abbreviated(s string) string {
	if len(s) > 300 {
		return s[:300] + "…"
	}
	return s
}

// receive reads one message.
func (c *Client) receive(method string) (r Response, err error) {
	line, err := c.line()
	if err != nil {
		return r, err
	}
	code, _, _ := strings.Cut(strings.TrimPrefix(line, "HTTP/1.1 "), " ")
	if r.Status, err = strconv.Atoi(code); err != nil || !strings.HasPrefix(line, "HTTP/1.1 ") || len(code) != 3 {
		return r, fmt.Errorf("malformed status line %q", line)
	}
	if r.Fields, err = c.fields(); err != nil {
		return r, err
	}
	length, chunked := -1, false
	for _, f := range r.Fields {
		switch strings.ToLower(f.Name) {
		case "content-length":
			if length >= 0 {
				return r, errors.New("Content-Length stands twice")
			}
			if length, err = strconv.Atoi(f.Value); err != nil || length < 0 {
				return r, fmt.Errorf("malformed Content-Length %q", f.Value)
			}
		case "transfer-encoding":
			if chunked || f.Value != "chunked" {
				return r, fmt.Errorf("unexpected Transfer-Encoding %q", f.Value)
			}
			chunked = true
		}
	}
	switch {
	case chunked && length >= 0:
		return r, errors.New("both Content-Length and Transfer-Encoding")
	case r.Status < 200 || r.Status == 204 || r.Status == 304:
		if chunked || length >= 0 && r.Status != 304 {
			return r, fmt.Errorf("framing fields on a %d", r.Status)
		}
	case method == "HEAD":
	case chunked:
		return c.chunks(r)
	case length >= 0:
		return c.counted(r, length)
	default:
		if !r.Closing() {
			return r, errors.New("a body until close, which is not announced")
		}
		b, err := io.ReadAll(c.in)
		r.Body = string(b)
		return r, err
	}
	return r, nil
}

func (c *Client) counted(r Response, n int) (Response, error) {
	b := make([]byte, n)
	got, err := io.ReadFull(c.in, b)
	r.Body = string(b[:got])
	return r, incomplete(err)
}

func (c *Client) chunks(r Response) (Response, error) {
	var body strings.Builder
	for {
		line, err := c.line()
		if err != nil {
			r.Body = body.String()
			return r, err
		}
		n, err := strconv.ParseUint(line, 16, 32)
		if err != nil {
			return r, fmt.Errorf("malformed chunk size %q", line)
		}
		if n == 0 {
			r.Body = body.String()
			r.Trailer, err = c.fields()
			return r, err
		}
		if _, err := io.CopyN(&body, c.in, int64(n)); err != nil {
			r.Body = body.String()
			return r, incomplete(err)
		}
		if end, err := c.line(); err != nil || end != "" {
			return r, fmt.Errorf("chunk without an end: %q %w", end, incomplete(err))
		}
	}
}

// line reads a line without its CRLF.
func (c *Client) line() (string, error) {
	s, err := c.in.ReadString('\n')
	if err != nil {
		if s != "" {
			err = incomplete(err)
		}
		return "", err
	}
	line, ok := strings.CutSuffix(s, "\r\n")
	if !ok || strings.ContainsAny(line, "\r\x00") {
		return "", fmt.Errorf("malformed line %q", s)
	}
	return line, nil
}

func (c *Client) fields() ([]Field, error) {
	var fields []Field
	for {
		line, err := c.line()
		if err != nil || line == "" {
			return fields, incomplete(err)
		}
		name, value, ok := strings.Cut(line, ": ")
		if !ok || name == "" || strings.ContainsAny(name, " \t") {
			return fields, fmt.Errorf("malformed field line %q", line)
		}
		fields = append(fields, Field{name, value})
	}
}

// incomplete makes the end of the stream an error of its own within a message.
func incomplete(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}
