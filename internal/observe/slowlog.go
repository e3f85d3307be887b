package observe

import (
	"math"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// mostSlow is how many slow requests wait to be told of. When the server is slow as a whole, more would only say the same again.
const mostSlow = 256

// Slow is a request that took the server long.
type Slow struct {
	Time     time.Time // when it began
	ID       string
	Method   string
	Target   string // secrets masked
	Site     string
	Route    string
	Status   int
	Duration time.Duration // as a whole
	Spans    Spans
	Stack    string // where the program was, or empty
}

// SlowLog tells of requests that took the server longer than a threshold. The time in which the client sent its request and took the answer does
// not count; else every large download over a poor line would be slow. A request below the threshold costs a comparison. All
// methods may be called by any goroutine.
type SlowLog struct {
	least   atomic.Int64 // the threshold, in nanoseconds
	masks   atomic.Pointer[Masks]
	lost    atomic.Int64
	waiting chan *Slow
	stop    chan struct{}
	done    chan struct{}
	closing sync.Once

	telling sync.Mutex // guards tell, and is held during its calls
	tell    func(*Slow, int64)
}

var _ Sink = (*SlowLog)(nil)

// NewSlowLog starts a log that is off until it is configured. It must be closed, or its goroutine stays.
func NewSlowLog() *SlowLog {
	l := &SlowLog{waiting: make(chan *Slow, mostSlow), stop: make(chan struct{}), done: make(chan struct{}), tell: func(*Slow, int64) {}}
	l.least.Store(math.MaxInt64)
	go l.own()
	return l
}

// Configure has tell called for requests slower than the threshold from now on; a threshold that is not positive has it off. It is called by one
// goroutine at a time, may block, and gets the number of slow requests that were lost since its last call, because it had blocked. The
// former one is not called any more when Configure returns.
func (l *SlowLog) Configure(threshold time.Duration, m *Masks, tell func(s *Slow, lost int64)) {
	if threshold <= 0 {
		threshold = math.MaxInt64
	}
	l.masks.Store(m)
	l.telling.Lock()
	l.tell = tell
	l.telling.Unlock()
	l.least.Store(int64(threshold))
}

// Take implements [Sink].
func (l *SlowLog) Take(_ int, r *Record) {
	if int64(r.Duration) < l.least.Load() {
		return
	}
	l.consider(r)
}

// consider tells of a request unless the client has made it slow.
func (l *SlowLog) consider(r *Record) {
	own := r.Spans[Queue] + r.Spans[App] + r.Spans[Stream]
	if int64(own) < l.least.Load() {
		return
	}
	s := &Slow{
		Time: r.Time, ID: string(r.ID.Append(nil)), Method: strings.Clone(r.Method), Target: string(l.masks.Load().AppendTarget(nil, r.Target)),
		Site: siteOf(r.Route), Route: pathOf(r.Route), Status: r.Status, Duration: r.Duration, Spans: r.Spans, Stack: strings.Clone(r.Stack),
	}
	select {
	case l.waiting <- s:
	default:
		l.lost.Add(1)
	}
}

// Lost returns how many slow requests were not told of so far.
func (l *SlowLog) Lost() int64 { return l.lost.Load() }

// own is the owner goroutine.
func (l *SlowLog) own() {
	defer close(l.done)
	told := int64(0)
	for {
		select {
		case s := <-l.waiting:
			told = l.tellOf(s, told)
			continue
		case <-l.stop:
		}
		for { // what is left
			select {
			case s := <-l.waiting:
				told = l.tellOf(s, told)
			default:
				return
			}
		}
	}
}

func (l *SlowLog) tellOf(s *Slow, told int64) int64 {
	lost := l.lost.Load()
	l.telling.Lock()
	defer l.telling.Unlock()
	l.tell(s, lost-told)
	return lost
}

// Close tells of what waits and ends the log's goroutine. Requests are not taken any more.
func (l *SlowLog) Close() {
	l.closing.Do(func() {
		l.least.Store(math.MaxInt64)
		close(l.stop)
		<-l.done
	})
}

// AppendJSON appends s as a line of JSON.
func (s *Slow) AppendJSON(dst []byte) []byte {
	dst = new(Clock).appendJSONStart(dst, s.Time)
	dst = appendEscaped(dst, []byte(s.ID), escapeJSON, keepSpace)
	dst = append(dst, `","method":"`...)
	dst = appendEscaped(dst, []byte(s.Method), escapeJSON, keepSpace)
	dst = append(dst, `","target":"`...)
	dst = appendEscaped(dst, []byte(s.Target), escapeJSON, keepSpace)
	dst = append(dst, '"')
	dst = appendRoute(dst, &Route{Site: s.Site, Path: s.Route})
	dst = append(dst, `,"status":`...)
	dst = appendInt(dst, int64(s.Status))
	dst = append(dst, `,"duration":`...)
	dst = appendSeconds(dst, s.Duration)
	dst = append(dst, `,"phases":`...)
	dst = appendSpans(dst, &s.Spans)
	dst = append(dst, `,"stack":"`...)
	dst = appendEscaped(dst, []byte(s.Stack), escapeJSON, keepSpace)
	return append(dst, "\"}\n"...)
}
