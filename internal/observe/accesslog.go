package observe

import (
	"io"
	"sync/atomic"
)

// AccessLog writes access log lines to one writer from any number of
// goroutines. Each write begins and ends with a line, unless the writer itself
// fails in the middle. All methods may be called by any goroutine.
type AccessLog struct {
	lineLog
	on    atomic.Bool // spares whoever has no access log the shard's lock
	parts []*Shard
}

var _ Sink = (*AccessLog)(nil)

// AccessSettings is what an access log says, and of which requests.
type AccessSettings struct {
	// Off writes nothing.
	Off bool
	// Format is the layout of a line.
	Format Format
	// LeaveOut is the part, from 0 to 1, of the requests with a whole answer of
	// a status from 200 to 399 that get no line. All others always get one.
	LeaveOut float64
	// Masks are the names of what is not shown; nil shows everything.
	Masks *Masks
}

// NewAccessLog starts a log that writes lines of format f to w, with the secrets
// of [DefaultMasks] masked. It has the given number of shards, at least one, each
// with two buffers of 64 KiB and a stage of 32 requests made when first used, some more of such
// buffers while there is much to write, and up to 4 MiB while the writer is behind. Only one Write is under way at any time.
//
// When lines have been lost, onLoss is called with the number lost since the
// last call and the latest cause. It is called at most twice a second apart
// from calls by Flush, Configure and Close, never by Append, and must not call
// those. It may be nil.
//
// The log must be closed, or its goroutine stays. It does not close w.
func NewAccessLog(w io.Writer, f Format, shards int, onLoss func(n int64, err error)) *AccessLog {
	l := new(AccessLog)
	settings := &AccessSettings{Format: f, Masks: DefaultMasks()}
	for range max(shards, 1) {
		s := &Shard{sampler: newSampler(0)}
		s.stage.settings = settings
		l.parts = append(l.parts, s)
		l.add(&s.lineShard)
	}
	l.on.Store(true)
	l.start(w, onLoss)
	return l
}

// Configure changes what the log says and where it goes. Lines of requests from before go, as
// they were to be, to the former writer, which is not used any more when Configure returns.
// It waits for a write that is under way.
func (l *AccessLog) Configure(settings AccessSettings, w io.Writer) {
	if !settings.Off {
		defer l.on.Store(true)
	} else {
		l.on.Store(false)
	}
	l.change(w, func(i int) {
		s := l.parts[i]
		s.stage.settings = &settings
		s.sampler.configure(settings.LeaveOut)
	})
}

// Shard returns shard i, counted from 0. The goroutines of different shards
// never wait for each other.
func (l *AccessLog) Shard(i int) *Shard { return l.parts[min(i, len(l.parts)-1)] }

// Take implements [Sink].
func (l *AccessLog) Take(shard int, r *Record) {
	if l.on.Load() {
		l.Shard(shard).Append(r)
	}
}

// LeftOut returns how many requests have got no line so far, since there was to
// be one for some of their kind only.
func (l *AccessLog) LeftOut() (n int64) {
	for _, s := range l.parts {
		s.mu.Lock()
		n += s.sampler.leftOut
		s.mu.Unlock()
	}
	return n
}

// Shard is the part of an [AccessLog] that one event loop appends to. Other
// goroutines may append to it too; they share its mutex.
type Shard struct {
	lineShard

	sampler sampler // guarded by the mutex, too
}

// Append has a line made for r, as the settings of now want it. It copies what it needs of r, does not allocate as long as the writer keeps up,
// and does not wait for the writer to finish: when the buffers and the stage are full, or the log is
// closed, the line is lost and counted.
func (s *Shard) Append(r *Record) {
	s.mu.Lock()
	if s.stage.settings.Off || !s.sampler.keeps(r) {
		s.mu.Unlock()
		return
	}
	if s.stage.full() || s.closed {
		if !s.roomLocked() {
			return
		}
		s.makeLinesLocked()
	}
	s.stage.add(r)
	s.tellLocked(len(s.stage.requests) == 1 && s.filling.lines == 0)
}
