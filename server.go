package highball

import (
	"io"
	"log/slog"
	"time"
)

// Server serves HTTP/1 on any number of listeners. Its zero value works, with Addr and Handler set. The exported
// fields must not be changed once a method was called.
//
// All of its methods may be called from any goroutine.
type Server struct {
	// Addr is where ListenAndServe listens: "host:port" (TCP) or "unix:/path". Empty is "127.0.0.1:8000".
	Addr string
	// Handler answers the requests. A nil Handler answers 404.
	Handler Handler
	// Deadlines bounds each wait; each zero field stands for its default.
	Deadlines Deadlines
	// Limits bounds what one client can make the server hold; each zero field stands for its default.
	Limits Limits
	// Logger takes records about the server itself and handlers' failures. Nil is slog.Default().
	Logger *slog.Logger
	// AccessLog takes one line per request in AccessFormat, in whole lines, buffered for up to a second.
	// Nil writes none. Shutdown and Close flush it; they do not close it.
	AccessLog io.Writer
	// AccessFormat is "common", "combined" or "json". Empty is "combined".
	AccessFormat string
	// Trace takes each exchange's heads as "<" (request) and ">" (response) lines, secrets masked, bodies cut.
	// It is for debugging: it costs much. Nil writes none.
	Trace io.Writer
	// RequestIDs has each response say its request's ID, in the field X-Request-ID, unless the handler has set one.
	RequestIDs bool
	// Name is the value of the Server field. Empty is "highball"; "-" sends no such field.
	Name string
	// Loops is the number of event loops where the platform has them. 0 is one per available processor.
	Loops int

	state serverState
}

// Deadlines bounds how long the server waits for what. Zero stands for the default given; a negative value for none.
type Deadlines struct {
	// Head is the time from a request's first byte (on a new connection: from its acceptance) to the end of its
	// head, default 10 s. Exceeding it is answered by 408 when a byte of it was received.
	Head time.Duration
	// Body is the grace of a request's body, default 30 s: after it and n bytes, n/MinRate more seconds may have
	// passed while the handler waited. Exceeding it is answered by 408 when nothing was sent yet.
	Body time.Duration
	// Handler is the time from the parsed head to the handler's return, less the time spent on waiting for the
	// client to take the answer, default 30 s. Exceeding it is answered by 504 when nothing was sent yet, else the
	// connection is cut.
	Handler time.Duration
	// Idle is the time between two requests, default 75 s. Exceeding it closes the connection without an answer.
	Idle time.Duration
	// Write is the grace of a response, default 30 s, counted while the client takes nothing, plus n/MinRate
	// seconds for n bytes sent. Exceeding it cuts the connection.
	Write time.Duration
}

// Limits bounds sizes and rates. Zero stands for the default given.
type Limits struct {
	Line    int   // bytes of the request line or of one field line, default 8 KiB; beyond: 414 or 431
	Head    int   // bytes of a head, default 64 KiB; beyond: 431
	Fields  int   // number of fields, default 100; beyond: 431
	Body    int64 // bytes of a request's body, default 0: no limit here, since handlers stream; beyond: 413
	Drain   int64 // bytes of an unread request body that are read and dropped to keep a connection, default 256 KiB
	MinRate int64 // bytes per second that a client must take or send in the long run, default 500
	Conns   int   // open connections, default 0: as many as there are descriptors; beyond: 503
}
