// Package highball is a web and application server: a fast HTTP/1 server in the manner of net/http, for files,
// Go handlers and applications in other languages.
//
// A program gives a [Server] an address and a [Handler]:
//
//	err := highball.ListenAndServe("127.0.0.1:8000", highball.HandlerFunc(
//		func(w *highball.Response, r *highball.Request) error {
//			_, err := w.WriteString("hello, " + r.Path() + "\n")
//			return err
//		}))
//
// Handlers are written in plain blocking style: a body is an io.Reader, a response is an io.Writer, both wait for the
// client where they must. [Mux] chooses among handlers by method, host and path. [FromHTTP] serves a net/http handler,
// [ToHTTP] makes a net/http handler of one of ours.
//
// On Linux the server runs on event loops of its own, see ARCHITECTURE.md; elsewhere, and for listeners that are not
// plain TCP or unix sockets, every connection has a goroutine. What a handler sees is the same.
package highball
