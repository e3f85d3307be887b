package observe

import (
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// Rotation says when a log file is renamed and begun anew, and what becomes of the former ones. The zero Rotation never does.
//
// A rotated file is called as the log with the time (UTC) behind it, such as access.log.20260301-115900, and .gz when it is
// compressed. Two processes may write to one log, as they do while one takes over from the other: each looks, before it writes, whether the
// file is still the one at its path.
type Rotation struct {
	Size     int64         // bytes from which on a file is full; 0 is no limit
	Age      time.Duration // the clock is divided into so long parts, and each has a file of its own: a day begins at midnight; 0 is no limit
	Keep     int           // rotated files that stay; 0 keeps all
	Compress bool          // by gzip

	// Report is told of what has gone wrong, seldom more than once a minute. The log goes on in any case. It may be nil, and
	// must not write to the log.
	Report func(error)

	now func() time.Time // nil is time.Now
}

// rotationTime is how the time of a rotated file is written, in UTC.
const rotationTime = "20060102-150405"

// retryAfter is how long a rotation that has failed is not tried again, so that a folder that cannot be written to costs no call for each write.
const retryAfter = time.Minute

// rotator does what a Rotation says.
type rotator struct {
	Rotation

	// Guarded by the file's lock.
	retry time.Time // not before

	stop    chan struct{} // closed by end; nil without a rotation
	work    sync.Mutex    // guards the following fields
	ended   bool
	tidying bool // a goroutine is at work
	again   bool // and is to look again
	workers sync.WaitGroup
}

func (r *rotator) on() bool { return r.Size > 0 || r.Age > 0 }

func (r *rotator) begin(path string) {
	if !r.on() {
		return
	}
	if r.now == nil {
		r.now = time.Now
	}
	r.stop = make(chan struct{})
	r.tidy(path) // what the end of a process has left undone
}

// due reports whether a file has to be rotated before so many bytes more are written. An empty one never has to.
func (r *rotator) due(info os.FileInfo, more int64) bool {
	now := r.now()
	switch {
	case info.Size() == 0 || now.Before(r.retry):
		return false
	case r.Size > 0 && info.Size()+more > r.Size:
		return true
	}
	return r.Age > 0 && period(now, r.Age) != period(info.ModTime(), r.Age)
}

// period counts the parts of the local clock. That of a file is told by its last write.
func period(t time.Time, length time.Duration) int64 {
	_, offset := t.Local().Zone()
	return (t.UnixNano() + int64(offset)*int64(time.Second)) / int64(length)
}

// rename gives the file at path the name of a rotated one.
func (r *rotator) rename(path string) error {
	at := r.now().UTC().Format(rotationTime)
	for n := range 100 {
		name := path + "." + at
		if n > 0 {
			name = fmt.Sprintf("%s-%02d", name, n)
		}
		if exists(name) || exists(name+gzipEnding) {
			continue
		}
		return os.Rename(path, name)
	}
	return fmt.Errorf("%s.%s and a hundred names like it are taken", filepath.Base(path), at)
}

func exists(name string) bool {
	_, err := os.Lstat(name)
	return err == nil
}

// fail reports what has gone wrong with a rotation.
func (r *rotator) fail(err error) {
	r.retry = r.now().Add(retryAfter)
	r.report(err)
}

func (r *rotator) report(err error) {
	if r.Report != nil {
		r.Report(err)
	}
}

// tidy compresses and removes rotated files on a goroutine of its own, of which there is one at a time.
func (r *rotator) tidy(path string) {
	r.work.Lock()
	defer r.work.Unlock()
	r.again = true
	if r.tidying || r.ended {
		return
	}
	r.tidying = true
	r.workers.Go(func() {
		for r.next() {
			if err := r.tidyOnce(path); err != nil {
				r.report(fmt.Errorf("rotated logs of %s: %w", filepath.Base(path), err))
			}
		}
	})
}

// next reports whether the goroutine has to look at the files.
func (r *rotator) next() bool {
	r.work.Lock()
	defer r.work.Unlock()
	if !r.again || r.ended {
		r.tidying = false
		return false
	}
	r.again = false
	return true
}

// end has the goroutine give up, and waits for it.
func (r *rotator) end() {
	if !r.on() {
		return
	}
	r.work.Lock()
	r.ended = true
	close(r.stop)
	r.work.Unlock()
	r.workers.Wait()
}
