package metrics

import (
	"time"

	"highball"
	"highball/internal/observe"
)

// Source is what a [Ledger] learns from others. Its functions may be called from any goroutine. What is nil is not told.
type Source struct {
	Version string // of the program

	Connections  func() observe.Connections
	Open         func() int                  // connections; it is asked each second, so it should be cheap
	InFlight     func() int64                // requests; likewise
	Waiting      func() int                  // requests that wait for a worker; likewise
	Loops        func() []highball.LoopState // nobody else may ask for it, since the lag is that since the last call
	Applications func() []Application
	Folders      func() []Folder
	Logs         func() []Log
}

// Application is an application whose requests workers answer.
type Application struct {
	Name     string
	Workers  map[string]int // by state
	Waiting  int            // requests that wait for a worker
	MostWait int            // how many may

	// Since the application was made:
	Restarts     map[string]int64 // workers that were replaced, by reason
	FailedStarts int64            // workers that ended before they could serve
	Refused      map[string]int64 // requests that no worker got, by reason
}

// Folder is a folder of files. Its numbers are of requests that the cache alone has not answered, since the folder was opened.
type Folder struct {
	Route  *observe.Route
	Stale  uint64 // what the cache has was older than a second, and still right
	Absent uint64 // the cache had nothing
	Large  uint64 // the file is too large for it
}

// Log is a log that can lose lines.
type Log struct {
	Name string // such as "access"
	Lost int64  // lines, since the server has started
}

// loopLag is the longest turn of an event loop in each of the last parts of the window.
type loopLag struct {
	connections int
	parts       [windowParts]time.Duration // the present one first
}

func (l *loopLag) longest() (d time.Duration) {
	for _, part := range l.parts {
		d = max(d, part)
	}
	return d
}

// tellLoops notes how the loops are.
func (l *Ledger) tellLoops() {
	if l.source.Loops == nil {
		return
	}
	states := l.source.Loops()
	for len(l.loops) < len(states) {
		l.loops = append(l.loops, loopLag{})
	}
	l.loops = l.loops[:len(states)]
	for i, s := range states {
		l.loops[i].connections = s.Connections
		l.loops[i].parts[0] = max(l.loops[i].parts[0], s.Lag)
	}
}
