package highball

import (
	"crypto/rand"
	"encoding/hex"
	"io"
	"log/slog"
	"net"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"highball/internal/h1"
	"highball/internal/observe"
)

// serverState is what a Server has besides its exported fields.
type serverState struct {
	prepare sync.Once
	err     error // of prepare

	handler  Handler
	inline   InlineHandler // handler, if it is one
	later    LaterHandler  // likewise
	settings atomic.Pointer[settings]
	clock    func() int64 // nanoseconds; it never goes back
	epoch    string       // tells this server's requests from those of another
	observed bool         // somebody is told of requests
	log      *slog.Logger
	tracer   *observe.Tracer
	access   *observe.AccessLog

	sinks     []observe.Sink
	connSinks []observe.ConnectionSink
	capture   bool // records have what was on the wire
	traces    bool // and the trace that they belong to
	refused   atomic.Uint64

	scheme  string
	refusal []byte // a whole 503

	nextID    atomic.Uint64
	nextPeer  atomic.Uint64
	stamp     atomic.Pointer[stamp]
	draining  atomic.Bool
	exchanges sync.Pool

	unlistening sync.Mutex // held by Unlisten: a driver that is retired does not listen any more when another call looks

	// mu guards the following fields. Event loops take it, too, so that nobody may wait for one while he holds it.
	mu       sync.Mutex
	bound    []*binding // by Listen, not yet served
	drivers  []driving  // serving
	retired  []driving  // serving what they have accepted, and no more
	running  bool       // Run has started the drivers
	peers    map[*Peer]struct{}
	over     bool // no peer is taken any more
	closed   bool
	finished chan struct{} // closed when Shutdown or Close is through
	cut      chan struct{} // closed when a Shutdown need not wait any longer
	cutting  sync.Once

	peersDone sync.WaitGroup // the goroutines of peers without a loop
}

// driver serves the connections of some listeners.
type driver interface {
	// open returns the number of open connections.
	open() int
	// drain stops listening and lets every connection end.
	drain()
	// empty is signalled when no connection is left after drain.
	empty() <-chan struct{}
	// abort cuts every connection.
	abort()
	// stop ends the driver, whose connections are closed or aborted.
	stop()
	// close stops listening, and lets connections be.
	close()
	// idle reports whether nothing is left to do after close.
	idle() bool
	// settle returns when no loop is in the turn any more that it was in before.
	settle()
	// listening returns copies of the listening sockets.
	listening() ([]*os.File, error)
	// keepName has the name of a unix socket stay when the driver ends.
	keepName()
	// visit has f called for each connection: on its loop's goroutine, or on one of its own where there is none. It does not wait; done is called
	// when all are through.
	visit(f func(c *conn), done func())
	// loops returns how the event loops are.
	loops() []LoopState
}

// driving is a driver and what it serves.
type driving struct {
	driver
	name string // as it was asked for
	addr net.Addr
}

// allDrivers returns those that have, or may have, connections. The caller holds the lock.
func (s *Server) allDrivers() []driving { return slices.Concat(s.state.drivers, s.state.retired) }

// binding is a listening address.
type binding struct {
	name     string       // the address as it was asked for
	listener net.Listener // for a goroutine per connection, or
	sockets  []int        // for loops
	addr     net.Addr     // as bound
	unlink   func()       // removes what the binding has left in the file system, or nil
}

// ready makes the state from the exported fields, once.
func (s *Server) ready() error {
	st := &s.state
	st.prepare.Do(func() {
		st.finished, st.cut = make(chan struct{}), make(chan struct{})
		st.scheme = "http"
		st.epoch = newEpoch()
		if st.clock == nil { // else it is a test's
			base := time.Now()
			st.clock = func() int64 { return int64(time.Since(base)) }
		}
		st.log = s.Logger
		if st.log == nil {
			st.log = slog.Default()
		}
		st.handler = s.Handler
		if st.handler == nil {
			st.handler = Status(404)
		}
		st.inline, _ = st.handler.(InlineHandler)
		st.later, _ = st.handler.(LaterHandler)
		st.settings.Store(newSettings(s.Deadlines, s.Limits))
		st.refusal = refusalText()
		if s.Trace != nil {
			st.tracer = observe.NewTracer(s.Trace, observe.MaskSecrets)
		}
		if s.AccessLog != nil {
			st.err = s.openAccessLog(s.AccessLog)
		}
	})
	return st.err
}

// newEpoch returns eight hexadecimal digits by chance.
func newEpoch() string {
	var b [4]byte
	_, _ = rand.Read(b[:]) // never fails, see crypto/rand
	return hex.EncodeToString(b[:])
}

