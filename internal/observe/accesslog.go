package observe

import (
	"errors"
	"io"
	"sync"
	"sync/atomic"
	"time"
)

// Theory of operation. A shard has two buffers. Appenders fill one of them
// under the shard's mutex; the other one is either idle or handed over, which
// means that it belongs to whoever holds AccessLog.writing, until that one has
// written it. A buffer is handed over when it is full, by the appender, or when
// the log is drained, by the drainer. An appender whose buffer is full while
// the other one is still handed over drops its line, because the alternatives
// are to wait for the disk or to grow without bound.
//
// Drains are done by the owner goroutine and by the callers of Flush and
// Close. The owner sleeps until a shard stops being empty, then arms a timer;
// an idle log wakes nobody.

const (
	// flushInterval is the longest time for which a line stays in a shard
	// while the writer keeps up. Half of the second that is promised.
	flushInterval = 500 * time.Millisecond

	// bufferSize is the length from which on a buffer is full.
	bufferSize = 64 << 10

	// bufferSlack is room for the line that makes a buffer full, so that
	// usual lines never make it grow.
	bufferSlack = 4 << 10
)

// errBehind is reported when lines were dropped although no write failed.
var errBehind = errors.New("access log: the writer is slower than the requests")

// AccessLog writes access log lines to one writer from any number of
// goroutines. Each write begins and ends with a line, unless the writer itself
// fails in the middle. All methods may be called by any goroutine.
type AccessLog struct {
	format Format
	shards []*Shard
	onLoss func(n int64, err error)
	lost   atomic.Int64

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

// NewAccessLog starts a log that writes lines of format f to w. It has the
// given number of shards, at least one, each with two buffers of 64 KiB made
// when first used. Only one Write is under way at any time.
//
// When lines have been lost, onLoss is called with the number lost since the
// last call and the latest cause. It is called at most twice a second apart
// from calls by Flush and Close, never by Append, and must not call those two.
// It may be nil.
//
// The log must be closed, or its goroutine stays. It does not close w.
func NewAccessLog(w io.Writer, f Format, shards int, onLoss func(n int64, err error)) *AccessLog {
	l := &AccessLog{
		format:   f,
		shards:   make([]*Shard, max(shards, 1)),
		onLoss:   onLoss,
		appended: make(chan struct{}, 1),
		full:     make(chan struct{}, 1),
		stop:     make(chan struct{}),
		done:     make(chan struct{}),
		out:      lineWriter{w: w},
	}
	for i := range l.shards {
		l.shards[i] = &Shard{log: l}
	}
	go l.own()
	return l
}

// Shard returns shard i, counted from 0. The goroutines of different shards
// never wait for each other.
func (l *AccessLog) Shard(i int) *Shard { return l.shards[i] }

// Lost returns how many lines have been lost so far: dropped because the
// writer was too slow, not written because it failed, or appended after Close.
func (l *AccessLog) Lost() int64 { return l.lost.Load() }

// Flush writes everything appended before the call. It returns the first error
// of the writer; the lines concerned are lost, and later ones are tried again.
func (l *AccessLog) Flush() error {
	return l.drain((*Shard).takeAll, reportLoss)
}

// Close flushes the log and ends its goroutine. It waits for a write that is
// under way, so a writer that hangs makes it hang. Lines appended later are
// lost. Further calls return what the first one returned.
func (l *AccessLog) Close() error {
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
func (l *AccessLog) own() {
	defer close(l.done)
	timer := time.NewTimer(flushInterval)
	timer.Stop()
	armed := false
	for {
		select {
		case <-l.stop:
			timer.Stop()
			return
		case <-l.appended:
			if !armed {
				timer.Reset(flushInterval)
				armed = true
			}
		case <-l.full:
			_ = l.drain((*Shard).takeFull, keepLoss)
		case <-timer.C:
			armed = false
			_ = l.drain((*Shard).takeAll, reportLoss)
		}
	}
}

// reporting says whether a drain ends with a call of onLoss.
type reporting uint8

const (
	keepLoss reporting = iota
	reportLoss
)

// drain writes the buffers that take hands over, shard by shard.
func (l *AccessLog) drain(take func(*Shard) batch, report reporting) error {
	l.writing.Lock()
	defer l.writing.Unlock()
	var first error
	for _, s := range l.shards {
		// First the buffer that the appender handed over, then the one
		// that has been filling meanwhile. A third would starve the other
		// shards.
		for range 2 {
			b := take(s)
			if b.lines == 0 {
				break
			}
			lost, err := l.out.write(b)
			s.giveBack()
			if err != nil {
				l.lost.Add(lost)
				l.lossErr = err
				if first == nil {
					first = err
				}
			}
		}
	}
	if report == reportLoss {
		l.reportLocked()
	}
	return first
}

// reportLocked tells onLoss about the lines lost since the last report.
func (l *AccessLog) reportLocked() {
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

// signal wakes the receiver of c, which has room for one wake-up. If it is
// taken, the receiver is going to look anyway.
func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
