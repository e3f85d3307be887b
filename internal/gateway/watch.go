package gateway

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/fsnotify/fsnotify"
)

// settling is for how long after a change further ones are awaited: editors and version control write in several steps.
const settling = 75 * time.Millisecond

// watcher tells when files change. It watches their folders, since editors put a new file in the place of the old one, but
// cares for nothing else in them. A nil watcher does nothing.
type watcher struct {
	events  *fsnotify.Watcher
	clock   clock
	changed func(files []string)
	over    chan struct{}

	mu      sync.Mutex // guards the following fields
	files   map[string]stamp
	folders map[string]struct{}
	touched map[string]struct{} // files with events that were not looked at
	closed  bool
}

// stamp is what a change of a file shows by; it is zero of one that does not exist.
type stamp struct {
	size    int64
	changed time.Time
	mode    fs.FileMode
}

func stampOf(name string) stamp {
	info, err := os.Stat(name)
	if err != nil {
		return stamp{}
	}
	return stamp{size: info.Size(), changed: info.ModTime(), mode: info.Mode().Type()}
}

// newWatcher returns a watcher of no files. changed is called, on a goroutine of its own, with those that have changed.
func newWatcher(c clock, changed func(files []string)) (*watcher, error) {
	events, err := fsnotify.NewWatcher()
	if err != nil {
		return nil, fmt.Errorf("watch files: %w", err)
	}
	w := &watcher{
		events:  events,
		clock:   c,
		changed: changed,
		over:    make(chan struct{}),
		files:   make(map[string]stamp),
		folders: make(map[string]struct{}),
		touched: make(map[string]struct{}),
	}
	go w.run()
	return w, nil
}

// set has the watcher watch these files and no others. A change of a file that it has watched before is not missed in the
// meantime.
func (w *watcher) set(files []string) {
	if w == nil {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return
	}
	before := w.files
	w.files = make(map[string]stamp, len(files))
	folders := make(map[string]struct{})
	for _, name := range files {
		name, err := filepath.Abs(name)
		if err != nil {
			continue
		}
		folder := filepath.Dir(name)
		if _, ok := folders[folder]; !ok {
			folders[folder] = struct{}{}
			if _, ok := w.folders[folder]; !ok {
				// A folder that does not exist, or for which the system has no watch left, is not seen; that the
				// others are is worth more than an error.
				_ = w.events.Add(folder)
			}
		}
		if old, ok := before[name]; ok {
			w.files[name] = old
		} else {
			w.files[name] = stampOf(name)
		}
	}
	for folder := range w.folders {
		if _, ok := folders[folder]; !ok {
			_ = w.events.Remove(folder)
		}
	}
	w.folders = folders
}

func (w *watcher) run() {
	defer close(w.over)
	for {
		select {
		case e, ok := <-w.events.Events:
			if !ok {
				return
			}
			w.touch(e.Name)
		case _, ok := <-w.events.Errors:
			if !ok {
				return
			}
			w.touchAll() // events were lost
		}
	}
}

// touch notes an event, and has the file looked at soon.
func (w *watcher) touch(name string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if _, ok := w.files[name]; ok {
		w.await(name)
	}
}

func (w *watcher) touchAll() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for name := range w.files {
		w.await(name)
	}
}

// await notes a file to be looked at. w.mu is held.
func (w *watcher) await(name string) {
	if len(w.touched) == 0 && !w.closed {
		w.clock.after(settling, w.compare)
	}
	w.touched[name] = struct{}{}
}

// compare tells which of the files with events have changed.
func (w *watcher) compare() {
	w.mu.Lock()
	var changed []string
	for name := range w.touched {
		old, ok := w.files[name]
		if !ok {
			continue
		}
		if now := stampOf(name); now != old {
			w.files[name] = now
			changed = append(changed, name)
		}
	}
	clear(w.touched)
	closed := w.closed
	w.mu.Unlock()
	if len(changed) > 0 && !closed {
		slices.Sort(changed)
		w.changed(changed)
	}
}

// close ends the watching.
func (w *watcher) close() {
	if w == nil {
		return
	}
	w.mu.Lock()
	w.closed = true
	w.mu.Unlock()
	_ = w.events.Close()
	<-w.over
}
