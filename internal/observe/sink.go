package observe

import (
	"bytes"
	"net/netip"
	"time"
)

// Sink is told of every request that is over.
type Sink interface {
	// Take takes the record of a request. shard counts the event loops from 0; the one after the last is for what no loop has served. Take is
	// called from event loops and from goroutines, several at a time also for one shard. It must not block, and it must not keep r or any string
	// or slice from it.
	Take(shard int, r *Record)
}

// ConnectionSink is told of every connection that is closed.
type ConnectionSink interface {
	// TakeConnection takes the record of a connection, under the rules of [Sink].
	TakeConnection(shard int, r *ConnectionRecord)
}

// Wire is the beginning of what was received and sent for one request, for sinks that ask for it. The slices are valid during the call only.
type Wire struct {
	RequestHead []byte // with the empty line at its end
	RequestBody []byte // the first KiB of what the handler has read
	Response    []byte // its head, the empty line, and the first KiB of the body, framing included
}

// Clone returns a copy that outlives the call.
func (w *Wire) Clone() *Wire {
	return &Wire{bytes.Clone(w.RequestHead), bytes.Clone(w.RequestBody), bytes.Clone(w.Response)}
}

// ConnectionRecord is one closed connection.
type ConnectionRecord struct {
	ID             uint64
	Peer, Local    netip.AddrPort // zero values for unix sockets
	Opened, Closed time.Time
	ByClient       bool   // the client has ended it; else the server has
	Why            string // such as "idle", "end of stream", "slow head": words of docs/logs.md
	Requests       int
	Received, Sent int64 // bytes, heads and bodies
	Spans          Spans // sums over all requests
	Each           []RequestSpans
	Omitted        int // requests that are not in Each, since there were very many
}

// RequestSpans is how long the phases of one request on a connection were.
type RequestSpans struct {
	Number uint32 // of the request on its connection, counted from 1
	Status int
	Spans  Spans
}

// Live is a request that is being answered.
type Live struct {
	ID         string
	Connection uint64
	Client     netip.AddrPort
	User       string
	Method     string
	Target     string
	Host       string
	Route      *Route
	Phase      Phase
	InPhase    time.Duration // how long it has been in that phase
	Age        time.Duration // since its first byte
}

// Connections is how many connections there are, by what they are at.
type Connections struct {
	Idle     int    // between two requests
	Reading  int    // a head is on its way, or a short body
	Handling int    // a handler is at a request
	Sending  int    // the client takes an answer
	Closing  int    // an answer was the last; what the client still sends is dropped
	Accepted uint64 // since the start
	Refused  uint64 // of these, since there were too many
}
