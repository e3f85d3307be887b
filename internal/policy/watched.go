package policy

import (
	"crypto/sha256"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// lookEvery is how long a file is taken to be as it was.
	lookEvery = time.Second
	// unsettled is how old a file must be for its time and size to tell of every further change: system clocks move in steps.
	unsettled = 2 * time.Second
)

// watched is what a file says, read again when it has changed. What is wrong with a changed file is logged, once, and what
// the file said before stays. All methods but value and due may block; all may be called by any goroutine.
type watched[T any] struct {
	path  string
	limit int64 // bytes
	parse func(text []byte) (*T, error)
	log   *slog.Logger
	base  time.Time

	current atomic.Pointer[T]
	looked  atomic.Int64 // when the file was looked at, in nanoseconds since base

	mu      sync.Mutex  // guards the following fields
	info    fs.FileInfo // as it was when it was read
	settled bool
	sum     [sha256.Size]byte // of what was read, be it right or wrong
	fault   string            // that was logged
}

// watch reads a file for the first time.
func watch[T any](path string, limit int64, now time.Time, log *slog.Logger, parse func([]byte) (*T, error)) (*watched[T], error) {
	f := &watched[T]{path: path, limit: limit, parse: parse, log: log, base: now}
	if err := f.read(now); err != nil {
		return nil, err
	}
	return f, nil
}

// value returns what the file says.
func (f *watched[T]) value() *T { return f.current.Load() }

// due reports whether it is time to look at the file again.
func (f *watched[T]) due(now time.Time) bool {
	return now.Sub(f.base)-time.Duration(f.looked.Load()) >= lookEvery
}

// refresh looks at the file if it is time to. One goroutine looks; the others go on with what there is.
func (f *watched[T]) refresh(now time.Time) {
	if !f.due(now) || !f.mu.TryLock() {
		return
	}
	defer f.mu.Unlock()
	if !f.due(now) {
		return
	}
	err := f.readLocked(now)
	fault := ""
	if err != nil {
		fault = err.Error()
	}
	switch {
	case fault == f.fault:
	case err != nil:
		f.log.Error("a changed file cannot be used; what it said before stays", "path", f.path, "err", err)
	default:
		f.log.Info("the file can be used again", "path", f.path)
	}
	f.fault = fault
}

// read reads the file if it has changed, and returns what is wrong with it.
func (f *watched[T]) read(now time.Time) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	err := f.readLocked(now)
	if err == nil {
		f.fault = ""
	}
	return err
}

func (f *watched[T]) readLocked(now time.Time) error {
	f.looked.Store(int64(now.Sub(f.base)))
	info, err := os.Stat(f.path) // before it is read: what is written meanwhile is seen the next time
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return fmt.Errorf("%s is no regular file", f.path)
	}
	same := f.info != nil && f.settled && f.fault == "" && os.SameFile(info, f.info) &&
		info.Size() == f.info.Size() && info.ModTime().Equal(f.info.ModTime())
	if same {
		return nil
	}
	text, err := f.contents()
	if err != nil {
		return err
	}
	sum := sha256.Sum256(text)
	if f.current.Load() == nil || sum != f.sum || f.fault != "" {
		value, err := f.parse(text)
		if err != nil {
			return err
		}
		f.current.Store(value)
	}
	f.info, f.sum = info, sum
	f.settled = now.Sub(info.ModTime()) > unsettled
	return nil
}

func (f *watched[T]) contents() ([]byte, error) {
	file, err := os.Open(f.path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, f.limit+1))
	if err == nil && int64(len(text)) > f.limit {
		err = fmt.Errorf("%s is larger than %d bytes", f.path, f.limit)
	}
	return text, err
}
