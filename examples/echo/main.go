// Command echo answers 200 to every method and path, and says in the answer what it was asked: the method, the path,
// the header fields and the body. It shows the smallest use of highball's public API, and is what conformance
// tests of the server speak to.
//
//	echo [-p PORT]
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"time"

	"highball"
)

// maxBody bounds the body, which echo holds in memory: it must be read before the answer begins, since a body that turns out to be
// malformed is answered by 400.
const maxBody = 16 << 20

// patience is how long echo waits for the rest of a request.
const patience = 250 * time.Millisecond

func main() {
	port := flag.Int("p", 8080, "listen at this `PORT` of the loopback address")
	flag.Parse()
	if flag.NArg() > 0 {
		fmt.Fprintf(os.Stderr, "echo: unexpected argument %q\n", flag.Arg(0))
		os.Exit(2)
	}
	server := &highball.Server{
		Addr:    net.JoinHostPort("127.0.0.1", strconv.Itoa(*port)),
		Handler: highball.HandlerFunc(echo),
		Limits:  highball.Limits{Body: maxBody},
		// A person who tries out requests by hand, or a test, wants to see soon that one is incomplete.
		Deadlines: highball.Deadlines{Head: patience, Body: patience},
	}
	fmt.Fprintln(os.Stderr, "echo:", server.ListenAndServe())
	os.Exit(1)
}

// echo reads the body to its end and answers with the request. Errors of reading go back to the server, which knows their status.
// A request to change to another protocol is refused: echo speaks no other, and what its client sends next may be no HTTP.
func echo(w *highball.Response, r *highball.Request) error {
	if r.Header().Has("Upgrade") {
		w.CloseAfter()
		return &highball.Error{Status: 501, Err: errors.New("no protocol to upgrade to")}
	}
	body, err := io.ReadAll(r.Body())
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	if r.Method() == "OPTIONS" {
		w.Header().Set("Allow", "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS")
	}
	answer := fmt.Appendf(nil, "%s %s\n", r.Method(), r.Target())
	for name, value := range r.Header().All() {
		answer = fmt.Appendf(answer, "%s: %s\n", name, value)
	}
	answer = append(answer, '\n')
	answer = append(answer, body...)
	_, err = w.Write(answer)
	return err
}
