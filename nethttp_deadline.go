package highball

import (
	"os"
	"sync/atomic"
	"time"
)

// dueTime is a time at which net/http's handler wants its reads or its writes to fail. It takes the place of a pace. It may
// be set by any goroutine, and counts for waits that begin after that.
type dueTime struct {
	nano atomic.Int64 // of Unix time
}

// What stands in a dueTime besides times.
const (
	noDueTime = 0 // the pace is in force
	neverDue  = -1
)

// set makes t the time; the zero time is never.
func (d *dueTime) set(t time.Time) {
	if t.IsZero() {
		d.nano.Store(neverDue)
	} else {
		d.nano.Store(max(1, t.UnixNano()))
	}
}

// reset puts the pace in force again.
func (d *dueTime) reset() { d.nano.Store(noDueTime) }

// patience returns how long to wait for the next byte; 0 is for ever.
func (d *dueTime) patience(otherwise *pace) time.Duration {
	switch nano := d.nano.Load(); nano {
	case noDueTime:
		return otherwise.patience()
	case neverDue:
		return 0
	default:
		return max(1, time.Until(time.Unix(0, nano)))
	}
}

// passed returns os.ErrDeadlineExceeded once the time has passed.
func (d *dueTime) passed() error {
	if nano := d.nano.Load(); nano > 0 && time.Now().UnixNano() >= nano {
		return os.ErrDeadlineExceeded
	}
	return nil
}
