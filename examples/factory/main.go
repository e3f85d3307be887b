// Command factory serves in the manner of Kamaelia: a server is given a function that makes a handler for each
// request; another port, another function, another content. It listens at two ports of the loopback address:
//
//	factory [-p PORT]
//
// PORT has a table of prefixes, each with its own function: /hello/NAME greets from a handler made for that request, and /session/ID
// counts visits in a handler that lives as long as the session and never serves two requests at once. PORT+1
// has one function for everything.
package main

import (
	"flag"
	"fmt"
	"net"
	"os"
	"strconv"

	"highball"
)

// Factory makes the handler for a request. It may look at the request, to choose; to read the body is for the handler.
type Factory func(r *highball.Request) (highball.Handler, error)

// Serve answers a request by a handler made for it.
func (f Factory) Serve(w *highball.Response, r *highball.Request) error {
	h, err := f(r)
	if err != nil {
		return err
	}
	return h.Serve(w, r)
}

func main() {
	port := flag.Int("p", 8080, "listen at this `PORT` of the loopback address and at the next one")
	flag.Parse()
	table, err := newTable()
	if err != nil {
		fail(err)
	}
	ended := make(chan error)
	for i, h := range []highball.Handler{table, Factory(newClock)} {
		addr := net.JoinHostPort("127.0.0.1", strconv.Itoa(*port+i))
		go func() { ended <- highball.ListenAndServe(addr, h) }()
	}
	fail(<-ended)
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, "factory:", err)
	os.Exit(1)
}

// newTable returns the handler that chooses a factory by the path's prefix.
func newTable() (highball.Handler, error) {
	mux := highball.NewMux()
	sessions := NewSerial(newCounter)
	for pattern, f := range map[string]Factory{
		"/hello/{name}": newGreeting,
		"/session/{id}": func(r *highball.Request) (highball.Handler, error) { return sessions.Handler(r.PathValue("id")) },
	} {
		if err := mux.Handle(pattern, f); err != nil {
			return nil, err
		}
	}
	return mux, nil
}
