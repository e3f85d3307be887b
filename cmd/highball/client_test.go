//go:build unix

package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"
)

// state is what the commands of one script share.
type state struct {
	servers map[string]*server
	held    map[string]*held
}

// held is a request in flight: the server waits for its body.
type held struct {
	conn   net.Conn
	reader *bufio.Reader
}

func running(ts *testscript.TestScript) map[string]*server {
	return ts.Value(stateKey{}).(*state).servers
}

type stateKey struct{}

func setUp(env *testscript.Env) error {
	env.Values[stateKey{}] = &state{map[string]*server{}, map[string]*held{}}
	tour, err := filepath.Abs("../../examples/tour")
	env.Setenv("TOUR", tour)
	// Where control sockets go: nowhere that a server of the machine's own has its.
	sockets := filepath.Join(env.WorkDir, ".run")
	env.Setenv("RUNTIME_DIRECTORY", sockets)
	err = errors.Join(err, os.Mkdir(sockets, 0o700))
	env.Setenv("BIN", filepath.SplitList(env.Getenv("PATH"))[0]) // where highball is, and no other program
	// Under the race detector a program that ends stays for a second, in which goroutines that are left might still do something wrong. There are
	// hundreds of ends here, so it is less; what was done before the end is found as ever.
	env.Setenv("GORACE", "atexit_sleep_ms=50 "+os.Getenv("GORACE"))
	return err
}

// get STATUS URL [FIELD...] sends a GET request with the given header fields ("Host: example.org") and expects the status. The
// answer, head and body, is then there for the command stdout.
func get(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: get STATUS URL [FIELD...]")
	}
	r, err := http.NewRequest("GET", args[1], nil)
	ts.Check(err)
	for _, field := range args[2:] {
		name, value, _ := strings.Cut(field, ": ")
		r.Header.Set(name, value)
		if name == "Host" {
			r.Host = value
		}
	}
	transport := &http.Transport{DisableKeepAlives: true, DisableCompression: true}
	res, err := transport.RoundTrip(r)
	ts.Check(err)
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	ts.Check(err)
	ts.Check(res.Header.Write(ts.Stdout()))
	fmt.Fprintf(ts.Stdout(), "\n%s\n", body)
	if fmt.Sprint(res.StatusCode) != args[0] {
		ts.Fatalf("status %s, want %s", res.Status, args[0])
	}
}

// hold NAME URL begins an upload and returns when the server reads its body, which it does not get: the request is in flight.
func hold(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: hold NAME URL")
	}
	r, err := http.NewRequest("PUT", args[1], nil)
	ts.Check(err)
	c, err := net.Dial("tcp", r.URL.Host)
	ts.Check(err)
	ts.Defer(func() { _ = c.Close() })
	_, err = fmt.Fprintf(c, "PUT %s HTTP/1.1\r\nHost: %s\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n", r.URL.Path, r.URL.Host)
	ts.Check(err)
	h := &held{c, bufio.NewReader(c)}
	line, err := h.reader.ReadString('\n')
	if err != nil || !strings.HasPrefix(line, "HTTP/1.1 100 ") {
		ts.Fatalf("answer %q, error %v; want 100", line, err)
	}
	if _, err := h.reader.ReadString('\n'); err != nil {
		ts.Fatalf("after 100: %v", err)
	}
	ts.Value(stateKey{}).(*state).held[args[0]] = h
}

// finish NAME STATUS sends the body of the request in flight and expects the status, and the end of the connection after it.
// ! finish NAME expects that the connection was cut instead.
func finish(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) < 1 || neg == (len(args) == 2) {
		ts.Fatalf("usage: finish NAME STATUS, ! finish NAME")
	}
	h := ts.Value(stateKey{}).(*state).held[args[0]]
	_, sendErr := io.WriteString(h.conn, "done")
	res, err := http.ReadResponse(h.reader, &http.Request{Method: "PUT"})
	if neg {
		if err == nil {
			ts.Fatalf("status %s, want no answer", res.Status)
		}
		return
	}
	ts.Check(sendErr)
	ts.Check(err)
	defer res.Body.Close()
	_, err = io.Copy(io.Discard, res.Body)
	ts.Check(err)
	if fmt.Sprint(res.StatusCode) != args[1] {
		ts.Fatalf("status %s, want %s", res.Status, args[1])
	}
	if _, err := h.reader.ReadByte(); err == nil {
		ts.Fatalf("after the answer the connection goes on")
	}
}
