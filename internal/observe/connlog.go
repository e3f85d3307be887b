package observe

import (
	"io"
	"net/netip"
	"sync/atomic"
)

// ConnectionLog writes the statistics log: a line of JSON for each closed connection, with its phases and those of each of its requests. It works as
// [AccessLog] does. All methods may be called by any goroutine.
type ConnectionLog struct {
	lineLog
	on    atomic.Bool
	parts []*connectionShard
}

var (
	_ Sink           = (*ConnectionLog)(nil)
	_ ConnectionSink = (*ConnectionLog)(nil)
)

// connectionShard is the part of a ConnectionLog that one event loop appends to.
type connectionShard struct {
	lineShard
	clock Clock // guarded by the shard's mutex
}

// NewConnectionLog starts a log that writes to w, or nothing where w is nil until it is configured. See [NewAccessLog] for the rest.
func NewConnectionLog(w io.Writer, shards int, onLoss func(n int64, err error)) *ConnectionLog {
	l := new(ConnectionLog)
	for range max(shards, 1) {
		s := new(connectionShard)
		l.parts = append(l.parts, s)
		l.add(&s.lineShard)
	}
	l.on.Store(w != nil)
	l.start(orDiscard(w), onLoss)
	return l
}

// Configure changes where the log goes, as [AccessLog.Configure] does; nil writes nothing from now on.
func (l *ConnectionLog) Configure(w io.Writer) {
	if w == nil {
		l.on.Store(false)
	}
	l.change(orDiscard(w), func(int) {})
	if w != nil {
		l.on.Store(true)
	}
}

func orDiscard(w io.Writer) io.Writer {
	if w == nil {
		return io.Discard
	}
	return w
}

// Take implements [Sink]. A request is told of with its connection.
func (l *ConnectionLog) Take(int, *Record) {}

// TakeConnection implements [ConnectionSink].
func (l *ConnectionLog) TakeConnection(shard int, r *ConnectionRecord) {
	if !l.on.Load() {
		return
	}
	s := l.parts[min(shard, len(l.parts)-1)]
	s.mu.Lock()
	if s.roomLocked() {
		s.filling.text = appendConnection(s.filling.text, r, &s.clock)
		s.addedLocked()
	}
}

// appendConnection appends the line of a connection.
func appendConnection(dst []byte, r *ConnectionRecord, clock *Clock) []byte {
	dst = append(dst, `{"id":`...)
	dst = appendInt(dst, int64(r.ID))
	dst = append(dst, `,"peer":"`...)
	dst = appendAddrPort(dst, r.Peer)
	dst = append(dst, `","local":"`...)
	dst = appendAddrPort(dst, r.Local)
	dst = append(dst, `","opened":"`...)
	dst = clock.appendRFC3339(dst, r.Opened)
	dst = append(dst, `","closed":"`...)
	dst = clock.appendRFC3339(dst, r.Closed)
	if r.ByClient {
		dst = append(dst, `","by":"client","why":"`...)
	} else {
		dst = append(dst, `","by":"server","why":"`...)
	}
	dst = appendEscaped(dst, []byte(r.Why), escapeJSON, keepSpace)
	dst = append(dst, `","requests":`...)
	dst = appendInt(dst, int64(r.Requests))
	dst = append(dst, `,"received":`...)
	dst = appendInt(dst, r.Received)
	dst = append(dst, `,"sent":`...)
	dst = appendInt(dst, r.Sent)
	dst = append(dst, `,"phases":`...)
	dst = appendSpans(dst, &r.Spans)
	dst = append(dst, `,"each":[`...)
	for i := range r.Each {
		one := &r.Each[i]
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, `{"number":`...)
		dst = appendInt(dst, int64(one.Number))
		dst = append(dst, `,"status":`...)
		dst = appendInt(dst, int64(one.Status))
		dst = append(dst, `,"phases":`...)
		dst = append(appendSpans(dst, &one.Spans), '}')
	}
	dst = append(dst, `],"omitted":`...)
	return append(appendInt(dst, int64(r.Omitted)), "}\n"...)
}

// appendAddrPort appends an address with its port, or "-" for none, as unix sockets have.
func appendAddrPort(dst []byte, a netip.AddrPort) []byte {
	if !a.IsValid() {
		return append(dst, '-')
	}
	return netip.AddrPortFrom(a.Addr().Unmap().WithZone(""), a.Port()).AppendTo(dst)
}