// settings are the deadlines and limits in force, with the defaults; a negative deadline means none.
type settings struct {
	deadlines Deadlines
	limits    h1.Limits
	body      int64
	drain     int64
	minRate   int64
	conns     int
}

func newSettings(d Deadlines, l Limits) *settings {
	return &settings{
		deadlines: Deadlines{
			Head:    orDefault(d.Head, 10*time.Second),
			Body:    orDefault(d.Body, 30*time.Second),
			Handler: orDefault(d.Handler, 30*time.Second),
			Idle:    orDefault(d.Idle, 75*time.Second),
			Write:   orDefault(d.Write, 30*time.Second),
		},
		limits:  h1.Limits{Line: l.Line, Head: l.Head, Fields: l.Fields},
		body:    l.Body,
		drain:   orDefault(l.Drain, 256<<10),
		minRate: orDefault(l.MinRate, 500),
		conns:   l.Conns,
	}
}

func (s *Server) settings() *settings { return s.state.settings.Load() }

func orDefault[N int64 | time.Duration](value, otherwise N) N {
	if value == 0 {
		return otherwise
	}
	return value
}

func (s *Server) openAccessLog(w io.Writer) error {
	format := observe.Combined
	if s.AccessFormat != "" {
		var err error
		if format, err = observe.ParseFormat(s.AccessFormat); err != nil {
			return err
		}
	}
	log := s.state.log
	s.state.observed = true
	s.state.access = observe.NewAccessLog(w, format, s.loops()+1, func(n int64, err error) {
		log.Error("access log lines were lost", "lines", n, "err", err)
	})
	return nil
}

// refusalText is the whole answer to a client for which there is no room.
func refusalText() []byte {
	const page = "<!doctype html><title>503 Service Unavailable</title><h1>503 Service Unavailable</h1>\n"
	b := h1.AppendStatusLine(nil, 503)
	b = h1.AppendField(b, "Content-Type", "text/html; charset=utf-8")
	b = h1.AppendFieldInt(b, "Content-Length", int64(len(page)))
	b = h1.AppendField(b, "Retry-After", "1")
	b = h1.AppendField(b, "Connection", "close")
	return append(h1.AppendEnd(b), page...)
}

func (st *serverState) takeExchange() *exchange {
	if x, ok := st.exchanges.Get().(*exchange); ok {
		return x
	}
	return new(exchange)
}

func (st *serverState) giveExchange(x *exchange) {
	x.reset()
	st.exchanges.Put(x)
}

func (s *Server) bodyPace() pace {
	return pace{grace: s.settings().deadlines.Body, rate: s.settings().minRate}
}

func (s *Server) writePace() pace {
	return pace{grace: s.settings().deadlines.Write, rate: s.settings().minRate}
}

// openConns returns the number of open connections.
func (s *Server) openConns() int {
	s.state.mu.Lock()
	defer s.state.mu.Unlock()
	n := 0
	for _, d := range s.state.drivers {
		n += d.open()
	}
	for _, d := range s.state.retired {
		n += d.open()
	}
	return n
}

// stamp holds the field lines that every response of one second has in common, and ties the server's clock to the time of day, which may be
// set.
type stamp struct {
	moment, until int64     // on the server's clock: when it was made, and when the second ends
	wall          time.Time // the time of day at moment
	server        string    // the Server line, or ""
	serverDate    string    // both lines
}

// appendStamp appends Server and Date, but for those that h has.
func (s *Server) appendStamp(dst []byte, moment int64, h *Header) []byte {
	t := s.state.stamp.Load()
	if t == nil || moment >= t.until {
		t = s.newStamp(moment)
	}
	if h != nil && (h.Has("Date") || h.Has("Server")) {
		if !h.Has("Server") {
			dst = append(dst, t.server...)
		}
		if !h.Has("Date") {
			dst = append(dst, t.serverDate[len(t.server):]...)
		}
		return dst
	}
	return append(dst, t.serverDate...)
}

// newStamp makes the stamp of the present second, in which moment lies.
func (s *Server) newStamp(moment int64) *stamp {
	var b []byte
	switch {
	case s.Name == "":
		b = h1.AppendField(b, "Server", "highball")
	case s.Name != "-" && h1.ValidFieldValue(s.Name):
		b = h1.AppendField(b, "Server", s.Name)
	}
	wall := time.Now().Round(0)
	t := &stamp{moment: moment, until: moment + int64(time.Second) - int64(wall.Nanosecond()), wall: wall, server: string(b)}
	b = append(b, "Date: "...)
	b = h1.AppendDate(b, wall.Unix())
	t.serverDate = string(append(b, "\r\n"...))
	s.state.stamp.Store(t)
	return t
}
