package observe

import (
	"errors"
	"io"
	"math"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Theory of operation. Appenders fill one of a shard's buffers under the
// shard's mutex. When it is full it is handed over, by the appender, or when
// the log is drained, by the drainer: then it belongs to whoever holds
// lineLog.writing, until that one has written it. Another one takes its place.
// Two are enough for a writer that keeps up. One that is late, since the disk or
// the processor had something else to do for some milliseconds, finds as many
// as mostHeld allows. Beyond that an appender drops its line, because the
// alternatives are to wait for the disk or to grow without bound. The writer is
// not woken for each buffer, but for some together.
//
// A request of the access log waits on the shard's stage, from which lines come
// into the buffer many at a time (stage.go): when the stage is full, by the
// appender, or when the log is drained, by the drainer.
//
// Drains are done by the owner goroutine and by the callers of Flush and
// Close. The owner sleeps until a shard stops being empty, then arms a timer;
// an idle log wakes nobody, and while the timer runs a shard need not tell.

const (
	// flushInterval is the longest time for which a line stays in a shard
	// while the writer keeps up. Half of the second that is promised.
	flushInterval = 500 * time.Millisecond

	// bufferSize is the length from which on a buffer is full.
	bufferSize = 64 << 10

	// worthWaking is how many bytes of a shard wait for the writer before it is
	// woken for them, which costs as much as to write 64 KiB, and what it costs the
	// caches. A processor that does nothing else fills them in 30 ms; fewer wait for the timer.
	worthWaking = 1 << 20

	// mostHeld is how many bytes of a shard wait for the writer before a further
	// buffer is not handed over. A processor that does nothing else can fill it in
	// about 100 ms.
	mostHeld = 4 << 20

	// bufferSlack is room for the lines that make a buffer full, a stage of
	// them, so that usual ones never make it grow.
	bufferSlack = 16 << 10
)

// errBehind is reported when lines were dropped although no write failed.
var errBehind = errors.New("the writer is slower than the requests")

// lineLog is what the logs have in common: it writes lines to one writer from
// any number of goroutines. What a line says is the business of whoever has it.
// Each write begins and ends with a line, unless the writer itself fails in the
// middle. All methods may be called by any goroutine.
type lineLog struct {
	shards []*lineShard
	onLoss func(n int64, err error)
	lost   atomic.Int64
	armed  atomic.Bool // the owner is going to look at all shards anyway

	appended chan struct{} // a shard is not empty any more
	full     chan struct{} // a shard has handed over a buffer
	stop     chan struct{} // closed by Close
	done     chan struct{} // closed when the owner goroutine has ended
	closing  sync.Once
	closeErr error // result of the first Close

	writing  sync.Mutex // held during a drain; guards the following fields
	out      lineWriter
	reported int64 // of lost, how many onLoss knows about
	lossErr  error // why the latest lines were lost, as far as out knows
}

// start makes l, whose shards are there already, ready for lines, which go to w.
func (l *lineLog) start(w io.Writer, onLoss func(n int64, err error)) {
	l.onLoss = onLoss
	l.appended, l.full = make(chan struct{}, 1), make(chan struct{}, 1)
	l.stop, l.done = make(chan struct{}), make(chan struct{})
	l.out = lineWriter{w: w}
	go l.own()
}

// add adds a shard.
func (l *lineLog) add(s *lineShard) {
	s.log = l
	l.shards = append(l.shards, s)
}

// Lost returns how many lines have been lost so far: dropped because the
// writer was too slow, not written because it failed, or appended after Close.
func (l *lineLog) Lost() int64 { return l.lost.Load() }

// Flush writes everything appended before the call. It returns the first error
// of the writer; the lines concerned are lost, and later ones are tried again.
func (l *lineLog) Flush() error {
	return l.drain((*lineShard).takeAll, reportLoss)
}

// Close flushes the log and ends its goroutine. It waits for a write that is
// under way, so a writer that hangs makes it hang. Lines appended later are
// lost. Further calls return what the first one returned.
func (l *lineLog) Close() error {
	l.closing.Do(func() {
		close(l.stop)
		<-l.done
		for _, s := range l.shards {
			s.close()
		}
		l.closeErr = l.Flush()
	})
	return l.closeErr
}

// own is the owner goroutine. Errors of the drains reach onLoss.
func (l *lineLog) own() {
	defer close(l.done)
	timer := time.NewTimer(flushInterval)
	timer.Stop()
	for {
		select {
		case <-l.stop:
			timer.Stop()
			return
		case <-l.appended:
			if !l.armed.Load() {
				l.armed.Store(true)
				timer.Reset(flushInterval)
			}
		case <-l.full:
			_ = l.drain((*lineShard).takeFull, keepLoss)
		case <-timer.C:
			l.armed.Store(false) // before it looks, so that who appends to an empty shard after that tells it
			_ = l.drain((*lineShard).takeAll, reportLoss)
			if l.holds() { // what came meanwhile, to a shard that was not empty at any time
				l.armed.Store(true)
				timer.Reset(flushInterval)
			}
		}
	}
}

// holds reports whether any shard has lines.
func (l *lineLog) holds() bool {
	return slices.ContainsFunc(l.shards, (*lineShard).holds)
}

// reporting says whether a drain ends with a call of onLoss.
type reporting uint8

const (
	keepLoss reporting = iota
	reportLoss
)

// drain writes the buffers that take hands over, shard by shard.
func (l *lineLog) drain(take func(*lineShard) batch, report reporting) error {
	l.writing.Lock()
	defer l.writing.Unlock()
	var first error
	for _, s := range l.shards {
		// First the buffers that the appender has handed over, then the one
		// that has been filling meanwhile. More would starve the other
		// shards.
		for range s.waiting() + 1 {
			wrote, err := l.writeLocked(s, take)
			if !wrote {
				break
			}
			if first == nil {
				first = err
			}
		}
		if report == reportLoss {
			s.trim()
		}
	}
	if report == reportLoss {
		l.reportLocked()
	}
	return first
}

// writeLocked writes the buffer of a shard that take hands over, if there is
// one.
func (l *lineLog) writeLocked(s *lineShard, take func(*lineShard) batch) (wrote bool, err error) {
	b := take(s)
	if b.lines == 0 {
		return false, nil
	}
	lost, err := l.out.write(b)
	s.giveBack(b)
	if err != nil {
		l.lost.Add(lost)
		l.lossErr = err
	}
	return true, err
}

// change has apply called for each shard, under its lock, and from then on has
// lines written to w. Lines that were appended to a shard before apply was
// called go to the former writer, and later ones to w.
func (l *lineLog) change(w io.Writer, apply func(shard int)) {
	l.writing.Lock()
	defer l.writing.Unlock()
	old := make([]int, len(l.shards)) // how many buffers of each are for the former writer
	for i, s := range l.shards {
		s.mu.Lock()
		s.makeLinesLocked()
		apply(i)
		if s.filling.lines > 0 {
			s.handOverLocked()
		}
		old[i] = len(s.full)
		s.mu.Unlock()
	}
	for i, s := range l.shards {
		for range old[i] {
			_, _ = l.writeLocked(s, (*lineShard).takeHandedOver)
		}
	}
	l.out = lineWriter{w: w}
	l.reportLocked()
	signal(l.full) // for buffers that became full meanwhile
}

// reportLocked tells onLoss about the lines lost since the last report.
func (l *lineLog) reportLocked() {
	n := l.lost.Load() - l.reported
	if n == 0 {
		return
	}
	err := l.lossErr
	if err == nil {
		err = errBehind
	}
	l.reported += n
	l.lossErr = nil
	if l.onLoss != nil {
		l.onLoss(n, err)
	}
}

// noLeast is more bytes than any buffer has.
const noLeast = math.MaxInt

// signal wakes the receiver of c, which has room for one wake-up. If it is
// taken, the receiver is going to look anyway.
func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
