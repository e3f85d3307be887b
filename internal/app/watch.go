package app

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/fsnotify/fsnotify"

	"highball/internal/config"
)

// settling is for how long after a change further ones are awaited: editors write in several steps.
const settling = 100 * time.Millisecond

// watch reloads when a file changes that the configuration is made of, until the function that it returns is called. The files' folders are watched, since
// editors put a new file in the place of the old one.
func (a *App) watch() (stop func()) {
	if a.source.file == "" {
		a.notice("--watch has no effect, since there is no configuration file; --reload watches an application's files")
		return func() {}
	}
	events, err := fsnotify.NewWatcher()
	if err != nil {
		a.log.Warn("the configuration cannot be watched", "error", err)
		return func() {}
	}
	over := make(chan struct{})
	seen := stampsOf(a.watched(events), nil)
	go func() {
		defer close(over)
		a.watchFiles(events, seen)
	}()
	return func() {
		_ = events.Close() // which ends the goroutine
		<-over
	}
}

// watchFiles reloads whenever files are not as they were seen, until there are no events any more.
func (a *App) watchFiles(events *fsnotify.Watcher, seen map[string]fileStamp) {
	settled := time.NewTimer(time.Hour)
	defer settled.Stop()
	settled.Stop()
	for {
		select {
		case e, ok := <-events.Events:
			if !ok {
				return
			}
			if _, ok := seen[e.Name]; ok {
				settled.Reset(settling)
			}
		case _, ok := <-events.Errors:
			if !ok {
				return
			}
			settled.Reset(settling) // events were lost
		case <-settled.C:
			now := stampsOf(slices.Collect(maps.Keys(seen)), nil)
			if maps.Equal(now, seen) {
				continue
			}
			a.log.Info("the configuration has changed")
			_, _ = a.Reload(a.serving, ReloadConfiguration) // what comes of it is logged
			seen = stampsOf(a.watched(events), now)         // a change in the meantime shows
		}
	}
}

// watched has the folders watched of all files that the present configuration is made of, and returns the files.
func (a *App) watched(events *fsnotify.Watcher) []string {
	files := filesOf(a.front.current.Load().config)
	folders := make(map[string]bool)
	for _, file := range files {
		folders[filepath.Dir(file)] = true
	}
	for _, dir := range events.WatchList() {
		if !folders[dir] {
			_ = events.Remove(dir) // it is watched now
		}
		delete(folders, dir)
	}
	for dir := range folders {
		if err := events.Add(dir); err != nil {
			a.log.Warn("changes are not seen in a folder of the configuration", "folder", dir, "error", err)
		}
	}
	return files
}

// filesOf returns the files that a configuration is made of.
func filesOf(c *config.Config) []string {
	files := slices.Clone(c.Files)
	for i := range c.Apps {
		if name := c.Apps[i].EnvFile; name != "" {
			files = append(files, name)
		}
	}
	return files
}

// fileStamp is what a change of a file shows by; it is zero of one that is not there.
type fileStamp struct {
	size int64
	at   time.Time
}

// stampsOf returns the stamps of files, of those that were seen before as they were then.
func stampsOf(files []string, before map[string]fileStamp) map[string]fileStamp {
	stamps := make(map[string]fileStamp)
	for _, file := range files {
		if stamp, ok := before[file]; ok {
			stamps[file] = stamp
		} else if info, err := os.Stat(file); err == nil {
			stamps[file] = fileStamp{info.Size(), info.ModTime()}
		} else {
			stamps[file] = fileStamp{}
		}
	}
	return stamps
}
